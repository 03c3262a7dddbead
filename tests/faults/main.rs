//! Faults, each tried for real.

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
