//! How fast a site serves, by the number of requests and the time.

use std::time::Duration;

use super::Outages;
use crate::simulate::nanos;

/// Below this share of its height the throughput does not fall.
const LEAST: f64 = 0.01;

/// How fast a site serves. Time is walked along once, forward.
#[derive(Clone, Debug)]
pub(super) struct Speed {
    /// In order; the first begins at zero.
    spans: Vec<Span>,
    /// Where time is.
    present: usize,
    collapse: f64,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    from: u64,
    knee: f64,
    slowness: f64,
}

impl Speed {
    pub(super) fn new(knees: &[(Duration, f64)], collapse: f64, outages: &Outages) -> Self {
        let mut edges: Vec<Duration> = knees.iter().map(|(at, _)| *at).collect();
        edges.extend(outages.edges());
        edges.push(Duration::ZERO);
        edges.sort_unstable();
        edges.dedup();
        let knee = |at: Duration| {
            let begun = knees.iter().take_while(|(from, _)| *from <= at);
            begun.last().map_or(f64::INFINITY, |(_, knee)| *knee)
        };
        let span = |at: Duration| Span {
            from: nanos(at),
            knee: knee(at),
            slowness: outages.slowness(at),
        };
        Self {
            spans: edges.into_iter().map(span).collect(),
            present: 0,
            collapse,
        }
    }

    /// How much work each of so many gets done in a nanosecond, at a moment that is
    /// not before any that was asked about.
    pub(super) fn of_each(&mut self, at: u64, many: usize) -> f64 {
        while self.next_edge().is_some_and(|edge| edge <= at) {
            self.present += 1;
        }
        let Span { knee, slowness, .. } = self.spans[self.present];
        let load = many as f64 / knee;
        if load <= 1.0 {
            return 1.0 / slowness;
        }
        let throughput = (1.0 - self.collapse).powf(load - 1.0).max(LEAST);
        throughput / load / slowness
    }

    /// When the speed changes next though nobody comes or goes.
    pub(super) fn next_edge(&self) -> Option<u64> {
        self.spans.get(self.present + 1).map(|span| span.from)
    }
}
