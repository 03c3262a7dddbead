//! The one place where the parts meet: lookup, decision, flight, store.
//!
//! The engine knows no framework and no runtime. A shell gives it a request's
//! head and does what [`Lookup`] says; an [`Origin`] stands for the handler, and
//! a [`Runtime`] for time and tasks. A shell holds no rule:
//!
//! 1. [`Engine::lookup`] with the request's head.
//! 2. [`Lookup::Reply`]: send it. [`Lookup::Pass`]: call the handler with the
//!    request as it came, and [`Pass::finish`] its response.
//! 3. [`Lookup::Wait`]: await [`Engine::settle`], which ends in one of these two.
//!
//! [`Cache::engine`](crate::Cache::engine) is the way here.

mod compare;
mod complete;
mod decide;
mod explain;
mod fill;
mod follow;
mod lookup;
mod news;
mod origin;
mod own;
mod part;
mod pass;
mod payload;
mod place;
mod pump;
mod record;
mod reentry;
mod reply;
mod verdict;
mod wait;
mod waits;
mod watch;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

pub use follow::Settled;
pub use lookup::{Lookup, Refresh, Wait};
pub use origin::{Origin, OriginBody, Origins};
pub use pass::Pass;
pub use payload::Payload;
pub use record::Recording;

use crate::adapt::flash::Weather;
use crate::budget::Budget;
use crate::entry::{Entry, Head, Pieces};
use crate::flight::{Caps, Table};
use crate::gate::Gate;
use crate::key::KeyMaker;
use crate::observe::{CacheStatus, Counters, Explanation, Stats};
use crate::policy::{Reason, RequestHead, Rules, content_is_keyed};
use crate::runtime::Runtime;
use crate::store::{MemoryStore, Memos, Purge, Purges, Put, Subject, Validity};
use news::{Announcement, Failure};
use place::Place;
use watch::Watch;

/// An answer that the cache gives.
pub type Reply = http::Response<Payload>;

/// How far the origin may be read ahead of the fastest reader once nothing is to
/// be stored: enough to keep a fast link busy, little enough to hold for each.
const WINDOW: u64 = 256 << 10;

/// What the engine does by itself, with a store to keep and flights to follow.
#[derive(Debug)]
pub struct Engine {
    pub(crate) settings: Settings,
    pub(crate) store: MemoryStore,
    pub(crate) memos: Memos,
    pub(crate) purges: Purges,
    budget: Arc<Budget>,
    /// The part of it that may be held for answers that are recorded: their clients set the
    /// pace, and must not keep others from being stored.
    recordings: Arc<Budget>,
    table: Arc<Table<Announcement>>,
    gate: Arc<Gate>,
    refreshes: Arc<Gate>,
    runtime: RuntimeHandle,
    counters: Counters,
    watch: Watch,
}

/// The numbers of one cache, checked.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) rules: Rules,
    pub(crate) keys: KeyMaker,
    pub(crate) capacity: u64,
    pub(crate) max_variants: usize,
    pub(crate) max_flights: usize,
    pub(crate) max_waiters: usize,
    pub(crate) origin_limit: usize,
    pub(crate) origin_queue: usize,
    pub(crate) refresh_limit: usize,
    pub(crate) fetch_deadline: Duration,
    pub(crate) body_idle_deadline: Duration,
    pub(crate) store_deadline: Duration,
    pub(crate) unshareable_memory: Duration,
    /// The cache's name in Cache-Status; nothing switches the field off.
    pub(crate) status_name: Option<Box<str>>,
    pub(crate) age: bool,
    pub(crate) detect_crowds: bool,
    /// How long past its lifetime a page may be served stale while a crowd is there.
    pub(crate) crowd_stale: Duration,
}

/// A runtime, printable.
#[derive(Clone)]
struct RuntimeHandle(Arc<dyn Runtime>);

impl std::fmt::Debug for RuntimeHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Runtime")
    }
}

/// How the capacity is divided.
struct Shares {
    /// What is remembered of keys that have nothing stored.
    memos: u64,
    /// Stored responses, and what is held of them and of fetches beside the store.
    budget: u64,
    /// Of these, what is in the store. The rest is for bodies that are being fetched, and
    /// for evicted ones that someone still reads.
    stored: u64,
    /// Of the rest, what recordings may hold.
    recordings: u64,
}

impl Shares {
    const fn of(capacity: u64) -> Self {
        let memos = capacity / 32;
        let budget = capacity - memos;
        Self {
            memos,
            budget,
            stored: budget - capacity / 4,
            recordings: capacity / 8,
        }
    }
}

impl Engine {
    pub(crate) fn new(settings: Settings, runtime: Arc<dyn Runtime>) -> Arc<Self> {
        let shares = Shares::of(settings.capacity);
        let budget = Budget::new(shares.budget);
        let caps = Caps {
            flights: settings.max_flights,
            for_key: settings.max_variants,
            followers: settings.max_waiters,
        };
        let purges = Purges::default();
        if !settings.rules.url_variation.is_default() {
            purges.mark_variations();
        }
        Arc::new(Self {
            store: MemoryStore::new(shares.stored, settings.max_variants),
            memos: Memos::new(shares.memos),
            purges,
            table: Arc::new(Table::new(caps, Arc::clone(&budget))),
            budget,
            recordings: Budget::new(shares.recordings),
            gate: Gate::new(settings.origin_limit, settings.origin_queue),
            refreshes: Gate::new(settings.refresh_limit, 0),
            runtime: RuntimeHandle(runtime),
            counters: Counters::default(),
            watch: Watch::new(settings.detect_crowds),
            settings,
        })
    }

    /// Room in the budget, if there is any: bytes of evicted responses may be waiting to
    /// be given back.
    fn room<T>(&self, take: impl Fn(&Arc<Budget>) -> Option<T>) -> Option<T> {
        take(&self.budget).or_else(|| {
            self.store.give_back();
            take(&self.budget)
        })
    }

    /// Stores a whole response, unless a purge came between or there is no room.
    fn keep(&self, place: &Place, head: Arc<Head>, body: Pieces) -> Arc<Entry> {
        let key = &place.key;
        self.expect(place);
        let key_size = key.as_bytes().len();
        let hold = self.room(|budget| budget.take(head.entry_size(key_size)));
        let entry = Arc::new(Entry::new(head, body, key_size, hold));
        let subject = Subject {
            page: key.page(),
            tags: Some(&entry.head.facts.tags),
        };
        if !entry.has_room() {
            self.counters.met(Reason::NoRoom);
        } else if self.purges.validity(subject, entry.head.began) != Validity::Gone {
            self.memos.forget(key);
            match self.store.put(key, &entry, |old| self.is_spent(key, old)) {
                Put::Stored => self.counters.stored.add(1),
                Put::TooManyVariants => self.counters.met(Reason::VariantsFull),
                Put::Older => {}
            }
            self.settle_in(place, &entry.head);
        }
        entry
    }

    /// Whether the content of a request is to be read before [`lookup`](Self::lookup), as a
    /// part of its key; `length` is its length, where that is known. What was read goes into
    /// the extensions, as [`QueryContent`](crate::policy::QueryContent).
    #[must_use]
    pub fn wants_content(&self, request: RequestHead<'_>, length: Option<u64>) -> bool {
        content_is_keyed(request, length, &self.settings.rules)
    }

    /// The answer to a request whose content could not be read: a 400.
    #[must_use]
    pub fn refuse_content(&self) -> Box<Reply> {
        let failure = Failure {
            reason: Reason::RequestBody,
            status: http::StatusCode::BAD_REQUEST,
        };
        self.reply_error(failure, None, CacheStatus::default())
    }

    /// Makes a purge; see [`Cache::purge`](crate::Cache::purge).
    pub(crate) fn purge(&self, purge: &Purge) {
        let now = self.runtime.0.now();
        if self.purges.make(purge, &self.settings.keys, now) {
            self.counters.purges_folded.add(1);
        }
        if purge.is_hard_clear() {
            self.store.clear();
            self.memos.clear();
        }
        self.counters.purges.add(1);
    }

    /// What the cache has done, and what it holds; see
    /// [`Cache::stats`](crate::Cache::stats).
    pub(crate) fn stats(&self) -> Stats {
        let counts = self.table.counts();
        let (stored_keys, stored_bytes) = self.store.size();
        let (at_origin, queued) = self.gate.load();
        Stats {
            stored_keys,
            stored_bytes,
            held_bytes: self.budget.taken(),
            flights: counts.flights.load(Ordering::Relaxed) as u64,
            waiting: counts.waiting.load(Ordering::Relaxed) as u64,
            flight_bytes: counts.held.load(Ordering::Relaxed),
            at_origin: at_origin as u64,
            queued: queued as u64,
            crowd: u64::from(self.watch.weather() == Weather::Crowd),
            readers_cut: counts.cut_off.load(Ordering::Relaxed),
            ..self.counters.read()
        }
    }

    /// What would be done with a request; see
    /// [`Cache::explain`](crate::Cache::explain).
    pub(crate) fn explain(&self, request: RequestHead<'_>, has_body: bool) -> Explanation {
        let now = self.runtime.0.now();
        let decision = self.decide(request, has_body, now);
        self.explained(request, decision, now)
    }
}
