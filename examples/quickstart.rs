//! The smallest application behind floodwall. Run it, then ask for the page twice:
//!
//! ```text
//! cargo run --release --example quickstart
//! curl -i http://127.0.0.1:3000/
//! ```

use std::time::Duration;

use axum::{Router, http::header::CACHE_CONTROL, response::IntoResponse, routing::get};
use floodwall::CacheLayer;

/// Takes half a second to render, and says how long its answer may be shared.
async fn home() -> impl IntoResponse {
    tokio::time::sleep(Duration::from_millis(500)).await;
    let policy = "public, max-age=5, stale-while-revalidate=30";
    ([(CACHE_CONTROL, policy)], "Hello from behind the wall\n")
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let app = Router::new().route("/", get(home)).layer(CacheLayer::new());

    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("the first answer takes 500 ms, the next ones none; watch Cache-Status and Age:");
    println!("  curl -i http://{}/", listener.local_addr()?);
    axum::serve(listener, app).await
}
