//! The user's handle.

use std::sync::Arc;

use http::Request;

use crate::builder::CacheBuilder;
use crate::engine::Engine;
use crate::observe::{Explanation, Stats};
use crate::policy::RequestHead;
use crate::store::Purge;

/// A cache: the handle by which an application purges, asks and measures.
///
/// Cloning it is cheap and makes another handle to the same cache. The layers
/// made by [`layer`](Cache::layer) share it, so that several routes can have one
/// store and one limit; a cache lives as long as its last handle, layer or
/// fetch.
///
/// ```
/// use floodwall::{Cache, Purge};
///
/// let cache = Cache::builder().capacity(64 << 20).build()?;
/// let app: axum::Router = axum::Router::new().layer(cache.layer());
///
/// cache.purge(Purge::tag("news"));
/// println!("{} hits", cache.stats().hits);
/// # Ok::<(), floodwall::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cache {
    engine: Arc<Engine>,
}

impl Cache {
    /// A builder with the defaults.
    pub fn builder() -> CacheBuilder {
        CacheBuilder::default()
    }

    /// Makes a purge, in constant time (a hard one of everything gives the memory back
    /// before it returns). When a hard one returns, no request that
    /// arrives is answered from what it names and was fetched, or began to be
    /// fetched, before; after a soft one that is stale. See [`Purge`].
    pub fn purge(&self, purge: Purge) {
        self.engine.purge(&purge);
    }

    /// What the cache has done, and what it holds now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.engine.stats()
    }

    /// What would be done with a request now, and why. Fetches nothing, joins
    /// nothing, counts nothing.
    ///
    /// ```
    /// # use floodwall::{Cache, Verb};
    /// # let cache = Cache::builder().build()?;
    /// let request = http::Request::get("http://example.com/").body(())?;
    /// let explanation = cache.explain(&request);
    /// assert_eq!(explanation.verb, Verb::Fill);
    /// assert_eq!(explanation.to_string(), "fill (uri-miss)");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn explain<B>(&self, request: &Request<B>) -> Explanation {
        self.engine.explain(RequestHead::from(request), false)
    }

    pub(crate) const fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    /// The engine, for a shell of one's own.
    #[must_use]
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }
}
