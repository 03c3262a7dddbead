//! A stored response.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::budget::{Hold, PIECE_OVERHEAD};
use crate::clock::Moment;
use crate::policy::{Equivalent, Lifetime, ResponseFacts, Standing, head_size};

/// The head of a response that others may have: what clients are sent, and what
/// the rules need to know of it.
#[derive(Debug)]
pub(crate) struct Head {
    /// The status.
    pub(crate) status: StatusCode,
    /// The fields that others may see.
    pub(crate) headers: HeaderMap,
    /// What the rules keep of it.
    pub(crate) facts: ResponseFacts,
    /// When the fetch began that brought it, and which purges it knew of.
    pub(crate) began: Began,
}

impl Head {
    /// How the response ages, if it does.
    #[must_use]
    pub(crate) const fn lifetime(&self) -> Option<&Lifetime> {
        self.facts.lifetime.as_ref()
    }
}

/// When a fetch began: in time, and in the count of purges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Began {
    /// The moment.
    pub(crate) at: Moment,
    /// How many purges had been made.
    pub(crate) purges: u64,
}

/// The whole of a body, in the pieces that it is kept in; cloning it copies no byte.
#[derive(Clone, Debug)]
pub(crate) struct Pieces(Arc<[Bytes]>);

impl Pieces {
    pub(crate) fn new(pieces: Vec<Bytes>) -> Self {
        Self(pieces.into())
    }

    /// The length of the body.
    pub(crate) fn length(&self) -> u64 {
        self.0.iter().map(|piece| piece.len() as u64).sum()
    }

    /// The bytes that it takes in memory.
    fn size(&self) -> u64 {
        self.length() + self.0.len() as u64 * PIECE_OVERHEAD
    }

    /// The body, if it is in one piece, as most are.
    pub(crate) fn only(&self) -> Option<&Bytes> {
        match &self.0[..] {
            [piece] => Some(piece),
            _ => None,
        }
    }

    /// The pieces between two places in the body.
    pub(crate) fn slice(&self, range: Range<u64>) -> impl Iterator<Item = Bytes> {
        let mut start = 0;
        let overlap = move |piece: &Bytes| {
            let length = piece.len();
            let within = |at: u64| usize::try_from(at.saturating_sub(start)).unwrap_or(length);
            let (from, to) = (within(range.start), within(range.end).min(length));
            start += length as u64;
            (from < to).then(|| piece.slice(from..to))
        };
        self.0.iter().filter_map(overlap)
    }
}

/// A stored response: a head and the whole of its body.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The head, shared with whoever is still being sent it.
    pub(crate) head: Arc<Head>,
    /// The body.
    pub(crate) body: Pieces,
    size: u64,
    checked: AtomicU64,
    stale_since: AtomicU64,
    /// The bytes of all but the body, which counts for itself; nothing if there is
    /// no room for it, and then it is not stored.
    hold: Option<Hold>,
}

/// What an entry costs beside the bytes that it holds: the structures around
/// them, and the store's own bookkeeping, in some twenty allocations.
const OVERHEAD: usize = 1120;
/// What a header field costs beside its bytes: its place in the map, and a name in
/// memory of its own.
const FIELD_OVERHEAD: usize = 176;
/// "Never", in the counts of nanoseconds.
const NEVER: u64 = u64::MAX;

impl Head {
    /// The bytes that an entry with this head takes in memory, without its body.
    pub(crate) fn entry_size(&self, key_size: usize) -> u64 {
        let bytes = OVERHEAD
            + key_size
            + head_size(&self.headers)
            + self.headers.len() * FIELD_OVERHEAD
            + self.facts.variant.footprint()
            + self.facts.tags.size()
            + self.facts.equivalent.as_deref().map_or(0, Equivalent::size);
        bytes as u64
    }
}

impl Entry {
    /// An entry, freshly fetched, of a key of `key_size` bytes.
    #[must_use]
    pub(crate) fn new(head: Arc<Head>, body: Pieces, key_size: usize, hold: Option<Hold>) -> Self {
        Self {
            checked: AtomicU64::new(head.began.purges),
            stale_since: AtomicU64::new(NEVER),
            size: head.entry_size(key_size) + body.size(),
            head,
            body,
            hold,
        }
    }

    /// Whether there is room for it in the cache.
    pub(crate) const fn has_room(&self) -> bool {
        self.hold.is_some()
    }

    /// The bytes that the entry takes in memory.
    #[must_use]
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// Whether it is fresh at `now`.
    pub(crate) fn is_fresh(&self, now: Moment) -> bool {
        self.head.lifetime().is_some_and(|lifetime| {
            matches!(
                lifetime.standing(now, self.stale_since()),
                Standing::Fresh(_)
            )
        })
    }

    /// Up to which purge the entry is known to be valid.
    pub(crate) fn checked(&self) -> u64 {
        self.checked.load(Ordering::Acquire)
    }

    /// Notes that the entry was checked against the first `purges` purges, and
    /// since when it counts as stale because of one.
    pub(crate) fn mark_checked(&self, purges: u64, stale_since: Option<Moment>) {
        if let Some(since) = stale_since {
            self.mark_stale(since);
        }
        // Released after the moment, so that whoever sees the one sees the other.
        self.checked.fetch_max(purges, Ordering::Release);
    }

    /// Ends the freshness of the entry, if that has not ended before.
    pub(crate) fn mark_stale(&self, since: Moment) {
        let nanos = since.since_start().as_nanos();
        let nanos = u64::try_from(nanos).unwrap_or(NEVER - 1);
        self.stale_since.fetch_min(nanos, Ordering::Relaxed);
    }

    /// Since when the entry is stale whatever its lifetime, if it is: by a soft purge, or
    /// by what a HEAD was told.
    #[must_use]
    pub(crate) fn stale_since(&self) -> Option<Moment> {
        let nanos = self.stale_since.load(Ordering::Relaxed);
        (nanos != NEVER).then(|| Moment::new(std::time::Duration::from_nanos(nanos)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_of_pieces_is_a_slice_of_the_whole() {
        let whole = b"abcdefghij";
        let body = Pieces::new(vec![
            Bytes::from_static(b"abc"),
            Bytes::from_static(b"d"),
            Bytes::from_static(b"efghij"),
        ]);
        assert_eq!(body.length(), 10);
        for start in 0..=10_u64 {
            for end in start..=12 {
                let slice: Vec<u8> = body.slice(start..end).flatten().collect();
                let end = usize::try_from(end.min(10)).expect("small");
                assert_eq!(slice, whole[usize::try_from(start).expect("small")..end]);
            }
        }
    }
}
