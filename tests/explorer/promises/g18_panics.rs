use super::{Kept, Promise, breaks};
use crate::history::{BodyEnd, Call, Failed, History, Over, ReadEnd, RequestId};

pub(super) const PROMISE: Promise = Promise {
    name: "g18-panic-containment",
    text: "A handler or a body that panics takes along the task that called it and nothing \
           else, and the next requests are answered as if it had not been.",
    check,
};

fn check(history: &History) -> Kept {
    for panic in &history.panics {
        if let Some(said) = &panic.said {
            return Err(format!("a panic that nobody meant: {said}"));
        }
    }
    let panicked = |call: &&Call| {
        matches!(call.failed, Some((_, Failed::Gone(Over::Panicked))))
            || matches!(call.body.ended, Some((_, BodyEnd::Gone(Over::Panicked))))
            || call.body.exploded
    };
    let causes = history.calls.iter().filter(panicked).count();
    if history.panics.len() > causes {
        let tasks = history.panics.len();
        return Err(format!("{tasks} tasks panicked because of {causes} calls"));
    }
    check_probes(history)
}

/// When all is well again, every page is answered.
fn check_probes(history: &History) -> Kept {
    let first = history.first_probe.min(history.requests.len());
    for (at, probe) in history.requests[first..].iter().enumerate() {
        let is_whole = matches!(probe.read.ended, Some((_, ReadEnd::Whole)));
        let is_made = probe
            .answered
            .as_ref()
            .is_some_and(|answered| answered.head.is_some());
        // A clock that goes on while nobody works may end any fetch.
        let ended = probe.read.ended.map(|(stamp, _)| stamp.lag);
        let lags = ended.is_some_and(|lag| lag > probe.began.lag);
        if !lags && (!is_whole || !is_made) {
            return breaks(
                RequestId(first + at),
                "was not answered by a site that is well",
            );
        }
    }
    Ok(())
}
