//! What a page says of itself, how long it takes, and when it changes.

use std::sync::Arc;
use std::time::Duration;

use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::simulate::{Random, nanos};

/// A page of a [`Site`](super::Site).
#[derive(Clone, Debug)]
#[must_use]
pub struct Page {
    pub(super) headers: HeaderMap,
    pub(super) size: usize,
    pub(super) service: Service,
    pub(super) changes: Changes,
}

impl Page {
    /// A page with this `Cache-Control`, or none if that is empty: a body of 1000
    /// bytes that takes 100 ms to make and never changes.
    ///
    /// # Panics
    /// If the text cannot be a field's value.
    #[allow(clippy::expect_used, reason = "a test's own text, and said above")]
    pub fn new(cache_control: &str) -> Self {
        let mut headers = HeaderMap::new();
        if !cache_control.is_empty() {
            let value = HeaderValue::from_str(cache_control).expect("a legal Cache-Control");
            headers.insert(CACHE_CONTROL, value);
        }
        Self {
            headers,
            size: 1000,
            service: Service::constant(Duration::from_millis(100)),
            changes: Changes::Never,
        }
    }

    /// One more field of its answers. `ETag` and `X-Version` are the site's own.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// The bytes of its body; default 1000, and at least what a line takes that names
    /// the page and the version. They are really there: a run takes as much memory as
    /// its cache may.
    pub const fn size(mut self, bytes: usize) -> Self {
        self.size = bytes;
        self
    }

    /// How long it takes to make, at full speed. Default 100 ms.
    pub const fn service(mut self, service: Service) -> Self {
        self.service = service;
        self
    }

    /// When it changes. Default never.
    pub fn changes(mut self, changes: Changes) -> Self {
        self.changes = changes;
        self
    }
}

/// How long an answer takes to make, at full speed. An
/// [arrival](crate::simulate::Arrival) that names a time overrides it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Service {
    /// Always the same.
    Constant(Duration),
    /// Drawn for each answer; the same for the n-th of a page in every run with that seed.
    Lognormal {
        /// Half of the answers take longer.
        median: Duration,
        /// The deviation of the logarithm: 0.5 is a steady handler, 1.5 a moody one.
        sigma: f64,
    },
}

impl Service {
    /// Always the same time.
    #[must_use]
    pub const fn constant(time: Duration) -> Self {
        Self::Constant(time)
    }

    /// A time that is drawn for each answer.
    #[must_use]
    pub const fn lognormal(median: Duration, sigma: f64) -> Self {
        Self::Lognormal { median, sigma }
    }

    /// The work of one answer, in nanoseconds.
    pub(super) fn work(self, random: &mut Random) -> u64 {
        match self {
            Self::Constant(time) => nanos(time),
            Self::Lognormal { median, sigma } => {
                random.lognormal(nanos(median) as f64, sigma) as u64
            }
        }
    }
}

/// When a page's content changes. The process belongs to the page and the seed: it is
/// the same in every run, whoever asks.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Changes {
    /// It stays as it is.
    #[default]
    Never,
    /// Every so often, from `first` on.
    Every {
        /// The first change.
        first: Duration,
        /// The time from one to the next; at least a microsecond.
        period: Duration,
    },
    /// At these moments, in order.
    At(Arc<[Duration]>),
    /// At random and without memory, after so long on average; at least a microsecond.
    Poisson(Duration),
    /// The same, after a mean time that is drawn for each page.
    Drawn {
        /// Half of the pages change less often than that.
        median: Duration,
        /// The deviation of the logarithm of the mean time.
        sigma: f64,
    },
}

impl Changes {
    /// Every so often, the first time after one period.
    #[must_use]
    pub const fn every(period: Duration) -> Self {
        Self::Every {
            first: period,
            period,
        }
    }

    /// At these moments, in any order.
    #[must_use]
    pub fn at(moments: &[Duration]) -> Self {
        let mut moments = moments.to_vec();
        moments.sort_unstable();
        Self::At(moments.into())
    }

    /// At random, after `mean` on average.
    #[must_use]
    pub const fn poisson(mean: Duration) -> Self {
        Self::Poisson(mean)
    }

    /// At random, after a mean time that is drawn for each page.
    #[must_use]
    pub const fn drawn(median: Duration, sigma: f64) -> Self {
        Self::Drawn { median, sigma }
    }
}
