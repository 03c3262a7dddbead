//! floodwall: a caching layer around web handlers that asks them once.
//!
//! When ten thousand people ask for the same page at once, the handler runs
//! once and all of them are answered as its bytes come out; when the handler is
//! slow or broken, the last good page is served inside the limits that the page
//! itself allowed.
//!
//! ```
//! use axum::{Router, routing::get};
//! use floodwall::CacheLayer;
//!
//! async fn home() -> ([(&'static str, &'static str); 1], &'static str) {
//!     ([("cache-control", "max-age=5, stale-while-revalidate=60")], "welcome")
//! }
//!
//! let app: Router = Router::new().route("/", get(home)).layer(CacheLayer::new());
//! ```
//!
//! # What is cached
//!
//! What RFC 9111 lets a shared cache store and what the response says it wants:
//! a GET whose answer names a lifetime (`max-age`, `s-maxage`, `Expires`). What
//! it says against it always counts. By default, beyond the standard:
//!
//! - a response that names no lifetime is not stored;
//! - a response with `Set-Cookie` is neither stored nor shared;
//! - a request with a cookie or `Authorization` is answered from the cache only
//!   if the response says `public` or `s-maxage` (for `Authorization`,
//!   `must-revalidate` will do);
//! - errors are not stored.
//!
//! Requests that wait for one fetch share its answer even if it is not stored,
//! unless it is private, `no-store`, or sets a cookie. An answer that depends on
//! anything but the URI, cookies, `Authorization` and the fields that `Vary` names
//! must say `private`; see [`strict_collapse`](CacheBuilder::strict_collapse).
//!
//! # Where to go from here
//!
//! - [`CacheLayer`] puts a cache around a tower service; [`Cache`] is the handle
//!   to purge, measure and ask; [`CacheBuilder`] has every setting with its
//!   default.
//! - [`policy`] holds the rules, pure; [`engine`] is where a shell for another
//!   framework begins.
//!
//! # Features
//!
//! - `tower` (default): the layer, and tokio as the runtime behind it. Without
//!   it, the engine remains, for a shell and a [`Runtime`] of one's own.
//! - `simulate`: the engine in simulated time, with a scripted site and a crowd, to
//!   try one's settings in one's tests; see the module `simulate`. It costs a
//!   production build nothing, as it belongs under `[dev-dependencies]`.

// Maps have to take their hasher from `hash`.
#![warn(clippy::disallowed_types)]

mod adapt;
mod budget;
mod builder;
mod cache;
mod clock;
pub mod engine;
mod entry;
mod error;
mod flight;
mod gate;
#[cfg(all(any(doc, doctest), feature = "tower"))]
pub mod guide;
mod hash;
mod key;
mod observe;
pub mod policy;
mod runtime;
#[cfg(feature = "simulate")]
pub mod simulate;
mod store;
mod sync;
#[cfg(feature = "tower")]
pub mod tower;

pub use builder::CacheBuilder;
pub use cache::Cache;
pub use clock::{Clock, Moment};
pub use error::{BoxError, ConfigError, CutShort};
pub use key::KeyRules;
pub use observe::{Explanation, Stats, Verb};
pub use policy::{Authorization, Cookies, Reason, SetCookie, Statuses};
#[cfg(feature = "tower")]
pub use runtime::TokioRuntime;
pub use runtime::{Runtime, Task};
pub use store::{Purge, PurgeError};
#[cfg(feature = "tower")]
pub use tower::{
    CacheLayer, CacheService, QueryFuture, QueryLayer, QueryService, ResponseBody, ResponseFuture,
};
