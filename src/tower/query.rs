//! QUERY (RFC 10008): what is asked is in the content, so that is read before anything is
//! looked up, and sent with the fetch.
//!
//! Two services around the cache and inside of it; the cache's own knows nothing of bodies.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{CacheLayer, CacheService, ResponseBody, ResponseFuture};
use crate::error::BoxError;
use crate::policy::{QueryContent, RequestHead};

/// A [`CacheLayer`] that answers QUERY requests too; see [`CacheLayer::with_queries`].
#[derive(Clone, Debug)]
pub struct QueryLayer(CacheLayer);

impl CacheLayer {
    /// Has answers to QUERY (RFC 10008) shared and stored like those to GET. The content of
    /// the request, and what its fields say about that, are a part of the key.
    ///
    /// For that it is read in full before anything is looked up, if it announces its length,
    /// has a `Content-Type`, no `Trailer` and no `Expect`, and is not longer than
    /// [`max_query_bytes`](crate::CacheBuilder::max_query_bytes); other ones pass as they
    /// come. The request body has to be made of what was read: `axum::body::Body` and
    /// `http_body_util::Full` are `From<Bytes>`. One that breaks off is answered 400.
    ///
    /// ```
    /// use axum::{Router, body::Bytes, routing::any};
    /// use floodwall::CacheLayer;
    ///
    /// async fn search(asked: Bytes) -> ([(&'static str, &'static str); 1], String) {
    ///     ([("cache-control", "max-age=5")], format!("{} bytes", asked.len()))
    /// }
    ///
    /// let wall = CacheLayer::new().with_queries();
    /// let app: Router = Router::new().route("/search", any(search)).layer(wall);
    /// ```
    #[must_use]
    pub const fn with_queries(self) -> QueryLayer {
        QueryLayer(self)
    }
}

impl<S> Layer<S> for QueryLayer {
    type Service = QueryService<S>;

    fn layer(&self, inner: S) -> QueryService<S> {
        QueryService(self.0.layer(Refilled(inner)))
    }
}

/// A service with a cache around it that answers QUERY requests too.
///
/// Like [`CacheService`] in all else. Dropping its future while the content is read drops
/// the request, of which nobody has heard.
#[derive(Clone, Debug)]
pub struct QueryService<S>(CacheService<Refilled<S>>);

/// Gives requests their content back where it has been read.
#[derive(Clone, Debug)]
struct Refilled<S>(S);

impl<S, ReqB, ResB> Service<Request<ReqB>> for QueryService<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    ReqB: Body + Default + From<Bytes> + Send + 'static,
    ReqB::Data: Send,
    ResB: Body + Send + 'static,
    ResB::Data: Buf,
    ResB::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = S::Error;
    type Future = QueryFuture<S, ReqB, ResB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        let length = request.body().size_hint().exact();
        let engine = self.0.engine();
        if !engine.wants_content(RequestHead::from(&request), length) {
            let answer = self.0.call(request);
            return QueryFuture {
                state: State::Plain { answer },
            };
        }
        let mut wall = self.0.clone();
        let answer = Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let Some(content) = read(body, length).await else {
                let reply = wall.engine().refuse_content();
                return Ok(reply.map(ResponseBody::ours));
            };
            parts.extensions.insert(QueryContent(content));
            wall.call(Request::from_parts(parts, ReqB::default())).await
        });
        QueryFuture {
            state: State::Reading { answer },
        }
    }
}

/// All of a body that is said to be so long, if it is.
async fn read<B: Body>(body: B, length: Option<u64>) -> Option<Bytes> {
    let bytes = body.collect().await.ok()?.to_bytes();
    (Some(bytes.len() as u64) == length).then_some(bytes)
}

impl<S, ReqB> Service<Request<ReqB>> for Refilled<S>
where
    S: Service<Request<ReqB>>,
    ReqB: From<Bytes>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqB>) -> S::Future {
        if let Some(QueryContent(content)) = request.extensions_mut().remove() {
            *request.body_mut() = ReqB::from(content);
        }
        self.0.call(request)
    }
}

pin_project! {
    /// The response to come from a [`QueryService`].
    pub struct QueryFuture<S, ReqB, ResB>
    where
        S: Service<Request<ReqB>>,
        ReqB: From<Bytes>,
    {
        #[pin]
        state: State<S, ReqB, ResB>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, ReqB, ResB>
    where
        S: Service<Request<ReqB>>,
        ReqB: From<Bytes>,
    {
        Plain { #[pin] answer: ResponseFuture<Refilled<S>, ReqB, ResB> },
        Reading { answer: Reading<S, ReqB, ResB> },
    }
}

/// Boxed, as it is rare and large.
type Reading<S, ReqB, ResB> = Pin<Box<dyn Future<Output = Answer<S, ReqB, ResB>> + Send>>;
type Answer<S, ReqB, ResB> =
    Result<Response<ResponseBody<ResB>>, <S as Service<Request<ReqB>>>::Error>;

impl<S, ReqB, ResB> Future for QueryFuture<S, ReqB, ResB>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ReqB: From<Bytes>,
    ResB: Body,
{
    type Output = Answer<S, ReqB, ResB>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Plain { answer } => answer.poll(cx),
            StateProj::Reading { answer } => answer.as_mut().poll(cx),
        }
    }
}

impl<S, ReqB, ResB> fmt::Debug for QueryFuture<S, ReqB, ResB>
where
    S: Service<Request<ReqB>>,
    ReqB: From<Bytes>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Plain { .. } => "plain",
            State::Reading { .. } => "reading",
        };
        f.debug_tuple("QueryFuture").field(&state).finish()
    }
}
