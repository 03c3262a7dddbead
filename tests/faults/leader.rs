//! The one who starts a fetch: it leaves, it is never polled again, its fetch is
//! ended or hangs. The others are answered.

use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use floodwall::CacheBuilder;
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};
use tower::{Service, ServiceExt};

use crate::setting::{
    CAP, EVERYONE, FRESH, GRACE, Gauge, NOMINAL, Spawning, builder, eventually, nominal, patient,
    text,
};
use crate::support::{Answer, Call, PausedTime, Site, all, get, is_quiet, page, settle, written};

#[tokio::test(start_paused = true)]
async fn f04_a_leader_that_is_parked_holds_nobody_up() {
    for polled in [false, true] {
        let (site, gauge) = nominal(builder(), &[FRESH]);
        let start = Instant::now();
        let mut parked = Box::pin(site.app.clone().call(get("/")));
        if polled {
            assert!(futures_util::poll!(parked.as_mut()).is_pending());
        }
        for follower in site.crowd("/", EVERYONE - 1) {
            let answer = patient(async { follower.await.expect("no panic") }).await;
            assert_eq!(answer.text(), text(0));
        }
        assert_eq!(start.elapsed(), NOMINAL);
        sleep(2 * CAP).await;
        // It has missed nothing.
        let answer = Answer::read(parked.await.expect("never fails")).await;
        assert_eq!(answer.text(), text(0));
        assert_eq!((site.calls(), gauge.most()), (1, 1));
        site.until_quiet().await;
    }
}

#[tokio::test(start_paused = true)]
async fn f06_a_request_that_is_aborted_takes_nobody_along() {
    let (site, gauge) = nominal(builder(), &[FRESH]);
    let start = Instant::now();
    let leader = site.spawn(get("/"));
    site.until(|now| now.at_origin == 1).await;
    let followers = site.crowd("/", EVERYONE - 1);
    site.until(|now| now.waiting == EVERYONE as u64).await;
    leader.abort();
    assert!(leader.await.expect_err("it is over").is_cancelled());
    for answer in all(followers).await {
        assert_eq!(answer.text(), text(0));
    }
    assert_eq!(start.elapsed(), NOMINAL);
    assert_eq!((site.calls(), gauge.most()), (1, 1));
    site.until_quiet().await;
}

/// The tasks of a cache, in the order in which they were started.
type Tasks = Arc<Mutex<Vec<AbortHandle>>>;

/// A cache whose tasks a test can end.
fn mortal(builder: CacheBuilder) -> (CacheBuilder, Tasks) {
    let tasks = Tasks::default();
    let kept = Arc::clone(&tasks);
    let spawning = Spawning::new(move |task| {
        let task = tokio::spawn(task).abort_handle();
        let mut tasks = kept.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.push(task);
    });
    (builder.runtime(spawning), tasks)
}

fn abort(tasks: &Tasks, at: usize) {
    let tasks = tasks.lock().unwrap_or_else(PoisonError::into_inner);
    tasks[at].abort();
}

/// The first call hangs with its head, or its body half sent.
fn hanging(builder: CacheBuilder, with_head: bool) -> Site {
    Site::on(builder, move |call| async move {
        if call.number > 0 {
            return page(&[FRESH], text(call.number));
        }
        if !with_head {
            pending::<()>().await;
        }
        let half = stream::once(async { Ok::<_, Infallible>(Bytes::from("half")) });
        page(&[FRESH], Body::from_stream(half.chain(stream::pending())))
    })
}

#[tokio::test(start_paused = true)]
async fn f06_a_fetch_that_is_aborted_is_made_once_more_or_cut() {
    for with_head in [false, true] {
        let (mortal, tasks) = mortal(builder());
        let site = hanging(mortal, with_head);
        let everyone = site.crowd("/", EVERYONE);
        site.until(|now| now.waiting == EVERYONE as u64 && now.at_origin == 1)
            .await;
        site.until(|now| now.flight_bytes == u64::from(with_head) * 4)
            .await;
        let start = Instant::now();
        abort(&tasks, 0);
        for answer in all(everyone).await {
            match with_head {
                false => assert_eq!(answer.text(), text(1)),
                true => assert_eq!(answer.body, Err("half".into())),
            }
        }
        assert_eq!(site.get("/").await.text(), text(1));
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(site.calls(), 2);
        site.until_quiet().await;
    }
}

#[tokio::test(start_paused = true)]
async fn f06_a_runtime_that_drops_tasks_leaves_nobody_waiting() {
    for (lost, answered) in [(1, true), (2, false), (usize::MAX, false)] {
        let spawned = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&spawned);
        let runtime = Spawning::new(move |task| {
            if counted.fetch_add(1, Ordering::SeqCst) >= lost {
                tokio::spawn(task);
            }
        });
        let site = Site::on(builder().runtime(runtime), |call| async move {
            page(&[FRESH], text(call.number))
        });
        let start = Instant::now();
        for answer in all(site.crowd("/", EVERYONE)).await {
            match answered {
                true => assert_eq!(answer.text(), text(0)),
                // Two losses are told to those who met them. By then the key is
                // left alone for a while, which is told to those who come later.
                false => assert!(matches!(answer.status.as_u16(), 500 | 503)),
            }
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert!(site.calls() <= 1, "{lost}");
        site.until_quiet().await;
    }
}

#[test]
fn f06_a_runtime_that_ends_under_a_leader_leaves_nobody_waiting() {
    let lost = tokio::runtime::Runtime::new().expect("a runtime");
    let here = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let site = hanging(builder().runtime(PausedTime::new()), false);
    let leader = {
        let _guard = lost.enter();
        site.spawn(get("/"))
    };
    here.block_on(async {
        eventually(&site.cache, |now| now.waiting == 1 && now.at_origin == 1).await;
        let followers = site.crowd("/", EVERYONE - 1);
        eventually(&site.cache, |now| now.waiting == EVERYONE as u64).await;
        lost.shutdown_background();
        for answer in all(followers).await {
            assert_eq!(answer.text(), text(1));
        }
        assert!(leader.await.expect_err("it is over").is_cancelled());
        assert_eq!(site.calls(), 2);
        eventually(&site.cache, is_quiet).await;
    });
}

#[tokio::test(start_paused = true)]
async fn f07_when_everyone_has_left_a_page_to_store_is_finished() {
    let (site, _) = nominal(builder(), &[FRESH]);
    let crowd = site.crowd("/", EVERYONE);
    site.until(|now| now.waiting == EVERYONE as u64).await;
    crowd.iter().for_each(tokio::task::JoinHandle::abort);
    site.until(|now| now.waiting == 0).await;
    assert_eq!(site.stats().flights, 1);
    sleep(2 * NOMINAL).await;
    site.until_quiet().await;
    let hit = site.get("/").await;
    assert!(hit.is_hit());
    assert_eq!(hit.text(), text(0));
    assert_eq!(site.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn f07_when_everyone_has_left_anything_else_is_cancelled() {
    let (pen, body) = written();
    let body = Arc::new(Mutex::new(Some(body)));
    let site = Site::with(builder(), move |_| {
        let body = body.lock().unwrap_or_else(PoisonError::into_inner).take();
        async move { page(&[], body.expect("asked once")) }
    });
    let crowd = join_all((0..EVERYONE).map(|_| site.open(get("/")))).await;
    assert!(!pen.is_closed());
    drop(crowd);
    pen.closed().await;
    site.until_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn f10_of_those_who_are_left_one_starts_the_next_fetch() {
    let (mortal, tasks) = mortal(builder());
    let (site, gauge) = counted(mortal);
    let leader = site.spawn(get("/"));
    site.until(|now| now.at_origin == 1).await;
    let deadlines = [300, 600, 2000].map(Duration::from_millis);
    let followers = deadlines.map(|deadline| {
        let site = site.clone();
        tokio::spawn(async move { timeout(deadline, site.get("/")).await })
    });
    site.until(|now| now.waiting == 4).await;
    leader.abort();
    sleep(Duration::from_millis(250)).await;
    abort(&tasks, 0);
    // The first of them gives up while the next fetch, maybe its own, goes on.
    let [first, second, third] = followers;
    assert!(first.await.expect("no panic").is_err());
    for answered in [second, third] {
        let answer = answered.await.expect("no panic");
        assert_eq!(answer.expect("in time").text(), text(1));
    }
    assert_eq!((site.calls(), gauge.most()), (2, 1));
    site.until_quiet().await;
}

/// The first call hangs, the others take the usual time.
fn counted(builder: CacheBuilder) -> (Site, Gauge) {
    let gauge = Gauge::default();
    let counting = gauge.clone();
    let site = Site::on(builder, move |call: Call| {
        let inside = counting.enter();
        async move {
            match call.number {
                0 => pending().await,
                _ => sleep(NOMINAL).await,
            }
            drop(inside);
            page(&[FRESH], text(call.number))
        }
    });
    (site, gauge)
}

#[tokio::test(start_paused = true)]
async fn f11_one_who_leaves_does_not_take_the_fetch_from_the_table() {
    for leaves in 0..EVERYONE {
        let (site, gauge) = nominal(builder(), &[FRESH]);
        let start = Instant::now();
        let mut everyone = site.crowd("/", EVERYONE);
        site.until(|now| now.waiting == EVERYONE as u64).await;
        let gone = everyone.swap_remove(leaves);
        gone.abort();
        assert!(gone.await.is_err());
        let new = site.get("/").await;
        assert_eq!(new.text(), text(0));
        assert!(new.cache_status().ends_with("; collapsed"));
        assert_eq!(start.elapsed(), NOMINAL);
        assert_eq!(all(everyone).await.len(), EVERYONE - 1);
        assert_eq!((site.calls(), gauge.most()), (1, 1));
        site.until_quiet().await;
    }
}

#[tokio::test(start_paused = true)]
async fn f12_who_comes_as_the_leader_goes_is_answered() {
    // Gone before its first poll, and after it.
    for polled in [false, true] {
        let (site, _) = nominal(builder(), &[FRESH]);
        let mut leader = Box::pin(site.app.clone().oneshot(get("/")));
        if polled {
            assert!(futures_util::poll!(leader.as_mut()).is_pending());
        }
        drop(leader);
        assert_eq!(patient(site.get("/")).await.text(), text(0));
        assert_eq!(site.calls(), 1);
        site.until_quiet().await;
    }
    // Its fetch has been ended, but not cleared away yet.
    let (mortal, tasks) = mortal(builder());
    let (site, _) = counted(mortal);
    let leader = site.spawn(get("/"));
    site.until(|now| now.at_origin == 1).await;
    leader.abort();
    abort(&tasks, 0);
    assert_eq!(site.stats().flights, 1);
    assert_eq!(patient(site.get("/")).await.text(), text(1));
    site.until_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn f14_a_fetch_that_hangs_is_replaced_and_its_followers_released() {
    // The origin hangs, and does not care that nobody waits for it any more.
    let hang = 2 * CAP - Duration::from_millis(100);
    let gauge = Gauge::default();
    let counting = gauge.clone();
    let site = Site::with(builder(), move |_| {
        let inside = counting.enter();
        async move {
            let hung = tokio::spawn(async move {
                sleep(hang).await;
                drop(inside);
            });
            hung.await.expect("no panic");
            page(&[], "late")
        }
    });
    let start = Instant::now();
    for answer in all(site.crowd("/", EVERYONE)).await {
        assert_eq!(answer.status, 504);
    }
    assert_eq!(start.elapsed(), CAP);
    // Whoever comes later starts another, as long as they come one a deadline.
    let mut waits = Vec::new();
    while start.elapsed() < 10 * CAP {
        let asked = Instant::now();
        let answer = site.get("/").await;
        assert!(matches!(answer.status.as_u16(), 503 | 504));
        waits.push(asked.elapsed());
        sleep(Duration::from_millis(50)).await;
    }
    assert!(waits.iter().all(|wait| *wait <= CAP + GRACE), "{waits:?}");
    let most = 1 + start.elapsed().as_secs() as usize;
    assert!((2..=most).contains(&site.calls()), "{}", site.calls());
    assert!(gauge.most() <= 2, "{}", gauge.most());
    sleep(CAP).await;
    site.until_quiet().await;
    assert_eq!(gauge.now(), 0);
}

#[tokio::test(start_paused = true)]
async fn f14_a_fetch_that_nobody_drives_is_replaced_too() {
    // A runtime that takes tasks and does not run them.
    let (first, kept) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let runtime = Spawning::new(move |task| match first.fetch_add(1, Ordering::SeqCst) {
        0 => kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(task),
        _ => drop(tokio::spawn(task)),
    });
    let site = Site::on(builder().runtime(runtime), |call| async move {
        sleep(NOMINAL).await;
        page(&[FRESH], text(call.number))
    });
    let start = Instant::now();
    let early = site.crowd("/", EVERYONE - 1);
    sleep(CAP + GRACE - Duration::from_millis(1)).await;
    let late = site.spawn(get("/"));
    for answer in all(early).await {
        assert_eq!(answer.status, 504);
    }
    assert_eq!(late.await.expect("no panic").status, 504);
    assert_eq!(start.elapsed(), CAP + GRACE);
    let next = patient(site.get("/")).await;
    assert_eq!(next.text(), text(0));
    settle().await;
    assert_eq!(site.stats().flights, 1, "the one that is not driven");
    assert_eq!(site.stats().waiting, 0);
}
