//! How many bytes the cache may hold.
//!
//! Bytes are counted where they lie, not where they are listed: what is kept is copied
//! into memory of its own, which gives its bytes back when the last one who reads it
//! lets go, however long ago it was evicted. So a slow reader cannot make the cache
//! hold more than it counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

/// What a piece of a body costs beside its bytes: the structures around them.
pub(crate) const PIECE_OVERHEAD: u64 = 128;

/// A number of bytes, and how many of them are taken.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    taken: AtomicU64,
}

impl Budget {
    /// At most `limit` bytes.
    pub(crate) fn new(limit: u64) -> Arc<Self> {
        let taken = AtomicU64::new(0);
        Arc::new(Self { limit, taken })
    }

    /// Takes `bytes`; nothing if there is no room for them.
    pub(crate) fn take(self: &Arc<Self>, bytes: u64) -> Option<Hold> {
        let fits = |taken: u64| taken.checked_add(bytes).filter(|sum| *sum <= self.limit);
        let fitted = self
            .taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        fitted.ok()?;
        Some(Hold {
            budget: Arc::clone(self),
            bytes,
        })
    }

    /// The pieces in one, in memory of its own and of the exact size; nothing if there
    /// is no room for it.
    pub(crate) fn copy(self: &Arc<Self>, pieces: &[&[u8]]) -> Option<Bytes> {
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        let hold = self.take(length as u64 + PIECE_OVERHEAD)?;
        Some(Bytes::from_owner(Held {
            bytes: pieces.concat().into(),
            _hold: hold,
        }))
    }

    /// Whether `bytes` would find room.
    pub(crate) fn has_room(&self, bytes: u64) -> bool {
        self.taken().saturating_add(bytes) <= self.limit
    }

    /// How many bytes are taken.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

/// Bytes taken from a budget; dropping it gives them back.
#[derive(Debug)]
pub(crate) struct Hold {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.budget.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Memory that counts for as long as anyone reads it.
struct Held {
    bytes: Box<[u8]>,
    _hold: Hold,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_taken_than_there_is() {
        let budget = Budget::new(100);
        let most = budget.take(60).expect("room");
        assert!(budget.take(41).is_none());
        assert!(budget.take(u64::MAX).is_none());
        assert!(budget.has_room(40) && !budget.has_room(41));
        drop(most);
        assert_eq!(budget.taken(), 0);
    }

    #[test]
    fn a_copy_counts_until_its_last_reader_lets_go() {
        let budget = Budget::new(PIECE_OVERHEAD + 6);
        let copy = budget.copy(&[b"abc", b"def"]).expect("room");
        assert_eq!(copy, "abcdef");
        let reader = copy.slice(2..3);
        drop(copy);
        assert_eq!(budget.taken(), PIECE_OVERHEAD + 6);
        assert!(budget.copy(&[b""]).is_none());
        drop(reader);
        assert_eq!(budget.taken(), 0);
    }
}
