//! F38: what the cache counts, beside what the allocator hands out.
//!
//! The capacity is a promise in bytes. Whatever a stored response takes and the cache does not
//! count, an origin can be made to answer with a great deal of: many short fields, many short
//! tags, many names in `Vary`. So each of them is tried by itself.

use std::alloc::System;
use std::convert::Infallible;
use std::future::Future;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use floodwall::{Cache, Stats};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tower::{Layer, ServiceExt, service_fn};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The allocator counts for the whole process: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// How large a server's read buffer is: fields come as windows on it.
const READ_BUFFER: usize = 8 << 10;

/// Responses of one kind, of which something is many.
struct Shape {
    about: &'static str,
    fields: Vec<(String, String)>,
    body: usize,
    status: StatusCode,
}

fn shapes() -> Vec<Shape> {
    let shape = |about, fields: &[(&str, String)], body| Shape {
        about,
        fields: fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
        body,
        status: StatusCode::OK,
    };
    let many = |count, name: fn(usize) -> String| (0..count).map(name).collect::<Vec<_>>();
    let short = |n| format!("x-{n}");
    let mut fields = shape("eighty short fields", &[], 1);
    fields.fields = many(80, short)
        .into_iter()
        .map(|name| (name, "1".to_owned()))
        .collect();
    vec![
        shape("nothing much", &[], 1),
        shape("a page of 2 kB", &[], 2_000),
        shape("a page of 100 kB", &[], 100_000),
        fields,
        shape(
            "256 short tags",
            &[("surrogate-key", many(256, |n| format!("{n:x}")).join(" "))],
            1,
        ),
        shape(
            "sixteen names in Vary",
            &[("vary", many(16, short).join(","))],
            1,
        ),
    ]
}

impl Shape {
    fn response(&self) -> Response<Full<Bytes>> {
        let mut buffer: Vec<u8> = Vec::with_capacity(READ_BUFFER);
        for (_, value) in &self.fields {
            buffer.extend_from_slice(value.as_bytes());
        }
        let mut rest = Bytes::from(buffer);
        let mut headers = HeaderMap::new();
        for (name, value) in &self.fields {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            let value = HeaderValue::from_maybe_shared(rest.split_to(value.len()));
            headers.insert(name, value.expect("a value"));
        }
        headers.insert("cache-control", HeaderValue::from_static("max-age=60"));
        let mut response = Response::new(Full::from(vec![b'x'; self.body]));
        *response.headers_mut() = headers;
        *response.status_mut() = self.status;
        response
    }
}

/// What an allocator adds to each allocation: a header, and what is lost by rounding up.
const BESIDE: usize = 16;

/// What the allocator has handed out and not got back.
fn living() -> usize {
    let now = ALLOCATOR.stats();
    let pieces = now.allocations - now.deallocations;
    now.bytes_allocated - now.bytes_deallocated + pieces * BESIDE
}

/// Asks for `pages` of this shape, and shows after each what the cache holds.
async fn fetch(cache: &Cache, shape: &'static Shape, pages: usize, mut after_each: impl FnMut()) {
    let origin =
        service_fn(
            move |_: Request<Full<Bytes>>| async move { Ok::<_, Infallible>(shape.response()) },
        );
    let service = cache.layer().layer(origin);
    for page in 0..pages {
        let request = Request::get(format!("http://site.test/{page}"));
        let request = (0..16).fold(request, |request, n| request.header(format!("x-{n}"), "a"));
        let request = request.body(Full::default()).expect("a request");
        let answer = service.clone().oneshot(request).await.expect("an answer");
        let body = answer.into_body().collect().await.expect("a whole body");
        assert_eq!(body.to_bytes().len(), shape.body);
        while cache.stats().flights > 0 {
            tokio::task::yield_now().await;
        }
        after_each();
    }
}

fn alone<F: Future>(test: impl FnOnce() -> F) -> F::Output {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(test())
}

#[test]
fn what_is_stored_is_counted_in_full() {
    alone(|| async {
        for shape in shapes() {
            let shape: &'static Shape = Box::leak(Box::new(shape));
            let pages = if shape.body > 50_000 { 100 } else { 1_000 };
            let cache = Cache::builder().capacity(64 << 20).build().expect("legal");
            fetch(&cache, shape, 1, || ()).await;
            let before = living();
            fetch(&cache, shape, pages, || ()).await;
            let taken = (living() - before) / (pages - 1);
            let Stats {
                stored_bytes,
                stored_keys,
                ..
            } = cache.stats();
            assert_eq!(stored_keys, pages as u64, "{}", shape.about);
            let counted = stored_bytes as usize / pages;
            let told = format!("{}: {taken} bytes taken, {counted} counted", shape.about);
            println!("{told}");
            // The store's own tables grow in steps.
            assert!(taken <= counted + counted / 50, "{told}");
            // Nor is room given away.
            assert!(counted <= taken * 2, "{told}");
        }
    });
}

#[test]
fn no_more_is_taken_than_there_is_room_for() {
    const CAPACITY: usize = 2 << 20;
    alone(|| async {
        for shape in shapes() {
            let shape: &'static Shape = Box::leak(Box::new(shape));
            let builder = Cache::builder().capacity(CAPACITY as u64);
            let cache = builder.build().expect("legal");
            let before = living();
            let mut most = 0;
            let pages = if shape.body > 50_000 { 100 } else { 2_000 };
            fetch(&cache, shape, pages, || {
                most = most.max(living() - before);
            })
            .await;
            let about = shape.about;
            println!("{about}: {most} bytes at most");
            assert!(most <= CAPACITY, "{about}: {most} bytes");
        }
    });
}

#[test]
fn what_is_remembered_of_failures_stays_in_its_share() {
    const CAPACITY: u64 = 32 << 20;
    /// A part of the capacity, as `Shares` in the engine has it.
    const SHARE: usize = (CAPACITY / 32) as usize;
    static FAILURE: Shape = Shape {
        about: "a failure",
        fields: Vec::new(),
        body: 1,
        status: StatusCode::INTERNAL_SERVER_ERROR,
    };
    alone(|| async {
        let cache = Cache::builder().capacity(CAPACITY).build().expect("legal");
        let before = living();
        let mut most = 0;
        fetch(&cache, &FAILURE, 6_000, || {
            most = most.max(living() - before)
        })
        .await;
        let told = format!("{}: {most} bytes of {SHARE}", FAILURE.about);
        println!("{told}");
        assert!(most > SHARE / 2, "{told}");
        assert!(most <= SHARE + SHARE / 4, "{told}");
    });
}
