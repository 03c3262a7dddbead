//! The allocator, and what a row may take of it.

use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};

use floodwall::Cache;
use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// One row at a time.
static TURN: Mutex<()> = Mutex::new(());

pub(crate) const KIB: usize = 1 << 10;
pub(crate) const MIB: usize = 1 << 20;

/// What a cache takes whatever its capacity: its tables and their slack.
pub(crate) const BASE: usize = 512 * KIB;

/// What is left when a cache is gone: what the runtime and the threads keep for the
/// next time.
const REST: usize = 128 * KIB;

/// A row while it is running.
pub(crate) struct Row {
    name: &'static str,
    start: usize,
    uncounted: Cell<usize>,
    _turn: MutexGuard<'static, ()>,
}

impl Row {
    /// Waits for its turn.
    pub(crate) fn begin(name: &'static str) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        HEAP.reset_peak_usage();
        Self {
            name,
            start: HEAP.current_usage(),
            uncounted: Cell::new(0),
            _turn: turn,
        }
    }

    /// The bytes that live beyond those at the start.
    pub(crate) fn taken(&self) -> usize {
        HEAP.current_usage().saturating_sub(self.start)
    }

    /// The cache takes no more than it has counted, and the base; says how much that is.
    pub(crate) fn is_counted(&self, cache: &Cache) -> usize {
        let counted = cache.stats().held_bytes as usize;
        let taken = self.taken();
        let uncounted = taken.saturating_sub(counted);
        self.uncounted.set(self.uncounted.get().max(uncounted));
        assert!(uncounted <= BASE, "{counted} counted, {taken} taken");
        taken
    }

    /// To be called when everything of the row is gone: there never were more than
    /// `allowed` bytes, not for a moment, and they have come back.
    pub(crate) fn end(self, allowed: usize) {
        let most = HEAP.peak_usage().saturating_sub(self.start);
        let left = self.taken();
        let (name, uncounted) = (self.name, self.uncounted.get());
        println!("{name}: {most} of {allowed} bytes taken, {uncounted} uncounted, {left} left");
        assert!(most <= allowed, "{most} bytes were taken");
        assert!(left <= REST, "{left} bytes never came back");
    }
}

mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "bytes were taken")]
    fn what_was_taken_for_a_moment_counts() {
        let row = Row::begin("a moment");
        drop(vec![0_u8; 3 * BASE]);
        row.end(2 * BASE);
    }

    #[test]
    #[should_panic(expected = "bytes never came back")]
    fn what_never_comes_back_is_found() {
        let row = Row::begin("a leak");
        let kept = vec![0_u8; 2 * REST];
        row.end(BASE);
        drop(kept);
    }
}
