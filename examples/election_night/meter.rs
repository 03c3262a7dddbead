//! What the site itself saw: every request that reached it, and how many it had in hand at once.
//! Counted at the site and not at the wall, so that the wall cannot flatter itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::evening::{Clock, MOMENTS};

/// One gauge for the public pages, one for the private page: the latter can never be shared, so
/// the two answer different questions.
#[derive(Debug)]
pub(crate) struct Meter {
    clock: Clock,
    public: Arc<Gauge>,
    private: Arc<Gauge>,
}

#[derive(Debug)]
pub(crate) struct Gauge {
    fetches: AtomicU64,
    inside: AtomicUsize,
    peak: AtomicUsize,
    moments: Vec<AtomicU64>,
}

/// A request in the site's hands, until it is dropped: answered, reset, or given up by its client.
#[derive(Debug)]
pub(crate) struct InHand(Arc<Gauge>);

impl Meter {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            public: Arc::default(),
            private: Arc::default(),
        }
    }

    pub(crate) fn enter(&self, private: bool) -> InHand {
        let gauge = if private { &self.private } else { &self.public };
        gauge.fetches.fetch_add(1, Relaxed);
        gauge.moments[self.clock.moment()].fetch_add(1, Relaxed);
        let inside = gauge.inside.fetch_add(1, Relaxed) + 1;
        gauge.peak.fetch_max(inside, Relaxed);
        InHand(Arc::clone(gauge))
    }

    pub(crate) fn public(&self) -> &Gauge {
        &self.public
    }

    pub(crate) fn private(&self) -> &Gauge {
        &self.private
    }
}

impl Gauge {
    pub(crate) fn fetches(&self) -> u64 {
        self.fetches.load(Relaxed)
    }

    pub(crate) fn peak(&self) -> usize {
        self.peak.load(Relaxed)
    }

    pub(crate) fn over_time(&self) -> Vec<u64> {
        self.moments
            .iter()
            .map(|count| count.load(Relaxed))
            .collect()
    }
}

impl Default for Gauge {
    fn default() -> Self {
        Self {
            fetches: AtomicU64::default(),
            inside: AtomicUsize::default(),
            peak: AtomicUsize::default(),
            moments: (0..MOMENTS).map(|_| AtomicU64::default()).collect(),
        }
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Relaxed);
    }
}
