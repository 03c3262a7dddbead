use super::{Kept, Promise, breaks};
use crate::history::{Caller, History};

pub(super) const PROMISE: Promise = Promise {
    name: "g7-honest-304",
    text: "Only a 304 to a validator that was sent, and for that response, renews what is \
           stored; who asked for the whole never gets a 304.",
    check,
};

fn check(history: &History) -> Kept {
    for (id, request, answered) in history.answers() {
        // The handler's own answer to a request that passes is none of ours.
        let passes = |call: &crate::history::Call| matches!(call.caller, Caller::Pass(_));
        let head = answered.head.map(|serial| history.call(serial));
        if head.is_some_and(passes) {
            continue;
        }
        if answered.status == 304 && request.ask.knows.is_none() {
            return breaks(id, "a 304 to one who has nothing");
        }
        let renewed = head.and_then(|call| call.head.filter(|head| head.status == 304));
        if let (Some(call), Some(head)) = (head, renewed) {
            if !head.honest || call.asked != answered.body {
                return breaks(id, "renewed by a 304 about something else");
            }
        }
    }
    Ok(())
}
