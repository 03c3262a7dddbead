//! A handler with a cache around it, and nothing that remembers what it was asked.

use std::convert::Infallible;
use std::future::Future;

use axum::body::Body;
use floodwall::{Cache, CacheBuilder, CacheService};
use http::{Request, Response};
use http_body_util::BodyExt;
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceExt, service_fn};

type Handler = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) cache: Cache,
    wall: CacheService<Handler>,
}

impl Site {
    pub(crate) fn new<F, A>(builder: CacheBuilder, handler: F) -> Self
    where
        F: Fn(Request<Body>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response<Body>> + Send + 'static,
    {
        let cache = builder.build().expect("the row's settings are legal");
        let handler = service_fn(move |request| {
            let answer = handler(request);
            async move { Ok(answer.await) }
        });
        let wall = cache.layer().layer(BoxCloneSyncService::new(handler));
        Self { cache, wall }
    }

    /// Sends a request; the body is left to be read.
    pub(crate) async fn open(&self, request: Request<Body>) -> Response<Body> {
        match self.wall.clone().oneshot(request).await {
            Ok(answer) => answer.map(Body::new),
            Err(never) => match never {},
        }
    }

    /// Sends a request, and reads the answer without keeping it; says how long it was,
    /// if it came whole.
    pub(crate) async fn read(&self, request: Request<Body>) -> Option<usize> {
        read(self.open(request).await).await
    }

    pub(crate) async fn until(&self, state: impl Fn(&floodwall::Stats) -> bool) {
        while !state(&self.cache.stats()) {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn until_quiet(&self) {
        self.until(|now| now.flights == 0 && now.waiting == 0 && now.at_origin == 0)
            .await;
    }
}

pub(crate) async fn read(answer: Response<Body>) -> Option<usize> {
    let mut body = answer.into_body();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        length += frame.ok()?.into_data().map_or(0, |data| data.len());
    }
    Some(length)
}

pub(crate) fn get(path: &str) -> Request<Body> {
    asking(path, &[])
}

pub(crate) fn asking(path: &str, fields: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::get(path).header("host", "good.test");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).expect("a legal request")
}

pub(crate) fn page(fields: &[(&str, &str)], body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::builder().header("cache-control", "max-age=600");
    for (name, value) in fields {
        response = response.header(*name, *value);
    }
    response.body(body.into()).expect("a legal response")
}

/// Runs a row on one thread.
pub(crate) fn on_one_thread<R: Future>(row: impl FnOnce() -> R) -> R::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(row())
}
