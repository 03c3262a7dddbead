//! What is learned: observations go in, parameters come out.
//!
//! Like `policy`, this does no I/O, reads no clock, takes no lock, spawns nothing, and knows
//! no runtime: the engine observes, tells what it saw and when, and applies what it is told.
//! Whatever is learned stays within what responses and the operator permit.

pub(crate) mod flash;
