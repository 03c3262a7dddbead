//! What the tests of the policy share: heads made from a seed, and a naive model
//! of the standard to hold the rules against.

#![allow(dead_code, reason = "each test file takes the part that it needs")]

pub(crate) mod forms;
pub(crate) mod heads;
pub(crate) mod leave;
pub(crate) mod model;
pub(crate) mod oracle;
pub(crate) mod rows;
#[path = "../support/seeds.rs"]
pub(crate) mod seeds;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use floodwall::Moment;
use floodwall::policy::{
    RequestFacts, RequestHead, ResponseFacts, ResponseHead, Rules, Verdict, judge,
};
use http::{HeaderMap, Request, StatusCode};

/// What the wall clock says when responses arrive, in Unix seconds.
const WALL: u64 = 1_800_000_000;
/// What the monotonic clock says then.
const RECEIVED: u64 = 100_000;

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
