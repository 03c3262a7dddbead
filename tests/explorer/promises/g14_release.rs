use floodwall::Reason;

use super::{Kept, Promise, breaks};
use crate::client::Fields;
use crate::facts::{Remembered, Verdict};
use crate::history::{Caller, Flight, History, Looked, Request, RequestId, Stamp};

pub(super) const PROMISE: Promise = Promise {
    name: "g14-unshareable-release",
    text: "When an answer turns out to be for one, all who wait for it go on at once and in \
           parallel, and for a while nobody waits for one of that key again.",
    check,
};

fn check(history: &History) -> Kept {
    for (at, request) in history.requests.iter().enumerate() {
        check_released(history, RequestId(at), request)?;
        check_followed(history, RequestId(at), request)?;
    }
    for (at, flight) in history.flights.iter().enumerate() {
        if let Some((stamp, _, Verdict::ForOne(remembered))) = history.verdict(flight) {
            if history
                .last_call(flight)
                .is_some_and(|call| !call.failed_answer())
            {
                check_memory(history, at, flight, &stamp, remembered)?;
            }
        }
    }
    Ok(())
}

/// One who was told to go alone calls the handler at once.
fn check_released(history: &History, id: RequestId, request: &Request) -> Kept {
    let Some((passed, Reason::NotShared)) = request.passed else {
        return Ok(());
    };
    let mut calls = history
        .calls
        .iter()
        .filter(|call| call.caller == Caller::Pass(id));
    let called = calls.next().map(|call| call.began.since(&passed));
    if called.is_none_or(|late| !late.is_zero()) && request.left.is_none() {
        return breaks(
            id,
            format!("was let go, and called the handler after {called:?}"),
        );
    }
    Ok(())
}

/// Who followed a fetch of which the answer was for one does not wait any longer.
fn check_followed(history: &History, id: RequestId, request: &Request) -> Kept {
    let Some(flight) = history.followed(request) else {
        return Ok(());
    };
    let Some((stamp, said, Verdict::ForOne(_))) = history.verdict(flight) else {
        return Ok(());
    };
    let answered = request.answered.as_ref();
    if answered.is_some_and(|answered| answered.stamp.is_before(&stamp)) {
        // It had waited for long enough.
        return Ok(());
    }
    let leader = history.flies_for(flight).identity;
    // Those who have nothing to hide try once more, together, where it may have
    // been the first one's doing.
    let regroups = leader.is_known() && !request.ask.fields.identity.is_known();
    let is_of_one = said.is_about_the_request(&history.plan.settings);
    if regroups || is_of_one || said.is_failure() || request.left.is_some() {
        return Ok(());
    }
    let passed = request.passed.map(|(passed, _)| passed.since(&stamp));
    if passed.is_none_or(|late| !late.is_zero()) {
        return breaks(id, format!("was let go after {passed:?}"));
    }
    Ok(())
}

/// Nobody waits for a key of which the answer was for one a short while ago.
fn check_memory(
    history: &History,
    at: usize,
    flight: &Flight,
    stamp: &Stamp,
    remembered: Remembered,
) -> Kept {
    if !history.has_room() {
        return Ok(());
    }
    let covers = |fields: Fields| match remembered {
        Remembered::Not => false,
        Remembered::ForKnown => fields.identity.is_known(),
        Remembered::ForAll => true,
    };
    let until = stamp.at + history.plan.settings.unshareable_memory;
    let is_meant = |began: &Stamp| {
        let within = stamp.is_before(began) && began.at < until;
        within && !was_forgotten(history, flight.page, stamp, began)
    };
    for (other, later) in history.flights_of_with_id(flight.page) {
        if covers(history.flies_for(later)) && is_meant(&later.began) {
            return Err(format!(
                "F{other} was started although F{at} had been for one"
            ));
        }
    }
    for (id, request) in history.requests.iter().enumerate() {
        let follows = request.looked_up == Looked::Follows && request.ask.page == flight.page;
        if follows && covers(request.ask.fields) && is_meant(&request.began) {
            return breaks(
                RequestId(id),
                format!("waits although F{at} had been for one"),
            );
        }
    }
    Ok(())
}

/// Whether something since may have shown that answers can be shared after all: one
/// that may be stored, or a purge of everything.
fn was_forgotten(history: &History, page: usize, from: &Stamp, to: &Stamp) -> bool {
    let between = |stamp: &Stamp| from.is_before(stamp) && stamp.is_before(to);
    let shows = history
        .calls
        .iter()
        .filter(|call| call.page == page)
        .any(|call| {
            let ended = call.body.ended.map(|(stamp, _)| stamp);
            call.outcome().is_some_and(|stamp| between(&stamp)) && !call.is_for_one()
                || ended.is_some_and(|stamp| between(&stamp)) && !call.is_for_one()
        });
    shows || history.any_purge(page, from, to)
}
