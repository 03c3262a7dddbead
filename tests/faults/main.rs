//! Faults, each tried for real, in the process and mostly in paused time; what it
//! takes a network for is tried from outside, by the [hostile harness].
//!
//! A row is a fault; each test is named by the row that it tries. The setting, where
//! a row says nothing else: one request that starts a fetch and fifty that follow it,
//! an origin that takes 200 ms, a fetch that may take a second, clients that wait for
//! two. Each row looks at what is answered, byte for byte, how long that took, how
//! often and by how many at once the origin was asked, and that nothing is left.
//!
//! | row | fault | tried in |
//! |-----|-------|----------|
//! | F04 | the leader is polled once, or never, and parked | `leader`; hostile |
//! | F05 | the handler panics: when called, before its head, in its body, in that body's drop | `panics` |
//! | F06 | the leader or its fetch is aborted, its runtime ends or drops tasks | `leader` |
//! | F07 | everyone leaves | `leader`; hostile |
//! | F08 | someone joins at the instant of completion | `waiting`, from a seed; under loom in `src/flight/model.rs` |
//! | F09 | ten thousand come and go: a lost wake-up | `waiting`, from a seed; under loom |
//! | F10 | the fetch is lost, and those who wait have different deadlines | `leader`; hostile |
//! | F11 | one who leaves takes the flight from the table | `leader` |
//! | F12 | a newcomer inherits a leader that has gone | `leader` |
//! | F13 | the leader leaves at each point of the answer | `the_leader_may_leave_at_any_point` in `tests/collapse.rs`; hostile |
//! | F14 | a fetch outlives its deadline: it hangs, blocks its thread, is not driven | `leader`, `blocked`; hostile |
//! | F15 | the answer is for one alone, or another variant | `answers`; hostile |
//! | F16 | the answer is an error | `answers`; hostile |
//! | F18 | the origin recovers, and everyone returns | `answers`, from a seed |
//! | F19 | handlers that ask the cache, for their own page, in circles, from nested layers, from spawned tasks, from a body | `recursion` |
//! | F22 | bodies that are cut | hostile; `tests/sockets.rs` |
//! | F24 | a 304 for what was evicted meanwhile | `answers`; for what was purged, `tests/regressions_purge.rs`; hostile |
//! | F25 | a validation fails | `answers`; hostile |
//! | F27 | a refresh fails, hangs, panics | `answers` |
//! | F28 | the one who began a refresh leaves | `answers`; hostile |
//! | F30 | a purge at any point of a fetch, a refresh, a validation | `purges`; under loom |
//! | F31 | of two fetches the older one ends last | `purges`, `blocked`; hostile |
//! | F33 | the process is frozen, the wall clock is set | `clock`; hostile |
//! | F34 | the origin's `Date` is wrong or missing | `clock`; hostile |
//! | F35 | more is fetched than fits | `store`; `tests/bounds.rs` |
//! | F36 | what is read is evicted, purged | `store`; hostile |
//! | F37 | panics in clones, readiness, errors, hints, extensions, memory, wakers | `panics` |
//! | F38 | more memory is taken than was counted | `tests/memory`, `tests/counted.rs`: allocators that count |
//! | F51 | one thread; a runtime for each worker, one of which stops or is not driven | `runtimes` |
//! | F52 | no runtime, one that has ended, one that ends with all under way | `runtimes` |
//! | F53 | a handler, or a body, blocks one worker of two | `blocked` |
//! | F54 | services with readiness, permits, a queue behind the layer | `services` |
//! | F55 | no descriptors left | of a server, not of a layer: hostile |
//! | F56 | the layer is dropped or replaced while pages are fetched | `layers` |
//! | F57 | everything at once, for hours | `examples/soak` |
//! | F58 | a cold start at full load | hostile; `examples/election_night` |
//! | F59 | whoever exports figures is slow | `layers`: there is nothing that the cache calls; of a server, hostile |
//!
//! F39 to F48: a second tier that is down, slow, partitioned or late. There is none,
//! and so no row.
//!
//! Key functions and store predicates, of which F37 speaks too, do not exist: keys and
//! rules are made of values.
//!
//! [hostile harness]: ../hostile/README.md

#[path = "../support/seeds.rs"]
mod seeds;
#[path = "../support/mod.rs"]
mod support;

mod answers;
mod blocked;
mod clock;
mod layers;
mod leader;
mod panics;
mod purges;
mod recursion;
mod runtimes;
mod services;
mod setting;
mod store;
mod waiting;
