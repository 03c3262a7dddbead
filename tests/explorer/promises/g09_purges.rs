use super::{Kept, Promise, breaks};
use crate::facts::Made;
use crate::history::{Answered, History, Request, RequestId};

pub(super) const PROMISE: Promise = Promise {
    name: "g9-purge-is-final",
    text: "When a purge has returned, no request that begins after it is answered from what \
           it names and was fetched, or began to be fetched, before; after a soft purge, not \
           as if that were fresh.",
    check,
};

fn check(history: &History) -> Kept {
    for (id, request, answered) in history.answers() {
        if let Some(made) = history.made(answered) {
            check_one(history, id, request, answered, &made)?;
        }
    }
    Ok(())
}

fn check_one(
    history: &History,
    id: RequestId,
    request: &Request,
    answered: &Answered,
    made: &Made<'_>,
) -> Kept {
    let line = &answered.status_line;
    let as_stale = line.detail.is_some();
    for call in [made.body, made.head] {
        let fetched = history.fetch_began(call);
        let page = request.ask.page;
        let purges = history.purges_between(page, made.topics(), &fetched, &request.began);
        for purge in purges {
            if !purge.soft {
                return breaks(id, format!("what {:?} had purged", purge.what));
            }
            // A stale body that was confirmed since is fresh again.
            let is_old = std::ptr::eq(call, made.head);
            if is_old && !as_stale {
                return breaks(id, format!("as fresh what {:?} had made stale", purge.what));
            }
        }
    }
    Ok(())
}
