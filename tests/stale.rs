//! What is served after its lifetime, and what is not (RFC 9111 §4.2.4,
//! RFC 5861).

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use floodwall::{Cache, CacheBuilder};
use support::{Site, get, page, status, with};
use tokio::time::{Instant, sleep};

const RENDER: Duration = Duration::from_millis(300);

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A site whose page says `cache_control`, and that fails while it is told to.
#[derive(Clone)]
struct Weak {
    site: Site,
    broken: Arc<AtomicBool>,
}

fn weak(builder: CacheBuilder, cache_control: &'static str) -> Weak {
    let broken = Arc::new(AtomicBool::new(false));
    let state = Arc::clone(&broken);
    let site = Site::with(builder, move |call| {
        let state = Arc::clone(&state);
        async move {
            sleep(RENDER).await;
            if state.load(Ordering::SeqCst) {
                return status(502, &[("cache-control", "max-age=60")], "broken");
            }
            page(
                &[("cache-control", cache_control)],
                format!("page {}", call.number),
            )
        }
    });
    Weak { site, broken }
}

impl Weak {
    fn break_down(&self) {
        self.broken.store(true, Ordering::SeqCst);
    }

    fn recover(&self) {
        self.broken.store(false, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stale_page_is_served_at_once_and_refreshed_behind_once() {
    let weak = weak(Cache::builder(), "max-age=2, stale-while-revalidate=10");
    weak.site.get("/").await;
    sleep(secs(3)).await;
    let start = Instant::now();
    for answer in futures_util::future::join_all(weak.site.crowd("/", 1000)).await {
        let answer = answer.expect("no request panics");
        assert_eq!(answer.text(), "page 0");
        assert_eq!(
            answer.cache_status(),
            "hit; ttl=-1; detail=stale-while-revalidate"
        );
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    sleep(RENDER).await;
    weak.site.until_quiet().await;
    assert_eq!(weak.site.calls(), 2);
    let renewed = weak.site.get("/").await;
    assert!(renewed.is_hit());
    assert_eq!(renewed.text(), "page 1");
    assert_eq!(renewed.field("age"), "0");
}

#[tokio::test(start_paused = true)]
async fn the_window_ends() {
    let weak = weak(Cache::builder(), "max-age=2, stale-while-revalidate=3");
    weak.site.get("/").await;
    sleep(secs(5)).await;
    let start = Instant::now();
    let answer = weak.site.get("/").await;
    assert_eq!(answer.text(), "page 1");
    assert_eq!(start.elapsed(), RENDER);
}

#[tokio::test(start_paused = true)]
async fn errors_never_displace_a_good_copy() {
    let builder = Cache::builder().store_errors(true);
    let weak = weak(builder, "max-age=2, stale-if-error=60");
    weak.site.get("/").await;
    weak.break_down();
    for _ in 0..5 {
        sleep(secs(4)).await;
        assert_eq!(weak.site.get("/").await.text(), "page 0");
    }
    weak.recover();
    sleep(secs(11)).await;
    assert_ne!(weak.site.get("/").await.text(), "page 0");
}

#[tokio::test(start_paused = true)]
async fn what_may_never_be_stale_never_is() {
    for directive in [
        "must-revalidate",
        "proxy-revalidate",
        "s-maxage=1",
        "no-cache",
    ] {
        let said = format!("max-age=1, {directive}, stale-while-revalidate=60, stale-if-error=60");
        let builder = || {
            Cache::builder()
                .stale_while_revalidate(secs(60))
                .stale_if_error(secs(60))
        };
        let weak = weak(builder(), said.leak());
        weak.site.get("/").await;
        weak.break_down();
        sleep(secs(2)).await;
        assert_eq!(weak.site.get("/").await.status, 502, "{directive}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_operator_may_open_windows_that_the_page_leaves_unsaid() {
    let builder = Cache::builder().stale_if_error(secs(60));
    let silent = weak(builder.clone(), "max-age=1");
    let spoken = weak(builder, "max-age=1, stale-if-error=0");
    for (weak, expected) in [(silent, 200), (spoken, 502)] {
        weak.site.get("/").await;
        weak.break_down();
        sleep(secs(2)).await;
        assert_eq!(weak.site.get("/").await.status, expected);
    }
}

/// RFC 5861 §4: a request may open the window for itself, and for nobody else; never past
/// what the page forbids.
#[tokio::test(start_paused = true)]
async fn a_request_may_accept_a_stale_page_in_place_of_an_error() {
    let asked = [("cache-control", "stale-if-error=60")];
    for (said, expected) in [
        ("max-age=1", 200),
        ("max-age=1, stale-if-error=0", 200),
        ("max-age=1, must-revalidate", 502),
        ("max-age=1, proxy-revalidate", 502),
        ("s-maxage=1", 502),
        ("max-age=1, no-cache", 502),
    ] {
        let weak = weak(Cache::builder(), said);
        weak.site.get("/").await;
        weak.break_down();
        sleep(secs(2)).await;
        // Both wait for the same fetch.
        let patient = weak.site.spawn(with(get("/"), &asked));
        let strict = weak.site.spawn(get("/"));
        let [patient, strict] = [patient, strict].map(|answer| async {
            let answer = answer.await.expect("no request panics");
            answer.status
        });
        assert_eq!(patient.await, expected, "{said}");
        assert_eq!(strict.await, 502, "{said}");
        assert_eq!(weak.site.calls(), 2);
        sleep(secs(60)).await;
        assert_eq!(weak.site.get_with("/", &asked).await.status, 502, "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hung_origin_gives_stale_at_the_deadline() {
    let builder = Cache::builder().fetch_deadline(secs(1));
    let site = Site::with(builder, |call| async move {
        if call.number > 0 {
            std::future::pending::<()>().await;
        }
        page(&[("cache-control", "max-age=1, stale-if-error=60")], "page")
    });
    site.get("/").await;
    sleep(secs(2)).await;
    let start = Instant::now();
    let answer = site.get("/").await;
    assert_eq!(answer.text(), "page");
    assert!(answer.cache_status().ends_with("detail=stale-if-error"));
    assert_eq!(start.elapsed(), secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_request_may_accept_less_or_more() {
    let weak = weak(Cache::builder(), "max-age=10, stale-while-revalidate=10");
    weak.site.get("/").await;
    sleep(secs(6)).await;
    for (asked, hit) in [
        ("max-age=6", true),
        ("max-age=5", false),
        ("min-fresh=1", true),
    ] {
        let answer = weak.site.get_with("/", &[("cache-control", asked)]).await;
        assert_eq!(answer.is_hit(), hit, "{asked}");
    }
    sleep(secs(25)).await;
    let cached = weak
        .site
        .get_with("/", &[("cache-control", "max-stale=20")])
        .await;
    assert!(cached.cache_status().ends_with("detail=max-stale"));
    let refused = [("cache-control", "only-if-cached")];
    assert_eq!(weak.site.get_with("/", &refused).await.status, 504);
    let refused = weak.site.get_with("/never", &refused).await;
    assert!(refused.cache_status().contains("detail=only-if-cached"));
}

#[tokio::test(start_paused = true)]
async fn reloads_are_one_revalidation() {
    let site = Site::new(|call| async move {
        sleep(RENDER).await;
        if call.field("if-none-match") == Some("\"v1\"") {
            return status(304, &[("cache-control", "max-age=60")], "");
        }
        page(
            &[("cache-control", "max-age=60"), ("etag", "\"v1\"")],
            "page",
        )
    });
    site.get("/").await;
    let reloads: Vec<_> = (0..100)
        .map(|_| site.spawn(with(get("/"), &[("cache-control", "no-cache")])))
        .collect();
    for answer in futures_util::future::join_all(reloads).await {
        let answer = answer.expect("no request panics");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.text(), "page");
    }
    assert_eq!(site.calls(), 2);
    assert_eq!(site.stats().validated, 1);
}

#[tokio::test(start_paused = true)]
async fn immutable_is_not_revalidated_by_a_reload() {
    let weak = weak(Cache::builder(), "max-age=10, immutable");
    weak.site.get("/").await;
    let reload = [("cache-control", "max-age=0")];
    assert!(weak.site.get_with("/", &reload).await.is_hit());
    let force = [("cache-control", "no-cache")];
    assert!(!weak.site.get_with("/", &force).await.is_hit());
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_gone_is_not_served_from_a_stale_copy() {
    for (code, said) in [(404, ""), (410, ""), (200, "private")] {
        let site = Site::new(move |call| async move {
            match call.number {
                0 => page(
                    &[("cache-control", "max-age=1, stale-while-revalidate=600")],
                    "old",
                ),
                _ => status(code, &[("cache-control", said)], "new"),
            }
        });
        site.get("/").await;
        sleep(secs(2)).await;
        assert_eq!(site.get("/").await.text(), "old");
        site.until_quiet().await;
        assert_eq!(site.get("/").await.text(), "new", "{code} {said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fresh_copy_is_not_displaced_by_one_odd_request() {
    let site = Site::new(|call| async move {
        match call.field("x-odd") {
            Some(_) => status(404, &[("cache-control", "private")], "odd"),
            None => page(&[("cache-control", "max-age=60")], "page"),
        }
    });
    site.get("/").await;
    let odd = [("x-odd", "1"), ("cache-control", "no-cache")];
    assert_eq!(site.get_with("/", &odd).await.text(), "odd");
    let answer = site.get("/").await;
    assert!(answer.is_hit());
    assert_eq!(answer.text(), "page");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_may_not_be_stored_refreshes_nothing() {
    let weak = weak(Cache::builder(), "max-age=1, stale-while-revalidate=60");
    weak.site.get("/").await;
    sleep(secs(2)).await;
    let answer = weak
        .site
        .get_with("/", &[("cache-control", "no-store")])
        .await;
    assert_eq!(answer.text(), "page 0");
    weak.site.until_quiet().await;
    assert_eq!(weak.site.calls(), 1);
}
