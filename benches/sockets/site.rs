//! The site that is asked, with the layer and without.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes;

/// How long the public page takes.
pub(crate) const PAGE_TAKES: Duration = Duration::from_millis(500);
/// The public page is this large: a page of text, compressed.
pub(crate) const PAGE_BYTES: usize = 8 << 10;
/// How long the private page takes.
pub(crate) const PRIVATE_TAKES: Duration = Duration::from_millis(300);

/// What the site has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Connections accepted.
    pub(crate) accepted: AtomicU64,
    /// Calls of a handler.
    pub(crate) calls: AtomicU64,
}

/// A page that takes its time but renders for any number of people in parallel,
/// and one that is for each of them alone.
pub(crate) fn site(seen: &Arc<Seen>) -> Router {
    Router::new()
        .route("/page", get(page))
        .route("/private", get(private))
        .with_state(Arc::clone(seen))
}

async fn page(State(seen): State<Arc<Seen>>) -> impl IntoResponse {
    static PAGE: [u8; PAGE_BYTES] = [b'.'; PAGE_BYTES];
    seen.calls.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(PAGE_TAKES).await;
    ([(CACHE_CONTROL, "max-age=60")], Bytes::from_static(&PAGE))
}

/// Carries the number of its call, so that two people who got the same can tell.
async fn private(State(seen): State<Arc<Seen>>) -> impl IntoResponse {
    let serial = seen.calls.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(PRIVATE_TAKES).await;
    ([(CACHE_CONTROL, "private")], format!("for you: {serial}"))
}
