//! One request to the origin and the head of its answer: which connection, how long, and
//! whether to try again.
//!
//! A request that may be repeated goes over a pooled connection; if that turns out to have been
//! closed, the request is repeated once over a new one (RFC 9112, section 9.3.1). A request that
//! must not be repeated never meets a connection that could be closing: it opens its own. So an
//! origin sees nothing twice that matters, and an idle connection that ends is nobody's 502.

use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::connect::{self, Connector};
use super::error::ProxyError;
use super::options::Options;
use super::serve::BUFFER;
use super::upload::{Progress, Upload};

#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pooled: Client<Connector, Upload>,
    single: Client<Connector, Upload>,
    timeout: Duration,
}

impl Exchange {
    pub(crate) fn new(options: &Options) -> Self {
        let connector = Connector::new(options.connect_timeout);
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            // The Host field is the visitor's, not the origin's address.
            .set_host(false)
            // hyper means only requests of which not one byte was written; those are safe.
            .retry_canceled_requests(true)
            .http1_max_buf_size(BUFFER)
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(options.origin_idle);
        if options.origin_idle.is_zero() {
            builder.pool_max_idle_per_host(0);
        }
        let pooled = builder.build(connector.clone());
        let single = builder.pool_max_idle_per_host(0).build(connector);
        Self {
            pooled,
            single,
            timeout: options.answer_timeout(),
        }
    }

    pub(crate) async fn answer(
        &self,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, ProxyError> {
        let Some(again) = repeatable(&request) else {
            return self.attempt(&self.single, request).await;
        };
        match self.attempt(&self.pooled, request).await {
            Err(ProxyError::Closed(error)) if connect::had_served(&error) => {
                self.attempt(&self.single, again).await
            }
            outcome => outcome,
        }
    }

    /// Waits for the head, and says whose fault it is when none comes.
    async fn attempt(
        &self,
        client: &Client<Connector, Upload>,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, ProxyError> {
        let (parts, body) = request.into_parts();
        let (upload, progress) = Upload::new(body);
        let answer = client.request(Request::from_parts(parts, upload));
        tokio::pin!(answer);
        loop {
            let before = progress.moved();
            match tokio::time::timeout(self.timeout, &mut answer).await {
                Ok(Ok(response)) => {
                    connect::mark_served(response.extensions());
                    return Ok(response);
                }
                Ok(Err(_)) if progress.broken() => return Err(ProxyError::ClientBroken),
                Ok(Err(error)) => return Err(ProxyError::from_client(error)),
                // An upload that is still moving may take as long as it likes.
                Err(_) if progress.moved() != before => {}
                Err(_) => return Err(who_is_late(&progress)),
            }
        }
    }
}

fn who_is_late(progress: &Progress) -> ProxyError {
    if progress.starved() {
        ProxyError::ClientStalled
    } else {
        ProxyError::Timeout
    }
}

/// A second copy of a request that changes nothing at the origin and has no body.
fn repeatable(request: &Request<Body>) -> Option<Request<Body>> {
    if !request.method().is_safe() || !request.body().is_end_stream() {
        return None;
    }
    let mut copy = Request::new(Body::empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}
