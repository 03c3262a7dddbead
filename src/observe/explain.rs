//! What would be done with a request, and why, in words.

use std::fmt;
use std::time::Duration;

use crate::policy::Reason;

/// What [`Cache::explain`](crate::Cache::explain) says.
///
/// Its `Display` is one line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// What would be done.
    pub verb: Verb,
    /// Why.
    pub reason: Reason,
    /// The age of what is stored for the request, if something is.
    pub age: Option<Duration>,
    /// The seconds of freshness that it has left; negative when stale.
    pub ttl: Option<i64>,
}

/// What can be done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verb {
    /// Answer from the store.
    Hit,
    /// Answer stale from the store; where that is `stale-while-revalidate`, refresh
    /// behind.
    Stale,
    /// Follow a fetch that is under way.
    Follow,
    /// Fetch, and follow that.
    Fill,
    /// Hand it to the handler.
    Pass,
    /// Answer with an error.
    Refuse,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.verb {
            Verb::Hit => "hit",
            Verb::Stale => "stale",
            Verb::Follow => "follow",
            Verb::Fill => "fill",
            Verb::Pass => "pass",
            Verb::Refuse => "refuse",
        };
        write!(f, "{verb} ({})", self.reason)?;
        if let (Some(age), Some(ttl)) = (self.age, self.ttl) {
            write!(f, ", age {} s, ttl {ttl} s", age.as_secs())?;
        }
        Ok(())
    }
}
