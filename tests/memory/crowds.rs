//! An origin that hangs: fetches in flight, and requests that wait for them.

use floodwall::Cache;
use http::StatusCode;
use tokio::task::JoinHandle;

use crate::heap::{BASE, KIB, Row};
use crate::site::{Site, get, on_one_thread};

/// Memory of each fetch in flight, on top of the capacity.
const FETCH: usize = 4 * KIB;
/// Memory of each request that waits, with its task and its own head.
const WAITER: usize = 3 * KIB;

#[test]
fn hung_keys() {
    const FLIGHTS: usize = 2000;
    const MORE: usize = 5000;
    let row = Row::begin("hung keys");
    on_one_thread(|| async {
        let builder = Cache::builder().max_flights(FLIGHTS).origin_limit(100);
        let site = Site::new(builder, |_| std::future::pending());
        let waiting = ask(&site, (0..FLIGHTS).map(|at| format!("/hung/{at}")));
        site.until(|now| now.flights == FLIGHTS as u64).await;
        println!("hung keys: {} bytes each", row.taken() / FLIGHTS);
        for at in 0..MORE {
            let refused = site.open(get(&format!("/more/{at}"))).await;
            assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        }
        leave(waiting);
        // Those at the origin go on until their deadline, for the store.
        site.until(|now| now.waiting == 0 && now.queued == 0).await;
        assert_eq!(site.cache.stats().flights_full, MORE as u64);
        assert_eq!(site.cache.stats().at_origin, 100);
    });
    row.end(BASE + FLIGHTS * (FETCH + WAITER));
}

#[test]
fn waiters_of_a_hung_key() {
    const WAITERS: usize = 10_000;
    const MORE: usize = 10_000;
    let row = Row::begin("waiters of a hung key");
    on_one_thread(|| async {
        let builder = Cache::builder().max_waiters(WAITERS);
        let site = Site::new(builder, |_| std::future::pending());
        let waiting = ask(&site, (0..WAITERS).map(|_| "/".to_owned()));
        site.until(|now| now.waiting == WAITERS as u64).await;
        println!(
            "waiters: {} bytes each, with their tasks",
            row.taken() / WAITERS
        );
        for _ in 0..MORE {
            let refused = site.open(get("/")).await;
            assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        }
        assert_eq!(site.cache.stats().waiters_full, MORE as u64);
        leave(waiting);
        site.until(|now| now.waiting == 0).await;
    });
    row.end(BASE + WAITERS * WAITER);
}

/// A client for each path, in a task of its own.
fn ask(site: &Site, paths: impl ExactSizeIterator<Item = String>) -> Vec<JoinHandle<()>> {
    // Where the handles lie is not a client's doing.
    let mut waiting = Vec::with_capacity(paths.len());
    for path in paths {
        let site = site.clone();
        waiting.push(tokio::spawn(async move {
            site.read(get(&path)).await;
        }));
    }
    waiting
}

fn leave(waiting: Vec<JoinHandle<()>>) {
    waiting.iter().for_each(JoinHandle::abort);
}
