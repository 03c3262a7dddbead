//! The store when it is full, and those who read what goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use axum::body::Body;
use floodwall::{Cache, Purge, Stats};
use futures_util::future::join_all;
use http::Response;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::runtime::Builder;

use crate::seeds;
use crate::setting::{FRESH, eventually};
use crate::support::{Answer, Site, get, is_quiet, next_chunk, page, written};

/// A site whose pages are as long as their paths say.
fn sized(capacity: u64, object: u64) -> Site {
    let builder = Cache::builder().capacity(capacity).max_object_size(object);
    Site::with(builder, |call| async move {
        let path = call.request.uri().path();
        page(&[FRESH], pattern(path))
    })
}

/// The body of `/name/length`: not all of one byte, so that a wrong piece shows.
fn pattern(path: &str) -> Vec<u8> {
    let length = path.rsplit('/').next().expect("a path has a slash");
    let length: usize = length.parse().expect("a length");
    let mut bytes = path.repeat(length / path.len() + 1).into_bytes();
    bytes.truncate(length);
    bytes
}

#[test]
fn f35_what_is_stored_never_exceeds_the_capacity() {
    const CAPACITY: u64 = 1 << 20;
    const LARGEST: usize = 200 << 10;
    let seed = seeds::of(&|| ());
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let site = sized(CAPACITY, LARGEST as u64);
        // One who looks all the time.
        let (watched, over) = (site.clone(), Arc::new(AtomicBool::new(false)));
        let done = Arc::clone(&over);
        let watcher = thread::spawn(move || {
            let mut most = 0;
            while !done.load(Ordering::SeqCst) {
                most = most.max(watched.stats().held_bytes);
            }
            most
        });
        let clients = (0..8).map(|client| {
            let site = site.clone();
            let mut chance = StdRng::seed_from_u64(seed.wrapping_add(client));
            tokio::spawn(async move {
                for _ in 0..seeds::cases(100) {
                    // Small ones, large ones, some that are too large.
                    let length = match chance.random_range(0..10) {
                        0..5 => chance.random_range(0..1000),
                        5..9 => chance.random_range(0..LARGEST),
                        _ => LARGEST + chance.random_range(1..1000),
                    };
                    let path = format!("/{}/{length}", chance.random_range(0..3));
                    let answer = site.get(&path).await;
                    assert_eq!(answer.body.as_deref(), Ok(pattern(&path).as_slice()));
                }
            })
        });
        for client in join_all(clients).await {
            client.expect("no panic");
        }
        over.store(true, Ordering::SeqCst);
        let most = watcher.join().expect("no panic");
        assert!(most <= CAPACITY, "{most} bytes of {CAPACITY}");
        assert!(most > CAPACITY / 2, "the budget was tried: {most}");
        eventually(&site.cache, is_quiet).await;
    });
}

#[tokio::test(start_paused = true)]
async fn f35_a_page_that_is_too_large_displaces_nothing() {
    let site = sized(256 << 10, 10_000);
    let paths: Vec<_> = (0..10).map(|at| format!("/{at}/1000")).collect();
    for path in &paths {
        site.get(path).await;
    }
    for at in 0..100 {
        let large = format!("/large{at}/10001");
        let answer = site.get(&large).await;
        assert_eq!(answer.body.as_deref(), Ok(pattern(&large).as_slice()));
    }
    site.until_quiet().await;
    assert_eq!(site.stats().stored_keys, 10);
    for path in &paths {
        assert!(site.get(path).await.is_hit());
    }
}

#[tokio::test(start_paused = true)]
async fn f36_those_who_read_what_is_evicted_read_it_to_its_end() {
    let site = sized(1 << 20, 100_000);
    let path = "/read/100000";
    site.get(path).await;
    let open = || async { site.open(get(path)).await };
    let readers: Vec<Response<Body>> = join_all((0..100).map(|_| open())).await;
    assert_eq!(site.calls(), 1);
    // Purged, and its place taken by others.
    site.cache.purge(Purge::everything());
    for other in 0..50 {
        site.get(&format!("/{other}/50000")).await;
    }
    assert_eq!(
        site.cache.explain(&get(path)).to_string(),
        "fill (uri-miss)"
    );
    site.until_quiet().await;
    let beside = |now: &Stats| now.held_bytes - now.stored_bytes;
    // One copy for all; the store lets go of what it has evicted when it gets to it.
    site.until(|now| (100_000..101_000).contains(&beside(now)))
        .await;
    for reader in readers {
        assert!(beside(&site.stats()) >= 100_000);
        let answer = Answer::read(reader).await;
        assert_eq!(answer.body.as_deref(), Ok(pattern(path).as_slice()));
    }
    assert!(
        beside(&site.stats()) < 100_000,
        "given back after the last reader"
    );
    site.until(|now| beside(now) == 0).await;
}

#[tokio::test(start_paused = true)]
async fn f36_those_who_read_what_is_still_coming_read_it_to_its_end() {
    let (pen, body) = written();
    let body = Arc::new(std::sync::Mutex::new(Some(body)));
    let site = Site::new(move |call| {
        let body = body.lock().expect("no test panics here").take();
        async move {
            match body {
                Some(body) => page(&[FRESH], body),
                None => page(&[FRESH], call.number.to_string()),
            }
        }
    });
    let mut readers = join_all((0..100).map(|_| site.open(get("/")))).await;
    let half = pattern("/first/50000");
    pen.send(Ok(half.clone().into())).expect("the fetch reads");
    for reader in &mut readers {
        assert_eq!(next_chunk(reader.body_mut()).await.as_deref(), Some(&*half));
    }
    assert_eq!(site.stats().flight_bytes, 50_000, "one copy for all");
    site.cache.purge(Purge::everything());
    assert_eq!(site.get("/").await.text(), "1");
    pen.send(Ok(half.clone().into())).expect("the fetch reads");
    drop(pen);
    for reader in readers {
        assert_eq!(Answer::read(reader).await.body.as_deref(), Ok(&*half));
    }
    site.until_quiet().await;
    assert_eq!(site.get("/").await.text(), "1");
}
