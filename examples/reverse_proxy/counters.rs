//! The cache's counters as JSON, for programs that watch the proxy.

use floodwall::Stats;
use serde_json::Value;

/// The names are those of the fields of [`Stats`].
macro_rules! named {
    ($stats:ident, $($name:ident)*) => {
        Value::from_iter([$((stringify!($name), $stats.$name),)*])
    };
}

pub(crate) fn as_json(stats: &Stats) -> Value {
    named!(stats,
        hits stale_served stale_on_error fills collapsed released passes stored validated
        unshareable failures refused errors purges crowds
        key_too_large variants_full waiters_full flights_full gate_full refreshes_full
        vary_too_large head_too_large too_large too_late too_many_tags too_many_ranges
        no_room readers_cut purges_folded
        stored_keys stored_bytes held_bytes flights waiting flight_bytes at_origin queued crowd)
}
