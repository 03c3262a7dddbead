use super::{Kept, Promise};
use crate::history::{Flight, History};

pub(super) const PROMISE: Promise = Promise {
    name: "g16-quiet-refresh",
    text: "Of one key and variant there is at most one refresh, it begins only where nobody \
           fetches already, and it comes to something by the fetch deadline.",
    check,
};

fn check(history: &History) -> Kept {
    for (at, refresh) in history.flights.iter().enumerate() {
        if !refresh.is_refresh {
            continue;
        }
        for (earlier, first) in history.flights[..at].iter().enumerate() {
            if is_under_way(history, first, refresh) {
                return Err(format!("F{at} refreshes what F{earlier} fetches"));
            }
        }
        let deadline = history.plan.settings.fetch_deadline;
        let took = history
            .announced(refresh)
            .map(|announced| announced.since(&refresh.began));
        if took.is_none_or(|took| took > deadline) {
            return Err(format!("F{at} refreshes for {took:?}"));
        }
    }
    Ok(())
}

fn is_under_way(history: &History, first: &Flight, refresh: &Flight) -> bool {
    let began = &refresh.began;
    let is_over = history
        .announced(first)
        .is_some_and(|announced| announced.is_before(began));
    let is_same = first.page == refresh.page && history.selects_same(first, refresh);
    // Past its deadline nothing comes of it any more, and another may begin.
    let is_late = began.at >= first.began.at + history.patience();
    is_same && !is_over && !is_late && !history.any_purge(refresh.page, &first.began, began)
}
