//! What goes wrong, and when.

use std::ops::Range;
use std::time::Duration;

/// What goes wrong at a site for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outage {
    /// Requests that come now are never answered.
    Hang,
    /// Requests that come now are answered with this status at once.
    Fail(u16),
    /// Everything takes so many times as long, what is under way included; at least 1.
    Slow(f64),
}

/// All that goes wrong at a site.
#[derive(Clone, Debug, Default)]
pub(super) struct Outages(Vec<(Range<Duration>, Outage)>);

impl Outages {
    pub(super) fn add(&mut self, span: Range<Duration>, outage: Outage) {
        self.0.push((span, outage));
    }

    /// What becomes of a request that comes at a moment, if it is not served.
    pub(super) fn refuses(&self, at: Duration) -> Option<Outage> {
        let present = self.0.iter().filter(|(span, _)| span.contains(&at));
        let mut what = present.map(|(_, outage)| *outage);
        what.find(|outage| !matches!(outage, Outage::Slow(_)))
    }

    /// How many times as long everything takes.
    pub(super) fn slowness(&self, at: Duration) -> f64 {
        let present = self.0.iter().filter(|(span, _)| span.contains(&at));
        let factors = present.map(|(_, outage)| match outage {
            Outage::Slow(factor) if *factor > 1.0 => *factor,
            _ => 1.0,
        });
        factors.product()
    }

    /// The moments at which the slowness may change.
    pub(super) fn edges(&self) -> impl Iterator<Item = Duration> {
        let slow = self
            .0
            .iter()
            .filter(|(_, outage)| matches!(outage, Outage::Slow(_)));
        slow.flat_map(|(span, _)| [span.start, span.end])
    }
}
