//! What came of a run.

mod histogram;
mod tally;

use std::collections::VecDeque;
use std::time::Duration;

use crate::observe::Stats;

pub(super) use tally::Tally;

/// What came of a run. Shares are of 1, and 0 where there was nothing to share.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// Requests that were made.
    pub requests: u64,
    /// Requests that the site got.
    pub origin_fetches: u64,
    /// Of these, those that nobody waited for.
    pub origin_refreshes: u64,
    /// The most requests that were at the site at once.
    pub origin_peak_concurrency: u64,
    /// Answers with a 5xx, whoever made it, and answers that broke off. Those that were
    /// shed are among them.
    pub errors: u64,
    /// Of these, the 503s that the cache made itself, so as not to ask the site.
    pub shed: u64,
    /// Of the answers that had content, those whose content was not the site's present
    /// one when they were complete.
    pub stale_share: f64,
    /// How long the content of the stale answers had been out of date: half of them
    /// less. In seconds; 0 if none was stale.
    pub staleness_p50_s: f64,
    /// The same for 99 of 100 stale answers.
    pub staleness_p99_s: f64,
    /// How long half of all requests waited for the end of their answer at most, errors
    /// included. In milliseconds.
    pub wait_p50_ms: f64,
    /// The same for 99 of 100 requests.
    pub wait_p99_ms: f64,
    /// How long half of those waited at most whose answer was no error. In milliseconds.
    pub served_wait_p50_ms: f64,
    /// The same for 99 of 100 of them.
    pub served_wait_p99_ms: f64,
    /// Requests that were answered at once from what was stored, fresh or stale, as a
    /// share of all.
    pub hit_share: f64,
    /// Requests that were answered by a fetch that another one had started, as a share
    /// of all.
    pub collapsed_share: f64,
    /// Refreshes as a share of what the budget would have paid for, over the whole run;
    /// none if the trial was told no [`budget`](super::Trial::budget). See
    /// [`most_refreshes_in`](Self::most_refreshes_in) for the worst stretch of it.
    pub budget_used: Option<f64>,
    /// Each second of the run, for charts.
    pub seconds: Vec<Second>,
    /// Each request that the site got, in order.
    pub fetches: Vec<Fetch>,
    /// The cache's own counters at the end; none if there was no cache of ours.
    pub stats: Option<Stats>,
}

/// One second of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Second {
    /// Requests that were made in it.
    pub requests: u32,
    /// Answers without an error that were complete in it.
    pub served: u32,
    /// Errors that were answered in it.
    pub errors: u32,
    /// Requests that came to the site in it.
    pub fetches: u32,
    /// The most that were at the site at once in it.
    pub concurrency: u32,
}

/// A request that the site got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// When it came there.
    pub at: Duration,
    /// For which page.
    pub page: u32,
    /// Whether nobody waited for it.
    pub is_refresh: bool,
}

impl Report {
    /// The most requests that came to the site within any stretch of time so long: from
    /// one moment up to, but not, the moment `window` after it.
    #[must_use]
    pub fn most_fetches_in(&self, window: Duration) -> u64 {
        most_in(self.fetches.iter(), window)
    }

    /// The same for refreshes alone, to be held against a budget.
    #[must_use]
    pub fn most_refreshes_in(&self, window: Duration) -> u64 {
        most_in(self.fetches.iter().filter(|fetch| fetch.is_refresh), window)
    }
}

fn most_in<'a>(fetches: impl Iterator<Item = &'a Fetch>, window: Duration) -> u64 {
    let mut recent = VecDeque::new();
    let mut most = 0;
    for fetch in fetches {
        recent.push_back(fetch.at);
        while recent
            .front()
            .is_some_and(|first| fetch.at - *first >= window)
        {
            recent.pop_front();
        }
        most = most.max(recent.len());
    }
    most as u64
}
