use super::{Kept, Promise, breaks};
use crate::history::{Caller, History, Looked, Request, RequestId, Serial};

pub(super) const PROMISE: Promise = Promise {
    name: "g17-no-self-deadlock",
    text: "A handler that asks the cache for the page that it is making, or its body for the \
           page that it is part of, does not wait for itself.",
    check,
};

fn check(history: &History) -> Kept {
    for (at, request) in history.requests.iter().enumerate() {
        if let Some(inside) = request.inside {
            check_inner(history, RequestId(at), request, inside)?;
        }
    }
    Ok(())
}

fn check_inner(history: &History, id: RequestId, request: &Request, inside: Serial) -> Kept {
    let is_making = |serial: Serial| {
        let call = history.call(serial);
        // One who reads what is only for them is no fetch any more.
        let is_fetched = match call.caller {
            Caller::Flight(flight) => {
                let ended = history.flight(flight).ended;
                ended.is_none_or(|(stamp, _)| request.began.is_before(&stamp))
            }
            Caller::Pass(_) => false,
        };
        is_fetched && call.page == request.ask.page
    };
    let waits = matches!(request.looked_up, Looked::Leads | Looked::Follows);
    if waits && history.chain(inside).any(is_making) {
        return breaks(id, "waits for the page that it is a part of");
    }
    Ok(())
}
