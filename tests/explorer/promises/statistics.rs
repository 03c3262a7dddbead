use floodwall::{Reason, Stats};

use super::{Kept, Promise};
use crate::facts::Verdict;
use crate::history::{Answered, Ending, History, Request, Stamp};

pub(super) const PROMISE: Promise = Promise {
    name: "statistics",
    text: "The counters say what was done: hits, stale answers, collapsed requests, passes, \
           errors and unshareable answers to the last one; and what is stored never takes more \
           than the capacity.",
    check,
};

fn check(history: &History) -> Kept {
    let Some(ending) = &history.ending else {
        return Ok(());
    };
    let (capacity, mut before) = (history.plan.settings.capacity, Stats::default());
    let looks = history.stats.iter().map(|(_, stats)| stats);
    for stats in looks.chain([&ending.stats]) {
        if stats.stored_bytes > capacity {
            return Err(format!("{} bytes stored", stats.stored_bytes));
        }
        check_caps(history, stats)?;
        if stats.hits < before.hits || stats.fills < before.fills {
            return Err("a counter went back".to_owned());
        }
        before = *stats;
    }
    check_counts(history, ending)
}

fn check_caps(history: &History, stats: &Stats) -> Kept {
    let settings = &history.plan.settings;
    if stats.held_bytes > settings.capacity {
        return Err(format!("{} bytes held", stats.held_bytes));
    }
    let hurried = history
        .flights
        .iter()
        .filter(|flight| history.is_hurried(flight))
        .count();
    let rows = [
        ("flights", stats.flights, settings.max_flights),
        (
            "at_origin",
            stats.at_origin,
            settings.origin_limit + hurried,
        ),
        ("queued", stats.queued, settings.origin_queue),
    ];
    for (name, there, most) in rows {
        if there > most as u64 {
            return Err(format!("{name}: {there} of {most}"));
        }
    }
    Ok(())
}

fn check_counts(history: &History, ending: &Ending) -> Kept {
    let stats = &ending.stats;
    let requests = &history.requests[..history.first_probe.min(history.requests.len())];
    let answers = |is: fn(&Answered) -> bool| {
        let answered = requests
            .iter()
            .filter_map(|request| request.answered.as_ref());
        answered.filter(|answered| is(answered)).count() as u64
    };
    let passed = |is: fn(&Request) -> bool| requests.iter().filter(|one| is(one)).count() as u64;
    let rows = [
        (
            "hits",
            stats.hits,
            answers(|it| it.status_line.hit && it.status_line.detail.is_none()),
        ),
        ("stale_served", stats.stale_served, answers(is_stale)),
        (
            "stale_on_error",
            stats.stale_on_error,
            answers(|it| it.status_line.says(Reason::StaleIfError)),
        ),
        (
            "collapsed",
            stats.collapsed,
            answers(|it| it.status_line.collapsed),
        ),
        ("errors", stats.errors, answers(|it| it.head.is_none())),
        ("passes", stats.passes, passed(|it| it.passed.is_some())),
        (
            "unshareable",
            stats.unshareable,
            unshareable(history, &ending.stamp),
        ),
    ];
    for (name, counted, seen) in rows {
        if counted != seen {
            return Err(format!("{name}: {counted} counted, {seen} seen"));
        }
    }
    let before = history
        .flights
        .iter()
        .filter(|one| one.began.is_before(&ending.stamp));
    let (started, called) = before.fold((0, 0), |(started, called), flight| {
        (started + 1, called + u64::from(!flight.calls.is_empty()))
    });
    if stats.fills < called || stats.fills > started {
        return Err(format!(
            "fills: {} counted, {called} to {started} seen",
            stats.fills
        ));
    }
    Ok(())
}

fn is_stale(answered: &Answered) -> bool {
    let line = &answered.status_line;
    line.says(Reason::StaleIfError)
        || line.hit && (line.says(Reason::StaleWhileRevalidate) || line.says(Reason::MaxStale))
}

/// How many fetches brought an answer for one alone that was no failure.
fn unshareable(history: &History, until: &Stamp) -> u64 {
    let for_one = history.flights.iter().filter(|flight| {
        matches!(history.verdict(flight), Some((stamp, said, Verdict::ForOne(_)))
            if !said.is_failure() && stamp.is_before(until))
    });
    for_one.count() as u64
}
