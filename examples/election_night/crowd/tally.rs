//! The crowd's count of what happened to it.
//!
//! Latencies are those of good answers: a quick 500 is no quick page. Failures are counted beside
//! them, and a visitor who gave up is a failure.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::visits::{Outcome, Visit};
use crate::evening::{MOMENTS, moment_of};
use crate::findings::{Counts, Findings, Group, Latency, Moment};

/// Microseconds; nobody's patience is longer.
const LONGEST: u64 = 60_000_000;

pub(crate) struct Tally {
    act: Duration,
    public: Row,
    private: Row,
    leaks: u64,
    late: Histogram<u64>,
    moments: Vec<Row>,
}

struct Row {
    counts: Counts,
    latency: Histogram<u64>,
}

impl Tally {
    pub(crate) fn new(act: Duration) -> Self {
        Self {
            act,
            public: Row::new(3),
            private: Row::new(3),
            leaks: 0,
            late: histogram(3),
            moments: (0..MOMENTS).map(|_| Row::new(2)).collect(),
        }
    }

    pub(crate) fn record(&mut self, visit: &Visit, end: Outcome, took: Duration, late: Duration) {
        self.late.saturating_record(micros(late));
        if end == Outcome::Leak {
            self.leaks += 1;
        }
        if visit.page.is_private() {
            self.private.record(end, took);
        } else {
            self.public.record(end, took);
            self.moments[moment_of(visit.at, self.act)].record(end, took);
        }
    }

    /// Answers, and errors among them, until now.
    pub(crate) fn so_far(&self) -> (u64, u64) {
        let (public, private) = (&self.public.counts, &self.private.counts);
        (
            public.requests + private.requests,
            public.errors() + private.errors(),
        )
    }

    pub(crate) fn findings(&self, connections: usize) -> Findings {
        Findings {
            public: self.public.group(),
            private: self.private.group(),
            leaks: self.leaks,
            late_p99_ms: ms(self.late.value_at_quantile(0.99)),
            late_max_ms: ms(self.late.max()),
            connections: connections as u64,
            moments: self.moments.iter().map(Row::moment).collect(),
        }
    }
}

impl Row {
    fn new(digits: u8) -> Self {
        Self {
            counts: Counts::default(),
            latency: histogram(digits),
        }
    }

    fn record(&mut self, end: Outcome, took: Duration) {
        self.counts.requests += 1;
        match end {
            Outcome::Ok => {
                self.counts.ok += 1;
                self.latency.saturating_record(micros(took));
            }
            Outcome::ServerError => self.counts.errors_5xx += 1,
            Outcome::OtherError | Outcome::Leak => self.counts.other_errors += 1,
        }
    }

    fn group(&self) -> Group {
        let at = |quantile| ms(self.latency.value_at_quantile(quantile));
        let latency = Latency {
            p50_ms: at(0.5),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            max_ms: ms(self.latency.max()),
        };
        Group {
            counts: self.counts,
            latency,
        }
    }

    fn moment(&self) -> Moment {
        let at = |quantile| ms(self.latency.value_at_quantile(quantile));
        Moment {
            counts: self.counts,
            p50_ms: at(0.5),
            p99_ms: at(0.99),
        }
    }
}

fn histogram(digits: u8) -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, digits).expect("fixed bounds that hdrhistogram accepts")
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(LONGEST)
}

fn ms(micros: u64) -> f64 {
    micros as f64 / 1000.0
}
