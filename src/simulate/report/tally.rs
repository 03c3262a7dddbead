//! What is counted while a run goes on.

use std::time::Duration;

use super::histogram::Histogram;
use super::{Fetch, Report, Second};
use crate::simulate::front::{Answer, By};
use crate::sync::Mutex;

const SECOND: u64 = 1_000_000_000;

/// What is counted while a run goes on. Moments are in nanoseconds, and come in order.
#[derive(Debug)]
pub(in crate::simulate) struct Tally {
    /// Before this nothing is counted, but for who is at the site.
    from: u64,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    report: Report,
    /// Requests that are not answered yet, the uncounted ones too.
    open: u64,
    /// When the last one came, if it has.
    through: Option<u64>,
    /// When the last one was answered.
    last_answer: u64,
    /// Answers that had content,
    with_content: u64,
    /// and those among them whose content was out of date.
    stale: u64,
    hits: u64,
    collapsed: u64,
    waits: Histogram,
    served_waits: Histogram,
    staleness: Histogram,
    /// How many are at the site, and since when.
    present: u32,
    present_since: u64,
}

impl Tally {
    pub(in crate::simulate) fn new(from: u64) -> Self {
        Self {
            from,
            counts: Mutex::default(),
        }
    }

    /// A request is made.
    pub(in crate::simulate) fn asked(&self, now: u64) {
        let counts = &mut *self.counts.lock();
        counts.open += 1;
        if now >= self.from {
            counts.report.requests += 1;
            counts.second(now).requests += 1;
        }
    }

    /// It is answered: with content that is out of date for so long, or not at all.
    pub(in crate::simulate) fn answered(
        &self,
        asked: u64,
        now: u64,
        answer: &Answer,
        staleness: Option<Duration>,
    ) {
        let counts = &mut *self.counts.lock();
        counts.open -= 1;
        counts.last_answer = now;
        if asked >= self.from {
            counts.count(asked, now, answer, staleness);
        }
    }

    /// The site gets a request.
    pub(in crate::simulate) fn fetched(&self, now: u64, page: u32, is_refresh: bool) {
        let counts = &mut *self.counts.lock();
        let present = counts.present + 1;
        counts.present_is(present, now, self.from);
        if now >= self.from {
            counts.report.origin_fetches += 1;
            counts.report.origin_refreshes += u64::from(is_refresh);
            counts.second(now).fetches += 1;
            let at = Duration::from_nanos(now);
            counts.report.fetches.push(Fetch {
                at,
                page,
                is_refresh,
            });
        }
    }

    /// It is over there.
    pub(in crate::simulate) fn left(&self, now: u64) {
        let counts = &mut *self.counts.lock();
        let present = counts.present - 1;
        counts.present_is(present, now, self.from);
    }

    /// No more requests come.
    pub(in crate::simulate) fn crowd_is_through(&self, now: u64) {
        self.counts.lock().through = Some(now);
    }

    /// Whether all are answered, and that so long ago.
    pub(in crate::simulate) fn is_over(&self, now: u64, since: u64) -> bool {
        let counts = self.counts.lock();
        let last = counts
            .through
            .map(|through| through.max(counts.last_answer));
        counts.open == 0 && last.is_some_and(|last| now >= last + since)
    }

    /// What has come of it.
    pub(in crate::simulate) fn report(&self, budget: Option<f64>) -> Report {
        let counts = &mut *self.counts.lock();
        let mut report = std::mem::take(&mut counts.report);
        let span = counts.through.unwrap_or(0).saturating_sub(self.from) as f64 / 1e9;
        report.budget_used = budget.map(|budget| {
            let paid = budget * span;
            if paid > 0.0 {
                report.origin_refreshes as f64 / paid
            } else {
                0.0
            }
        });
        report.stale_share = share(counts.stale, counts.with_content);
        report.hit_share = share(counts.hits, report.requests);
        report.collapsed_share = share(counts.collapsed, report.requests);
        let seconds = |quantile: u64| quantile as f64 / 1e9;
        report.staleness_p50_s = seconds(counts.staleness.quantile(0.50));
        report.staleness_p99_s = seconds(counts.staleness.quantile(0.99));
        let millis = |quantile: u64| quantile as f64 / 1e6;
        report.wait_p50_ms = millis(counts.waits.quantile(0.50));
        report.wait_p99_ms = millis(counts.waits.quantile(0.99));
        report.served_wait_p50_ms = millis(counts.served_waits.quantile(0.50));
        report.served_wait_p99_ms = millis(counts.served_waits.quantile(0.99));
        report
    }
}

impl Counts {
    fn count(&mut self, asked: u64, now: u64, answer: &Answer, staleness: Option<Duration>) {
        let is_error = answer.status >= 500;
        let wait = now - asked;
        self.waits.add(wait);
        match answer.by {
            By::Store => self.hits += 1,
            By::Another => self.collapsed += 1,
            By::Site | By::Cache => {}
        }
        if is_error {
            self.report.errors += 1;
            self.report.shed += u64::from(answer.status == 503 && answer.by == By::Cache);
            self.second(now).errors += 1;
            return;
        }
        self.served_waits.add(wait);
        self.second(now).served += 1;
        if answer.version.is_some() {
            self.with_content += 1;
        }
        if let Some(staleness) = staleness {
            self.stale += 1;
            self.staleness.add(crate::simulate::nanos(staleness));
        }
    }

    fn second(&mut self, now: u64) -> &mut Second {
        let at = (now / SECOND) as usize;
        let seconds = &mut self.report.seconds;
        if at >= seconds.len() {
            seconds.resize(at + 1, Second::default());
        }
        &mut seconds[at]
    }

    /// Who was there until now counts for the seconds that went by.
    fn present_is(&mut self, present: u32, now: u64, from: u64) {
        let was = self.present;
        let since = self.present_since.max(from);
        self.present = present;
        self.present_since = now;
        if now < from {
            return;
        }
        self.raise(present, now);
        if was == 0 {
            return;
        }
        self.second(now);
        for second in (since / SECOND)..=(now / SECOND) {
            self.raise(was, second * SECOND);
        }
    }

    fn raise(&mut self, present: u32, now: u64) {
        let second = self.second(now);
        second.concurrency = second.concurrency.max(present);
        let peak = &mut self.report.origin_peak_concurrency;
        *peak = (*peak).max(u64::from(present));
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}
