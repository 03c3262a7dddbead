//! What the visitors found, in numbers that only grow.

use std::sync::atomic::{AtomicU64, Ordering};

/// What came of a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// An answer, all of it, and the right one.
    Answered,
    /// An error of the site's or of the cache's.
    Refused,
    /// The body ended early, and it could be seen.
    Cut,
    /// The visitor left first.
    Left,
    /// Made for somebody else.
    Crossed,
    /// Complete, and not what the handler made; or no answer to what was asked.
    Wrong,
}

#[derive(Debug, Default)]
pub(crate) struct Tally([AtomicU64; 6]);

impl Tally {
    pub(crate) fn add(&self, outcome: Outcome) {
        self.0[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count(&self, outcome: Outcome) -> u64 {
        self.0[outcome as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn visits(&self) -> u64 {
        let each = self.0.iter();
        each.map(|count| count.load(Ordering::Relaxed)).sum()
    }
}
