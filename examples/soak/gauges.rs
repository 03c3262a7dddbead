//! One line of figures, read in a pause.

use std::fmt;
use std::time::Duration;

use crate::Soak;
use crate::tally::Outcome;

#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) minute: u32,
    /// From the end of the traffic to this reading.
    pub(crate) settled: Duration,
    pub(crate) visits: u64,
    pub(crate) answered: u64,
    pub(crate) refused: u64,
    pub(crate) cut: u64,
    pub(crate) crossings: u64,
    pub(crate) wrong: u64,
    pub(crate) hits: u64,
    pub(crate) stale: u64,
    pub(crate) collapsed: u64,
    pub(crate) stored: u64,
    pub(crate) flights: u64,
    pub(crate) waiting: u64,
    pub(crate) held: u64,
    pub(crate) at_origin: u64,
    pub(crate) tasks: usize,
    /// Bytes that were allocated and not freed.
    pub(crate) live: u64,
    /// Bytes; none where the system does not say.
    pub(crate) resident: Option<u64>,
    pub(crate) descriptors: Option<usize>,
}

impl Reading {
    pub(crate) fn take(soak: &Soak, minute: u32, settled: Duration) -> Self {
        let stats = soak.cache.stats();
        let count = |outcome| soak.tally.count(outcome);
        Self {
            minute,
            settled,
            visits: soak.tally.visits(),
            answered: count(Outcome::Answered),
            refused: count(Outcome::Refused),
            cut: count(Outcome::Cut),
            crossings: count(Outcome::Crossed),
            wrong: count(Outcome::Wrong),
            hits: stats.hits,
            stale: stats.stale_served,
            collapsed: stats.collapsed,
            stored: stats.stored_bytes,
            flights: stats.flights,
            waiting: stats.waiting,
            held: stats.flight_bytes,
            at_origin: stats.at_origin + stats.queued,
            tasks: tokio::runtime::Handle::current()
                .metrics()
                .num_alive_tasks(),
            live: live(),
            resident: resident(),
            descriptors: descriptors(),
        }
    }

    pub(crate) const fn header() -> &'static str {
        "minute    visits  answered  refused     cut      hits     stale  shared | resident       live    stored tasks  flights  waiting  descriptors  settled | crossings  wrong"
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let resident = self.resident.map_or(f64::NAN, mib);
        let descriptors = self
            .descriptors
            .map_or_else(|| "?".to_owned(), |count| count.to_string());
        write!(
            f,
            "{:6} {:9} {:9} {:8} {:7} {:9} {:9} {:7} | {resident:5.1} MiB {:6.1} MiB {:5.1} MiB {:4} {:8} {:8} {descriptors:>12} {:5} ms | {:9} {:6}",
            self.minute,
            self.visits,
            self.answered,
            self.refused,
            self.cut,
            self.hits,
            self.stale,
            self.collapsed,
            mib(self.live),
            mib(self.stored),
            self.tasks,
            self.flights,
            self.waiting,
            self.settled.as_millis(),
            self.crossings,
            self.wrong,
        )
    }
}

fn live() -> u64 {
    let stats = crate::ALLOCATOR.stats();
    stats
        .bytes_allocated
        .saturating_sub(stats.bytes_deallocated) as u64
}

/// The second figure of Linux's statm, in pages of the usual size.
fn resident() -> Option<u64> {
    const PAGE: u64 = 4096;
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * PAGE)
}

/// Without the one that is open to count them.
fn descriptors() -> Option<usize> {
    let open = std::fs::read_dir("/proc/self/fd").ok()?;
    Some(open.count().saturating_sub(1))
}
