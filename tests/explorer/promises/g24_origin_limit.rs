use super::{Kept, Promise};
use crate::facts::Verdict;
use crate::history::{Flight, History, Stamp};

pub(super) const PROMISE: Promise = Promise {
    name: "g24-origin-protection",
    text: "No more fetches than the limit are at the handler at once, from the call to the \
           head, and to the end of a body that is stored; but for those that another one there \
           waits for, which would wait for its place.",
    check,
};

fn check(history: &History) -> Kept {
    let limit = history.plan.settings.origin_limit;
    let mut changes: Vec<(u32, i64)> = Vec::new();
    let queue = history
        .flights
        .iter()
        .filter(|flight| !history.is_hurried(flight));
    for flight in queue {
        if let Some((from, to)) = stay(history, flight) {
            changes.push((from.order, 1));
            changes.push((to.order, -1));
        }
    }
    changes.sort_unstable();
    let mut there = 0;
    for (order, change) in changes {
        there += change;
        if there > limit as i64 {
            return Err(format!("{there} fetches at the handler at {order}"));
        }
    }
    Ok(())
}

/// From when to when a flight was at the handler, at least.
fn stay(history: &History, flight: &Flight) -> Option<(Stamp, Stamp)> {
    let first = history.call(*flight.calls.first()?);
    let announced = history.announced(flight)?;
    let is_stored = matches!(history.verdict(flight), Some((_, said, Verdict::Shared { stored: true }))
        if !said.is_failure());
    let settings = &history.plan.settings;
    let last = history.last_call(flight)?;
    let is_within = last.body.sent <= settings.max_object_size && settings.capacity > 1 << 20;
    let ended = last.body.ended.map(|(stamp, _)| stamp);
    let is_soon = |stamp: &Stamp| stamp.at - flight.began.at <= settings.store_deadline;
    let read = ended.filter(|stamp| is_stored && is_within && is_soon(stamp));
    Some((first.began, read.unwrap_or(announced)))
}
