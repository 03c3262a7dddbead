//! The simulator: the same seed, the same evening; and its numbers, against histories
//! that were worked out by hand.

use std::sync::Arc;
use std::time::Duration;

use floodwall::simulate::{
    Answer, Arrival, Ask, Asked, By, Changes, Crowd, Errand, Front, LiveSite, Outage, Page, Report,
    Service, Site, Trial, bare, run,
};
use floodwall::{Cache, Purge};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn page(cache_control: &str) -> Page {
    Page::new(cache_control).service(Service::constant(ms(100)))
}

/// GETs for page 0 at these moments, in milliseconds.
fn at(moments: &[u64]) -> Crowd {
    Crowd::list(moments.iter().map(|moment| Arrival::new(ms(*moment), 0)))
}

fn cached(site: &Site, crowd: &Crowd) -> Report {
    run(Cache::builder(), site, crowd, 1).expect("the defaults are legal")
}

/// Times are told to a thousandth, and not more.
#[track_caller]
fn assert_close(told: f64, expected: f64) {
    let is_close = told <= expected && expected - told <= expected / 1000.0;
    assert!(is_close, "{told}, not {expected}");
}

fn busy_evening(seed: u64) -> Report {
    let moody = page("max-age=5, stale-while-revalidate=20, stale-if-error=60")
        .service(Service::lognormal(ms(80), 1.0))
        .changes(Changes::drawn(s(20), 1.0));
    let site = Site::new(moody)
        .knee(5)
        .collapse(0.1)
        .outage(s(20)..s(25), Outage::Fail(500))
        .outage(s(30)..s(40), Outage::Slow(4.0));
    let crowd = Crowd::poisson(200.0, s(60))
        .zipf(100, 0.9)
        .and(Crowd::poisson(5.0, s(10)).unique_queries(1.0).after(s(45)));
    run(Cache::builder(), &site, &crowd, seed).expect("the defaults are legal")
}

#[test]
fn the_same_seed_is_the_same_evening() {
    let first = busy_evening(3);
    assert_eq!(first, busy_evening(3));
    assert_ne!(first, busy_evening(4));
    assert!(first.requests > 11_000 && first.origin_fetches > 500);
    let by_second: u32 = first.seconds.iter().map(|second| second.requests).sum();
    assert_eq!(u64::from(by_second), first.requests);
    let served: u32 = first.seconds.iter().map(|second| second.served).sum();
    let errors: u32 = first.seconds.iter().map(|second| second.errors).sum();
    assert_eq!(u64::from(errors), first.errors);
    assert_eq!(u64::from(served) + first.errors, first.requests);
}

#[test]
fn a_page_is_fetched_once_and_then_hit_until_it_expires() {
    // Fetched from 0 to 100 ms, with one who joins at 50; fresh until 1.1 s; fetched
    // again at 1.2 s.
    let site = Site::new(page("max-age=1"));
    let report = cached(&site, &at(&[0, 50, 500, 1000, 1200]));
    assert_eq!(report.requests, 5);
    assert_eq!(report.origin_fetches, 2);
    assert_eq!(report.origin_peak_concurrency, 1);
    assert_eq!(report.hit_share, 0.4);
    assert_eq!(report.collapsed_share, 0.2);
    assert_eq!((report.errors, report.shed), (0, 0));
    assert_eq!(report.stale_share, 0.0);
    // Waits: 0, 0, 50, 100, 100.
    assert_close(report.wait_p50_ms, 50.0);
    assert_close(report.wait_p99_ms, 100.0);
    let fetched: Vec<_> = report.fetches.iter().map(|fetch| fetch.at).collect();
    assert_eq!(fetched, [ms(0), ms(1200)]);
    let seconds: Vec<_> = report.seconds.iter().take(2).collect();
    assert_eq!((seconds[0].requests, seconds[1].requests), (3, 2));
    assert_eq!((seconds[0].fetches, seconds[1].fetches), (1, 1));
    assert_eq!(report.stats.map(|stats| stats.hits), Some(2));
}

#[test]
fn stale_answers_are_counted_with_how_long_they_were_out_of_date() {
    // The page changes at 2 s. What was fetched at 0 is fresh until 10.1 s; at 11 s it
    // is served while the page is fetched, and at 12 s the new content is there.
    let changing = page("max-age=10, stale-while-revalidate=10").changes(Changes::at(&[s(2)]));
    let report = cached(
        &Site::new(changing),
        &at(&[0, 1000, 3000, 6000, 11_000, 12_000]),
    );
    assert_eq!(report.stale_share, 0.5, "at 3, 6 and 11 s");
    assert_close(report.staleness_p50_s, 4.0);
    assert_close(report.staleness_p99_s, 9.0);
    assert_eq!(report.origin_fetches, 2);
    assert_eq!(report.origin_refreshes, 1);
    assert_eq!(report.hit_share, 5.0 / 6.0);
}

#[test]
fn unchanged_pages_are_answered_304_at_their_own_price() {
    let site = Site::new(page("max-age=1")).unchanged_cost(0.25);
    let report = cached(&site, &at(&[0, 2000]));
    assert_eq!(report.stats.map(|stats| stats.validated), Some(1));
    // Waits: 100 and 25.
    assert_close(report.wait_p50_ms, 25.0);
    let without = cached(&site.validators(false), &at(&[0, 2000]));
    assert_eq!(without.stats.map(|stats| stats.validated), Some(0));
    assert_close(without.wait_p50_ms, 100.0);
}

#[test]
fn past_its_knee_a_site_is_shared() {
    // Four at once at a knee of two take twice as long; the fifth, alone, does not.
    let site = Site::new(page("no-store")).knee(2);
    let report = bare(&site, &at(&[0, 0, 0, 0, 1000]), 1);
    assert_close(report.wait_p50_ms, 200.0);
    assert_eq!(report.origin_peak_concurrency, 4);
    assert_eq!(report.seconds[0].concurrency, 4);
    assert_eq!(report.seconds[1].concurrency, 1);
    assert_eq!((report.hit_share, report.collapsed_share), (0.0, 0.0));
    assert_eq!(report.stats, None);
    // With half the throughput lost for each multiple past it, four times as long.
    let report = bare(&site.collapse(0.5), &at(&[0, 0, 0, 0]), 1);
    assert_close(report.wait_p99_ms, 400.0);
}

#[test]
fn a_limit_keeps_the_site_at_its_knee() {
    let site = Site::new(page("max-age=60")).knee(2);
    let pages = (0..6).map(|number| Arrival::new(s(0), number));
    let crowd = Crowd::list(pages);
    let report = run(Cache::builder().origin_limit(2), &site, &crowd, 1).expect("legal");
    assert_eq!(report.origin_peak_concurrency, 2);
    // Two by two: 100, 200 and 300 ms.
    assert_close(report.wait_p50_ms, 200.0);
    assert_close(report.wait_p99_ms, 300.0);
}

#[test]
fn who_finds_the_way_full_is_shed() {
    let site = Site::new(page("max-age=60"));
    let crowd = Crowd::list((0..3).map(|number| Arrival::new(s(0), number)));
    let cache = Cache::builder().origin_limit(1).origin_queue(1);
    let report = run(cache, &site, &crowd, 1).expect("legal");
    assert_eq!((report.errors, report.shed), (1, 1));
    assert_eq!(report.origin_fetches, 2);
    // Those who were served waited 100 and 200 ms; who was shed did not wait.
    assert_close(report.served_wait_p50_ms, 100.0);
    assert_close(report.wait_p50_ms, 100.0);
    assert_close(report.served_wait_p99_ms, 200.0);
}

#[test]
fn an_outage_is_covered_by_stale_if_error() {
    let crowd = Crowd::constant(10.0, s(60));
    let fails = |cache_control| {
        let site = Site::new(page(cache_control)).outage(s(10)..s(50), Outage::Fail(500));
        (bare(&site, &crowd, 1), cached(&site, &crowd))
    };
    let (without, with) = fails("max-age=1, stale-if-error=300");
    assert_eq!(without.errors, 400);
    assert_eq!(without.shed, 0, "the site failed, nobody refused");
    assert_eq!(with.errors, 0);
    let (_, uncovered) = fails("max-age=1");
    assert!(uncovered.errors > 300, "{}", uncovered.errors);
}

#[test]
fn a_site_that_hangs_is_waited_for_as_long_as_was_said() {
    let site = Site::new(page("max-age=1")).outage(s(10)..s(20), Outage::Hang);
    let crowd = at(&[15_000]);
    let without = Trial::new(&site, &crowd).patience(s(7)).bare();
    assert_eq!(without.errors, 1);
    assert_close(without.wait_p99_ms, 7000.0);
    let cache = Cache::builder().fetch_deadline(s(3));
    let with = run(cache, &site, &crowd, 1).expect("legal");
    assert_eq!(with.errors, 1);
    assert_close(with.wait_p99_ms, 3000.0);
}

#[test]
fn slowness_multiplies_the_time_that_is_left() {
    // Half done when it begins, at a fifth of the speed from then on: 50 + 250 ms.
    let site = Site::new(page("no-store")).outage(ms(50)..s(9), Outage::Slow(5.0));
    assert_close(bare(&site, &at(&[0]), 1).wait_p99_ms, 300.0);
}

#[test]
fn a_request_may_say_how_long_it_takes() {
    let site = Site::new(page("no-store"));
    let crowd = Crowd::list([Arrival::new(s(0), 0).takes(ms(640))]);
    assert_close(bare(&site, &crowd, 1).wait_p99_ms, 640.0);
    assert_close(cached(&site, &crowd).wait_p99_ms, 640.0);
}

#[test]
fn query_strings_of_ones_own_are_pages_of_their_own() {
    let site = Site::new(page("max-age=60"));
    let crowd = Crowd::constant(10.0, s(10)).unique_queries(1.0);
    let report = cached(&site, &crowd);
    assert_eq!((report.requests, report.origin_fetches), (100, 100));
    let one = cached(&site, &Crowd::constant(10.0, s(10)));
    assert_eq!((one.requests, one.origin_fetches), (100, 1));
}

#[test]
fn something_can_be_done_to_the_cache_in_the_middle() {
    let site = Site::new(page("max-age=600"));
    let crowd = Crowd::constant(10.0, s(10));
    let trial = Trial::new(&site, &crowd).at(s(5), |cache| cache.purge(Purge::everything()));
    let report = trial.run(Cache::builder()).expect("legal");
    assert_eq!(report.origin_fetches, 2);
    assert_eq!(trial.bare().origin_fetches, 100);
}

#[test]
fn a_warm_up_is_not_counted() {
    let site = Site::new(page("max-age=600"));
    let crowd = Crowd::constant(10.0, s(10));
    let trial = Trial::new(&site, &crowd).warm_up(s(4)).budget(2.0);
    let report = trial.run(Cache::builder()).expect("legal");
    assert_eq!((report.requests, report.origin_fetches), (60, 0));
    assert_eq!(report.hit_share, 1.0);
    assert_eq!(report.budget_used, Some(0.0));
}

#[test]
fn a_budget_is_told_by_what_was_spent_of_it() {
    // Stale after each second and hit every half: a refresh about every 1.5 s.
    let site = Site::new(page("max-age=1, stale-while-revalidate=60"));
    let crowd = Crowd::constant(2.0, s(20));
    let trial = Trial::new(&site, &crowd).budget(1.0);
    let report = trial.run(Cache::builder()).expect("legal");
    let spent = report.origin_refreshes as f64 / 19.5;
    assert_eq!(report.budget_used, Some(spent));
    assert_eq!(report.origin_refreshes, report.origin_fetches - 1);
    assert_eq!(report.most_refreshes_in(ms(1500)), 1);
    assert_eq!(report.most_refreshes_in(ms(1501)), 2);
    assert_eq!(report.most_fetches_in(s(100)), report.origin_fetches);
}

#[test]
fn versions_are_the_same_whoever_asks() {
    let site = Site::new(page("max-age=1").changes(Changes::poisson(s(3))));
    let crowd = Crowd::poisson(50.0, s(60));
    let without = bare(&site, &crowd, 9);
    let with = run(Cache::builder(), &site, &crowd, 9).expect("legal");
    assert_eq!(without.requests, with.requests);
    assert_eq!(without.stale_share, 0.0, "nothing is stale without a cache");
    // Fetched every second, the share is 1 - (1 - e^-x) / x at x = 1/3: about 0.15.
    assert!(
        (0.08..0.25).contains(&with.stale_share),
        "{}",
        with.stale_share
    );
}

/// A front of one's own: it keeps nothing, and refuses pages with odd numbers.
struct Picky(Arc<LiveSite>);

impl Front for Picky {
    fn ask(&self, ask: Ask) -> Asked {
        if ask.arrival.page % 2 == 1 {
            return Asked::Now(Answer {
                status: 503,
                version: None,
                by: By::Cache,
            });
        }
        let site = Arc::clone(&self.0);
        Asked::Later(Box::pin(async move {
            let request = http::Request::from_parts((*ask.parts).clone(), ());
            let response = site.fetch(&request, Errand::default()).await;
            Answer::of(&response, By::Site)
        }))
    }
}

#[test]
fn anything_can_stand_before_the_site() {
    let site = Site::new(page("max-age=60"));
    let crowd = Crowd::list((0..10).map(|number| Arrival::new(s(1), number)));
    let report = Trial::new(&site, &crowd).behind(|site, _runtime| Picky(site));
    assert_eq!(
        (report.errors, report.shed, report.origin_fetches),
        (5, 5, 5)
    );
}

#[test]
fn a_setting_that_cannot_be_meant_is_told() {
    let site = Site::new(page("max-age=60"));
    assert!(run(Cache::builder().capacity(0), &site, &at(&[0]), 1).is_err());
}
