use super::{Kept, Promise, breaks};
use crate::client::{Fields, Method};
use crate::facts::Verdict;
use crate::history::{History, RequestId, Stamp};

pub(super) const PROMISE: Promise = Promise {
    name: "g9-newest-start-wins",
    text: "Of two fetches of one page whose answers are stored, the one that began later \
           stays, whichever ends last.",
    check,
};

/// An answer from the store.
struct Hit {
    id: RequestId,
    page: usize,
    fields: Fields,
    began: Stamp,
    answered: Stamp,
    fetched: Stamp,
}

fn check(history: &History) -> Kept {
    let settings = &history.plan.settings;
    // What was stored last may have had to go, and an older one came later.
    if settings.capacity < 1 << 20 || settings.max_variants < 32 {
        return Ok(());
    }
    let hits: Vec<Hit> = hits(history).collect();
    for later in &hits {
        for earlier in &hits {
            let is_same = earlier.page == later.page && earlier.fields == later.fields;
            let is_after = earlier.answered.is_before(&later.began);
            // Those that began at one moment are alike.
            let is_older = later.fetched.at < earlier.fetched.at;
            let (from, to) = (&earlier.answered, &later.answered);
            if is_same && is_after && is_older && !was_removed(history, later.page, from, to) {
                return breaks(later.id, "an older answer took the place of a newer one");
            }
        }
    }
    Ok(())
}

fn hits(history: &History) -> impl Iterator<Item = Hit> {
    let answers = history.answers().filter(|(_, request, answered)| {
        answered.status_line.hit && request.ask.method == Method::Get
    });
    answers.filter_map(|(id, request, answered)| {
        let made = history.made(answered)?;
        Some(Hit {
            id,
            page: request.ask.page,
            fields: request.ask.fields,
            began: request.began,
            answered: answered.stamp,
            fetched: history.fetch_began(made.head),
        })
    })
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
