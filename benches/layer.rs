//! What does the layer add to a request, in process, without sockets?
//!
//! ```sh
//! cargo bench --bench layer                # all of it, about 80 s
//! cargo bench --bench layer -- fresh-hit   # one group
//! ```
//!
//! Each group asks one question. In it, `layered` is the service with the layer
//! around it and `bare` is the same service without: the floor, which holds what
//! is not the layer's doing, such as making the request and reading the body.
//! The layer's cost is the difference. Everything runs on one thread.
//!
//! The requests carry the head of a browser, since the layer reads it.

// A bench is what reads the clock.
#![allow(clippy::disallowed_methods)]

use std::convert::Infallible;
use std::fmt::Debug;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput};
use floodwall::{Cache, Purge};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tower::util::ServiceExt;
use tower::{Layer, Service, service_fn};

type Page = Full<Bytes>;
type Group<'a> = BenchmarkGroup<'a, WallTime>;

const KIB: usize = 1024;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built");
    fresh_hit(&mut criterion, &runtime);
    stale_hit(&mut criterion, &runtime);
    miss(&mut criterion, &runtime);
    pass(&mut criterion, &runtime);
    cold_flood(&mut criterion, &runtime);
    criterion.final_summary();
}

/// What does an answer from the store cost, and does its size matter?
fn fresh_hit(criterion: &mut Criterion, runtime: &Runtime) {
    let mut group = criterion.benchmark_group("fresh-hit");
    for size in [KIB, 64 * KIB] {
        let site = site(size);
        let cache = cache();
        let layered = cache.layer().layer(site.clone());
        runtime.block_on(read(layered.clone(), get("/")));
        let label = format!("{} KiB", size / KIB);
        one(&mut group, runtime, ("layered", &label), &layered, || {
            get("/")
        });
        assert_eq!(cache.stats().fills, 1, "every answer was a hit");
        one(&mut group, runtime, ("bare", &label), &site, || get("/"));
    }
    group.finish();
}

/// What does a stale answer cost while the refresh behind it is under way?
///
/// The refresh is asked of an origin that never answers, so that exactly one is
/// in flight all the time and each hit finds it there: measured are the answer
/// from the store and the look at the flight, not the refresh.
fn stale_hit(criterion: &mut Criterion, runtime: &Runtime) {
    let mut group = criterion.benchmark_group("stale-hit");
    let calls = Arc::new(AtomicUsize::new(0));
    let site = silent_after_one(KIB, &calls);
    let cache = cache();
    let layered = cache.layer().layer(site);
    runtime.block_on(read(layered.clone(), get("/")));
    cache.purge(Purge::everything().soft());
    runtime.block_on(async {
        read(layered.clone(), get("/")).await;
        while calls.load(Ordering::Relaxed) < 2 {
            tokio::task::yield_now().await;
        }
    });
    one(&mut group, runtime, ("layered", "1 KiB"), &layered, || {
        get("/")
    });
    let stats = cache.stats();
    assert_eq!((stats.fills, stats.flights), (2, 1), "one refresh was held");
    assert!(stats.stale_served > 0 && stats.hits == 0);
    let bare = self::site(KIB);
    one(&mut group, runtime, ("bare", "1 KiB"), &bare, || get("/"));
    group.finish();
}

/// What does it cost that a page was not there: a fetch in a task of its own, and
/// storing it?
///
/// Each URL is new. The store is full after a while, so evictions are included.
fn miss(criterion: &mut Criterion, runtime: &Runtime) {
    let mut group = criterion.benchmark_group("miss");
    let site = site(KIB);
    let cache = cache();
    let layered = cache.layer().layer(site.clone());
    let new_page = || {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        get(&format!("/{}", NEXT.fetch_add(1, Ordering::Relaxed)))
    };
    one(
        &mut group,
        runtime,
        ("layered", "1 KiB"),
        &layered,
        new_page,
    );
    assert_eq!(cache.stats().hits, 0, "every answer was a miss");
    one(&mut group, runtime, ("bare", "1 KiB"), &site, new_page);
    group.finish();
}

/// What does the layer cost a request that is none of its business?
///
/// It is a POST whose answer is a success, so it also invalidates its URL.
fn pass(criterion: &mut Criterion, runtime: &Runtime) {
    let mut group = criterion.benchmark_group("pass");
    let site = site(KIB);
    let cache = cache();
    let layered = cache.layer().layer(site.clone());
    let post = || {
        let mut request = get("/");
        *request.method_mut() = Method::POST;
        *request.body_mut() = Full::from("answer=42");
        request
    };
    one(&mut group, runtime, ("layered", "1 KiB"), &layered, post);
    assert_eq!(cache.stats().fills, 0, "every request passed");
    one(&mut group, runtime, ("bare", "1 KiB"), &site, post);
    group.finish();
}

/// How long does a crowd take that asks for one cold page at once?
///
/// Measured from the first request to the last byte of the last body, with a new
/// cache each time. The origin answers as soon as everyone waits; without the
/// layer, that many handlers wait instead of one.
fn cold_flood(criterion: &mut Criterion, runtime: &Runtime) {
    let mut group = criterion.benchmark_group("cold-flood");
    for followers in [1, 100, 10_000] {
        let crowd = followers + 1;
        group.throughput(Throughput::Elements(crowd as u64));
        if crowd > 1000 {
            group.sample_size(10);
        }
        group.bench_function(BenchmarkId::new("layered", followers), |bencher| {
            bencher
                .to_async(runtime)
                .iter_custom(|times| repeat(times, move || layered_flood(crowd)));
        });
        group.bench_function(BenchmarkId::new("bare", followers), |bencher| {
            bencher
                .to_async(runtime)
                .iter_custom(|times| repeat(times, move || bare_flood(crowd)));
        });
    }
    group.finish();
}

async fn layered_flood(crowd: usize) -> Duration {
    let origin = Held::default();
    let cache = cache();
    let layered = cache.layer().layer(held(KIB, &origin));
    let everyone = crowd as u64;
    let took = flood(&layered, crowd, &origin, || {
        cache.stats().waiting == everyone
    })
    .await;
    assert_eq!(origin.waiting.load(Ordering::Relaxed), 1, "one fetch");
    took
}

async fn bare_flood(crowd: usize) -> Duration {
    let origin = Held::default();
    let bare = held(KIB, &origin);
    flood(&bare, crowd, &origin, || {
        origin.waiting.load(Ordering::Relaxed) == crowd
    })
    .await
}

/// Starts a crowd of requests, lets the origin go when all of them wait, and
/// reads every answer.
async fn flood<S, B>(
    service: &S,
    crowd: usize,
    origin: &Held,
    all_wait: impl Fn() -> bool,
) -> Duration
where
    S: Service<Request<Page>, Response = Response<B>, Error: Debug, Future: Send>
        + Clone
        + Send
        + 'static,
    B: http_body::Body<Data = Bytes, Error: Debug> + Send + 'static,
{
    let began = Instant::now();
    let asking: Vec<_> = (0..crowd)
        .map(|_| tokio::spawn(read(service.clone(), get("/"))))
        .collect();
    while !all_wait() {
        tokio::task::yield_now().await;
    }
    origin.gate.close();
    for answer in asking {
        assert_eq!(answer.await.expect("no task panics"), KIB);
    }
    began.elapsed()
}

async fn repeat<F: Future<Output = Duration>>(times: u64, run: impl Fn() -> F) -> Duration {
    let mut sum = Duration::ZERO;
    for _ in 0..times {
        sum += run().await;
    }
    sum
}

/// Measures one request and the reading of its answer.
fn one<S, B>(
    group: &mut Group<'_>,
    runtime: &Runtime,
    (subject, label): (&str, &str),
    service: &S,
    request: impl Fn() -> Request<Page>,
) where
    S: Service<Request<Page>, Response = Response<B>, Error: Debug> + Clone,
    B: http_body::Body<Data = Bytes, Error: Debug>,
{
    group.bench_function(BenchmarkId::new(subject, label), |bencher| {
        bencher
            .to_async(runtime)
            .iter(|| read(service.clone(), request()));
    });
}

/// Asks, and reads the answer to its end; says how many bytes it had.
async fn read<S, B>(service: S, request: Request<Page>) -> usize
where
    S: Service<Request<Page>, Response = Response<B>, Error: Debug>,
    B: http_body::Body<Data = Bytes, Error: Debug>,
{
    let response = service.oneshot(request).await.expect("the site answers");
    let mut body = pin!(response.into_body());
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.expect("the body is whole");
        length += frame.data_ref().map_or(0, Bytes::len);
    }
    length
}

/// A request as a browser makes it.
fn get(path: &str) -> Request<Page> {
    Request::get(path)
        .header("host", "example.com")
        .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0)")
        .header("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
        .header("accept-language", "en-CA,en;q=0.7,fr;q=0.3")
        .header("accept-encoding", "gzip, deflate, br, zstd")
        .header("sec-fetch-mode", "navigate")
        .body(Page::default())
        .expect("the request is well-formed")
}

fn page(body: &Bytes) -> Response<Page> {
    Response::builder()
        .header("content-type", "text/html; charset=utf-8")
        .header("cache-control", "max-age=3600, stale-while-revalidate=3600")
        .body(Full::new(body.clone()))
        .expect("the response is well-formed")
}

/// One that never times out while a bench holds its origin.
fn cache() -> Cache {
    Cache::builder()
        .fetch_deadline(Duration::from_secs(3600))
        .build()
        .expect("the settings are legal")
}

/// A site that answers at once.
fn site(
    size: usize,
) -> impl Service<Request<Page>, Response = Response<Page>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static {
    let body = Bytes::from(vec![b'.'; size]);
    service_fn(move |_request| std::future::ready(Ok(page(&body))))
}

/// A site that answers once, and then never again.
fn silent_after_one(
    size: usize,
    calls: &Arc<AtomicUsize>,
) -> impl Service<Request<Page>, Response = Response<Page>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static
+ use<> {
    let body = Bytes::from(vec![b'.'; size]);
    let calls = Arc::clone(calls);
    service_fn(move |_request| {
        let answer = page(&body);
        let first = calls.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            if !first {
                std::future::pending::<()>().await;
            }
            Ok(answer)
        }
    })
}

/// What holds a site's answers back: a gate that opens by being closed, since
/// that lets everyone through.
#[derive(Clone)]
struct Held {
    gate: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

impl Default for Held {
    fn default() -> Self {
        Self {
            gate: Arc::new(Semaphore::new(0)),
            waiting: Arc::default(),
        }
    }
}

/// A site that answers when it is let.
fn held(
    size: usize,
    origin: &Held,
) -> impl Service<Request<Page>, Response = Response<Page>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static
+ use<> {
    let body = Bytes::from(vec![b'.'; size]);
    let origin = origin.clone();
    service_fn(move |_request| {
        let answer = page(&body);
        let origin = origin.clone();
        async move {
            origin.waiting.fetch_add(1, Ordering::Relaxed);
            let closed = origin.gate.acquire().await;
            assert!(closed.is_err(), "the gate never has a permit");
            Ok(answer)
        }
    })
}
