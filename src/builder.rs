//! How a cache is built.

mod check;
mod rules;

use std::sync::Arc;
use std::time::Duration;

use crate::cache::Cache;
use crate::engine::Engine;
use crate::error::ConfigError;
use crate::key::KeyRules;
use crate::policy::Rules;
use crate::runtime::Runtime;

/// Builds a [`Cache`]. Setters may come in any order; [`build`](Self::build)
/// checks their values.
#[derive(Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct CacheBuilder {
    rules: Rules,
    keys: KeyRules,
    namespace: String,
    targets: Vec<String>,
    capacity: u64,
    max_object_size: Option<u64>,
    max_variants: usize,
    max_flights: usize,
    max_waiters: usize,
    origin_limit: usize,
    origin_queue: usize,
    refresh_limit: Option<usize>,
    fetch_deadline: Duration,
    body_idle_deadline: Duration,
    store_deadline: Duration,
    unshareable_memory: Duration,
    status_name: Option<String>,
    age: bool,
    detect_crowds: bool,
    crowd_stale: Duration,
    runtime: Option<Arc<dyn Runtime>>,
}

impl std::fmt::Debug for CacheBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CacheBuilder")
            .field("capacity", &self.capacity)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

impl Default for CacheBuilder {
    fn default() -> Self {
        Self {
            rules: Rules::default(),
            keys: KeyRules::default(),
            namespace: String::new(),
            targets: Vec::new(),
            capacity: 64 << 20,
            max_object_size: None,
            max_variants: 32,
            max_flights: 16_384,
            max_waiters: 65_536,
            origin_limit: 1024,
            origin_queue: 16_384,
            refresh_limit: None,
            fetch_deadline: Duration::from_secs(30),
            body_idle_deadline: Duration::from_secs(30),
            store_deadline: Duration::from_secs(300),
            unshareable_memory: Duration::from_secs(120),
            status_name: Some("floodwall".to_owned()),
            age: true,
            detect_crowds: true,
            crowd_stale: Duration::ZERO,
            runtime: None,
        }
    }
}

impl CacheBuilder {
    /// The bytes that the cache may take: stored responses with their keys, heads and
    /// bookkeeping, the bodies that fetches in flight hold, and what was evicted while
    /// someone still reads it. Default 64 MiB; at least 1.
    ///
    /// A quarter is for what is not in the store. Where there is no room, fetches go on
    /// without being stored, and hold one chunk each.
    pub fn capacity(mut self, bytes: u64) -> Self {
        self.capacity = bytes;
        self
    }

    /// The bytes of body that one stored response may have. Default 8 MiB, or an
    /// eighth of the capacity if that is less; at most a quarter of it, and 2 GiB.
    ///
    /// A larger response is never cut: if it announces its length, it goes to the
    /// one who asked and nobody waits for it; if not, whoever has joined before it
    /// grew too large is still sent all of it, as long as it keeps within this
    /// many bytes of the fastest reader.
    pub fn max_object_size(mut self, bytes: u64) -> Self {
        self.max_object_size = Some(bytes);
        self
    }

    /// The variants (`Vary`) kept under one key, and fetched for it at once. Default
    /// 32; at least 1. Stale ones make room; where none is, requests for a further
    /// variant go to the handler, with `detail=variants-full`.
    pub fn max_variants(mut self, most: usize) -> Self {
        self.max_variants = most;
        self
    }

    /// How long a fetch may take until its head arrives, queueing included.
    /// Default 30 s; 1 ms to a day. Then everyone who waits is answered stale if
    /// allowed, else 504 (503 if it was still waiting for a place at the origin).
    pub fn fetch_deadline(mut self, deadline: Duration) -> Self {
        self.fetch_deadline = deadline;
        self
    }

    /// How long an origin may be silent in the middle of a body. Default 30 s; 1 ms
    /// to a day. Then the response is cut, and not stored.
    pub fn body_idle_deadline(mut self, deadline: Duration) -> Self {
        self.body_idle_deadline = deadline;
        self
    }

    /// How long a fetch may take, from its start to the end of its body, and still be
    /// stored. Default 5 min; 1 ms to a day. A slower one goes on to those who have
    /// joined.
    pub fn store_deadline(mut self, deadline: Duration) -> Self {
        self.store_deadline = deadline;
        self
    }

    /// How many fetches may be at the origin at once. Default 1024; at least 1.
    /// Requests that pass are not counted. A fetch for which a handler waits that the
    /// cache has called takes a place at once, past this cap.
    pub fn origin_limit(mut self, most: usize) -> Self {
        self.origin_limit = most;
        self
    }

    /// How many fetches may wait for a place at the origin. Default 16384. Past it:
    /// stale if allowed, else 503 with `Retry-After`. Refreshes do not wait: they are
    /// tried again at the next request.
    pub fn origin_queue(mut self, most: usize) -> Self {
        self.origin_queue = most;
        self
    }

    /// How many refreshes of stale pages, which nobody waits for, may be under way at
    /// once. Default a quarter of [`origin_limit`](Self::origin_limit), and at least 1.
    /// Past it the stale page is served as well, and the next request for it tries
    /// again.
    pub fn refresh_limit(mut self, most: usize) -> Self {
        self.refresh_limit = Some(most);
        self
    }

    /// How many requests may wait for the fetches of one key, or read from them.
    /// Default 65536; at least 1. Past it: stale if allowed, else 503 with
    /// `Retry-After`.
    pub fn max_waiters(mut self, most: usize) -> Self {
        self.max_waiters = most;
        self
    }

    /// How many fetches may be in flight, queued ones included. Default 16384; at
    /// least 1. Past it: stale if allowed, else 503 with `Retry-After`.
    pub fn max_flights(mut self, most: usize) -> Self {
        self.max_flights = most;
        self
    }

    /// How long a key is remembered as unshareable, so that nobody waits for what
    /// is not going to be for them. Default 2 min; up to a day. It is forgotten
    /// as soon as a response for it may be stored.
    pub fn unshareable_memory(mut self, span: Duration) -> Self {
        self.unshareable_memory = span;
        self
    }

    /// What keys are made of.
    pub fn key(mut self, rules: KeyRules) -> Self {
        self.keys = rules;
        self
    }

    /// A name that keeps this cache's keys apart from those of other applications
    /// in a store that they share. Empty by default; no control characters.
    pub fn namespace(mut self, name: impl Into<String>) -> Self {
        self.namespace = name.into();
        self
    }

    /// Whether answers say in `Cache-Status` (RFC 9211) what was done. On by
    /// default.
    pub fn cache_status(mut self, on: bool) -> Self {
        self.status_name = on.then(|| "floodwall".to_owned());
        self
    }

    /// The name by which this cache goes in `Cache-Status`, and switches the field
    /// on. Default `floodwall`; a token.
    pub fn cache_status_name(mut self, name: impl Into<String>) -> Self {
        self.status_name = Some(name.into());
        self
    }

    /// Whether answers from the store say their `Age`. On by default, and required
    /// of a cache by RFC 9111 §5.1; without it, caches further out keep pages for
    /// longer than they should.
    pub fn age(mut self, on: bool) -> Self {
        self.age = on;
        self
    }

    /// Whether to watch for crowds: three times as many requests as usual, twenty a second at
    /// least, for some ten seconds, and for the same pages. On by default; `Stats::crowd` says
    /// when one is there. An hour later it is what is usual. What each second brings is compared
    /// with the last five minutes, and nothing is a crowd in a cache's first minute.
    ///
    /// By itself this changes nothing: see [`crowd_stale`](Self::crowd_stale).
    pub fn detect_crowds(mut self, on: bool) -> Self {
        self.detect_crowds = on;
        self
    }

    /// How long past its lifetime a page may be served stale while it is refreshed, as long
    /// as a crowd is there; a window of its own that is longer holds all the same. Default
    /// none; up to a day. What says `must-revalidate`, `proxy-revalidate`, `s-maxage` or
    /// `no-cache` is never served stale (RFC 9111 §4.2.4), crowd or not.
    ///
    /// Such answers say `detail=crowd` in `Cache-Status`.
    pub fn crowd_stale(mut self, window: Duration) -> Self {
        self.crowd_stale = window;
        self
    }

    /// The clock, timer and tasks to use. Tokio's by default.
    pub fn runtime(mut self, runtime: impl Runtime) -> Self {
        self.runtime = Some(Arc::new(runtime));
        self
    }

    /// Builds the cache.
    ///
    /// # Errors
    /// The first value that cannot be meant, by name.
    ///
    /// # Panics
    /// Without the feature `tower`, if no [`runtime`](Self::runtime) was given.
    pub fn build(self) -> Result<Cache, ConfigError> {
        let settings = self.settings()?;
        let runtime = self.runtime.unwrap_or_else(default_runtime);
        Ok(Cache::new(Engine::new(settings, runtime)))
    }
}

#[cfg(feature = "tower")]
fn default_runtime() -> Arc<dyn Runtime> {
    Arc::new(crate::runtime::TokioRuntime::new())
}

#[cfg(not(feature = "tower"))]
fn default_runtime() -> Arc<dyn Runtime> {
    panic!("without the feature `tower`, the builder needs a `runtime`")
}
