//! What the tests of the policy share: heads made from a seed, and a naive model
//! of the standard to hold the rules against.

#![allow(dead_code, reason = "each test file takes the part that it needs")]

pub(crate) mod heads;
pub(crate) mod model;
pub(crate) mod oracle;
pub(crate) mod rows;

use std::fmt::Debug;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use floodwall::Moment;
use floodwall::policy::{
    RequestFacts, RequestHead, ResponseFacts, ResponseHead, Rules, Verdict, judge,
};
use http::{HeaderMap, Request, StatusCode};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

/// What the wall clock says when responses arrive, in Unix seconds.
const WALL: u64 = 1_800_000_000;
/// What the monotonic clock says then.
const RECEIVED: u64 = 100_000;
/// The seed of every run that names no other.
const SEED: u64 = 0x00F1_00D0;

/// The wall clock, `offset` seconds from when responses arrive.
pub(crate) fn wall(offset: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(WALL.saturating_add_signed(offset))
}

/// An HTTP date, `offset` seconds from when responses arrive.
pub(crate) fn date(offset: i64) -> String {
    httpdate::fmt_http_date(wall(offset))
}

/// The moment `elapsed` seconds after responses arrive.
pub(crate) fn moment(elapsed: u64) -> Moment {
    Moment::new(Duration::from_secs(RECEIVED.saturating_add(elapsed)))
}

/// Whole seconds.
pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What the rules read of a request, if it is one for a cache.
pub(crate) fn facts_of(request: &Request<()>, rules: &Rules) -> Option<RequestFacts> {
    RequestFacts::read(request.into(), false, rules).ok()
}

/// The verdict on a response that arrives now.
pub(crate) fn judged(
    request: &Request<()>,
    asked: &RequestFacts,
    status: StatusCode,
    headers: &HeaderMap,
    rules: &Rules,
) -> Verdict {
    let response = ResponseHead {
        status,
        headers,
        length: None,
        received: moment(0),
        wall: wall(0),
    };
    judge(RequestHead::from(request), asked, response, rules)
}

/// The facts of a response that others may have, and whether it may be stored.
pub(crate) fn shared(verdict: Verdict) -> Option<(ResponseFacts, bool)> {
    match verdict {
        Verdict::Unshareable(..) => None,
        Verdict::Shareable { facts, store } => Some((*facts, store.is_ok())),
    }
}

/// Tries `claim` on values of `made`: as many as `PROPTEST_CASES` says, or
/// `cases`; from the seed in `PROPTEST_RNG_SEED`, or always the same one.
pub(crate) fn for_all<S: Strategy>(
    cases: u32,
    made: S,
    claim: impl Fn(S::Value) -> Result<(), TestCaseError>,
) where
    S::Value: Debug,
{
    let mut config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    let seed = match config.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => SEED,
    };
    config.rng_seed = RngSeed::Fixed(seed);
    if let Err(failure) = TestRunner::new(config).run(&made, claim) {
        panic!("{failure}\nagain: PROPTEST_RNG_SEED={seed}");
    }
}
