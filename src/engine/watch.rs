//! Who watches for crowds: counts of the present second, and what they come to.
//!
//! Counted is without a lock. Whoever comes first in a new second hands the last one to the
//! detector; a request that is counted in the wrong one of two seconds does no harm.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};

use http::Uri;

use crate::adapt::flash::{Detector, SAMPLE, Second, Weather};
use crate::clock::Moment;
use crate::hash::Hashing;
use crate::observe::Counters;
use crate::sync::Mutex;

/// Words of a map in which the pages of a second leave their marks: enough bits that two
/// of a sample seldom leave the same one.
const WORDS: usize = 64;
/// After so many seconds without anyone nothing is left of what was before.
const LONGEST_REST: u64 = 3600;

/// Watches the requests of one cache.
#[derive(Debug)]
pub(super) struct Watch {
    on: bool,
    /// The second that is counted.
    second: AtomicU64,
    arrivals: AtomicU64,
    distinct: AtomicU32,
    pages: [AtomicU64; WORDS],
    hashing: Hashing,
    has_begun: AtomicBool,
    weather: AtomicU8,
    detector: Mutex<Detector>,
}

impl Watch {
    pub(super) fn new(on: bool) -> Self {
        Self {
            on,
            second: AtomicU64::new(0),
            arrivals: AtomicU64::new(0),
            distinct: AtomicU32::new(0),
            pages: std::array::from_fn(|_| AtomicU64::new(0)),
            hashing: Hashing::default(),
            has_begun: AtomicBool::new(false),
            weather: AtomicU8::new(0),
            detector: Mutex::default(),
        }
    }

    /// A request came.
    pub(super) fn arrived(&self, uri: &Uri, now: Moment, counters: &Counters) {
        if !self.on {
            return;
        }
        let second = now.since_start().as_secs();
        if second != self.second.load(Ordering::Relaxed) {
            self.turn_to(second, counters);
        }
        let before = self.arrivals.fetch_add(1, Ordering::Relaxed);
        if before < u64::from(SAMPLE) {
            self.mark(uri);
        }
    }

    /// What the traffic is like.
    pub(super) fn weather(&self) -> Weather {
        match self.weather.load(Ordering::Relaxed) {
            1 => Weather::Crowd,
            2 => Weather::Scatter,
            _ => Weather::Calm,
        }
    }

    fn mark(&self, uri: &Uri) {
        let page = uri.path_and_query().map(http::uri::PathAndQuery::as_str);
        let hash = self.hashing.hash_one(page);
        let word = (hash / 64) as usize % WORDS;
        let bit = 1 << (hash % 64);
        if self.pages[word].fetch_or(bit, Ordering::Relaxed) & bit == 0 {
            self.distinct.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn turn_to(&self, second: u64, counters: &Counters) {
        let mut detector = self.detector.lock();
        let last = self.second.load(Ordering::Relaxed);
        if second <= last {
            return;
        }
        let seen = self.take();
        self.second.store(second, Ordering::Relaxed);
        if !self.has_begun.swap(true, Ordering::Relaxed) {
            return;
        }
        let before = self.weather();
        let mut weather = detector.second(seen);
        let rest = (second - last - 1).min(LONGEST_REST);
        for _ in 0..rest {
            weather = detector.second(Second::default());
        }
        if weather == Weather::Crowd && before != Weather::Crowd {
            counters.crowds.add(1);
        }
        self.weather.store(weather as u8, Ordering::Relaxed);
    }

    /// What was counted, and begins anew.
    fn take(&self) -> Second {
        let arrivals = self.arrivals.swap(0, Ordering::Relaxed);
        for word in &self.pages {
            word.store(0, Ordering::Relaxed);
        }
        Second {
            arrivals,
            sampled: u32::try_from(arrivals).unwrap_or(SAMPLE).min(SAMPLE),
            distinct: self.distinct.swap(0, Ordering::Relaxed),
        }
    }
}
