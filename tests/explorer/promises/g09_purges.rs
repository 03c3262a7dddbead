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
    let page = request.ask.page;
    let (body, head) = (
        history.fetch_began(made.body),
        history.fetch_began(made.head),
    );
    // Until a 304 renewed it, it could be purged by what it had said itself.
    let own = [made.own_topic(), None, None];
    for purge in history.purges_between(page, own, &body, &head) {
        if !purge.soft {
            return breaks(id, format!("renewed what {:?} had purged", purge.what));
        }
    }
    // Of two soft purges the cache knows the last one.
    let until = &answered.stamp;
    let again = history
        .purges_between(page, made.topics(), &request.began, until)
        .any(|one| one.soft);
    for purge in history.purges_between(page, made.topics(), &head, &request.began) {
        let as_stale = answered.status_line.detail.is_some();
        if !purge.soft {
            return breaks(id, format!("what {:?} had purged", purge.what));
        }
        if !as_stale && !again {
            return breaks(id, format!("as fresh what {:?} had made stale", purge.what));
        }
    }
    Ok(())
}
