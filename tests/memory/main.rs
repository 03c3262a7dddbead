//! What the cache takes of the memory, as the allocator counts it.
//!
//! The promise (G20): whatever is asked and whatever is answered, the bytes that live are
//! never more than the capacity and a base that does not depend on it; every fetch in
//! flight and every request that waits has its own small share on top. When all is over,
//! they come back. And no more is taken than was counted (F38): what [`Stats`] says that
//! the cache holds is what it takes, give or take the base.
//!
//! The allocator keeps the highest count, so there is no moment at which nobody looks. It
//! is one for the whole process: handlers and clients count too, and the rows take turns.
//! Each prints what it took; `cargo test --test memory -- --nocapture` shows it.
//!
//! [`Stats`]: floodwall::Stats

mod crowds;
mod floods;
mod heads;
mod heap;
mod readers;
mod site;
