use tower_layer::Layer;

use super::CacheService;
use crate::cache::Cache;

/// Puts a cache around a service.
///
/// ```
/// use axum::{Router, routing::get};
/// use floodwall::CacheLayer;
///
/// async fn home() -> ([(&'static str, &'static str); 1], &'static str) {
///     ([("cache-control", "max-age=5")], "welcome")
/// }
///
/// let app: Router = Router::new().route("/", get(home)).layer(CacheLayer::new());
/// ```
///
/// Cloning a layer, and the services it makes, share one cache.
#[derive(Clone, Debug)]
pub struct CacheLayer {
    cache: Cache,
}

impl CacheLayer {
    /// A layer around a cache of its own with the defaults of
    /// [`Cache::builder`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The cache behind the layer.
    #[must_use]
    pub const fn cache(&self) -> &Cache {
        &self.cache
    }
}

impl Default for CacheLayer {
    fn default() -> Self {
        #[allow(clippy::expect_used)]
        let cache = Cache::builder().build().expect("the defaults are legal");
        cache.layer()
    }
}

impl From<Cache> for CacheLayer {
    fn from(cache: Cache) -> Self {
        Self { cache }
    }
}

impl Cache {
    /// A layer that puts this cache around a service.
    #[must_use]
    pub fn layer(&self) -> CacheLayer {
        CacheLayer::from(self.clone())
    }
}

impl<S> Layer<S> for CacheLayer {
    type Service = CacheService<S>;

    fn layer(&self, inner: S) -> CacheService<S> {
        CacheService::new(inner, &self.cache)
    }
}
