//! What the cache has done so far, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::policy::Reason;

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Declares the counters and their public snapshot together, so that neither
/// can have one that the other lacks.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The counters of one cache.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)*
        }

        /// What a cache has done since it was built, and what it holds now.
        ///
        /// Counters only grow. They are read one after the other while the cache
        /// goes on, so sums over several need not be exact to the last request.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Stats {
            $($(#[$doc])* pub $name: u64,)*
            /// Now: keys stored, each with all its variants.
            pub stored_keys: u64,
            /// Now: bytes stored, counted with keys, heads and bookkeeping.
            pub stored_bytes: u64,
            /// Now: bytes that count against the capacity: what is stored, what fetches
            /// in flight hold, and what was evicted while someone still reads it.
            pub held_bytes: u64,
            /// Now: fetches in flight.
            pub flights: u64,
            /// Now: requests that wait for a fetch or read its body.
            pub waiting: u64,
            /// Now: bytes of bodies that fetches in flight hold.
            pub flight_bytes: u64,
            /// Now: fetches at the origin.
            pub at_origin: u64,
            /// Now: fetches that wait for a place at the origin.
            pub queued: u64,
            /// Now: 1 while a crowd is there, else 0.
            pub crowd: u64,
        }

        impl Counters {
            /// The counters as they stand; what is held now is left at nothing.
            pub(crate) fn read(&self) -> Stats {
                Stats {
                    $($name: self.$name.read(),)*
                    ..Stats::default()
                }
            }
        }
    };
}

counters! {
    /// Answers from the store that were fresh.
    hits,
    /// Answers from the store that were stale, for whatever reason.
    stale_served,
    /// Of these, those in place of an error.
    stale_on_error,
    /// Fetches that were started.
    fills,
    /// Requests that were answered by another request's fetch.
    collapsed,
    /// Requests that waited for a fetch which was not for them.
    released,
    /// Requests that the handler answered itself, released ones included.
    passes,
    /// Responses stored, those validated included.
    stored,
    /// Stored responses that the origin confirmed with a 304.
    validated,
    /// Responses that turned out to be for one request alone.
    unshareable,
    /// Fetches that failed: no answer, a server error, a body cut short.
    failures,
    /// Requests past the bounds on waiters and flights, and fetches past the gate.
    refused,
    /// Errors that the cache answered of its own.
    errors,
    /// Purges made, those by unsafe methods included.
    purges,
    /// Crowds seen: many more requests than usual, for the same few pages.
    crowds,
    /// Bound met: requests whose key would be too large.
    key_too_large,
    /// Bound met: requests, or responses to be stored, past the variants of their key.
    variants_full,
    /// Bound met: requests past the waiters of their key.
    waiters_full,
    /// Bound met: requests past the fetches in flight.
    flights_full,
    /// Bound met: fetches that found no place at the origin, or none in time.
    gate_full,
    /// Bound met: stale answers whose refresh was put off for want of a place.
    refreshes_full,
    /// Bound met: responses that vary on too much.
    vary_too_large,
    /// Bound met: responses whose head is too large to be stored.
    head_too_large,
    /// Bound met: responses too large to be stored, some found so in mid-body.
    too_large,
    /// Bound met: bodies that took too long to be stored.
    too_late,
    /// Bound met: responses with too many tags, or too large ones.
    too_many_tags,
    /// Bound met: requests for more ranges than are answered in parts.
    too_many_ranges,
    /// Bound met: responses that were not stored for want of room.
    no_room,
    /// Bound met: readers cut off because they were too slow.
    readers_cut,
    /// Bound met: purges before which older ones were made one, which purges more.
    purges_folded,
}

impl Counters {
    /// Counts that a bound was met, if that is the reason.
    pub(crate) fn met(&self, reason: Reason) {
        let bound = match reason {
            Reason::KeyTooLarge => &self.key_too_large,
            Reason::VariantsFull => &self.variants_full,
            Reason::WaitersFull => &self.waiters_full,
            Reason::FlightsFull => &self.flights_full,
            Reason::GateFull => &self.gate_full,
            Reason::VaryTooLarge => &self.vary_too_large,
            Reason::HeadTooLarge => &self.head_too_large,
            Reason::TooLarge => &self.too_large,
            Reason::TooManyTags => &self.too_many_tags,
            Reason::TooManyRanges => &self.too_many_ranges,
            Reason::NoRoom => &self.no_room,
            _ => return,
        };
        bound.add(1);
    }
}
