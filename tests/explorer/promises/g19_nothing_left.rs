use super::{Kept, Promise};
use crate::history::History;

pub(super) const PROMISE: Promise = Promise {
    name: "g19-nothing-left-behind",
    text: "When the traffic has ended there are no flights, nobody waits, nothing is held for \
           readers, nobody is at the handler or queues for it, and no task of the engine is \
           left.",
    check,
};

fn check(history: &History) -> Kept {
    let Some(ending) = &history.ending else {
        return Err("it has no ending".to_owned());
    };
    let left = [
        ("flights", ending.stats.flights),
        ("waiting", ending.stats.waiting),
        ("flight_bytes", ending.stats.flight_bytes),
        ("at_origin", ending.stats.at_origin),
        ("queued", ending.stats.queued),
        ("tasks", ending.detached as u64),
    ];
    for (what, many) in left {
        if many > 0 {
            return Err(format!("{what}: {many}"));
        }
    }
    let is_left = |stamp: Option<u32>| stamp.is_none_or(|order| order > ending.stamp.order);
    let flights = history.flights.iter().enumerate();
    for (at, flight) in flights.filter(|(_, one)| one.began.is_before(&ending.stamp)) {
        if is_left(flight.ended.map(|(stamp, _)| stamp.order)) {
            return Err(format!("F{at} is still there"));
        }
    }
    Ok(())
}
