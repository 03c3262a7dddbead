//! What is remembered of keys whose last fetch brought nothing to store.
//!
//! Read only when the store had no fresh answer, so a fresh hit never comes here; but for
//! what is remembered of paths whose answers said what of their queries counts. Bounded
//! in bytes like the store; a memo that is evicted costs one more fetch.

use std::sync::Arc;
use std::time::Duration;

use moka::ops::compute::Op;
use moka::sync::Cache;

use crate::clock::Moment;
use crate::hash::Hashing;
use crate::key::Key;
use crate::policy::{Reason, Remember, RequestFacts, UrlVariation};

/// What a memo costs beside its key, most of it for the bookkeeping of the map that it is in.
const OVERHEAD: usize = 576;

/// What is remembered of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memo {
    for_all: Option<Unshareable>,
    for_credentials: Option<Unshareable>,
    failures: u32,
    unanswered: bool,
    pause_until: Option<Moment>,
    /// Of a path: what its last stored answer said of its queries.
    variation: Option<UrlVariation>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Unshareable {
    until: Moment,
    reason: Reason,
}

impl Memo {
    /// Why the answer is not going to be one that `request` can share.
    pub(crate) fn unshareable(&self, request: &RequestFacts, now: Moment) -> Option<Reason> {
        let for_credentials = self.for_credentials.filter(|_| request.has_credentials());
        // One that is over must not hide the other.
        let mut known = self.for_all.into_iter().chain(for_credentials);
        let known = known.find(|known| now < known.until)?;
        Some(known.reason)
    }

    /// Whether the last fetches failed without an answer, `many` of them or more.
    ///
    /// Where there was an answer, however bad, it may have been the doing of the
    /// request that met it, and whoever comes next deserves a try.
    pub(crate) const fn is_silent(&self, many: u32) -> bool {
        self.unanswered && self.failures >= many
    }

    /// How much longer the key is not to be fetched.
    pub(crate) fn pause(&self, now: Moment) -> Option<Duration> {
        let until = self.pause_until?;
        (now < until).then(|| until.since(now))
    }
}

/// The memos of one cache.
#[derive(Clone, Debug)]
pub(crate) struct Memos(Cache<Key, Arc<Memo>, Hashing>);

impl Memos {
    /// Memos of at most `capacity` bytes.
    pub(crate) fn new(capacity: u64) -> Self {
        let weigh = |key: &Key, memo: &Arc<Memo>| {
            let variation = memo.variation.as_ref().map_or(0, UrlVariation::size);
            let bytes = key.as_bytes().len() + OVERHEAD + variation;
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        Self(
            Cache::builder()
                .max_capacity(capacity)
                .weigher(weigh)
                .build_with_hasher(Hashing::default()),
        )
    }

    /// What is remembered of a key; nothing is the default.
    pub(crate) fn get(&self, key: &[u8]) -> Memo {
        self.0.get(key).as_deref().cloned().unwrap_or_default()
    }

    /// Remembers that the key's answers are not for sharing.
    pub(crate) fn remember(&self, key: &Key, whom: Remember, reason: Reason, until: Moment) {
        let known = Some(Unshareable { until, reason });
        match whom {
            Remember::Not => {}
            Remember::ForAll => self.change(key, |memo| memo.for_all = known),
            Remember::ForCredentials => self.change(key, |memo| memo.for_credentials = known),
        }
    }

    /// Counts a failure, and says how long to pause: `pause` is told how many
    /// there have been in a row. `answered` is whether there was any answer.
    pub(crate) fn fail(
        &self,
        key: &Key,
        now: Moment,
        answered: bool,
        pause: impl Fn(u32) -> Duration,
    ) {
        self.change(key, |memo| {
            memo.failures = memo.failures.saturating_add(1);
            memo.unanswered = !answered;
            memo.pause_until = Some(now.plus(pause(memo.failures)));
        });
    }

    /// Forgets everything about a key: its last fetch was one to store.
    pub(crate) fn forget(&self, key: &Key) {
        if self.0.contains_key(key) {
            self.0.invalidate(key);
        }
    }

    /// Forgets the failures of a key, and nothing else.
    pub(crate) fn recover(&self, key: &Key) {
        if self.get(key.as_bytes()).failures > 0 {
            self.change(key, |memo| {
                memo.failures = 0;
                memo.unanswered = false;
                memo.pause_until = None;
            });
        }
    }

    /// What answers have said that counts of the queries of a path.
    pub(crate) fn variation(&self, path: &[u8]) -> Option<UrlVariation> {
        self.0.get(path)?.variation.clone()
    }

    /// Remembers that.
    pub(crate) fn vary(&self, path: &Key, variation: &UrlVariation) {
        self.change(path, |memo| memo.variation = Some(variation.clone()));
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.0.invalidate_all();
    }

    fn change(&self, key: &Key, change: impl FnOnce(&mut Memo)) {
        self.0.entry_by_ref(key).and_compute_with(|old| {
            let mut memo = old.map_or_else(Memo::default, |old| (**old.value()).clone());
            change(&mut memo);
            if memo == Memo::default() {
                Op::Remove
            } else {
                Op::Put(Arc::new(memo))
            }
        });
    }
}
