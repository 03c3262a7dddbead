//! The flags.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::num::NonZero;
use std::thread::available_parallelism;

use clap::Parser;

use crate::sabotage::Sabotage;

/// Runs the whole engine in simulated time, once for each seed, with everything
/// going wrong that can, and checks what is promised.
#[derive(Parser)]
#[command(name = "explorer")]
pub(crate) struct Options {
    /// How many seeds; if not said, 1,000 in a debug build and 100,000 in a release
    /// build, after a self-test.
    #[arg(long)]
    seeds: Option<u64>,
    /// The first seed; drawn and printed if not said.
    #[arg(long)]
    seed: Option<u64>,
    /// Run this seed alone and print all that happens.
    #[arg(long, value_name = "SEED")]
    pub(crate) replay: Option<u64>,
    /// How many threads; one for each processor if not said.
    #[arg(long)]
    threads: Option<NonZero<usize>>,
    /// Show that each promise can be broken, and that it is noticed.
    #[arg(long)]
    pub(crate) self_test: bool,
    /// Do this wrong.
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) sabotage: Option<Sabotage>,
    /// As the standard test harness has it: run only if the name has one of these.
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    /// For the standard test harness; output is never captured here.
    #[arg(long, hide = true)]
    nocapture: bool,
}

impl Options {
    /// Whether nothing is said of what to do.
    pub(crate) fn is_bare(&self) -> bool {
        self.seeds.is_none() && self.sabotage.is_none()
    }

    pub(crate) fn seeds(&self) -> u64 {
        let usual = if cfg!(debug_assertions) {
            1_000
        } else {
            100_000
        };
        self.seeds.unwrap_or(usual)
    }

    pub(crate) fn first_seed(&self) -> u64 {
        // Short enough to be typed.
        let drawn = || RandomState::new().hash_one(()) >> 24;
        self.seed.unwrap_or_else(drawn)
    }

    pub(crate) fn threads(&self) -> usize {
        let given = self.threads.or_else(|| available_parallelism().ok());
        given.map_or(1, NonZero::get)
    }

    /// Whether `cargo test FILTER` means this test too.
    pub(crate) fn is_meant(&self) -> bool {
        let names = |filter: &String| "explorer".contains(filter.as_str());
        self.filters.is_empty() || self.filters.iter().any(names)
    }
}
