use super::{Kept, Promise, breaks};
use crate::client::Identity;
use crate::facts::Made;
use crate::history::{Answered, Call, History, Request, RequestId};

pub(super) const PROMISE: Promise = Promise {
    name: "g1-isolation",
    text: "No byte of an answer that was made for one client reaches another, unless the \
           answer itself allows sharing and every field that it varies on says the same.",
    check,
};

fn check(history: &History) -> Kept {
    for (id, request, answered) in history.answers() {
        check_canary(history, id, request, answered)?;
        if let Some(made) = history.made(answered) {
            check_sharing(history, id, request, &made)?;
        }
    }
    Ok(())
}

/// What the answer itself says of whom it was made for, and the cookies that it
/// sets.
fn check_canary(history: &History, id: RequestId, request: &Request, answered: &Answered) -> Kept {
    let is_own = |serial| history.is_own(id, history.call(serial));
    if answered.sets_cookie && !answered.head.is_some_and(is_own) {
        return breaks(id, "was given another's cookie");
    }
    let Some(canary) = answered.canary.as_deref() else {
        return Ok(());
    };
    let mine = request.ask.fields.identity.canary();
    let maker = Identity::ALL.iter().find(|one| one.canary() == canary);
    let is_shared = match (history.made(answered), maker) {
        (Some(made), Some(maker)) => made.rules.permits(*maker) && !made.rules.is_private(),
        _ => false,
    };
    if canary != mine && !is_shared {
        return breaks(id, format!("saw {canary:?}"));
    }
    Ok(())
}

fn check_sharing(history: &History, id: RequestId, request: &Request, made: &Made<'_>) -> Kept {
    let mine = request.ask.fields;
    if !history.is_own(id, made.head) {
        let rules = &made.rules;
        if rules.is_private() || rules.is_about_the_request(&history.plan.settings) {
            return breaks(
                id,
                format!("was given what was for another: {}", rules.brief()),
            );
        }
        if !rules.permits(mine.identity) || !rules.permits(made.head.fields.identity) {
            return breaks(id, format!("was given leave by nobody: {}", rules.brief()));
        }
        if !rules.selects(made.head.fields, mine) {
            return breaks(id, format!("was given another variant: {}", rules.brief()));
        }
    }
    if !history.is_own(id, made.body) && !may_be_kept(made.body) {
        return breaks(id, "was given a body that was for another");
    }
    Ok(())
}

/// Whether a body might be kept for anyone by the rules that it came with.
fn may_be_kept(body: &Call) -> bool {
    let said = body.head.and_then(|head| head.said);
    said.is_some_and(|said| !said.is_private() && said.permits(body.fields.identity))
}
