use std::time::Duration;

use super::{Kept, Promise, breaks};
use crate::history::{Answered, History, Request, RequestId};

pub(super) const PROMISE: Promise = Promise {
    name: "g12-bounded-wait",
    text: "No request waits for others longer than one fetch may take, and 50 ms more; whoever \
           waits hears what there is to hear when it is there, and when nothing can happen any \
           more nobody waits.",
    check,
};

fn check(history: &History) -> Kept {
    if let Some(ending) = history.ending {
        if ending.endless {
            return Err("the run did not end".to_owned());
        }
        if ending.waiting > 0 {
            let (tasks, engines) = (ending.waiting, ending.detached);
            return Err(format!(
                "{tasks} tasks wait for ever, {engines} of them the engine's"
            ));
        }
    }
    check_flights(history)?;
    for (at, request) in history.requests.iter().enumerate() {
        let id = RequestId(at);
        check_wait(history, id, request)?;
        if let Some(answered) = &request.answered {
            check_wakeup(history, id, request, answered)?;
            check_end(history, id, request, answered)?;
        }
    }
    Ok(())
}

fn check_flights(history: &History) -> Kept {
    let deadline = history.plan.settings.fetch_deadline;
    for (at, flight) in history.flights.iter().enumerate() {
        let took = history
            .announced(flight)
            .map(|announced| announced.since(&flight.began));
        if took.is_none_or(|took| took > deadline) {
            return Err(format!("F{at} came to something after {took:?}"));
        }
    }
    Ok(())
}

/// Until there was an answer, or leave to go alone.
fn check_wait(history: &History, id: RequestId, request: &Request) -> Kept {
    let passed = request.passed.map(|(stamp, _)| stamp);
    let answered = request.answered.as_ref().map(|answered| answered.stamp);
    let Some(until) = passed.or(answered).or(request.left) else {
        return breaks(id, "never got anything");
    };
    let waited = until.since(&request.began);
    if waited > history.patience() {
        return breaks(id, format!("waited for {waited:?}"));
    }
    Ok(())
}

/// The answer came when something had happened that it could come of, not later.
fn check_wakeup(history: &History, id: RequestId, request: &Request, answered: &Answered) -> Kept {
    // The handler takes as long as it takes for one who goes alone.
    let heard = request.passed.map_or(answered.stamp, |(stamp, _)| stamp);
    let announced = history.announced_between(request.ask.page, &request.began, &heard);
    let moments = announced.map(|(_, stamp)| stamp);
    let lost = history.losses.iter().map(|loss| loss.stamp);
    let own = history.gives_up(request.ask.page, &request.began, &heard);
    let moments = moments.chain(lost).chain(own).chain([request.began]);
    let late = moments.map(|moment| heard.since(&moment)).min();
    if late.is_some_and(|late| !late.is_zero()) {
        return breaks(id, format!("heard of it {late:?} late"));
    }
    Ok(())
}

/// The end of the body was heard when it was there.
fn check_end(history: &History, id: RequestId, request: &Request, answered: &Answered) -> Kept {
    let Some((ended, _)) = request.read.ended.filter(|_| !request.read.paused) else {
        return Ok(());
    };
    let sent = answered
        .body
        .and_then(|serial| history.call(serial).body.ended);
    let since_sent = sent.map_or(Duration::MAX, |(stamp, _)| ended.since(&stamp));
    let late = since_sent.min(ended.since(&answered.stamp));
    if !late.is_zero() {
        return breaks(id, format!("heard of its end {late:?} late"));
    }
    Ok(())
}
