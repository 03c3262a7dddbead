//! Faults, each tried for real.

#[path = "../support/mod.rs"]
mod support;

mod blocked;
mod leader;
mod panics;
mod recursion;
mod setting;
