//! What is behind the layer has a state of its own: readiness, permits, a queue.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use floodwall::{BoxError, ResponseBody};
use futures_util::future::{BoxFuture, join_all};
use http::{Request, Response, StatusCode};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

use crate::seeds;
use crate::setting::{EVERYONE, NOMINAL, builder};
use crate::support::{Answer, get, method, page};

/// Each clone has to be made ready by itself, and is ready for one call.
#[derive(Debug)]
struct Strict {
    ready: bool,
    /// How many are ready and have not been called.
    reserved: Arc<AtomicUsize>,
    calls: Arc<AtomicUsize>,
}

impl Strict {
    fn new() -> Self {
        Self {
            ready: false,
            reserved: Arc::default(),
            calls: Arc::default(),
        }
    }
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self {
            ready: false,
            reserved: Arc::clone(&self.reserved),
            calls: Arc::clone(&self.calls),
        }
    }
}

impl Drop for Strict {
    fn drop(&mut self) {
        if self.ready {
            self.reserved.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Service<Request<Body>> for Strict {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if !self.ready {
            self.ready = true;
            self.reserved.fetch_add(1, Ordering::SeqCst);
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        assert!(self.ready, "called without having been made ready");
        self.ready = false;
        self.reserved.fetch_sub(1, Ordering::SeqCst);
        self.calls.fetch_add(1, Ordering::SeqCst);
        Box::pin(handler(request))
    }
}

/// Pages to store, pages for one, and pages to be refreshed.
async fn handler(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    sleep(NOMINAL).await;
    let path = request.uri().path().to_owned();
    let said = match path.as_bytes().get(1) {
        Some(b'p') => "private",
        Some(b's') => "max-age=1, stale-while-revalidate=60",
        _ => "max-age=60",
    };
    Ok(page(&[("cache-control", said)], path))
}

/// All ways from the layer to the service: a crowd and its fetch, a page for one
/// whose crowd is released, a request that passes, a refresh.
async fn every_way<S>(service: S)
where
    S: Service<Request<Body>, Response = Response<ResponseBody<Body>>, Error: Into<BoxError>>
        + Clone,
{
    let ask = |request| {
        let service = service.clone();
        async move {
            let answer = service.oneshot(request).await.map_err(Into::into);
            let response = answer.expect("an answer");
            Answer::read(response.map(Body::new)).await
        }
    };
    for path in ["/fresh", "/private", "/stale"] {
        let crowd = join_all((0..EVERYONE).map(|_| ask(get(path)))).await;
        assert!(crowd.iter().all(|answer| answer.text() == path));
    }
    assert_eq!(ask(method("POST", "/post")).await.text(), "/post");
    sleep(10 * NOMINAL).await;
    assert_eq!(ask(get("/stale")).await.text(), "/stale");
    sleep(2 * NOMINAL).await;
}

#[tokio::test(start_paused = true)]
async fn f54_the_one_that_was_made_ready_is_the_one_that_is_called() {
    let strict = Strict::new();
    let (reserved, calls) = (Arc::clone(&strict.reserved), Arc::clone(&strict.calls));
    let cache = builder().build().expect("legal settings");
    every_way(ServiceBuilder::new().layer(cache.layer()).service(strict)).await;
    assert_eq!(calls.load(Ordering::SeqCst), 1 + EVERYONE + 1 + 1 + 1);
    assert_eq!(reserved.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn f54_a_buffer_below_the_layer_is_called_in_turn() {
    let cache = builder().build().expect("legal settings");
    let stack = ServiceBuilder::new()
        .layer(cache.layer())
        .buffer(4)
        .concurrency_limit(8)
        .service(service_fn(handler));
    every_way(stack).await;
}

#[tokio::test(start_paused = true)]
async fn f54_a_concurrency_limit_below_the_layer_does_not_deadlock() {
    let cache = builder().build().expect("legal settings");
    let limited = ServiceBuilder::new()
        .layer(cache.layer())
        .concurrency_limit(1)
        .service(service_fn(handler));
    let ask = |request| limited.clone().oneshot(request);
    let paths = ["/a", "/a", "/b", "/c", "/b"];
    let start = Instant::now();
    let answers = join_all(paths.map(|path| ask(get(path)))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(start.elapsed(), 3 * NOMINAL);
    // A hit does not wait for the permit that a miss is holding.
    let mut miss = Box::pin(ask(get("/d")));
    assert!(futures_util::poll!(miss.as_mut()).is_pending());
    let start = Instant::now();
    assert!(ask(get("/a")).await.is_ok());
    assert_eq!(start.elapsed(), Duration::ZERO);
    // A request that passes takes the permit in its turn.
    assert!(ask(method("POST", "/a")).await.is_ok());
    assert!(miss.await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f54_permits_come_back_whoever_leaves() {
    const PERMITS: usize = 3;
    let mut chance = StdRng::seed_from_u64(seeds::of(&|| ()));
    let permits = Arc::new(Semaphore::new(PERMITS));
    let cache = builder().build().expect("legal settings");
    let stack = ServiceBuilder::new()
        .layer(cache.layer())
        .layer(GlobalConcurrencyLimitLayer::with_semaphore(permits.clone()))
        .service(service_fn(handler));
    let mut requests = Vec::new();
    for at in 0..500 {
        let path = match at % 3 {
            0 => format!("/fresh/{}", at % 20),
            1 => format!("/private/{}", at % 20),
            _ => format!("/stale/{}", at % 20),
        };
        let request = match at % 10 {
            0 => method("POST", &path),
            _ => get(&path),
        };
        requests.push(tokio::spawn(stack.clone().oneshot(request)));
        if chance.random_bool(0.3) {
            sleep(NOMINAL / 10).await;
        }
        if chance.random_bool(0.5) {
            let gone = chance.random_range(0..requests.len());
            requests.swap_remove(gone).abort();
        }
    }
    for request in requests {
        let answer = request.await.expect("no panic");
        let status = answer.unwrap_or_else(|never| match never {}).status();
        // Past the deadline, or in the pause after it, as there are few permits.
        assert!(matches!(status.as_u16(), 200 | 503 | 504), "{status}");
    }
    let start = Instant::now();
    while cache.stats().at_origin > 0 || permits.available_permits() < PERMITS {
        assert!(start.elapsed().as_secs() < 60, "a permit was lost");
        sleep(NOMINAL).await;
    }
    let left = cache.stats();
    assert_eq!(left.flights + left.waiting + left.queued, 0, "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn f54_a_service_that_sheds_load_is_one_outcome_for_everyone() {
    let permits = Arc::new(Semaphore::new(1));
    let cache = builder().build().expect("legal settings");
    let stack = ServiceBuilder::new()
        .layer(cache.layer())
        .load_shed()
        .layer(GlobalConcurrencyLimitLayer::with_semaphore(permits.clone()))
        .service(service_fn(handler));
    let busy = tokio::spawn(stack.clone().oneshot(get("/fresh/busy")));
    tokio::task::yield_now().await;
    let shed = |path: &'static str| {
        let stack = stack.clone();
        async move { stack.oneshot(get(path)).await }
    };
    while permits.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    let start = Instant::now();
    for answer in join_all((0..EVERYONE).map(|_| shed("/fresh/shed"))).await {
        assert_eq!(answer.expect("answered").status(), StatusCode::BAD_GATEWAY);
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    // One that passes is told so itself.
    let passed = stack.clone().oneshot(method("POST", "/")).await;
    assert!(passed.is_err());
    assert_eq!(busy.await.expect("no panic").expect("ok").status(), 200);
    assert_eq!(permits.available_permits(), 1);
    assert_eq!(cache.stats().failures, 1);
    assert_eq!(shed("/fresh/shed").await.expect("answered").status(), 200);
}
