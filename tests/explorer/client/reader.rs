//! Reading a body, byte by byte.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use floodwall::engine::OriginBody;
use floodwall::{BoxError, CutShort, Runtime};
use http_body::Body;

use super::{Method, Pace};
use crate::history::{ReadEnd, Request, RequestId};
use crate::site::is_of;
use crate::world::World;

/// Reads a body at a client's pace, and notes what comes.
pub(super) async fn read(world: &Arc<World>, id: RequestId, mut body: OriginBody, pace: Pace) {
    if world
        .recorder
        .request(id, |request, _| has_no_body(request))
    {
        world.recorder.read_ended(id, ReadEnd::Whole);
        return;
    }
    let mut pieces = 0;
    loop {
        if pieces >= pace.most {
            return;
        }
        let next = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
        let next = world.sabotage.read(world, next);
        match next {
            None => break,
            Some(Ok(frame)) => {
                if let Ok(chunk) = frame.into_data() {
                    world
                        .recorder
                        .request(id, |request, _| request.take(&chunk));
                }
            }
            Some(Err(error)) => {
                world.recorder.read_ended(id, cut(&error));
                return;
            }
        }
        pieces += 1;
        if !pace.rests.is_zero() {
            world
                .recorder
                .request(id, |request, _| request.read.paused = true);
            world.runtime.sleep(pace.rests).await;
        }
    }
    let end = world.recorder.request(id, |request, _| request.clean_end());
    world.recorder.read_ended(id, end);
    world.sabotage.done(body);
}

fn has_no_body(request: &Request) -> bool {
    let status = request.answered.as_ref().map(|answered| answered.status);
    request.ask.method == Method::Head || matches!(status, Some(204 | 304))
}

fn cut(error: &BoxError) -> ReadEnd {
    let cut = error.downcast_ref::<CutShort>();
    cut.map_or(ReadEnd::Failed, |cut| ReadEnd::Cut(*cut))
}

impl Request {
    fn take(&mut self, chunk: &Bytes) {
        let answered = self.answered.as_ref();
        let at = answered.map_or(0, |answered| answered.starts_at) + self.read.bytes;
        // A text of the cache's own is nobody's.
        let of = answered.and_then(|answered| answered.body);
        if of.is_some_and(|of| !is_of(of, at, chunk)) {
            self.read.wrong_at.get_or_insert(at);
        }
        self.read.bytes += chunk.len() as u64;
    }

    /// What a clean end means to the client: a server cuts the line if the body
    /// was not as long as its head had said.
    fn clean_end(&self) -> ReadEnd {
        let said = self.answered.as_ref().and_then(|answered| answered.length);
        match said {
            Some(length) if length != self.read.bytes => ReadEnd::Failed,
            _ => ReadEnd::Whole,
        }
    }
}
