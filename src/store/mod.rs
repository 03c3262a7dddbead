//! What is kept: stored responses, what is remembered of keys that have none,
//! and what was purged.

mod memory;
mod memos;
mod purge;
mod purges;

pub(crate) use memory::{MemoryStore, Put, Slot};
pub(crate) use memos::{Memos, Varied};

pub use purge::{Purge, PurgeError};
pub(crate) use purges::{Purges, Subject, Validity};
