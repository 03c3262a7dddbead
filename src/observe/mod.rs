//! What can be seen from outside: Cache-Status, counters, explanations.

mod cache_status;
mod counters;
mod explain;

pub(crate) use cache_status::{CACHE_STATUS, CacheStatus};
pub(crate) use counters::Counters;
pub use counters::Stats;
pub use explain::{Explanation, Verb};
