use super::{Kept, Promise};
use crate::client::Directive;
use crate::facts::{GRACE, Verdict};
use crate::history::{Flight, History, Stamp};

pub(super) const PROMISE: Promise = Promise {
    name: "g11-one-fetch",
    text: "For one key and variant there is one fetch that others can join; a second one \
           starts only when a purge, its age, or what has come of the first, makes it useless \
           to those who come.",
    check,
};

fn check(history: &History) -> Kept {
    for (at, second) in history.flights.iter().enumerate() {
        for (earlier, first) in history.flights[..at].iter().enumerate() {
            if first.page == second.page && would_do(history, first, second) {
                return Err(format!("F{at} was started although F{earlier} was there"));
            }
        }
    }
    Ok(())
}

/// Whether whoever started `second` could have joined `first`.
fn would_do(history: &History, first: &Flight, second: &Flight) -> bool {
    let now = &second.began;
    if history.any_purge(first.page, &first.began, now) || !history.selects_same(first, second) {
        return false;
    }
    match history.announced(first) {
        Some(announced) if announced.is_before(now) => is_open(history, first, second),
        // Nobody knows yet what will come of it; past its deadline, nothing will.
        _ => now.at < first.began.at + history.patience(),
    }
}

/// Whether `first`, of which the head has come, answers the one who started
/// `second`.
fn is_open(history: &History, first: &Flight, second: &Flight) -> bool {
    let now = &second.began;
    let Some((came, said, Verdict::Shared { stored: true })) = history.verdict(first) else {
        return false;
    };
    let Some(call) = history.last_call(first) else {
        return false;
    };
    let settings = &history.plan.settings;
    let is_over = |at: &Option<Stamp>| at.is_some_and(|at| at.is_before(now));
    let wants_new = |flight: &Flight| {
        let directive = history.requests[flight.leader.0].ask.directive;
        !matches!(
            directive,
            None | Some(Directive::OnlyIfCached | Directive::MaxStale(_))
        )
    };
    let ended = first.ended.map(|(stamp, _)| stamp);
    let is_streaming = !is_over(&ended) && !is_over(&call.body.ended.map(|(stamp, _)| stamp));
    // Past these limits it is not stored, and nobody joins any more.
    let is_within = call.body.sent <= settings.max_object_size
        && settings.capacity > 1 << 20
        && now.at.saturating_sub(first.began.at) <= settings.store_deadline;
    // A reader that has waited for long enough closes it.
    let last = call
        .body
        .last
        .filter(|last| last.is_before(now))
        .unwrap_or(came);
    let is_silent = now.at >= last.at + settings.body_idle_deadline + GRACE;
    let Some(made) = history.made_by(call) else {
        return false;
    };
    let mine = history.flies_for(second).identity;
    let is_mine = said.permits(mine) && !said.is_failure();
    came.is_before(now)
        && is_streaming
        && is_within
        && !is_silent
        && is_mine
        && made.is_fresh(now.at)
        && !wants_new(second)
}
