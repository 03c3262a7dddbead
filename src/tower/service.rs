use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Buf;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::ResponseBody;
use super::future::{Oneshot, ResponseFuture, finished};
use super::origin::Inner;
use crate::cache::Cache;
use crate::engine::{Engine, Lookup, Settled};
use crate::error::BoxError;
use crate::policy::RequestHead;

/// A service with a cache around it; made by [`CacheLayer`](super::CacheLayer).
///
/// The inner service must be `Clone` (see the [module](super) for why), its
/// request body `Default` and empty by default: a fetch on behalf of many has no
/// body of anyone's. `axum::body::Body`, `http_body_util::Full` and `Empty` are
/// so; map `hyper::body::Incoming` to one of them first.
///
/// Its error is the inner service's, for requests that pass; a fetch that fails
/// is answered (stale if allowed, else 502, 504 or 500), so that one failure is
/// one outcome for everyone who waits.
#[derive(Clone, Debug)]
pub struct CacheService<S> {
    inner: S,
    engine: Arc<Engine>,
}

impl<S> CacheService<S> {
    pub(super) fn new(inner: S, cache: &Cache) -> Self {
        Self {
            inner,
            engine: Arc::clone(cache.engine()),
        }
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The service behind the cache.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for CacheService<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    ReqB: Body + Default + Send + 'static,
    ResB: Body + Send + 'static,
    ResB::Data: Buf,
    ResB::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, ReqB, ResB>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let has_body = !body.is_end_stream();
        match self.engine.lookup(RequestHead::from(&parts), has_body) {
            Lookup::Reply(reply, refresh) => {
                if let Some(refresh) = refresh {
                    refresh.start(Box::new(Inner::new(&self.inner)), &parts);
                }
                ResponseFuture::ready(reply)
            }
            Lookup::Pass(pass) => {
                let request = Request::from_parts(parts, body);
                ResponseFuture::pass(Oneshot::new(self.inner.clone(), request), pass)
            }
            Lookup::Wait(mut wait) => {
                let engine = Arc::clone(&self.engine);
                let mut inner = Inner::new(&self.inner);
                // Before the first poll, which may never come.
                wait.start(&parts, &mut inner);
                ResponseFuture::wait(async move {
                    match engine.settle(wait, &parts, &mut inner).await {
                        Settled::Reply(reply) => Ok(reply.map(ResponseBody::ours)),
                        Settled::Pass(pass) => {
                            let request = Request::from_parts(parts, body);
                            // Boxed: those who wait keep no room for the
                            // handler's future, which may be large.
                            let call = Oneshot::new(inner.into_service(), request);
                            Ok(finished(pass, Box::pin(call).await?))
                        }
                    }
                })
            }
        }
    }
}
