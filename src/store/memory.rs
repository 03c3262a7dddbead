//! The memory store, on moka: capacity, admission and eviction are moka's, what
//! is in a slot is ours.
//!
//! A key leads to one slot that holds all its variants, newest first, so that a
//! lookup probes the store once, and a page is evicted with its variants. Slots
//! are never changed in place: a store makes a new one, and whoever still reads
//! the old one keeps it alive.

use std::hash::BuildHasher;
use std::sync::Arc;

use http::HeaderMap;
use moka::sync::Cache;

use crate::entry::Entry;
use crate::hash::Hashing;
use crate::key::Key;
use crate::policy::{Asked, VaryNames};
use crate::sync::Mutex;

/// The largest weight that moka can count.
const HEAVIEST: u64 = u32::MAX as u64;
/// After how many rounds of moka's housekeeping the memory of what it evicted is free,
/// if nothing else goes on: its readers are told apart by three epochs.
const ROUNDS: usize = 3;

/// The variants stored under one key, newest first.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    entries: Box<[Arc<Entry>]>,
}

impl Slot {
    /// The newest response that `request` selects (RFC 9111 §4.1).
    pub(crate) fn select(&self, request: &HeaderMap) -> Option<&Arc<Entry>> {
        let asked = Asked::new(request);
        let mut entries = self.entries.iter();
        entries.find(|entry| entry.head.facts.variant.is_selected_by(&asked))
    }

    /// Every name that some variant is told by.
    pub(crate) fn vary_names(&self) -> VaryNames {
        let mut names = VaryNames::default();
        for entry in &self.entries {
            names.absorb(&entry.head.facts.variant);
        }
        names
    }

    fn size(&self) -> u64 {
        self.entries.iter().map(|entry| entry.size()).sum()
    }

    /// This slot with `entry` in it, or why it cannot be.
    fn with(
        &self,
        entry: &Arc<Entry>,
        most: Most,
        spent: impl Fn(&Entry) -> bool,
    ) -> Result<Self, Put> {
        let variant = &entry.head.facts.variant;
        let same = |old: &&Arc<Entry>| old.head.facts.variant == *variant;
        if let Some(old) = self.entries.iter().find(same) {
            if old.head.began > entry.head.began {
                return Err(Put::Older);
            }
        }
        let others = self.entries.iter().filter(|old| !same(old)).cloned();
        let mut entries = vec![Arc::clone(entry)];
        entries.extend(others);
        // Newest first by when it was asked for, not by when it came.
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.head.began));
        if entries.len() > most.variants {
            // The oldest that is of no use without asking makes room.
            let other = |old: &Arc<Entry>| !Arc::ptr_eq(old, entry) && spent(old);
            let Some(spent) = entries.iter().rposition(other) else {
                return Err(Put::TooManyVariants);
            };
            entries.remove(spent);
        }
        let mut slot = Self {
            entries: entries.into(),
        };
        while slot.size() > most.bytes && slot.entries.len() > 1 {
            let shorter = &slot.entries[..slot.entries.len() - 1];
            slot.entries = shorter.into();
        }
        Ok(slot)
    }

    fn without(&self, gone: impl Fn(&Entry) -> bool) -> Option<Self> {
        let kept = self.entries.iter().filter(|entry| !gone(entry)).cloned();
        let entries: Box<[_]> = kept.collect();
        (!entries.is_empty()).then_some(Self { entries })
    }
}

/// How much there may be under one key.
#[derive(Clone, Copy, Debug)]
struct Most {
    variants: usize,
    /// Past it the oldest variants go, so that those of one page do not take the place of
    /// all others.
    bytes: u64,
}

/// What becomes of a slot.
enum Change {
    Nothing,
    To(Slot),
    Away,
}

/// What became of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// It is stored, for as long as the store finds it worth its place.
    Stored,
    /// A fetch that began later has been stored already.
    Older,
    /// The key has as many variants as it may have.
    TooManyVariants,
}

/// How many slots can be changed at once.
const WRITERS: usize = 64;

/// Stored responses, bounded in bytes.
#[derive(Debug)]
pub(crate) struct MemoryStore {
    cache: Cache<Key, Arc<Slot>, Hashing>,
    /// Who changes a slot holds the lock that its key leads to.
    writers: [Mutex<()>; WRITERS],
    hashing: Hashing,
    most: Most,
}

impl MemoryStore {
    /// A store of at most `capacity` bytes.
    pub(crate) fn new(capacity: u64, most_variants: usize) -> Self {
        let cache = Cache::builder()
            .max_capacity(capacity)
            .weigher(|_: &Key, slot: &Arc<Slot>| u32::try_from(slot.size()).unwrap_or(u32::MAX))
            .build_with_hasher(Hashing::default());
        let most = Most {
            variants: most_variants,
            bytes: (capacity / 2).min(HEAVIEST),
        };
        Self {
            cache,
            writers: std::array::from_fn(|_| Mutex::default()),
            hashing: Hashing::default(),
            most,
        }
    }

    /// What is stored under a key, for a request. How often a key is asked for in this way
    /// decides about its place.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Arc<Slot>> {
        self.cache.get(key)
    }

    /// The same for ourselves: that there is nothing is not noted. A request that finds
    /// nothing comes here more than once, and pages that are wanted once would seem to be
    /// wanted as often as those that they push out.
    pub(crate) fn look(&self, key: &[u8]) -> Option<Arc<Slot>> {
        let known = self.cache.contains_key(key);
        known.then(|| self.cache.get(key)).flatten()
    }

    /// Changes what is stored under a key, one at a time: to another slot, or to none.
    fn change(&self, key: &Key, change: impl FnOnce(Option<&Slot>) -> Change) {
        let at = self.hashing.hash_one(key.as_bytes()) as usize % WRITERS;
        let _alone = self.writers[at].lock();
        let old = self.look(key.as_bytes());
        match change(old.as_deref()) {
            Change::Nothing => {}
            Change::To(slot) => self.cache.insert(key.clone(), Arc::new(slot)),
            Change::Away => self.cache.invalidate(key.as_bytes()),
        }
    }

    /// Stores a response in the place of an older one of the same variant.
    /// When the key has no room for a further variant, one that is `spent` goes.
    pub(crate) fn put(&self, key: &Key, entry: &Arc<Entry>, spent: impl Fn(&Entry) -> bool) -> Put {
        let mut put = Put::Stored;
        self.change(key, |old| {
            let nothing = Slot::default();
            match old.unwrap_or(&nothing).with(entry, self.most, &spent) {
                Ok(slot) => Change::To(slot),
                Err(why) => {
                    put = why;
                    Change::Nothing
                }
            }
        });
        // Evictions are due now, not at some later request's cost.
        self.cache.run_pending_tasks();
        put
    }

    /// Takes out the variants for which `gone` holds.
    pub(crate) fn remove(&self, key: &Key, gone: impl Fn(&Entry) -> bool) {
        self.change(key, |old| match old.map(|old| (old, old.without(&gone))) {
            None => Change::Nothing,
            Some((_, None)) => Change::Away,
            Some((old, Some(slot))) if slot.entries.len() == old.entries.len() => Change::Nothing,
            Some((_, Some(slot))) => Change::To(slot),
        });
    }

    /// Whether a further variant has no place under the key, and none that is
    /// `spent` would make room.
    pub(crate) fn is_full(&self, slot: &Slot, spent: impl Fn(&Entry) -> bool) -> bool {
        slot.entries.len() >= self.most.variants && !slot.entries.iter().any(|old| spent(old))
    }

    /// Gives back the memory of what was evicted: moka frees it some rounds later, when
    /// nobody can be looking at it any more.
    pub(crate) fn give_back(&self) {
        for _ in 0..ROUNDS {
            self.cache.run_pending_tasks();
        }
    }

    /// Lets go of everything.
    pub(crate) fn clear(&self) {
        self.cache.invalidate_all();
        self.give_back();
    }

    /// The keys stored, and the bytes that they and their slots take.
    pub(crate) fn size(&self) -> (u64, u64) {
        self.cache.run_pending_tasks();
        (self.cache.entry_count(), self.cache.weighted_size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;
    use crate::entry::{Began, Head, Pieces};
    use crate::key::KeyRules;
    use crate::policy::{RequestHead, ResponseFacts, Rules, UrlVariation, Variant, VaryNames};
    use bytes::Bytes;
    use http::{HeaderValue, Request, StatusCode};
    use std::time::Duration;

    fn language(value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("accept-language", HeaderValue::from_static(value));
        headers
    }

    fn entry(value: &'static str, at: u64, body: usize) -> Arc<Entry> {
        let mut vary = HeaderMap::new();
        vary.insert("vary", HeaderValue::from_static("accept-language"));
        let names = VaryNames::read(&vary, &Rules::default()).expect("readable");
        let head = Head {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            facts: ResponseFacts {
                lifetime: None,
                permission: crate::policy::Permission::default(),
                variant: Variant::of(&names, &language(value)),
                tags: crate::policy::Tags::default(),
                equivalent: None,
            },
            began: Began {
                at: Moment::new(Duration::from_secs(at)),
                purges: 0,
            },
        };
        let body = Pieces::new(vec![Bytes::from(vec![0; body])]);
        Arc::new(Entry::new(Arc::new(head), body, 10, None))
    }

    fn key(path: &str) -> Key {
        let request = Request::builder().uri(path).body(()).expect("legal");
        let maker = KeyRules::new().compile("").expect("legal rules");
        let key = maker.key(RequestHead::from(&request), &UrlVariation::default());
        key.expect("keyed").to_key()
    }

    #[test]
    fn two_languages_do_not_evict_each_other() {
        let store = MemoryStore::new(1 << 20, 32);
        let (en, fr) = (entry("en", 1, 5), entry("fr", 2, 5));
        assert_eq!(store.put(&key("/"), &en, |_| false), Put::Stored);
        assert_eq!(store.put(&key("/"), &fr, |_| false), Put::Stored);
        let slot = store.get(key("/").as_bytes()).expect("stored");
        assert!(Arc::ptr_eq(slot.select(&language("en")).expect("en"), &en));
        assert!(Arc::ptr_eq(slot.select(&language("fr")).expect("fr"), &fr));
        assert!(slot.select(&language("de")).is_none());
        assert!(!slot.vary_names().is_empty());
    }

    #[test]
    fn an_older_fetch_never_replaces_a_newer_one() {
        let store = MemoryStore::new(1 << 20, 32);
        assert_eq!(
            store.put(&key("/"), &entry("en", 2, 5), |_| false),
            Put::Stored
        );
        assert_eq!(
            store.put(&key("/"), &entry("en", 1, 5), |_| false),
            Put::Older
        );
        assert_eq!(
            store.put(&key("/"), &entry("en", 3, 5), |_| false),
            Put::Stored
        );
    }

    #[test]
    fn variants_are_capped() {
        let store = MemoryStore::new(1 << 20, 2);
        assert_eq!(
            store.put(&key("/"), &entry("a", 1, 5), |_| false),
            Put::Stored
        );
        assert_eq!(
            store.put(&key("/"), &entry("b", 1, 5), |_| false),
            Put::Stored
        );
        assert_eq!(
            store.put(&key("/"), &entry("c", 1, 5), |_| false),
            Put::TooManyVariants
        );
        assert_eq!(
            store.put(&key("/"), &entry("b", 2, 5), |_| false),
            Put::Stored
        );
        let slot = store.get(key("/").as_bytes()).expect("stored");
        assert!(store.is_full(&slot, |_| false));
        let spent = |old: &Entry| old.head.began.at.since_start().as_secs() == 1;
        assert!(!store.is_full(&slot, spent));
        assert_eq!(store.put(&key("/"), &entry("c", 3, 5), spent), Put::Stored);
        store.remove(&key("/"), |entry| {
            entry.head.began.at.since_start().as_secs() == 2
        });
        let slot = store.get(key("/").as_bytes()).expect("stored");
        assert_eq!(slot.entries.len(), 1);
        store.remove(&key("/"), |_| true);
        assert!(store.get(key("/").as_bytes()).is_none());
    }

    #[test]
    fn the_variants_of_one_key_leave_room_for_other_keys() {
        let store = MemoryStore::new(1 << 20, 32);
        store.put(&key("/other"), &entry("en", 1, 5_000), |_| false);
        for (at, language) in (2..).zip(["a", "b", "c", "d", "e", "f", "g", "h"]) {
            let put = store.put(&key("/"), &entry(language, at, 200_000), |_| false);
            assert_eq!(put, Put::Stored, "{language}");
        }
        let slot = store.get(key("/").as_bytes()).expect("stored");
        assert!(slot.select(&language("h")).is_some(), "the newest stays");
        assert_eq!(slot.entries.len(), 2);
        assert!(store.get(key("/other").as_bytes()).is_some());
    }

    #[test]
    fn bytes_are_counted_and_bounded() {
        let store = MemoryStore::new(100_000, 32);
        for page in 0..100 {
            store.put(&key(&format!("/{page}")), &entry("en", 1, 5_000), |_| false);
            assert!(store.size().1 <= 100_000);
        }
        let (keys, bytes) = store.size();
        assert!(keys >= 10, "{keys}");
        assert!(bytes > keys * 5_000, "{bytes}");
    }

    // Not where everything has the same hash: visits are counted by it.
    #[cfg(not(floodwall_one_hash))]
    #[test]
    fn what_is_wanted_once_pushes_out_nothing_that_is_wanted_often() {
        const OFTEN: u64 = 850;
        let store = MemoryStore::new(6 << 20, 32);
        let is_stored = |path: String| {
            let key = key(&path);
            let found = store.get(key.as_bytes()).is_some();
            if !found && store.look(key.as_bytes()).is_none() {
                store.put(&key, &entry("en", 1, 2_600), |_| false);
            }
            found
        };
        let often = |n: u64| is_stored(format!("/often/{}", n * 7919 % OFTEN));
        let warm = (0..8 * OFTEN).filter(|&n| often(n)).count() as u64;
        assert_eq!(warm, 7 * OFTEN);
        // Between two visits of a page come more others than there is room for beside it.
        let missed = (0..4 * OFTEN).filter(|&n| {
            is_stored(format!("/once/{n}"));
            !often(n)
        });
        let missed = missed.count() as u64;
        assert!(missed * 20 < 4 * OFTEN, "{missed} of {}", 4 * OFTEN);
    }
}
