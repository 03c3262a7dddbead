use std::time::Duration;

use floodwall::Reason;

use super::{Kept, Promise, breaks};
use crate::client::Directive;
use crate::facts::Made;
use crate::history::{Answered, History, Request, RequestId};

pub(super) const PROMISE: Promise = Promise {
    name: "g10-freshness-ceiling",
    text: "Nothing is served as fresh past its lifetime on the monotonic clock, whatever the \
           wall clock does; what is stale is served only inside the windows that it declares, \
           and never against must-revalidate, proxy-revalidate, s-maxage or no-cache.",
    check,
};

fn check(history: &History) -> Kept {
    for (id, request, answered) in history.answers() {
        let Some(made) = history.made(answered) else {
            continue;
        };
        let line = &answered.status_line;
        if line.says(Reason::StaleIfError) {
            check_on_error(history, id, request, answered, &made)?;
        } else if line.hit {
            check_hit(history, id, request, answered, &made)?;
        } else if line.collapsed {
            check_collapsed(id, request, &made)?;
        }
    }
    Ok(())
}

/// Answers from the store that nobody asked the handler about.
fn check_hit(
    history: &History,
    id: RequestId,
    request: &Request,
    answered: &Answered,
    made: &Made<'_>,
) -> Kept {
    let at = answered.stamp.at;
    let line = &answered.status_line;
    if line.detail.is_none() {
        if !made.is_fresh(at) {
            return breaks(id, format!("fresh at the age of {:?}", made.age(at)));
        }
        return check_wishes(id, request, made, at);
    }
    let staleness = made.staleness(at, softly_purged(history, request, made));
    let (refreshing, _) = made.rules.windows(&history.plan.settings);
    let accepted = match request.ask.directive {
        Some(Directive::MaxStale(most)) => Some(Duration::from_secs(most)),
        _ => None,
    };
    let is_covered = if line.says(Reason::MaxStale) {
        accepted.is_some_and(|most| staleness <= most)
    } else if line.says(Reason::StaleWhileRevalidate) {
        staleness < refreshing
    } else {
        return breaks(id, format!("a hit for no good reason: {:?}", line.detail));
    };
    if !is_covered || made.rules.is_never_stale() {
        let rules = made.rules.brief();
        return breaks(id, format!("stale by {staleness:?} under {rules}"));
    }
    Ok(())
}

/// What the request says of what it accepts.
fn check_wishes(id: RequestId, request: &Request, made: &Made<'_>, at: Duration) -> Kept {
    let age = made.age(at);
    let left = made
        .rules
        .lifetime()
        .unwrap_or_default()
        .saturating_sub(age);
    let is_kept = match request.ask.directive {
        Some(Directive::NoCache | Directive::NoStore) => false,
        Some(Directive::MaxAge(0)) => made.rules.immutable,
        Some(Directive::MaxAge(most)) => age <= Duration::from_secs(most),
        Some(Directive::MinFresh(least)) => left >= Duration::from_secs(least),
        Some(Directive::OnlyIfCached | Directive::MaxStale(_)) | None => true,
    };
    // What is fresh is served to one who does not want it kept: it is there.
    let is_kept = is_kept || request.ask.directive == Some(Directive::NoStore);
    if !is_kept {
        return breaks(
            id,
            format!("{:?}, and got one of {age:?}", request.ask.directive),
        );
    }
    Ok(())
}

/// Stale answers in place of an error.
fn check_on_error(
    history: &History,
    id: RequestId,
    request: &Request,
    answered: &Answered,
    made: &Made<'_>,
) -> Kept {
    let at = answered.stamp.at;
    let purged = softly_purged(history, request, made);
    if made.is_fresh(at) && purged.is_none() {
        return Ok(());
    }
    let staleness = made.staleness(at, purged);
    let (_, failing) = made.rules.windows(&history.plan.settings);
    if made.rules.is_never_stale() || staleness >= failing {
        let rules = made.rules.brief();
        return breaks(
            id,
            format!("stale by {staleness:?} on an error, under {rules}"),
        );
    }
    Ok(())
}

/// Answers of another's fetch: made after the request had come, or fresh when it
/// came.
fn check_collapsed(id: RequestId, request: &Request, made: &Made<'_>) -> Kept {
    let Some(head) = &made.head.head else {
        return Ok(());
    };
    if request.began.is_before(&head.stamp) {
        return Ok(());
    }
    let at = request.began.at;
    if !made.is_fresh(at) {
        return breaks(id, format!("joined what had the age of {:?}", made.age(at)));
    }
    check_wishes(id, request, made, at)
}

/// When the last soft purge before the request made it stale.
fn softly_purged(history: &History, request: &Request, made: &Made<'_>) -> Option<Duration> {
    let fetched = history.fetch_began(made.head);
    let purges = history.purges_between(request.ask.page, made.topics(), &fetched, &request.began);
    purges
        .filter(|purge| purge.soft)
        .map(|purge| purge.stamp.at)
        .max()
}
