//! Answers that are not what was hoped for: for one alone, an error, none.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use floodwall::{Cache, CacheBuilder, Clock, Moment, Runtime, Task};
use futures_util::future::join_all;
use http::Response;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use crate::seeds;
use crate::setting::{
    CAP, EVERYONE, FRESH, Gauge, NOMINAL, builder, gauged, nominal, patient, text,
};
use crate::support::{Answer, PausedTime, Site, all, get, page, status, with};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[tokio::test(start_paused = true)]
async fn f15_an_answer_for_one_releases_the_others_in_parallel() {
    for said in [
        ("cache-control", "private, max-age=60"),
        ("cache-control", "no-store"),
        ("set-cookie", "sid=1"),
        ("vary", "*"),
    ] {
        let fields: &'static [_] = Box::leak(Box::new([said]));
        let (site, gauge) = nominal(builder(), fields);
        let start = Instant::now();
        let answers = all(site.crowd("/", EVERYONE)).await;
        assert!(start.elapsed() <= 2 * NOMINAL, "{said:?}");
        assert_eq!(site.calls(), EVERYONE, "{said:?}");
        assert_eq!(gauge.most(), EVERYONE - 1, "{said:?}: in parallel");
        let mut texts: Vec<&str> = answers.iter().map(Answer::text).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), EVERYONE, "{said:?}: a private page was shared");
        // The key is remembered: the next crowd does not wait for one of them.
        let start = Instant::now();
        all(site.crowd("/", EVERYONE)).await;
        assert_eq!(start.elapsed(), NOMINAL, "{said:?}");
        assert_eq!(site.stats().released, EVERYONE as u64 - 1, "{said:?}");
        // For a while: then somebody tries again.
        sleep(secs(120)).await;
        all(site.crowd("/", EVERYONE)).await;
        assert_eq!(site.stats().released, 2 * (EVERYONE as u64 - 1), "{said:?}");
        site.until_quiet().await;
        assert_eq!(gauge.now(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn f15_an_answer_of_another_variant_releases_those_it_is_not_for() {
    let (site, gauge) = gauged(builder(), |call| async move {
        sleep(NOMINAL).await;
        let language = call.field("accept-language").unwrap_or("none").to_owned();
        page(&[FRESH, ("vary", "accept-language")], language)
    });
    let languages = ["en", "fr", "iu"];
    let ask = |at: usize| with(get("/"), &[("accept-language", languages[at % 3])]);
    let start = Instant::now();
    let crowd = (0..EVERYONE).map(|at| site.spawn(ask(at))).collect();
    for (at, answer) in all(crowd).await.iter().enumerate() {
        assert_eq!(answer.text(), languages[at % 3]);
    }
    // One render until the rule is known, one for each of the others together.
    assert_eq!(start.elapsed(), 2 * NOMINAL);
    assert_eq!((site.calls(), gauge.most()), (3, 2));
    site.until_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn f16_an_error_is_one_outcome_for_everyone() {
    let failing = |call: crate::support::Call| async move {
        sleep(NOMINAL).await;
        match call.number {
            0 => page(&[("cache-control", "max-age=1, stale-if-error=60")], "page"),
            _ => status(500, &[], "broken"),
        }
    };
    for stale in [false, true] {
        let (site, gauge) = gauged(builder(), failing);
        if stale {
            site.get("/").await;
            sleep(secs(2)).await;
        } else {
            site.get("/other").await;
        }
        let start = Instant::now();
        for answer in all(site.crowd("/", EVERYONE)).await {
            let (status, text) = if stale {
                (200, "page")
            } else {
                (500, "broken")
            };
            assert_eq!((answer.status.as_u16(), answer.text()), (status, text));
        }
        assert_eq!(start.elapsed(), NOMINAL);
        assert_eq!((site.calls(), gauge.most()), (2, 1));
        assert_eq!(site.stats().failures, 1);
        site.until_quiet().await;
    }
}

/// Paused time, with numbers from a seed.
struct Seeded {
    time: PausedTime,
    chance: AtomicU64,
}

impl Clock for Seeded {
    fn now(&self) -> Moment {
        self.time.now()
    }

    fn wall(&self) -> std::time::SystemTime {
        self.time.wall()
    }
}

impl Runtime for Seeded {
    fn sleep(&self, span: Duration) -> Task {
        self.time.sleep(span)
    }

    fn spawn(&self, task: Task) {
        self.time.spawn(task);
    }

    fn random(&self) -> u64 {
        StdRng::seed_from_u64(self.chance.fetch_add(1, Ordering::SeqCst)).random()
    }
}

#[tokio::test(start_paused = true)]
async fn f18_after_an_outage_pages_come_back_one_by_one() {
    const PAGES: usize = 30;
    let runtime = Seeded {
        time: PausedTime::new(),
        chance: AtomicU64::new(seeds::of(&|| ())),
    };
    // The origin does not answer at all until it has recovered.
    let up = Arc::new(AtomicBool::new(false));
    let recovered = Arc::clone(&up);
    let gauges: Arc<[Gauge]> = (0..PAGES).map(|_| Gauge::default()).collect();
    let counting = Arc::clone(&gauges);
    let calls = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = Arc::clone(&calls);
    let site = Site::on(builder().runtime(runtime), move |call| {
        let page_number: usize = call.request.uri().path()[1..].parse().expect("a number");
        let inside = counting[page_number].enter();
        let up = recovered.load(Ordering::SeqCst);
        let mut log = log.lock().expect("no test panics here");
        log.push((Instant::now(), up));
        async move {
            let _inside = inside;
            if !up {
                pending::<()>().await;
            }
            sleep(NOMINAL).await;
            page(&[FRESH], text(page_number))
        }
    });
    // Four clients a page, who try again and again.
    let clients = (0..PAGES)
        .flat_map(|page| (0..4).map(move |_| page))
        .map(|page| {
            let site = site.clone();
            tokio::spawn(async move {
                // Clients do not try in step.
                sleep(millis(17 * page as u64)).await;
                loop {
                    let answer = site.get(&format!("/{page}")).await;
                    if answer.status == 200 {
                        return assert_eq!(answer.text(), text(page));
                    }
                    sleep(millis(250)).await;
                }
            })
        });
    let clients: Vec<_> = clients.collect();
    sleep(secs(10)).await;
    up.store(true, Ordering::SeqCst);
    let recovery = Instant::now();
    for client in clients {
        client.await.expect("no panic");
    }
    // The longest pause, a fetch that hung when the origin came back, a fetch.
    assert!(recovery.elapsed() <= secs(4) + CAP + NOMINAL + millis(500));
    site.until_quiet().await;
    for gauge in gauges.iter() {
        assert_eq!(gauge.most(), 1, "one fetch a page at a time");
    }
    let calls = calls.lock().expect("no test panics here");
    let after: Vec<_> = calls
        .iter()
        .filter(|(_, up)| *up)
        .map(|(at, _)| *at)
        .collect();
    assert_eq!(after.len(), PAGES, "one fetch a page");
    // Nowhere near all at once.
    let near = |at: &Instant| {
        let until = *at + millis(100);
        after
            .iter()
            .filter(|other| (*at..until).contains(other))
            .count()
    };
    let busiest = after.iter().map(near).max();
    assert!(busiest.unwrap_or_default() <= PAGES / 3, "{busiest:?}");
}

#[tokio::test(start_paused = true)]
async fn f24_a_page_that_is_evicted_while_it_is_validated_is_answered_whole() {
    let turns = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&turns);
    let small = builder().capacity(64 << 10);
    let site = Site::with(small, move |call| {
        let held = Arc::clone(&held);
        async move {
            let fields = [("cache-control", "max-age=1"), ("etag", "\"1\"")];
            if call.field("if-none-match").is_some() {
                held.acquire().await.expect("open").forget();
                return status(304, &fields, "");
            }
            page(&fields, text(0))
        }
    });
    site.get("/").await;
    sleep(secs(2)).await;
    let validating = site.crowd("/", EVERYONE);
    site.until(|now| now.waiting == EVERYONE as u64 && now.at_origin == 1)
        .await;
    // Others are asked for often enough that this one has to go.
    let explain = || site.cache.explain(&get("/")).to_string();
    for round in 0..1000 {
        if !explain().contains("stale") {
            break;
        }
        for other in 0..30 {
            site.get(&format!("/{}", round / 10 * 30 + other)).await;
        }
    }
    assert_eq!(explain(), "follow (uri-miss)");
    let before = site.calls();
    turns.add_permits(1);
    for answer in all(validating).await {
        assert_eq!(
            (answer.status.as_u16(), answer.text()),
            (200, text(0).as_str())
        );
    }
    assert_eq!(site.calls(), before, "what it had was enough");
    site.until_quiet().await;
}

/// A site whose page says `said`, and that fails in its way while it is told to.
fn weak(
    builder: CacheBuilder,
    said: &'static str,
    fail: &'static str,
) -> (Site, Gauge, Arc<AtomicBool>) {
    let broken = Arc::new(AtomicBool::new(false));
    let state = Arc::clone(&broken);
    let (site, gauge) = gauged(builder, move |call| {
        let broken = state.load(Ordering::SeqCst);
        async move {
            sleep(NOMINAL).await;
            match fail {
                _ if !broken => healthy(said, call.number),
                "fails" => status(502, &[FRESH], "broken"),
                "hangs" => pending().await,
                _ => panic!("as the test wants"),
            }
        }
    });
    (site, gauge, broken)
}

fn healthy(said: &'static str, number: usize) -> Response<Body> {
    page(&[("cache-control", said), ("etag", "\"1\"")], text(number))
}

#[tokio::test(start_paused = true)]
async fn f25_a_validation_that_fails_takes_nothing_away() {
    let said = "max-age=2, stale-if-error=20";
    let (site, _, broken) = weak(builder(), said, "fails");
    site.get("/").await;
    broken.store(true, Ordering::SeqCst);
    sleep(secs(3)).await;
    for answer in all(site.crowd("/", EVERYONE)).await {
        assert_eq!(
            (answer.status.as_u16(), answer.text()),
            (200, text(0).as_str())
        );
        assert_eq!(
            answer.cache_status(),
            "fwd=stale; fwd-status=502; ttl=-1; detail=stale-if-error"
        );
    }
    assert_eq!(site.calls(), 2, "one failure is one outcome");
    // During the pause nobody asks, and nobody waits.
    let start = Instant::now();
    let answer = site.get("/").await;
    assert_eq!(answer.cache_status(), "hit; ttl=-1; detail=stale-if-error");
    assert_eq!(start.elapsed(), Duration::ZERO);
    // Outside of the window the error is told, and the copy kept all the same.
    sleep(secs(20)).await;
    assert_eq!(site.get("/").await.status, 502);
    let kept = site
        .get_with("/", &[("cache-control", "max-stale=60")])
        .await;
    assert_eq!(kept.text(), text(0));
    site.until_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn f27_a_refresh_that_comes_to_nothing_is_tried_again_in_a_while() {
    for fail in ["fails", "hangs", "panics"] {
        let said = "max-age=2, stale-while-revalidate=20";
        let (site, gauge, broken) = weak(builder(), said, fail);
        site.get("/").await;
        let stored = Instant::now();
        broken.store(true, Ordering::SeqCst);
        sleep(secs(3)).await;
        while stored.elapsed() < secs(21) {
            let start = Instant::now();
            let answer = site.get("/").await;
            assert_eq!(answer.text(), text(0), "{fail}");
            assert_eq!(start.elapsed(), Duration::ZERO, "{fail}");
            assert!(site.stats().flights <= 1);
            sleep(millis(100)).await;
        }
        // Each after the pause of the one before, which grows to four seconds.
        assert!((4..=13).contains(&site.calls()), "{fail}: {}", site.calls());
        assert_eq!(gauge.most(), 1, "{fail}");
        sleep(2 * CAP).await;
        site.until_quiet().await;
        // The window is over: now somebody has to wait for what comes of it.
        let told = patient(site.get("/")).await.status.as_u16();
        let expected = if fail == "fails" { 502 } else { 504 };
        assert!(told == expected || told == 503 || fail == "panics" && told == 500);
        broken.store(false, Ordering::SeqCst);
        sleep(secs(5)).await;
        assert_eq!(site.get("/").await.status, 200, "{fail}");
        site.until_quiet().await;
    }
}

#[tokio::test(start_paused = true)]
async fn f28_the_refresh_goes_on_when_the_client_has_gone() {
    let said = "max-age=2, stale-while-revalidate=10";
    let (site, _, _) = weak(Cache::builder(), said, "");
    site.get("/").await;
    sleep(secs(3)).await;
    let stale = join_all((0..EVERYONE).map(|_| site.open(get("/")))).await;
    drop(stale);
    assert_eq!(site.stats().flights, 1);
    sleep(NOMINAL).await;
    site.until_quiet().await;
    let renewed = site.get("/").await;
    assert!(renewed.is_hit());
    assert_eq!((renewed.text(), site.calls()), (text(1).as_str(), 2));
}
