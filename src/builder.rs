//! How a cache is built.

mod check;

use std::sync::Arc;
use std::time::Duration;

use crate::cache::Cache;
use crate::engine::Engine;
use crate::error::ConfigError;
use crate::key::KeyRules;
use crate::policy::{Authorization, Cookies, Rules, SetCookie, Statuses};
use crate::runtime::Runtime;

/// How long answers are served stale by the book when the origin is gone; RFC 9111
/// §4.2.4 names no bound, and a page that is a day old is a page.
const STALE_BY_THE_BOOK: Duration = Duration::from_secs(24 * 60 * 60);

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

    /// The freshness of responses that name none (RFC 9111 §4.2.1): no `max-age`,
    /// `s-maxage` or `Expires`. None by default: such responses are not stored.
    /// Overrides neither `no-store`, `private` nor any other word of a response.
    pub fn default_fresh_for(mut self, lifetime: Duration) -> Self {
        self.rules.default_fresh_for = Some(lifetime);
        self
    }

    /// Whether to guess the freshness of responses that name none from their
    /// `Last-Modified`: a tenth of the time since, at most a day (RFC 9111
    /// §4.2.2). Off by default.
    pub fn heuristics(mut self, on: bool) -> Self {
        self.rules.heuristics = on;
        self
    }

    /// How long after their freshness responses that do not say
    /// `stale-while-revalidate` may be served while they are refreshed (RFC 5861
    /// §3). None by default. Never applies to a response that says
    /// `must-revalidate`, `proxy-revalidate`, `s-maxage` or `no-cache`.
    pub fn stale_while_revalidate(mut self, window: Duration) -> Self {
        self.rules.stale_while_revalidate = Some(window);
        self
    }

    /// How long after their freshness responses that do not say `stale-if-error`
    /// may be served when the origin fails (RFC 5861 §4). None by default. The
    /// same responses are excepted.
    pub fn stale_if_error(mut self, window: Duration) -> Self {
        self.rules.stale_if_error = Some(window);
        self
    }

    /// The variants (`Vary`) kept under one key, and fetched for it at once. Default
    /// 32; at least 1. Stale ones make room; where none is, requests for a further
    /// variant go to the handler, with `detail=variants-full`.
    pub fn max_variants(mut self, most: usize) -> Self {
        self.max_variants = most;
        self
    }

    /// The request fields that a response may vary on and still be stored or shared.
    /// Default 16, beside the two that the cache adds itself (`Accept-Encoding` and
    /// `Origin`, see [`VaryNames`](crate::policy::VaryNames)). One that names more goes to
    /// the one who asked, with `detail=vary-too-large`.
    pub fn max_vary_names(mut self, most: usize) -> Self {
        self.rules.max_vary_names = most;
        self
    }

    /// The bytes, of names and values, that a request may have in the fields that its
    /// response varies on. Default 8 KiB. Past it the response goes to the one who asked,
    /// with `detail=vary-too-large`.
    pub fn max_variant_bytes(mut self, most: usize) -> Self {
        self.rules.max_variant_bytes = most;
        self
    }

    /// The bytes of names and values that a stored head may have. Default 64 KiB. A
    /// response with a larger one is shared with those who wait for it and not stored,
    /// with `detail=head-too-large`.
    pub fn max_head_bytes(mut self, most: usize) -> Self {
        self.rules.max_head_bytes = most;
        self
    }

    /// The tags that a response may have and still be stored or shared. Default 256. One
    /// with more could not be purged by all that it says: it goes to the one who asked,
    /// with `detail=too-many-tags`.
    pub fn max_tags(mut self, most: usize) -> Self {
        self.rules.max_tags = most;
        self
    }

    /// The bytes that one tag may have. Default 1024. A response with a longer one is
    /// treated like one with too many.
    pub fn max_tag_bytes(mut self, most: usize) -> Self {
        self.rules.max_tag_bytes = most;
        self
    }

    /// The ranges that a request may ask for at once. Default 16. One that asks for more
    /// is answered with the whole, with `detail=too-many-ranges`; with none allowed, so is
    /// every one.
    pub fn max_ranges(mut self, most: usize) -> Self {
        self.rules.max_ranges = most;
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

    /// What to do with requests that carry a cookie.
    pub fn cookies(mut self, cookies: Cookies) -> Self {
        self.rules.cookies = cookies;
        self
    }

    /// What to do with requests that carry `Authorization`.
    pub fn authorization(mut self, authorization: Authorization) -> Self {
        self.rules.authorization = authorization;
        self
    }

    /// What to do with responses that set cookies.
    pub fn set_cookie(mut self, set_cookie: SetCookie) -> Self {
        self.rules.set_cookie = set_cookie;
        self
    }

    /// When `true`, a response that is not fresh on arrival answers only the
    /// request that caused it. Off by default: those who were already waiting
    /// asked before it was made, and may share it if it is neither private nor
    /// `no-store`.
    pub fn strict_collapse(mut self, strict: bool) -> Self {
        self.rules.strict_collapse = strict;
        self
    }

    /// What RFC 9111 permits a shared cache, in place of the safe defaults: every final
    /// status, guessed lifetimes ([`heuristics`](Self::heuristics)), errors that say how
    /// long they last, stale answers for a day when the origin is gone, variants compared
    /// by their meaning ([`normalise_vary`](Self::normalise_vary)), `CDN-Cache-Control`
    /// obeyed ([`targeted_fields`](Self::targeted_fields)); requests with cookies
    /// are like those without, and a stored `Set-Cookie` goes to everyone.
    /// `Authorization` still needs permission (RFC 9111 §3.5).
    ///
    /// For origins that say `private` or `no-store` wherever an answer is for one
    /// person: one that forgets to gives it to everyone. Settings that follow change
    /// single parts of it.
    ///
    /// ```
    /// let cache = floodwall::Cache::builder()
    ///     .by_the_book()
    ///     .set_cookie(floodwall::SetCookie::Refuse)
    ///     .build()?;
    /// # Ok::<_, floodwall::ConfigError>(())
    /// ```
    pub fn by_the_book(self) -> Self {
        self.statuses(Statuses::Any)
            .heuristics(true)
            .store_errors(true)
            .store_posts(true)
            .cookies(Cookies::Ignore)
            .set_cookie(SetCookie::Share)
            .normalise_vary(true)
            .targeted_fields(["cdn-cache-control"])
            .stale_if_error(STALE_BY_THE_BOOK)
    }

    /// Fields of responses that this cache obeys in the place of `Cache-Control` and
    /// `Expires`, the first one first (RFC 9213): `CDN-Cache-Control`, or one of your own,
    /// such as `Example-Cache-Control`. None by default, as a cache in an application is
    /// no CDN. A field that cannot be read is ignored; all are passed on unchanged.
    ///
    /// # Errors
    /// [`build`](Self::build) refuses what is no field name.
    pub fn targeted_fields<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.targets = names.into_iter().map(Into::into).collect();
        self
    }

    /// Whether `Surrogate-Control` (Edge Architecture Specification 1.0) is obeyed in the
    /// place of `Cache-Control` and `Expires`, and taken off what clients receive:
    /// `max-age=60`, `max-age=60+30` (the latter stale), `no-store`. Off by default; a
    /// [targeted field](Self::targeted_fields) goes before it, and `private` in
    /// `Cache-Control` holds all the same.
    pub fn surrogate_control(mut self, on: bool) -> Self {
        self.rules.surrogate_control = on;
        self
    }

    /// Which statuses may be stored. Default [`Statuses::Pages`].
    pub fn statuses(mut self, which: Statuses) -> Self {
        self.rules.statuses = which;
        self
    }

    /// Whether responses of status 400 and above may be stored if they have a
    /// lifetime. Off by default: one bad request must not become everyone's answer.
    pub fn store_errors(mut self, on: bool) -> Self {
        self.rules.store_errors = on;
        self
    }

    /// Whether the answer to a POST may be stored for later GETs and HEADs, if it names a
    /// lifetime and, in `Content-Location`, the very target of the POST (RFC 9110
    /// §9.3.3). It must say how long it is. Off by default.
    pub fn store_posts(mut self, on: bool) -> Self {
        self.rules.store_posts = on;
        self
    }

    /// Whether a range of what is not stored fetches and stores the whole. Off by
    /// default: the request passes.
    pub fn fetch_whole_for_ranges(mut self, on: bool) -> Self {
        self.rules.fetch_whole_for_ranges = on;
        self
    }

    /// Whether `Surrogate-Key` and `Cache-Tag` are left on what clients receive,
    /// for a cache further out. Off by default.
    pub fn forward_tags(mut self, on: bool) -> Self {
        self.rules.forward_tags = on;
        self
    }

    /// Whether requests select the same variant (RFC 9111 §4.1) when the fields that
    /// `Vary` names mean the same: `Accept-Language` by languages and weights, in any
    /// order and letter case; of other lists the white space between members does not
    /// count. Off by default: bytes are compared. `Cookie` and `Authorization` are always
    /// compared by bytes, `Accept-Encoding` always by the codings that it accepts.
    ///
    /// Not for handlers that take the first of several languages, whatever they weigh.
    pub fn normalise_vary(mut self, on: bool) -> Self {
        self.rules.normalise_vary = on;
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
