//! A stored response.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::clock::Moment;
use crate::policy::{Lifetime, ResponseFacts, Standing, head_size};

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

/// A stored response: a head and the whole of its body.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The head, shared with whoever is still being sent it.
    pub(crate) head: std::sync::Arc<Head>,
    /// The body, in one piece; cloning it copies nothing.
    pub(crate) body: Bytes,
    size: u64,
    checked: AtomicU64,
    stale_since: AtomicU64,
}

/// What an entry costs beside the bytes that it holds: the structures around
/// them, and the store's own bookkeeping.
const OVERHEAD: usize = 512;
/// What a header field costs beside its bytes.
const FIELD_OVERHEAD: usize = 64;
/// "Never", in the counts of nanoseconds.
const NEVER: u64 = u64::MAX;

impl Entry {
    /// An entry of `key_size` bytes of key, freshly fetched.
    #[must_use]
    pub(crate) fn new(head: std::sync::Arc<Head>, body: Bytes, key_size: usize) -> Self {
        let size = OVERHEAD
            + key_size
            + body.len()
            + head_size(&head.headers)
            + head.headers.len() * FIELD_OVERHEAD
            + head.facts.variant.size()
            + head.facts.tags.size();
        Self {
            checked: AtomicU64::new(head.began.purges),
            stale_since: AtomicU64::new(NEVER),
            size: size as u64,
            head,
            body,
        }
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
            let nanos = since.since_start().as_nanos();
            let nanos = u64::try_from(nanos).unwrap_or(NEVER - 1);
            self.stale_since.fetch_min(nanos, Ordering::Relaxed);
        }
        // Released after the moment, so that whoever sees the one sees the other.
        self.checked.fetch_max(purges, Ordering::Release);
    }

    /// Since when a soft purge has made the entry stale, if one has.
    #[must_use]
    pub(crate) fn stale_since(&self) -> Option<Moment> {
        let nanos = self.stale_since.load(Ordering::Relaxed);
        (nanos != NEVER).then(|| Moment::new(std::time::Duration::from_nanos(nanos)))
    }
}
