//! What the cache promises, each checked on the history of every run.

mod calls_per_flight;
mod g01_isolation;
mod g04_whole_responses;
mod g07_honest_304;
mod g09_newest_wins;
mod g09_purges;
mod g10_freshness;
mod g11_one_fetch;
mod g12_bounded_wait;
mod g13_independence;
mod g14_release;
mod g15_failures;
mod g16_refresh;
mod g17_recursion;
mod g18_panics;
mod g19_nothing_left;
mod g24_origin_limit;
mod statistics;

pub(crate) use calls_per_flight::asked_again;

use crate::history::{History, RequestId};

/// One promise.
pub(crate) struct Promise {
    /// Its name.
    pub(crate) name: &'static str,
    /// What is promised.
    pub(crate) text: &'static str,
    /// Whether a history keeps it.
    check: fn(&History) -> Kept,
}

/// Kept, or what breaks it.
type Kept = Result<(), String>;

/// A promise that was not kept.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) promise: &'static str,
    pub(crate) how: String,
}

/// All promises.
pub(crate) const PROMISES: [Promise; 18] = [
    g01_isolation::PROMISE,
    g04_whole_responses::PROMISE,
    g07_honest_304::PROMISE,
    g09_purges::PROMISE,
    g09_newest_wins::PROMISE,
    g10_freshness::PROMISE,
    g11_one_fetch::PROMISE,
    g12_bounded_wait::PROMISE,
    g13_independence::PROMISE,
    g14_release::PROMISE,
    g15_failures::PROMISE,
    g16_refresh::PROMISE,
    g17_recursion::PROMISE,
    g18_panics::PROMISE,
    g19_nothing_left::PROMISE,
    g24_origin_limit::PROMISE,
    calls_per_flight::PROMISE,
    statistics::PROMISE,
];

/// The promises that a history does not keep.
pub(crate) fn broken(history: &History) -> Vec<Broken> {
    let broken = |promise: &Promise| {
        let how = (promise.check)(history).err()?;
        Some(Broken {
            promise: promise.name,
            how,
        })
    };
    PROMISES.iter().filter_map(broken).collect()
}

/// What a promise says.
pub(crate) fn text(name: &str) -> &'static str {
    let named = PROMISES.iter().find(|promise| promise.name == name);
    named.map_or("that nothing panics here", |promise| promise.text)
}

/// Fails with `how`, told of a request.
fn breaks<T>(id: RequestId, how: impl std::fmt::Display) -> Result<T, String> {
    Err(format!("R{}: {how}", id.0))
}
