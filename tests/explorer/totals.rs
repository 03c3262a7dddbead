//! What many histories add up to.

use std::fmt;

use crate::history::{BodyEnd, Call, Caller, Failed, History, Looked, Over};
use crate::promises::asked_again;

/// Counts something in a history.
type Count = fn(&History) -> usize;

/// What is counted, by name, in the order in which it is told.
const COUNTED: [(&str, Count); 24] = [
    ("requests", |it| it.requests.len()),
    ("fetches", |it| it.flights.len()),
    ("refreshes", |it| {
        it.flights.iter().filter(|one| one.is_refresh).count()
    }),
    (REACHED, |it| {
        it.flights
            .iter()
            .filter(|one| !one.calls.is_empty())
            .count()
    }),
    (CALLS, |it| {
        calls(it, |call| matches!(call.caller, Caller::Flight(_)))
    }),
    (AGAIN, |it| {
        it.flights.iter().filter(|one| asked_again(it, one)).count()
    }),
    ("passes", |it| {
        calls(it, |call| matches!(call.caller, Caller::Pass(_)))
    }),
    ("collapsed", |it| {
        it.answers()
            .filter(|(_, _, one)| one.status_line.collapsed)
            .count()
    }),
    ("hits", |it| {
        it.answers()
            .filter(|(_, _, one)| one.status_line.hit)
            .count()
    }),
    ("released", |it| {
        it.answers()
            .filter(|(_, _, one)| one.status_line.released)
            .count()
    }),
    ("inner requests", |it| {
        it.requests
            .iter()
            .filter(|one| one.inside.is_some())
            .count()
    }),
    ("purges", |it| it.purges.len()),
    ("errors", |it| calls(it, |call| failed(call, Failed::Error))),
    ("time-outs", |it| {
        calls(it, |call| failed(call, Failed::TimedOut))
    }),
    ("hung calls", |it| {
        calls(it, |call| failed(call, Failed::Gone(Over::Dropped)))
    }),
    ("panics", |it| it.panics.len()),
    ("killed tasks", |it| {
        let killed = |ended| matches!(ended, Some((_, Over::Killed)));
        it.flights.iter().filter(|one| killed(one.ended)).count()
    }),
    ("unstarted fetches", |it| it.losses.len()),
    ("cut bodies", |it| {
        calls(it, |call| ended(call, BodyEnd::Cut))
    }),
    ("stalled bodies", |it| {
        calls(it, |call| ended(call, BodyEnd::Gone(Over::Dropped)))
    }),
    ("lying 304s", |it| {
        calls(it, |call| call.head.is_some_and(|head| !head.honest))
    }),
    ("honest 304s", |it| {
        calls(it, |call| {
            call.head
                .is_some_and(|head| head.status == 304 && head.honest)
        })
    }),
    ("clients gone", |it| {
        it.requests.iter().filter(|one| one.left.is_some()).count()
    }),
    ("followers", |it| {
        it.requests
            .iter()
            .filter(|one| one.looked_up == Looked::Follows)
            .count()
    }),
];

const REACHED: &str = "flights that called";
const CALLS: &str = "calls by flights";
const AGAIN: &str = "second calls after a 304";

fn calls(history: &History, is: impl Fn(&&Call) -> bool) -> usize {
    history.calls.iter().filter(is).count()
}

fn failed(call: &Call, how: Failed) -> bool {
    call.failed.is_some_and(|(_, failed)| failed == how)
}

fn ended(call: &Call, how: BodyEnd) -> bool {
    call.body.ended.is_some_and(|(_, ended)| ended == how)
}

/// What many histories add up to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals([u64; COUNTED.len()]);

impl Totals {
    pub(crate) fn add(&mut self, history: &History) {
        for (total, (_, count)) in self.0.iter_mut().zip(COUNTED) {
            *total += count(history) as u64;
        }
    }

    pub(crate) fn join(&mut self, other: &Self) {
        for (total, more) in self.0.iter_mut().zip(other.0) {
            *total += more;
        }
    }

    fn get(&self, name: &str) -> u64 {
        let at = COUNTED.iter().position(|(known, _)| *known == name);
        at.map_or(0, |at| self.0[at])
    }

    /// Calls of the handler for each flight that made one, second calls after a
    /// lying 304 left out.
    fn calls_per_flight(&self) -> f64 {
        let calls = self.get(CALLS) - self.get(AGAIN);
        calls as f64 / self.get(REACHED).max(1) as f64
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (total, (name, _)) in self.0.iter().zip(COUNTED) {
            writeln!(f, "  {total:>12} {name}")?;
        }
        write!(f, "calls per flight {:.3}", self.calls_per_flight())
    }
}
