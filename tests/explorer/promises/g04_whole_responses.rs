use super::{Kept, Promise, breaks};
use crate::client::Method;
use crate::history::{Answered, Call, History, ReadEnd, Request, RequestId};

pub(super) const PROMISE: Promise = Promise {
    name: "g4-whole-responses",
    text: "A body that is stored or shared is, byte for byte, that of one complete answer of \
           the handler; one that broke off is delivered as broken off.",
    check,
};

fn check(history: &History) -> Kept {
    for (id, request, answered) in history.answers() {
        let has_no_body =
            matches!(answered.status, 204 | 304 | 416) || request.ask.method == Method::Head;
        if let (Some(serial), false) = (answered.body, has_no_body) {
            check_body(id, request, answered, history.call(serial))?;
        }
    }
    Ok(())
}

fn check_body(id: RequestId, request: &Request, answered: &Answered, made: &Call) -> Kept {
    if let Some(at) = request.read.wrong_at {
        return breaks(id, format!("a wrong byte near {at}"));
    }
    let read = request.read.bytes;
    let expected = expected(answered, made);
    if answered.starts_at + read > made.body.length && made.body.is_whole {
        return breaks(id, format!("{read} bytes of {}", made.body.length));
    }
    match request.read.ended {
        Some((_, ReadEnd::Whole)) if !made.body.is_whole => {
            breaks(id, "a broken body passed for a whole one")
        }
        Some((_, ReadEnd::Whole)) if read != expected => breaks(
            id,
            format!("{read} bytes of {expected} passed for the whole"),
        ),
        Some((_, ReadEnd::Failed)) if made.body.is_whole => {
            breaks(id, "a whole body was not delivered as it was announced")
        }
        _ => Ok(()),
    }
}

/// How many bytes the answer has: all, or those of the range that it names.
fn expected(answered: &Answered, made: &Call) -> u64 {
    match answered.length {
        Some(length) if answered.status == 206 => length,
        _ => made.body.length,
    }
}
