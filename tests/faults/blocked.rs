//! Threads that a handler blocks.

use std::convert::Infallible;
use std::future::Future;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use floodwall::CacheBuilder;
use futures_util::{StreamExt, stream};
use tokio::runtime::Builder;

use crate::setting::{FRESH, TICK, builder, eventually, soon, text};
use crate::support::{Site, get, is_quiet, page};

/// Runs a test on two workers: one for the handler to block, one for all others.
fn on_two_workers(test: impl Future<Output = ()>) {
    let mut runtime = Builder::new_multi_thread();
    let built = runtime.worker_threads(2).enable_all().build();
    let runtime = built.expect("a runtime");
    // An idle worker takes the timers over from one that blocks when something
    // happens. On a site something always does.
    let handle = runtime.handle().clone();
    let (stop, stopped) = mpsc::channel::<()>();
    let beat = thread::spawn(move || {
        while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
            handle.spawn(async {});
        }
    });
    runtime.block_on(test);
    drop(stop);
    beat.join().expect("the beat does not panic");
}

/// A site whose handler, at its first call, blocks its thread until told not to.
fn blocking(builder: CacheBuilder) -> (Site, mpsc::Sender<()>) {
    let (release, released) = mpsc::channel();
    let released = Arc::new(Mutex::new(released));
    let site = Site::with(builder, move |call| {
        let released = Arc::clone(&released);
        async move {
            if call.number == 0 {
                let released = released.lock().expect("no test panics here");
                released.recv().expect("the test lets it go");
            }
            page(&[FRESH], text(call.number))
        }
    });
    (site, release)
}

#[test]
fn f14_followers_of_a_fetch_whose_thread_is_blocked_are_released() {
    let limit = Duration::from_millis(300);
    on_two_workers(async {
        let (site, release) = blocking(builder().fetch_deadline(limit));
        let leader = site.spawn(get("/"));
        eventually(&site.cache, |now| now.at_origin == 1).await;
        // Answered while the handler still blocks: by their own clocks.
        let followers = site.crowd("/", 50);
        for follower in followers {
            let answer = soon(follower).await.expect("no panic");
            assert_eq!(answer.status, 504);
            assert!(answer.cache_status().contains("detail=deadline"));
        }
        // The stuck fetch is replaced by whoever comes next.
        assert_eq!(soon(site.get("/")).await.text(), text(1));
        assert!(soon(site.get("/")).await.is_hit());
        assert!(site.stats().at_origin >= 1, "the handler still blocks");
        release.send(()).expect("it waits");
        soon(leader).await.expect("no panic");
        eventually(&site.cache, is_quiet).await;
        assert_eq!(soon(site.get("/")).await.text(), text(1), "the newer one");
    });
}

#[test]
fn f53_hits_of_other_pages_do_not_notice_a_handler_that_blocks() {
    on_two_workers(async {
        let (site, release) = blocking(builder().fetch_deadline(Duration::from_secs(30)));
        let leader = site.spawn(get("/blocks"));
        eventually(&site.cache, |now| now.at_origin == 1).await;
        assert_eq!(soon(site.get("/other")).await.text(), text(1));
        let hits = site.crowd("/other", 1000);
        for hit in hits {
            let hit = soon(hit).await.expect("no panic");
            assert!(hit.is_hit());
            assert_eq!(hit.text(), text(1));
        }
        assert!(site.stats().at_origin >= 1, "the handler still blocks");
        release.send(()).expect("it waits");
        assert_eq!(soon(leader).await.expect("no panic").text(), text(0));
        eventually(&site.cache, is_quiet).await;
    });
}

#[test]
fn f53_readers_of_a_body_whose_thread_is_blocked_are_released() {
    on_two_workers(async {
        let (release, released) = mpsc::channel::<()>();
        let released = Arc::new(Mutex::new(Some(released)));
        let limit = Duration::from_millis(300);
        let site = Site::with(builder().body_idle_deadline(limit), move |call| {
            let released = released.lock().expect("no test panics here").take();
            async move {
                let Some(released) = released else {
                    return page(&[FRESH], text(call.number));
                };
                let half = stream::once(async { Ok::<_, Infallible>(Bytes::from("half")) });
                let rest = stream::once(async move {
                    // What waits to run on this thread has to run first.
                    tokio::task::yield_now().await;
                    released.recv().expect("the test lets it go");
                    Ok(Bytes::from("whole"))
                });
                page(&[FRESH], Body::from_stream(half.chain(rest)))
            }
        });
        let readers = site.crowd("/", 10);
        for reader in readers {
            let answer = soon(reader).await.expect("no panic");
            assert_eq!(answer.body, Err("half".into()));
        }
        // Whoever comes next does not join them.
        assert_eq!(soon(site.get("/")).await.text(), text(1));
        release.send(()).expect("it waits");
        eventually(&site.cache, is_quiet).await;
        assert_eq!(soon(site.get("/")).await.text(), text(1), "the newer one");
    });
}
