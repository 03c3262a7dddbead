//! Which flights there are.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::lead::Lead;
use super::shared::{Flight, Follower, News};
use crate::budget::Budget;
use crate::entry::Began;
use crate::hash::{HashMap, Hashing};
use crate::key::Key;
use crate::sync::Mutex;

/// Enough that two keys seldom share a lock, few enough to be walked.
const SHARDS: usize = if cfg!(floodwall_loom) { 1 } else { 64 };

/// The flights of one cache.
#[derive(Debug)]
pub(crate) struct Table<N: News> {
    shards: Box<[Shard<N>]>,
    hashing: Hashing,
    counts: Arc<Counts>,
    caps: Caps,
}

/// How many there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caps {
    /// Flights.
    pub(crate) flights: usize,
    /// Flights for one key, for variants that are not known to exist.
    pub(crate) for_key: usize,
    /// Followers of one key's flights.
    pub(crate) followers: usize,
}

type Shard<N> = Mutex<HashMap<Key, Vec<Arc<Flight<N>>>>>;

/// What flights add up to at this moment.
#[derive(Debug)]
pub(crate) struct Counts {
    /// Where the bytes of bodies are counted.
    pub(super) budget: Arc<Budget>,
    /// Flights that have not been removed.
    pub(crate) flights: AtomicUsize,
    /// Followers that wait or read.
    pub(crate) waiting: AtomicUsize,
    /// Bytes of bodies that flights hold.
    pub(crate) held: AtomicU64,
    /// Readers that were cut off, ever.
    pub(crate) cut_off: AtomicU64,
}

/// How one who asks chooses a flight. Called with locks held: it must be quick
/// and must not wait.
pub(crate) trait Boarding<N: News> {
    /// Whether an open flight will do.
    fn accepts(&mut self, flight: &Flight<N>, news: Option<&N>) -> bool;

    /// Whether what is wanted is known to exist, so that it deserves a flight however
    /// many others there are for its key.
    fn is_known(&self) -> bool;

    /// What a new flight is for; asked only after every open one was refused.
    fn guess(&mut self) -> N::Guess;
}

/// What became of asking.
#[derive(Debug)]
pub(crate) enum Joined<N: News> {
    /// A flight was found and joined.
    Found(Follower<N>),
    /// A new one was started, and joined.
    Started(Lead<N>, Follower<N>),
    /// The key's flights have as many followers as those of one key may have.
    TooManyFollowers,
    /// A new flight is needed, and there are as many as there may be.
    TooManyFlights,
    /// A new flight is needed, and the key has as many as a key may have.
    TooManyForKey,
}

impl<N: News> Table<N> {
    /// A table whose flights take the bytes that they hold from `budget`.
    pub(crate) fn new(caps: Caps, budget: Arc<Budget>) -> Self {
        let counts = Counts {
            budget,
            flights: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            held: AtomicU64::new(0),
            cut_off: AtomicU64::new(0),
        };
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hashing: Hashing::default(),
            counts: Arc::new(counts),
            caps,
        }
    }

    /// Joins an open flight for `key` that will do, or starts one.
    pub(crate) fn join(
        self: &Arc<Self>,
        key: &Key,
        began: Began,
        boarding: &mut impl Boarding<N>,
    ) -> Joined<N> {
        let mut shard = self.shard(key).lock();
        let flights = shard.get(key).map_or(&[][..], Vec::as_slice);
        let of_key = flights.first().map(|flight| Arc::clone(&flight.of_key));
        let of_key = of_key.unwrap_or_default();
        if of_key.load(Ordering::Relaxed) >= self.caps.followers {
            return Joined::TooManyFollowers;
        }
        for flight in flights {
            let mut state = flight.state.lock();
            if state.open && boarding.accepts(flight, state.news.as_ref()) {
                return Joined::Found(Follower::board(flight, &mut state));
            }
        }
        if !boarding.is_known() && flights.len() >= self.caps.for_key {
            return Joined::TooManyForKey;
        }
        // Counted at once: others start flights in other shards meanwhile.
        let one_more = |flights| (flights < self.caps.flights).then_some(flights + 1);
        let flights = &self.counts.flights;
        let counted = flights.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        if counted.is_err() {
            return Joined::TooManyFlights;
        }
        let counts = Arc::clone(&self.counts);
        let flight = Flight::new(key.clone(), began, boarding.guess(), counts, of_key);
        let flight = Arc::new(flight);
        let follower = Follower::board(&flight, &mut flight.state.lock());
        shard
            .entry(key.clone())
            .or_default()
            .push(Arc::clone(&flight));
        let table = Arc::clone(self);
        Joined::Started(Lead { flight, table }, follower)
    }

    /// Whether some open flight for `key` would do; joins none.
    pub(crate) fn would_join(&self, key: &Key, boarding: &mut impl Boarding<N>) -> bool {
        let shard = self.shard(key).lock();
        shard.get(key).into_iter().flatten().any(|flight| {
            let state = flight.state.lock();
            state.open && boarding.accepts(flight, state.news.as_ref())
        })
    }

    pub(super) fn remove(&self, flight: &Arc<Flight<N>>) {
        let mut shard = self.shard(&flight.key).lock();
        let Some(flights) = shard.get_mut(&flight.key) else {
            return;
        };
        let before = flights.len();
        flights.retain(|other| !Arc::ptr_eq(other, flight));
        let removed = before - flights.len();
        if flights.is_empty() {
            shard.remove(&flight.key);
        }
        drop(shard);
        self.counts.flights.fetch_sub(removed, Ordering::Relaxed);
    }

    /// What the flights add up to.
    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    fn shard(&self, key: &Key) -> &Shard<N> {
        let hash = self.hashing.hash_one(key.as_bytes());
        // The top bits choose the shard; the map uses its own hash.
        let at = (hash >> 32) as usize % self.shards.len();
        &self.shards[at]
    }
}
