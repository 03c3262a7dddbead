//! Fetches in flight, and those who follow them. Locks and wakers; no HTTP.
//!
//! # Who holds what
//!
//! A [`Table`] maps a key to its [`Flight`]s: one for each variant that is being
//! fetched. The task that fetches holds the flight's only [`Lead`]; everyone who
//! waits, the first one too, holds a [`Follower`]. The flight itself belongs to
//! nobody: it lives as long as the last of them.
//!
//! Two locks exist here: a shard of the table, and the state of one flight. Whoever
//! takes both takes the shard first; one who boards may take that of the purges
//! under them. None is held while a waker is woken or dropped, or a future polled.
//!
//! # What happens once
//!
//! 1. A flight is *started* under the shard's lock, when no open flight of its
//!    key accepts the one who asks. So one key and variant has one open flight.
//! 2. It is *announced*: the outcome, or the head of a body that is to come.
//! 3. It is *closed*: nobody joins any more. Announcing may close it; past the
//!    object limit it is closed in the middle of its body.
//! 4. It is *finished*: the body is whole, or cut short.
//! 5. It is *removed* from the table: after it was finished, so that a request
//!    that finds no flight finds what the flight stored; or when it is closed
//!    because nothing will be.
//!
//! Dropping the lead does whatever of 2 to 5 was not done, with the news that
//! the fetch was lost: a follower never waits for a flight that nobody leads.

mod body;
mod chunks;
mod lead;
mod shared;
mod table;
mod wakers;

#[cfg(all(test, floodwall_loom))]
mod model;
#[cfg(test)]
mod tests;

pub(crate) use body::BodyReader;
pub(crate) use lead::Lead;
pub(crate) use shared::{Flight, Follower, News};
pub(crate) use table::{Boarding, Caps, Joined, Table};
