//! Many who wait, in an order that a seed decides: nobody is forgotten.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use axum::body::Body;
use floodwall::Cache;
use http::Response;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::{Instant, sleep};
use tower::Service;

use crate::seeds;
use crate::setting::{EVERYONE, FRESH, NOMINAL, builder, gauged, text};
use crate::support::{Answer, Site, all, get, held, page, settle, written};

#[tokio::test(start_paused = true)]
async fn f08_who_joins_as_the_fetch_ends_has_its_answer_or_starts_another() {
    let mut chance = StdRng::seed_from_u64(seeds::of(&|| ()));
    // Nothing is fresh, so each fetch is for those who wait for it.
    let (site, gauge) = gauged(builder(), |call| async move {
        sleep(NOMINAL).await;
        page(&[("cache-control", "max-age=0")], text(call.number))
    });
    for _ in 0..seeds::cases(100) {
        let before = site.calls();
        let first = site.spawn(get("/"));
        site.until(|now| now.at_origin == 1).await;
        let others: Vec<_> = (1..EVERYONE)
            .map(|_| {
                // Around the instant at which the answer comes.
                let later = NOMINAL + Duration::from_millis(chance.random_range(0..=2))
                    - Duration::from_millis(1);
                let (turns, site) = (chance.random_range(0..20), site.clone());
                tokio::spawn(async move {
                    sleep(later).await;
                    for _ in 0..turns {
                        tokio::task::yield_now().await;
                    }
                    let asked = Instant::now();
                    let answer = site.get("/").await;
                    // Never the whole of a fetch that had begun, and another.
                    assert!(asked.elapsed() <= NOMINAL);
                    answer
                })
            })
            .collect();
        assert_eq!(first.await.expect("no panic").text(), text(before));
        let later = all(others).await;
        let calls = site.calls();
        assert!((before + 1..=before + 3).contains(&calls));
        for answer in later {
            assert!((before..calls).any(|call| answer.text() == text(call)));
        }
        site.until_quiet().await;
    }
    assert_eq!(gauge.most(), 1);
}

/// Counts how often it rang since it was last looked at.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

type Asking = Pin<Box<dyn Future<Output = Response<Body>>>>;

/// One who waits, polled by hand.
struct Waiting {
    asking: Asking,
    bell: Arc<Bell>,
}

impl Waiting {
    fn new(site: &Site) -> Self {
        let call = site.app.clone().call(get("/"));
        let asking = Box::pin(async { call.await.unwrap_or_else(|never| match never {}) });
        let bell = Arc::default();
        Self { asking, bell }
    }

    fn poll(&mut self) -> Poll<Response<Body>> {
        self.bell.0.store(0, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&self.bell));
        self.asking.as_mut().poll(&mut Context::from_waker(&waker))
    }

    fn rang(&self) -> bool {
        self.bell.0.load(Ordering::SeqCst) > 0
    }
}

#[tokio::test(start_paused = true)]
async fn f09_of_ten_thousand_who_come_and_go_all_who_stay_are_woken() {
    const MANY: usize = 10_000;
    let mut chance = StdRng::seed_from_u64(seeds::of(&|| ()));
    let (site, turns) = held("max-age=60");
    let mut crowd: Vec<Option<Waiting>> = (0..MANY).map(|_| Some(Waiting::new(&site))).collect();
    // Polled some times, dropped before, between and after.
    for _ in 0..3 * MANY {
        let at = chance.random_range(0..MANY);
        if chance.random_bool(0.1) {
            crowd[at] = None;
        } else if let Some(waiting) = &mut crowd[at] {
            assert!(waiting.poll().is_pending());
        }
    }
    // Whoever was never polled is asked once: it cannot be woken otherwise.
    let mut crowd: Vec<Waiting> = crowd.into_iter().flatten().collect();
    for waiting in &mut crowd {
        assert!(waiting.poll().is_pending());
    }
    assert_eq!(site.stats().waiting, crowd.len() as u64);
    turns.add_permits(1);
    settle().await;
    // Some go just as they are woken.
    crowd.retain(|_| chance.random_bool(0.9));
    assert!(crowd.len() > MANY / 2);
    for mut waiting in crowd {
        assert!(waiting.rang(), "a wake-up was lost");
        let Poll::Ready(response) = waiting.poll() else {
            panic!("woken for nothing");
        };
        assert_eq!(Answer::read(response).await.text(), "page 0");
    }
    assert_eq!(site.calls(), 1);
    site.until_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn f09_readers_who_leave_in_the_middle_of_a_body_take_nobody_along() {
    const MANY: usize = 500;
    let mut chance = StdRng::seed_from_u64(seeds::of(&|| ()));
    // A body to be stored, and one that is read at the pace of the fastest.
    for said in [FRESH, ("cache-control", "max-age=0")] {
        let (pen, body) = written();
        let body = Arc::new(std::sync::Mutex::new(Some(body)));
        let site = Site::with(Cache::builder(), move |_| {
            let body = body.lock().expect("no test panics here").take();
            async move { page(&[said], body.expect("asked once")) }
        });
        let mut readers: Vec<_> = (0..MANY).map(|_| site.spawn(get("/"))).collect();
        site.until(|now| now.waiting == MANY as u64).await;
        let mut whole = String::new();
        for number in 0..50 {
            whole += &text(number);
            pen.send(Ok(text(number).into())).expect("the fetch reads");
            for _ in 0..chance.random_range(0..20) {
                tokio::task::yield_now().await;
            }
            for _ in 0..chance.random_range(0..8) {
                let at = chance.random_range(0..readers.len());
                readers.swap_remove(at).abort();
            }
        }
        drop(pen);
        assert!(readers.len() > MANY / 10);
        for answer in all(readers).await {
            assert_eq!(answer.text(), whole);
        }
        site.until_quiet().await;
    }
}
