//! Clocks: a process that is frozen, a wall clock that is set, origins whose clock
//! goes wrong.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use floodwall::{Clock, Moment, Runtime, Task};
use tokio::time::{Instant, advance, sleep};

use crate::setting::{CAP, EVERYONE, FRESH, NOMINAL, builder, nominal, patient, text};
use crate::support::{PausedTime, Site, all, page};

const DAY: i64 = 24 * 60 * 60;

/// Paused time, with a wall clock that can be set.
struct Settable {
    time: PausedTime,
    offset: Arc<AtomicI64>,
}

impl Clock for Settable {
    fn now(&self) -> Moment {
        self.time.now()
    }

    fn wall(&self) -> SystemTime {
        shifted(self.time.wall(), self.offset.load(Ordering::SeqCst))
    }
}

impl Runtime for Settable {
    fn sleep(&self, span: Duration) -> Task {
        self.time.sleep(span)
    }

    fn spawn(&self, task: Task) {
        self.time.spawn(task);
    }
}

fn shifted(wall: SystemTime, seconds: i64) -> SystemTime {
    let span = Duration::from_secs(seconds.unsigned_abs());
    match seconds < 0 {
        true => wall - span,
        false => wall + span,
    }
}

#[tokio::test(start_paused = true)]
async fn f33_after_a_freeze_what_is_stored_is_judged_anew() {
    let said = &[("cache-control", "max-age=30")];
    let (site, _) = nominal(builder(), said);
    site.get("/").await;
    assert!(site.get("/").await.is_hit());
    advance(Duration::from_secs(60)).await;
    for answer in all(site.crowd("/", EVERYONE)).await {
        assert_eq!(answer.text(), text(1));
    }
    assert_eq!(site.calls(), 2);
    site.until_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn f33_after_a_freeze_a_fetch_past_its_deadline_is_given_up() {
    let site = Site::with(builder(), |call| async move {
        if call.number == 0 {
            pending::<()>().await;
        }
        sleep(NOMINAL).await;
        page(&[FRESH], text(call.number))
    });
    let frozen = site.crowd("/", EVERYONE);
    site.until(|now| now.waiting == EVERYONE as u64 && now.at_origin == 1)
        .await;
    advance(Duration::from_secs(60)).await;
    // Whoever comes first after it does not join what is past its deadline.
    let start = Instant::now();
    assert_eq!(patient(site.get("/")).await.text(), text(1));
    assert_eq!(start.elapsed(), NOMINAL);
    for answer in all(frozen).await {
        assert_eq!(answer.status, 504);
    }
    assert!(start.elapsed() < CAP);
    site.until_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn f33_a_wall_clock_that_is_set_changes_no_lifetime() {
    for step in [-365 * DAY, -DAY, -1, 1, DAY, 365 * DAY] {
        let offset = Arc::new(AtomicI64::new(0));
        let runtime = Settable {
            time: PausedTime::new(),
            offset: Arc::clone(&offset),
        };
        let site = Site::on(builder().runtime(runtime), |call| async move {
            page(&[FRESH], text(call.number))
        });
        site.get("/").await;
        sleep(Duration::from_secs(10)).await;
        offset.store(step, Ordering::SeqCst);
        let hit = site.get("/").await;
        assert_eq!(hit.cache_status(), "hit; ttl=50", "{step}");
        assert_eq!(hit.field("age"), "10", "{step}");
        sleep(Duration::from_secs(50)).await;
        assert!(!site.get("/").await.is_hit(), "{step}");
        // What arrives now is as fresh as any.
        sleep(Duration::from_secs(59)).await;
        let hit = site.get("/").await;
        assert_eq!((hit.cache_status(), hit.field("age")), ("hit; ttl=1", "59"));
    }
}

#[tokio::test(start_paused = true)]
async fn f34_a_date_that_is_wrong_or_missing_makes_nothing_fresher() {
    for (skew, age) in [
        // A date ahead of ours, or none, is no age: it is as fresh as it says,
        // from when it came.
        (Some(DAY), Some(0)),
        (Some(1), Some(0)),
        (None, Some(0)),
        // One behind ours may be that of another cache's copy, and counts as age
        // (RFC 9111 §4.2.3).
        (Some(-20), Some(20)),
        (Some(-DAY), None),
    ] {
        let time = PausedTime::new();
        let date = skew.map(|skew| httpdate::fmt_http_date(shifted(time.wall(), skew)));
        let site = Site::on(builder().runtime(time), move |call| {
            let date = date.clone();
            async move {
                let mut page = page(&[FRESH], text(call.number));
                if let Some(date) = date {
                    let date = date.parse().expect("a legal value");
                    page.headers_mut().insert("date", date);
                }
                page
            }
        });
        site.get("/").await;
        let Some(age) = age else {
            assert!(!site.get("/").await.is_hit(), "{skew:?}");
            continue;
        };
        sleep(Duration::from_secs(59 - age)).await;
        let hit = site.get("/").await;
        assert_eq!(hit.cache_status(), "hit; ttl=1", "{skew:?}");
        assert_eq!(hit.field("age"), "59", "{skew:?}");
        sleep(Duration::from_secs(1)).await;
        assert!(!site.get("/").await.is_hit(), "{skew:?}");
    }
}
