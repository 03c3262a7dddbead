use super::{Kept, Promise, breaks};
use crate::client::{Fields, Method};
use crate::facts::Verdict;
use crate::history::{History, Stamp};

pub(super) const PROMISE: Promise = Promise {
    name: "g9-newest-start-wins",
    text: "Of two fetches of one page whose answers are stored, the one that began later \
           stays, whichever ends last.",
    check,
};

/// What one kind of request was last answered with from the store.
struct Last {
    page: usize,
    fields: Fields,
    answered: Stamp,
    fetched: Stamp,
}

fn check(history: &History) -> Kept {
    let settings = &history.plan.settings;
    // What was stored last may have had to go, and an older one came later.
    if settings.capacity < 1 << 20 || settings.max_variants < 32 {
        return Ok(());
    }
    let mut hits: Vec<_> = history
        .answers()
        .filter(|(_, _, it)| it.status_line.hit)
        .collect();
    hits.sort_by_key(|(_, _, answered)| answered.stamp.order);
    let mut lasts: Vec<Last> = Vec::new();
    for (id, request, answered) in hits {
        let (page, fields) = (request.ask.page, request.ask.fields);
        let Some(made) = history
            .made(answered)
            .filter(|_| request.ask.method == Method::Get)
        else {
            continue;
        };
        let fetched = history.fetch_began(made.head);
        let now = answered.stamp;
        let same = |last: &&mut Last| last.page == page && last.fields == fields;
        match lasts.iter_mut().find(same) {
            None => lasts.push(Last {
                page,
                fields,
                answered: now,
                fetched,
            }),
            Some(last) => {
                let is_older = fetched.at < last.fetched.at;
                if is_older && !was_removed(history, page, &last.answered, &now) {
                    return breaks(id, "an older answer took the place of a newer one");
                }
                last.answered = now;
                last.fetched = fetched;
            }
        }
    }
    Ok(())
}

/// Whether something between may have removed what was stored: a purge, or an
/// answer that said that there is no such page any more.
fn was_removed(history: &History, page: usize, from: &Stamp, to: &Stamp) -> bool {
    let withdraws = |(flight, _): (&_, Stamp)| match history.verdict(flight) {
        Some((_, said, verdict)) => {
            matches!(said.status, 404 | 410) || !matches!(verdict, Verdict::Shared { .. })
        }
        // A 304 may bring rules by which it may not be kept.
        None => true,
    };
    history.any_purge(page, from, to) || history.announced_between(page, from, to).any(withdraws)
}
