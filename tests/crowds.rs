//! What changes when a crowd comes: what the operator permitted, and nothing else.

mod support;

use std::time::Duration;

use floodwall::{Cache, CacheBuilder};
use support::{Answer, Site, page};
use tokio::time::sleep;

const WINDOW: Duration = Duration::from_secs(60);

/// Pages that are fresh for two seconds, and say what else the path says.
fn site(builder: CacheBuilder) -> Site {
    Site::with(builder, |call| async move {
        let more = call.request.uri().path().trim_start_matches('/').to_owned();
        let said = format!("max-age=2, {more}");
        page(&[("cache-control", &said)], format!("{}", call.number))
    })
}

/// So many requests a second for so long; for one page, or each for its own.
async fn ask(site: &Site, each_second: usize, seconds: usize, scattered: bool) {
    for second in 0..seconds {
        for number in 0..each_second {
            let of_its_own = format!("/?{second}-{number}");
            site.get(if scattered { &of_its_own } else { "/" }).await;
        }
        sleep(Duration::from_secs(1)).await;
    }
}

async fn usual(site: &Site) {
    ask(site, 5, 120, false).await;
    assert_eq!(site.stats().crowd, 0);
}

/// The answer for a page that has just become stale.
async fn stale(site: &Site, path: &str) -> Answer {
    site.get(path).await;
    site.until_quiet().await;
    sleep(Duration::from_secs(3)).await;
    let answer = site.get(path).await;
    site.until_quiet().await;
    answer
}

#[tokio::test(start_paused = true)]
async fn while_a_crowd_is_there_pages_are_served_staler_as_permitted() {
    let site = site(Cache::builder().crowd_stale(WINDOW));
    usual(&site).await;
    assert!(!stale(&site, "/").await.is_hit());
    ask(&site, 60, 20, false).await;
    assert_eq!((site.stats().crowd, site.stats().crowds), (1, 1));
    let answer = stale(&site, "/").await;
    assert!(
        answer.cache_status().ends_with("detail=crowd"),
        "{}",
        answer.cache_status()
    );
    assert_eq!(
        site.cache.explain(&support::get("/")).reason.as_str(),
        "fresh"
    );
    // It was refreshed behind.
    assert_ne!(site.get("/").await.text(), answer.text());
    for never in [
        "/must-revalidate",
        "/proxy-revalidate",
        "/s-maxage=2",
        "/no-cache",
    ] {
        assert!(!stale(&site, never).await.is_hit(), "{never}");
    }
    // Past the window as ever.
    sleep(WINDOW + Duration::from_secs(3)).await;
    assert!(!site.get("/").await.is_hit());
}

#[tokio::test(start_paused = true)]
async fn it_is_over_by_itself() {
    let site = site(Cache::builder().crowd_stale(WINDOW));
    usual(&site).await;
    ask(&site, 60, 20, false).await;
    assert_eq!(site.stats().crowd, 1);
    ask(&site, 5, 60, false).await;
    assert_eq!((site.stats().crowd, site.stats().crowds), (0, 1));
    assert!(!stale(&site, "/").await.is_hit());
}

#[tokio::test(start_paused = true)]
async fn pages_that_nobody_else_wants_are_no_crowd() {
    let site = site(Cache::builder().crowd_stale(WINDOW));
    usual(&site).await;
    ask(&site, 60, 20, true).await;
    assert_eq!((site.stats().crowd, site.stats().crowds), (0, 0));
    assert!(!stale(&site, "/").await.is_hit());
}

#[tokio::test(start_paused = true)]
async fn without_leave_nothing_changes_and_it_can_be_switched_off() {
    let off = Cache::builder().detect_crowds(false).crowd_stale(WINDOW);
    for (builder, seen) in [(Cache::builder(), 1), (off, 0)] {
        let site = site(builder);
        usual(&site).await;
        ask(&site, 60, 20, false).await;
        assert_eq!(site.stats().crowd, seen);
        assert!(!stale(&site, "/").await.is_hit());
    }
}
