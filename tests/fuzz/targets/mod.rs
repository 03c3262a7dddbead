//! What is done with bytes that may be anything: one function for each reader of the
//! crate, with what must be so whatever it reads.
//!
//! They are run by the driver beside this folder, on any toolchain, and by the
//! crate in `fuzz/`, under libFuzzer.
//!
//! What has no target has no reader: `Content-Range` is not read (a response that has
//! one is a part), and `Cache-Status` is written and never read.

#![allow(dead_code, reason = "a binary of `fuzz/` runs one of them")]

pub(crate) mod accept_encoding;
pub(crate) mod age;
pub(crate) mod cache_control;
pub(crate) mod cache_status;
pub(crate) mod conditional;
pub(crate) mod dates;
mod desk;
pub(crate) mod exchange;
#[path = "../../support/identity.rs"]
mod identity;
pub(crate) mod key;
pub(crate) mod location;
pub(crate) mod merge;
mod naive;
pub(crate) mod purge;
pub(crate) mod range;
pub(crate) mod tags;
pub(crate) mod targeted;
mod text;
pub(crate) mod url_variation;
pub(crate) mod vary;
pub(crate) mod verdict;
