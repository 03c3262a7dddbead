use super::{Kept, Promise};
use crate::history::{Flight, History};

pub(super) const PROMISE: Promise = Promise {
    name: "calls-per-flight",
    text: "A fetch calls the handler once. The one exception: a 304 that speaks of something \
           else than what is stored, or by which that may be kept no longer, answers nothing, \
           and the same fetch asks for the whole.",
    check,
};

fn check(history: &History) -> Kept {
    for (at, flight) in history.flights.iter().enumerate() {
        let calls = flight.calls.len();
        if calls > 1 + usize::from(asked_again(history, flight)) {
            return Err(format!("F{at} called the handler {calls} times"));
        }
    }
    Ok(())
}

/// Whether a flight called a second time because of a 304 that left nothing to answer with.
pub(crate) fn asked_again(history: &History, flight: &Flight) -> bool {
    let [first, second] = flight.calls[..] else {
        return false;
    };
    history.leaves_nothing(history.call(first)) && history.call(second).asked.is_none()
}
