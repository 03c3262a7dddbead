//! The layer for tower: axum, hyper, and whatever speaks its traits.
//!
//! A shell holds no rule. This one turns a tower service into an
//! [`Origin`](crate::engine::Origin), does what the engine's
//! [`Lookup`](crate::engine::Lookup) says, and joins the two kinds of body.
//!
//! # Readiness
//!
//! [`CacheService`] is always ready: what is stored must not wait for a handler
//! that is busy. The inner service is cloned for each call that it is to answer,
//! that clone is driven to readiness, and the same clone is called; so a
//! concurrency limit below the layer holds for the calls that are made, and a
//! fetch that waits for a permit never keeps one from another.
//!
//! # Where to put it
//!
//! Outside of what depends on the URL alone (routing, handlers, compression) and
//! inside of what depends on who asks (authentication, sessions, rate limits).

mod body;
mod future;
mod layer;
mod origin;
mod query;
mod service;

pub use body::ResponseBody;
pub use future::ResponseFuture;
pub use layer::CacheLayer;
pub use query::{QueryFuture, QueryLayer, QueryService};
pub use service::CacheService;
