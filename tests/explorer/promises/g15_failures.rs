use std::time::Duration;

use super::{Kept, Promise, breaks};
use crate::history::{
    BodyEnd, Call, Caller, Failed, Flight, History, Over, Request, RequestId, Stamp,
};

pub(super) const PROMISE: Promise = Promise {
    name: "g15-failure-fan-out",
    text: "One try that fails answers all who wait for it; the next one is made no sooner than \
           the pause after so many failures allows.",
    check,
};

/// The shortest pause after the second failure in a row, and the longest of all
/// shortest ones: half of what they are doubled to.
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(4);

fn check(history: &History) -> Kept {
    for (at, request) in history.requests.iter().enumerate() {
        check_answered(history, RequestId(at), request)?;
    }
    (0..history.plan.pages.len()).try_for_each(|page| check_pauses(history, page))
}

/// Who waits for a try that fails is answered by that, without another.
fn check_answered(history: &History, id: RequestId, request: &Request) -> Kept {
    let Some(flight) = history
        .followed(request)
        .filter(|flight| has_failed(history, flight))
    else {
        return Ok(());
    };
    let Some(failed) = history.announced(flight) else {
        return Ok(());
    };
    let answered = request.answered.as_ref().map(|answered| answered.stamp);
    // One who has waited for long enough was told of that.
    let mut gone = request.left.into_iter().chain(answered);
    let was_there = gone.all(|gone| failed.is_before(&gone));
    let passed = request.passed.map(|(stamp, _)| stamp);
    let heard = passed.or(answered).unwrap_or(failed);
    // Only what was fetched before a purge is fetched once more.
    if !was_there || history.any_purge(flight.page, &flight.began, &heard) {
        return Ok(());
    }
    let calls = |call: &Call| call.caller == Caller::Pass(id);
    let leads = |flight: &Flight| flight.leader == id && request.began.is_before(&flight.began);
    if history.calls.iter().any(calls) || history.flights.iter().any(leads) {
        return breaks(
            id,
            "asked once more, though it had been told of the failure",
        );
    }
    let answered = request
        .answered
        .as_ref()
        .map(|answered| answered.stamp.since(&failed));
    if request.left.is_none() && answered.is_none_or(|late| !late.is_zero()) {
        return breaks(id, format!("was told of the failure after {answered:?}"));
    }
    Ok(())
}

fn has_failed(history: &History, flight: &Flight) -> bool {
    let Some(call) = history.last_call(flight) else {
        return false;
    };
    match call.failed {
        // Lost is not failed: it is tried once more.
        Some((_, how)) => !matches!(how, Failed::Gone(Over::Killed | Over::Panicked)),
        None => call.failed_answer(),
    }
}

/// Something that was learned of a page.
enum Lesson {
    /// A try without an answer, or with half of one.
    Silence,
    /// Anything else: it may have been good.
    Other,
}

/// Between failures, a page is left alone for a while.
fn check_pauses(history: &History, page: usize) -> Kept {
    if !history.has_room() {
        return Ok(());
    }
    let mut lessons: Vec<(Stamp, Lesson)> = Vec::new();
    for (_, flight) in history.flights_of_with_id(page) {
        lessons.extend(learned(history, flight));
    }
    let calls = history.calls.iter().filter(|call| call.page == page);
    for call in calls.filter(|call| matches!(call.caller, Caller::Pass(_))) {
        lessons.extend(call.outcome().map(|stamp| (stamp, Lesson::Other)));
    }
    let purges = history
        .purges
        .iter()
        .map(|purge| (purge.stamp, Lesson::Other));
    lessons.extend(purges);
    lessons.sort_by_key(|(stamp, _)| stamp.order);
    let mut failures = 0;
    for (at, (stamp, lesson)) in lessons.iter().enumerate() {
        failures = match lesson {
            Lesson::Silence => failures + 1,
            Lesson::Other => 0,
        };
        let next = lessons.get(at + 1).map(|(next, _)| *next);
        check_pause(history, page, failures, stamp, next)?;
    }
    Ok(())
}

/// No fetch begins in the pause, until there is something new to go by.
fn check_pause(
    history: &History,
    page: usize,
    failures: u32,
    stamp: &Stamp,
    next: Option<Stamp>,
) -> Kept {
    let doubled = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(8));
    let pause = doubled.min(LONGEST) / 2;
    for (at, flight) in history.flights_of_with_id(page) {
        let after = stamp.is_before(&flight.began);
        let before = next.is_none_or(|next| flight.began.is_before(&next));
        let early = flight.began.at < stamp.at + pause;
        let may_not = if flight.is_refresh {
            failures >= 1
        } else {
            failures >= 2
        };
        if after && before && early && may_not {
            return Err(format!(
                "F{at} was started in the pause after {failures} failures"
            ));
        }
    }
    Ok(())
}

/// What a flight taught of its page, and when.
fn learned(history: &History, flight: &Flight) -> Vec<(Stamp, Lesson)> {
    let Some(call) = history.last_call(flight) else {
        return flight
            .ended
            .map(|(stamp, _)| (stamp, Lesson::Other))
            .into_iter()
            .collect();
    };
    if let Some((stamp, how)) = call.failed {
        let ended = flight.ended.map_or(stamp, |(ended, _)| ended);
        let stamp = match how {
            // Counted when the task has been dropped.
            Failed::Gone(Over::Killed | Over::Panicked) => ended,
            Failed::Error | Failed::TimedOut | Failed::Gone(Over::Dropped) => stamp,
        };
        return vec![(stamp, Lesson::Silence)];
    }
    let Some(head) = call.head else {
        return Vec::new();
    };
    // One that told of a failure has been counted by then.
    let counts = history.is_read_by_flight(flight) && !call.failed_answer();
    let body = call.body.ended.map(|(stamp, how)| match how {
        BodyEnd::Cut if counts => (stamp, Lesson::Silence),
        _ => (stamp, Lesson::Other),
    });
    let ended = flight.ended.map(|(stamp, _)| (stamp, Lesson::Other));
    // The end of the flight says nothing new after a body that broke.
    let last = body.or(ended);
    [Some((head.stamp, Lesson::Other)), last]
        .into_iter()
        .flatten()
        .collect()
}
