//! A site in process: a handler that the test writes, the layer around it, and
//! what came of each request.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use floodwall::{Cache, CacheBuilder, Clock, Moment, Runtime, Stats, Task};
use futures_util::Stream;
use futures_util::future::join_all;
use http::{HeaderMap, Request, Response, StatusCode, request};
use http_body_util::BodyExt;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tower::ServiceExt;

/// Tokio's paused time, with a wall clock that goes along with it.
pub(crate) struct PausedTime {
    start: tokio::time::Instant,
}

impl PausedTime {
    pub(crate) fn new() -> Self {
        let start = tokio::time::Instant::now();
        Self { start }
    }
}

impl Clock for PausedTime {
    fn now(&self) -> Moment {
        Moment::new(self.start.elapsed())
    }

    fn wall(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000) + self.start.elapsed()
    }
}

impl Runtime for PausedTime {
    fn sleep(&self, span: Duration) -> Task {
        Box::pin(tokio::time::sleep(span))
    }

    fn spawn(&self, task: Task) {
        tokio::spawn(task);
    }
}

/// One call of the handler.
pub(crate) struct Call {
    /// How many came before it.
    pub(crate) number: usize,
    pub(crate) request: Request<Body>,
}

impl Call {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.request.headers().get(name)?.to_str().ok()
    }
}

/// A handler with a cache around it.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) app: Router,
    pub(crate) cache: Cache,
    calls: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<request::Parts>>>,
}

impl Site {
    /// `handler` behind a cache with the defaults.
    pub(crate) fn new<F, A>(handler: F) -> Self
    where
        F: Fn(Call) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response<Body>> + Send + 'static,
    {
        Self::with(Cache::builder(), handler)
    }

    /// `handler` behind a cache of one's own.
    pub(crate) fn with<F, A>(builder: CacheBuilder, handler: F) -> Self
    where
        F: Fn(Call) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response<Body>> + Send + 'static,
    {
        Self::on(builder.runtime(PausedTime::new()), handler)
    }

    /// `handler` behind a cache and a runtime of one's own.
    pub(crate) fn on<F, A>(builder: CacheBuilder, handler: F) -> Self
    where
        F: Fn(Call) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response<Body>> + Send + 'static,
    {
        Self::walled(builder, handler, |bare, cache| bare.layer(cache.layer()))
    }

    /// `handler` behind a cache that answers QUERY too.
    pub(crate) fn with_queries<F, A>(builder: CacheBuilder, handler: F) -> Self
    where
        F: Fn(Call) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response<Body>> + Send + 'static,
    {
        let builder = builder.runtime(PausedTime::new());
        Self::walled(builder, handler, |bare, cache| {
            bare.layer(cache.layer().with_queries())
        })
    }

    fn walled<F, A>(
        builder: CacheBuilder,
        handler: F,
        wall: impl FnOnce(Router, &Cache) -> Router,
    ) -> Self
    where
        F: Fn(Call) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response<Body>> + Send + 'static,
    {
        let cache = builder.build().expect("the test's settings are legal");
        let calls = Arc::new(AtomicUsize::new(0));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (counter, log) = (Arc::clone(&calls), Arc::clone(&seen));
        let origin = tower::service_fn(move |request: Request<Body>| {
            let number = counter.fetch_add(1, Ordering::SeqCst);
            let (parts, body) = request.into_parts();
            log.lock().expect("no test panics here").push(parts.clone());
            let request = Request::from_parts(parts, body);
            let answer = handler(Call { number, request });
            async move { Ok::<_, std::convert::Infallible>(answer.await) }
        });
        let app = wall(Router::new().fallback_service(origin), &cache);
        Self {
            app,
            cache,
            calls,
            seen,
        }
    }

    /// How often the handler was called.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// The heads that the handler saw.
    pub(crate) fn seen(&self) -> Vec<request::Parts> {
        self.seen.lock().expect("no test panics here").clone()
    }

    pub(crate) fn stats(&self) -> Stats {
        self.cache.stats()
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        Answer::read(self.open(request).await).await
    }

    /// Sends a request; the body is left to be read.
    pub(crate) async fn open(&self, request: Request<Body>) -> Response<Body> {
        let answer = self.app.clone().oneshot(request).await;
        answer.unwrap_or_else(|never| match never {})
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(get(path)).await
    }

    pub(crate) async fn get_with(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(with(get(path), fields)).await
    }

    /// Sends a request in a task of its own.
    pub(crate) fn spawn(&self, request: Request<Body>) -> JoinHandle<Answer> {
        let site = self.clone();
        tokio::spawn(async move { site.send(request).await })
    }

    /// Sends `many` equal requests at once.
    pub(crate) fn crowd(&self, path: &str, many: usize) -> Vec<JoinHandle<Answer>> {
        (0..many).map(|_| self.spawn(get(path))).collect()
    }

    /// Waits until the cache is in the state that the test is about.
    pub(crate) async fn until(&self, state: impl Fn(&Stats) -> bool) {
        for _ in 0..1_000_000 {
            if state(&self.stats()) {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("never came to be; it is {:?}", self.stats());
    }

    /// Waits until nothing is left of any request.
    pub(crate) async fn until_quiet(&self) {
        self.until(is_quiet).await;
    }
}

/// Whether nothing is left of any request.
pub(crate) fn is_quiet(now: &Stats) -> bool {
    now.flights + now.waiting + now.at_origin + now.queued + now.flight_bytes == 0
}

/// Everything of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The body, or as much of it as came before it broke off.
    pub(crate) body: Result<Bytes, Bytes>,
}

impl Answer {
    pub(crate) async fn read(response: Response<Body>) -> Self {
        let (parts, mut body) = response.into_parts();
        let mut bytes = Vec::new();
        let mut whole = true;
        while let Some(frame) = body.frame().await {
            match frame.map(http_body::Frame::into_data) {
                Ok(Ok(data)) => bytes.extend_from_slice(&data),
                Ok(Err(_trailers)) => {}
                Err(_) => whole = false,
            }
        }
        let bytes = Bytes::from(bytes);
        Self {
            status: parts.status,
            headers: parts.headers,
            body: if whole { Ok(bytes) } else { Err(bytes) },
        }
    }

    /// The body of an answer that came whole.
    pub(crate) fn text(&self) -> &str {
        let body = self.body.as_ref().expect("the body came whole");
        std::str::from_utf8(body).expect("the handlers of tests write text")
    }

    pub(crate) fn field(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| {
            value.to_str().expect("fields of tests are text")
        })
    }

    /// What Cache-Status says after the cache's name.
    pub(crate) fn cache_status(&self) -> &str {
        let line = self.field("cache-status");
        line.strip_prefix("floodwall; ").unwrap_or(line)
    }

    pub(crate) fn is_hit(&self) -> bool {
        self.cache_status().starts_with("hit")
    }
}

pub(crate) fn get(path: &str) -> Request<Body> {
    method("GET", path)
}

pub(crate) fn method(method: &str, path: &str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", "good.test")
        .body(Body::empty())
        .expect("a legal request")
}

pub(crate) fn with(mut request: Request<Body>, fields: &[(&str, &str)]) -> Request<Body> {
    for (name, value) in fields {
        let name: http::HeaderName = name.parse().expect("a legal name");
        let value = value.parse().expect("a legal value");
        request.headers_mut().append(name, value);
    }
    request
}

/// A 200 with these fields.
pub(crate) fn page(fields: &[(&str, &str)], body: impl Into<Body>) -> Response<Body> {
    status(200, fields, body)
}

pub(crate) fn status(
    status: u16,
    fields: &[(&str, &str)],
    body: impl Into<Body>,
) -> Response<Body> {
    let mut response = Response::builder().status(status);
    for (name, value) in fields {
        response = response.header(*name, *value);
    }
    response.body(body.into()).expect("a legal response")
}

/// What a test writes into a body as it goes along.
pub(crate) type Pen = mpsc::UnboundedSender<Result<Bytes, std::io::Error>>;

/// A body that a test writes.
pub(crate) fn written() -> (Pen, Body) {
    let (pen, paper) = mpsc::unbounded_channel();
    (pen, Body::from_stream(Paper(paper)))
}

struct Paper(mpsc::UnboundedReceiver<Result<Bytes, std::io::Error>>);

impl Stream for Paper {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.poll_recv(cx)
    }
}

/// The next piece of a body.
pub(crate) async fn next_chunk(body: &mut Body) -> Option<Bytes> {
    let frame = body.frame().await?.expect("the body goes on");
    frame.into_data().ok()
}

/// Runs everything that can run, without letting time pass.
pub(crate) async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

/// The answers of a crowd.
pub(crate) async fn all(crowd: Vec<tokio::task::JoinHandle<Answer>>) -> Vec<Answer> {
    let answers = join_all(crowd).await;
    answers
        .into_iter()
        .map(|answer| answer.expect("no request panics"))
        .collect()
}

/// A handler that answers with `said` when it is let, and how to let it.
pub(crate) fn held(said: &'static str) -> (Site, Arc<Semaphore>) {
    held_with(Cache::builder(), vec![("cache-control", said)])
}

/// The same, behind a cache of one's own and with fields of one's own.
pub(crate) fn held_with(
    builder: CacheBuilder,
    fields: Vec<(&'static str, &'static str)>,
) -> (Site, Arc<Semaphore>) {
    let turns = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&turns);
    let site = Site::with(builder, move |call| {
        let (held, fields) = (Arc::clone(&held), fields.clone());
        async move {
            held.acquire().await.expect("open").forget();
            page(&fields, format!("page {}", call.number))
        }
    });
    (site, turns)
}
