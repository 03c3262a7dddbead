//! What stands between a crowd and a site: a cache of ours, nothing, or something else.

mod bare;
mod cached;

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderMap, Response};
use http_body::Body;

use super::site::SITE;
use super::{Arrival, SimulatedRuntime};
use crate::runtime::Runtime;

pub(super) use bare::Bare;
pub(super) use cached::Cached;

/// What stands between a crowd and a site.
///
/// [`Trial::run`](super::Trial::run) puts a cache of ours there and
/// [`Trial::bare`](super::Trial::bare) nothing; [`Trial::behind`](super::Trial::behind)
/// takes anything, to compare with. It gets a [`LiveSite`](super::LiveSite) to ask and
/// the clock from there.
pub trait Front: Send + Sync + 'static {
    /// Answers a request, at once or later. It is called when the request comes, in
    /// order; what it returns is polled in a task of the request's own.
    fn ask(&self, ask: Ask) -> Asked;
}

/// A request that has come.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ask {
    /// As the crowd has it.
    pub arrival: Arrival,
    /// Its head.
    pub parts: Arc<Parts>,
}

/// What becomes of a request.
pub enum Asked {
    /// It is answered now.
    Now(Answer),
    /// It waits.
    Later(Pin<Box<dyn Future<Output = Answer> + Send>>),
}

/// An answer, as far as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Which content of the page it has; none if it has none of the site's.
    pub version: Option<u64>,
    /// Where it comes from.
    pub by: By,
}

/// Where an answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The site was asked for it.
    Site,
    /// The site was asked for another request's sake.
    Another,
    /// It was stored already.
    Store,
    /// It was made before the site: a refusal, or an error told.
    Cache,
}

impl Answer {
    /// The answer that a response is; `by` is where it comes from, if the site made it
    /// at all.
    #[must_use]
    pub fn of<B>(response: &Response<B>, by: By) -> Self {
        Self {
            status: response.status().as_u16(),
            version: version(response.headers()),
            by,
        }
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now(answer) => f.debug_tuple("Now").field(answer).finish(),
            Self::Later(_) => f.write_str("Later"),
        }
    }
}

fn version(headers: &HeaderMap) -> Option<u64> {
    headers.get(SITE)?.to_str().ok()?.parse().ok()
}

/// Reads a body to its end; whether it had one.
async fn read(body: impl Body) -> bool {
    let mut body = pin!(body);
    loop {
        match poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            Some(Ok(_)) => {}
            Some(Err(_)) => return false,
            None => return true,
        }
    }
}

/// What `future` gives, unless the client's patience is over first.
async fn within<F: Future>(
    runtime: &SimulatedRuntime,
    patience: Duration,
    future: F,
) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut limit = runtime.sleep(patience);
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        limit.as_mut().poll(cx).map(|()| None)
    })
    .await
}

/// What a client has that was not answered in time.
const GONE: Answer = Answer {
    status: 504,
    version: None,
    by: By::Cache,
};
