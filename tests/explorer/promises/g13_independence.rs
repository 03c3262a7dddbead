use floodwall::{CutShort, Reason};

use super::{Kept, Promise, breaks};
use crate::facts::Verdict;
use crate::history::{
    Answered, BodyEnd, Call, Caller, Failed, Flight, History, Over, ReadEnd, Request, RequestId,
    Stamp,
};

pub(super) const PROMISE: Promise = Promise {
    name: "g13-leader-independence",
    text: "Whoever started a fetch may leave, read slowly or be aborted: nothing changes for \
           the others. No fetch is dropped, no body cut and no error told but for a reason in \
           the fetch itself; a fetch that is lost is tried once more.",
    check,
};

fn check(history: &History) -> Kept {
    for (at, call) in history.calls.iter().enumerate() {
        if let Caller::Flight(flight) = call.caller {
            check_dropped(history, at, call, history.flight(flight))?;
        }
    }
    for (id, request, answered) in history.answers() {
        match answered.head {
            Some(_) => check_cut(history, id, request, answered)?,
            None => check_error(history, id, request, answered)?,
        }
    }
    Ok(())
}

/// Whether a fetch went on to its end, whoever had left.
fn check_dropped(history: &History, at: usize, call: &Call, flight: &Flight) -> Kept {
    let settings = &history.plan.settings;
    if let Some((stamp, Failed::Gone(Over::Dropped))) = call.failed {
        if stamp.at.saturating_sub(flight.began.at) < settings.fetch_deadline {
            return Err(format!("call {at} was dropped before its time"));
        }
    }
    let Some((stamp, BodyEnd::Gone(Over::Dropped))) = call.body.ended else {
        return Ok(());
    };
    let is_kept = matches!(history.verdict(flight), Some((_, said, Verdict::Shared { stored: true }))
        if !said.is_failure());
    // Past these limits it is not stored, and may be dropped when nobody reads.
    let is_within = call.body.sent <= settings.max_object_size
        && settings.capacity > 1 << 20
        && stamp.at.saturating_sub(flight.began.at) <= settings.store_deadline;
    let head = call.head.map(|head| head.stamp);
    let last = call.body.last.or(head).unwrap_or(stamp);
    let was_silent = stamp.at.saturating_sub(last.at) >= settings.body_idle_deadline;
    if is_kept && is_within && !was_silent {
        return Err(format!(
            "the body of call {at} was dropped, though it was to be stored"
        ));
    }
    Ok(())
}

/// Whether a body that was cut had a reason to be.
fn check_cut(history: &History, id: RequestId, request: &Request, answered: &Answered) -> Kept {
    let (Some((read_ended, ReadEnd::Cut(why))), Some(serial)) = (request.read.ended, answered.body)
    else {
        return Ok(());
    };
    let call = history.call(serial);
    let ended = call.body.ended.map(|(_, how)| how);
    let has_reason = match why {
        CutShort::Origin => ended == Some(BodyEnd::Cut),
        // The reader's own clock may see it first where the machine lags.
        CutShort::Idle => {
            let lags = read_ended.lag > answered.stamp.lag;
            ended == Some(BodyEnd::Gone(Over::Dropped)) || lags
        }
        CutShort::Abandoned => {
            let is_lost = matches!(ended, Some(BodyEnd::Gone(Over::Killed | Over::Panicked)));
            is_lost || call.body.exploded
        }
        // It was not held for the store any more: too large, or for want of room.
        CutShort::TooSlow => {
            call.body.sent > history.plan.settings.max_object_size || !history.has_room()
        }
        _ => false,
    };
    if !has_reason {
        return breaks(id, format!("{why}, though the body was {ended:?}"));
    }
    Ok(())
}

/// Whether an error of the cache's own has a cause.
fn check_error(history: &History, id: RequestId, request: &Request, answered: &Answered) -> Kept {
    let settings = &history.plan.settings;
    let detail = answered.status_line.detail.as_deref();
    let Some(reason) = CAUSES.iter().find(|reason| Some(reason.as_str()) == detail) else {
        return breaks(id, format!("an error for no reason: {detail:?}"));
    };
    let page = request.ask.page;
    let announced = || history.announced_between(page, &request.began, &answered.stamp);
    let any =
        |cause: fn(&History, &Flight) -> bool| announced().any(|(one, _)| cause(history, one));
    let is_caused = match reason {
        Reason::Deadline => {
            let mut own = history.gives_up(page, &request.began, &answered.stamp);
            any(ran_out_of_time) || own.next().is_some()
        }
        Reason::Unreachable => any(had_no_answer),
        Reason::BadOrigin => any(had_bad_answer),
        Reason::OriginError => any(had_failure),
        Reason::Lost => was_lost_twice(history, request, &answered.stamp),
        Reason::Pause => {
            let start = Stamp::default();
            history
                .announced_between(page, &start, &answered.stamp)
                .count()
                >= 2
        }
        Reason::OnlyIfCached => request.ask.directive.is_some(),
        Reason::GateFull => settings.origin_limit < 1000,
        Reason::WaitersFull => settings.max_waiters < 1000,
        Reason::FlightsFull => settings.max_flights < 1000,
        _ => false,
    };
    if !is_caused {
        return breaks(id, format!("an error without a cause: {reason}"));
    }
    Ok(())
}

const CAUSES: [Reason; 10] = [
    Reason::Deadline,
    Reason::Unreachable,
    Reason::BadOrigin,
    Reason::OriginError,
    Reason::Lost,
    Reason::Pause,
    Reason::OnlyIfCached,
    Reason::GateFull,
    Reason::WaitersFull,
    Reason::FlightsFull,
];

fn ran_out_of_time(history: &History, flight: &Flight) -> bool {
    let failed = history.last_call(flight).and_then(|call| call.failed);
    let how = failed.map(|(_, how)| how);
    matches!(how, Some(Failed::TimedOut | Failed::Gone(Over::Dropped)))
}

fn had_no_answer(history: &History, flight: &Flight) -> bool {
    let failed = history.last_call(flight).and_then(|call| call.failed);
    matches!(failed, Some((_, Failed::Error)))
}

fn had_bad_answer(history: &History, flight: &Flight) -> bool {
    let head = history.last_call(flight).and_then(|call| call.head);
    head.is_some_and(|head| head.status == 304 && !head.honest)
}

fn had_failure(history: &History, flight: &Flight) -> bool {
    let head = history.last_call(flight).and_then(|call| call.head);
    head.and_then(|head| head.said)
        .is_some_and(|said| said.is_failure())
}

/// Whether what a request waited for was lost; once is not enough, unless it had
/// waited for something else before.
fn was_lost_twice(history: &History, request: &Request, until: &Stamp) -> bool {
    let page = request.ask.page;
    let is_lost = |flight: &Flight| {
        let ended_lost = matches!(flight.ended, Some((_, Over::Killed | Over::Panicked)));
        ended_lost || history.last_call(flight).is_some_and(Call::is_lost)
    };
    let mut tries = 0;
    let mut losses = 0;
    for (flight, _) in history.announced_between(page, &request.began, until) {
        tries += 1;
        losses += usize::from(is_lost(flight));
    }
    let between = |stamp: &Stamp| request.began.is_before(stamp) && stamp.is_before(until);
    let unstarted = history
        .losses
        .iter()
        .filter(|loss| loss.page == page && between(&loss.stamp));
    let unstarted = unstarted.count();
    losses + unstarted > 0 && tries + unstarted > 1
}
