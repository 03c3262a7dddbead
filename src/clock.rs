//! Time, as it enters the crate.
//!
//! Lifetimes are measured on a monotonic clock, so that a wall clock that is
//! set back or forward neither keeps a page for ever nor throws it away; the
//! wall clock is asked for `Date` arithmetic only (RFC 9111 §4.2.3).

use std::time::{Duration, SystemTime};

/// A moment on a cache's monotonic clock: the time since that clock began.
///
/// Moments of two different clocks cannot be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Duration);

impl Moment {
    /// The moment that lies `since_start` after the clock began.
    #[must_use]
    pub const fn new(since_start: Duration) -> Self {
        Self(since_start)
    }

    /// The time since the clock began.
    #[must_use]
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// The time from `earlier` to here; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment `span` after this one, or the last one that can be said.
    #[must_use]
    pub const fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}

/// Where the crate gets its time.
///
/// [`now`](Clock::now) is read once for each request and must be cheap.
pub trait Clock: Send + Sync + 'static {
    /// The present moment; never earlier than an answer given before.
    fn now(&self) -> Moment;

    /// The time of day, used only to compare with `Date`, `Expires` and
    /// `Last-Modified`. It may jump.
    fn wall(&self) -> SystemTime;
}
