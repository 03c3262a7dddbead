//! Seeds: whatever a test chooses at random comes from one number, which is told
//! on standard error, whether the test passes or not, and which repeats the run.
//!
//! Not with `eprintln!`: what that writes is swallowed unless the test fails.

#![allow(dead_code, reason = "each test file takes the part that it needs")]

use std::env;
use std::fmt::Debug;
use std::io::Write;
use std::num::ParseIntError;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

/// The seed of the test in which the closure `inside` is written.
pub(crate) fn of<C>(inside: &C) -> u64 {
    let path = std::any::type_name_of_val(inside);
    let path = path.split("::{{closure}}").next().unwrap_or(path);
    let (_, test) = path.split_once("::").unwrap_or(("", path));
    seed(test)
}

/// The seed of a test, from `FLOODWALL_SEED` or from chance.
pub(crate) fn seed(test: &str) -> u64 {
    let seed = given("FLOODWALL_SEED").unwrap_or_else(rand::random);
    let file = env!("CARGO_CRATE_NAME");
    let profile = if cfg!(debug_assertions) {
        ""
    } else {
        " --release"
    };
    let cases = env::var("FLOODWALL_CASES");
    let cases = cases.map_or(String::new(), |many| format!(" FLOODWALL_CASES={many}"));
    let again = format!("FLOODWALL_SEED={seed:#x}{cases} cargo test{profile} --test {file} {test}");
    let line = format!("seed: {test} {seed:#x} (replay: {again})\n");
    // In one piece, as other tests write too. Where standard error is closed,
    // there is nobody to tell.
    let _ = std::io::stderr().write_all(line.as_bytes());
    seed
}

/// How many cases to try: what `FLOODWALL_CASES` says, or `few`, or ten times as
/// many if the code is optimised.
pub(crate) fn cases(few: u32) -> u32 {
    let usual = if cfg!(debug_assertions) {
        few
    } else {
        few * 10
    };
    given("FLOODWALL_CASES").map_or(usual, |cases| u32::try_from(cases).unwrap_or(u32::MAX))
}

/// Tries `claim`, a closure of the test itself, on so many [`cases`] of `made`, from a
/// [seed](of).
pub(crate) fn for_all<S: Strategy>(
    few: u32,
    made: S,
    claim: impl Fn(S::Value) -> Result<(), TestCaseError>,
) where
    S::Value: Debug,
{
    let config = Config {
        cases: cases(few),
        rng_seed: RngSeed::Fixed(of(&claim)),
        // The seed is enough to find a case again.
        failure_persistence: None,
        ..Config::default()
    };
    if let Err(failure) = TestRunner::new(config).run(&made, claim) {
        panic!("{failure}");
    }
}

/// A number from the environment.
pub(crate) fn given(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(number(&text).unwrap_or_else(|why| panic!("{variable}={text}: {why}")))
}

/// A number, decimal or hexadecimal.
pub(crate) fn number(text: &str) -> Result<u64, ParseIntError> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    }
}
