//! Several runtimes with one cache, runtimes that end, and none at all.

use std::future::pending;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

use crate::setting::{CAP, EVERYONE, FRESH, NOMINAL, builder, eventually, nominal, soon, text};
use crate::support::{Answer, PausedTime, Site, all, get, is_quiet, page};

/// As a worker of a server that has a runtime for each.
fn worker() -> Runtime {
    let built = Builder::new_current_thread().enable_all().build();
    built.expect("a runtime")
}

/// The first call hangs, the others answer.
fn hangs_once(deadline: Duration) -> Site {
    let builder = builder().fetch_deadline(deadline);
    Site::on(builder.runtime(PausedTime::new()), |call| async move {
        if call.number == 0 {
            pending::<()>().await;
        }
        page(&[FRESH], text(call.number))
    })
}

#[tokio::test(start_paused = true)]
async fn f51_one_thread_is_enough() {
    let (site, gauge) = nominal(builder(), &[FRESH]);
    for round in 0..3 {
        let answers = all(site.crowd(&format!("/{round}"), EVERYONE)).await;
        assert!(answers.iter().all(|answer| answer.text() == text(round)));
    }
    assert_eq!((site.calls(), gauge.most()), (3, 1));
    site.until_quiet().await;
}

#[test]
fn f51_when_the_worker_that_leads_is_stopped_the_others_recover() {
    let site = hangs_once(Duration::from_secs(30));
    let (stop, stopped) = mpsc::channel::<()>();
    let (led, leading) = mpsc::channel();
    let leads = {
        let site = site.clone();
        thread::spawn(move || {
            let worker = worker();
            let leader = {
                let _inside = worker.enter();
                site.spawn(get("/"))
            };
            worker.block_on(eventually(&site.cache, |now| now.at_origin == 1));
            led.send(()).expect("the test waits");
            // Not driven any more, and then gone.
            stopped.recv().expect("the test goes on");
            drop(worker);
            assert!(leader.is_finished());
        })
    };
    leading.recv().expect("the worker leads");
    let follow = (0..2).map(|_| {
        let site = site.clone();
        thread::spawn(move || {
            let crowd = || join_all((0..EVERYONE).map(|_| site.get("/")));
            worker().block_on(soon(async { crowd().await }))
        })
    });
    let follow: Vec<_> = follow.collect();
    worker().block_on(async {
        let everyone = 1 + 2 * EVERYONE as u64;
        eventually(&site.cache, |now| now.waiting == everyone).await;
    });
    stop.send(()).expect("the worker waits");
    for worker in follow {
        for answer in worker.join().expect("no panic") {
            assert_eq!(answer.text(), text(1));
        }
    }
    leads.join().expect("no panic");
    worker().block_on(eventually(&site.cache, is_quiet));
    assert_eq!(site.calls(), 2);
}

#[test]
fn f51_a_worker_that_leads_and_is_not_driven_holds_nobody_up() {
    let site = hangs_once(Duration::from_millis(300));
    let (leads, others) = (worker(), worker());
    leads.block_on(async {
        drop(site.spawn(get("/")));
        eventually(&site.cache, |now| now.at_origin == 1).await;
    });
    others.block_on(async {
        for answer in soon(join_all(site.crowd("/", EVERYONE))).await {
            assert_eq!(answer.expect("no panic").status, 504);
        }
        let next = soon(site.get("/")).await;
        assert_eq!(next.text(), text(1));
    });
    drop(leads);
    others.block_on(eventually(&site.cache, is_quiet));
    assert_eq!(site.calls(), 2);
}

/// A site on tokio's runtime, or on none: what the default is.
fn anywhere() -> Site {
    Site::on(builder(), |call| async move {
        page(&[FRESH], text(call.number))
    })
}

/// Asks from where there is no runtime.
fn ask(site: &Site, path: &str) -> Answer {
    futures_util::FutureExt::now_or_never(site.get(path)).expect("an answer at once")
}

#[test]
fn f52_without_a_runtime_there_is_an_answer_and_no_panic() {
    let site = anywhere();
    worker().block_on(async {
        assert_eq!(site.get("/stored").await.text(), text(0));
        eventually(&site.cache, is_quiet).await;
    });
    // What is stored needs no runtime.
    let hit = ask(&site, "/stored");
    assert!(hit.is_hit());
    assert_eq!(hit.text(), text(0));
    // A fetch that cannot be started is told as what it is, and left alone then.
    for expected in [500, 503, 503] {
        assert_eq!(ask(&site, "/").status, expected);
    }
    assert_eq!(site.calls(), 1);
    let left = site.stats();
    assert_eq!(left.flights + left.waiting + left.at_origin, 0);
}

#[test]
fn f52_a_runtime_that_has_ended_takes_no_tasks_and_nobody_panics() {
    let site = anywhere();
    let ended = worker();
    let handle = ended.handle().clone();
    drop(ended);
    let _inside = handle.enter();
    assert_eq!(ask(&site, "/").status, 500);
    assert_eq!(site.calls(), 0);
    // Elsewhere the page is to be had, after the pause that follows failures.
    let elsewhere = worker();
    elsewhere.block_on(async {
        let other = soon(site.get("/other")).await;
        assert_eq!(other.text(), text(0));
        eventually(&site.cache, is_quiet).await;
    });
}

#[test]
fn f52_who_is_waiting_when_the_runtime_ends_is_told() {
    // One who waits is polled by something else than the runtime that fetches.
    let site = hangs_once(Duration::from_secs(30));
    let ended = worker();
    let mut waiting = Box::pin(site.app.clone().oneshot(get("/")));
    ended.block_on(async {
        assert!(futures_util::poll!(waiting.as_mut()).is_pending());
        eventually(&site.cache, |now| now.at_origin == 1).await;
    });
    drop(ended);
    let elsewhere = worker();
    elsewhere.block_on(async {
        let response = soon(waiting).await.expect("never fails");
        assert_eq!(Answer::read(response).await.text(), text(1));
        eventually(&site.cache, is_quiet).await;
    });
}

#[test]
fn f52_what_is_under_way_when_the_runtime_ends_is_cleared_away() {
    let places = 10;
    let builder = builder().origin_limit(places).fetch_deadline(30 * CAP);
    let site = Site::on(builder.runtime(PausedTime::new()), |call| async move {
        if !call.request.uri().path().starts_with("/quick") {
            pending::<()>().await;
        }
        tokio::time::sleep(NOMINAL).await;
        page(&[FRESH], "page")
    });
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(async {
        for at in 0..3 * places {
            drop(site.crowd(&format!("/{at}"), 5));
        }
        let waiting = 5 * 3 * places as u64;
        let queued = 2 * places as u64;
        eventually(&site.cache, |now| {
            now.waiting == waiting && now.queued == queued
        })
        .await;
        assert_eq!(site.stats().at_origin, places as u64);
    });
    // Twice is no more than once.
    runtime.shutdown_background();
    let again = worker();
    again.block_on(async {
        eventually(&site.cache, is_quiet).await;
        assert_eq!(site.stats().stored_keys, 0);
        assert_eq!(soon(site.get("/quick")).await.text(), "page");
        eventually(&site.cache, is_quiet).await;
    });
}
