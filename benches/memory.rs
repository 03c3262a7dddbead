//! How much memory does a follower take?
//!
//! ```sh
//! cargo bench --bench memory
//! cargo bench --bench memory -- --followers 1000 --json memory.json --check
//! ```
//!
//! Ten thousand requests wait for one fetch through the layer, each in a task of
//! its own; ten thousand of the same requests wait in the same handler without
//! the layer. What lives on the heap is counted by the allocator, in bytes as they
//! were asked for; the difference, by the number of followers, is the figure.
//! The allocator counts in this bench alone, so that no other pays for it.

mod report;

use std::convert::Infallible;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use clap::Parser;
use floodwall::Cache;
use http::{Request, Response};
use http_body_util::Full;
use report::{Outlet, Report};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tower::util::ServiceExt;
use tower::{Layer, Service, service_fn};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

type Page = Full<Bytes>;

const SECTION: &str = "memory";
const MOST_BYTES: f64 = 1024.0;

#[derive(Parser)]
struct Options {
    /// How many follow.
    #[arg(long, default_value_t = 10_000)]
    followers: usize,
    #[command(flatten)]
    outlet: Outlet,
}

fn main() -> std::io::Result<ExitCode> {
    let mut options = Options::parse();
    if options.outlet.is_smoke() {
        options.followers = 100;
    }
    let mut report = Report::default();
    // One thread: a follower is where it waits, not on its way between threads.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(measure(options.followers, &mut report));
    report.finish(&options.outlet)
}

async fn measure(followers: usize, report: &mut Report) {
    let bare = bare(followers).await;
    let layered = layered(followers).await;
    let each = layered - bare;
    let bar = 0.0..=MOST_BYTES;
    report.note(SECTION, "a task without the layer", bare, "B");
    report.note(SECTION, "a follower with its task", layered, "B");
    report.hold(SECTION, "a follower beyond the task", each, "B", bar);
    let (future, call, allocations) = one_call().await;
    report.note(SECTION, "of it: the future in the task", future, "B");
    report.note(SECTION, "of it: kept on the heap by the call", call, "B");
    report.note(
        SECTION,
        "of it: allocations kept by the call",
        allocations,
        "",
    );
}

/// What a task that waits in the handler takes.
async fn bare(crowd: usize) -> f64 {
    let waiting = Arc::new(AtomicUsize::new(0));
    let site = held(&waiting);
    let all_wait = || waiting.load(Ordering::Relaxed) == crowd;
    per_task(&site, crowd, all_wait).await
}

/// What a task that follows a fetch takes.
async fn layered(followers: usize) -> f64 {
    let waiting = Arc::new(AtomicUsize::new(0));
    let cache = cache();
    let service = cache.layer().layer(held(&waiting));
    // The leader and its fetch are not counted.
    let leader = tokio::spawn(service.clone().oneshot(get()));
    while waiting.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    let everyone = followers as u64 + 1;
    let all_wait = || cache.stats().waiting == everyone;
    let each = per_task(&service, followers, all_wait).await;
    leader.abort();
    each
}

/// The bytes that live for each of `crowd` tasks once all of them wait.
async fn per_task<S>(service: &S, crowd: usize, all_wait: impl Fn() -> bool) -> f64
where
    S: Service<Request<Page>, Error: Send, Response: Send, Future: Send> + Clone + Send + 'static,
{
    // Where the handles lie is not a task's doing.
    let mut tasks: Vec<JoinHandle<_>> = Vec::with_capacity(crowd);
    let region = Region::new(ALLOCATOR);
    for _ in 0..crowd {
        tasks.push(tokio::spawn(service.clone().oneshot(get())));
    }
    while !all_wait() {
        tokio::task::yield_now().await;
    }
    let (bytes, _) = living(&region);
    for task in tasks {
        task.abort();
    }
    bytes / crowd as f64
}

/// What one call of the layer keeps: the size of its future, and the bytes and
/// allocations behind it.
async fn one_call() -> (f64, f64, f64) {
    let mut service = cache().layer().layer(held(&Arc::default()));
    let leader = service.call(get());
    let request = get();
    let region = Region::new(ALLOCATOR);
    let follower = service.call(request);
    let (bytes, allocations) = living(&region);
    let future = size_of_val(&follower) as f64;
    drop((leader, follower));
    (future, bytes, allocations)
}

/// The bytes and allocations that live since the region began.
fn living(region: &Region<'_, std::alloc::System>) -> (f64, f64) {
    let change = region.change();
    let bytes = change.bytes_allocated as f64 - change.bytes_deallocated as f64;
    let allocations = change.allocations as f64 - change.deallocations as f64;
    (bytes, allocations)
}

fn cache() -> Cache {
    Cache::builder().build().expect("the defaults are legal")
}

/// A request as a browser makes it.
fn get() -> Request<Page> {
    Request::get("/")
        .header("host", "example.com")
        .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0)")
        .header("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
        .header("accept-language", "en-CA,en;q=0.7,fr;q=0.3")
        .header("accept-encoding", "gzip, deflate, br, zstd")
        .header("sec-fetch-mode", "navigate")
        .body(Page::default())
        .expect("the request is well-formed")
}

/// A handler that keeps its request and waits for good.
fn held(
    waiting: &Arc<AtomicUsize>,
) -> impl Service<Request<Page>, Response = Response<Page>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static
+ use<> {
    let waiting = Arc::clone(waiting);
    let gate = Arc::new(Semaphore::new(0));
    service_fn(move |request: Request<Page>| {
        let (waiting, gate) = (Arc::clone(&waiting), Arc::clone(&gate));
        async move {
            waiting.fetch_add(1, Ordering::Relaxed);
            let closed = gate.acquire().await;
            assert!(closed.is_err(), "the gate never has a permit");
            Ok(Response::new(request.into_body()))
        }
    })
}
