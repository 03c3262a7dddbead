//! How soon a follower reads what the origin has just written.
//!
//! The origin writes a chunk each 100 ms for two seconds, and in each chunk the
//! instant at which it was written; whoever reads it compares. Everyone has joined
//! before the head. Client and server are threads of one process, so that both
//! have one clock. Without the layer, each reader has a handler of its own.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use axum::routing::get;
use futures_util::future::try_join_all;
use futures_util::stream;
use tokio::sync::Semaphore;

use crate::client::{Connection, open};
use crate::local::Local;
use crate::report::Report;
use crate::server::Subject;
use crate::{Scale, quantile, sorted, until};
use floodwall::Cache;

const SECTION: &str = "first byte";
const MOST_DELAY_MS: f64 = 2.0;
const BETWEEN_CHUNKS: Duration = Duration::from_millis(100);

/// An origin that waits until all have come, and then takes its time.
#[derive(Clone)]
struct Origin {
    epoch: Instant,
    chunks: usize,
    waiting: Arc<AtomicU64>,
    /// Opens by being closed.
    gate: Arc<Semaphore>,
}

/// Delays in milliseconds.
#[derive(Default)]
struct Delays {
    first: Vec<f64>,
    later: Vec<f64>,
}

pub(crate) async fn run(scale: Scale, report: &mut Report) -> io::Result<()> {
    for subject in [Subject::Layered, Subject::Bare] {
        for followers in [1, scale.followers] {
            let mut delays = Delays::default();
            for _ in 0..scale.rounds {
                one(subject, followers, scale, &mut delays).await?;
            }
            tell(subject, followers, delays, report);
        }
    }
    Ok(())
}

async fn one(
    subject: Subject,
    followers: usize,
    scale: Scale,
    delays: &mut Delays,
) -> io::Result<()> {
    let origin = Origin::new(scale.chunks);
    let cache = Cache::builder().build().map_err(io::Error::other)?;
    let app = match subject {
        Subject::Layered => origin.app().layer(cache.layer()),
        Subject::Bare => origin.app(),
    };
    let server = Local::start(app, scale.workers).await?;
    let mut readers = open(server.address, followers + 1).await?;
    let (leader, rest) = readers.split_at_mut(1);
    leader[0].send("/stream")?;
    until("the origin was asked", || Ok(origin.waiting() == 1)).await?;
    for follower in &*rest {
        follower.send("/stream")?;
    }
    let everyone = followers as u64 + 1;
    until("everyone waited", || {
        Ok(match subject {
            Subject::Layered => cache.stats().waiting == everyone,
            Subject::Bare => origin.waiting() == everyone,
        })
    })
    .await?;
    origin.gate.close();
    let leading = read(&mut leader[0], origin.epoch);
    let following = try_join_all(rest.iter_mut().map(|one| read(one, origin.epoch)));
    let (_, following) = tokio::try_join!(leading, following)?;
    for times in following {
        if times.len() != scale.chunks {
            return Err(io::Error::other("a follower missed a chunk"));
        }
        delays.first.extend(times.first());
        delays.later.extend(times.iter().skip(1));
    }
    Ok(())
}

/// Reads an answer; says how late each chunk of it was.
async fn read(connection: &mut Connection, epoch: Instant) -> io::Result<Vec<f64>> {
    let mut delays = Vec::new();
    connection.head().await?;
    while let Some(chunk) = connection.piece().await? {
        let now = epoch.elapsed();
        let written = std::str::from_utf8(&chunk).map_err(io::Error::other)?;
        let written: u64 = written.trim_end().parse().map_err(io::Error::other)?;
        let delay = now.saturating_sub(Duration::from_nanos(written));
        delays.push(delay.as_secs_f64() * 1e3);
    }
    Ok(delays)
}

impl Origin {
    fn new(chunks: usize) -> Self {
        Self {
            epoch: Instant::now(),
            chunks,
            waiting: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
        }
    }

    fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    fn app(&self) -> Router {
        let origin = self.clone();
        Router::new().route("/stream", get(move || origin.clone().answer()))
    }

    async fn answer(self) -> impl IntoResponse {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let closed = self.gate.acquire().await;
        assert!(closed.is_err(), "the gate never has a permit");
        drop(closed);
        let body = stream::unfold(0, move |written| self.clone().chunk(written));
        ([(CACHE_CONTROL, "max-age=60")], Body::from_stream(body))
    }

    async fn chunk(self, written: usize) -> Option<(Result<String, Infallible>, usize)> {
        if written == self.chunks {
            return None;
        }
        if written > 0 {
            tokio::time::sleep(BETWEEN_CHUNKS).await;
        }
        let now = self.epoch.elapsed().as_nanos();
        Some((Ok(format!("{now}\n")), written + 1))
    }
}

fn tell(subject: Subject, followers: usize, delays: Delays, report: &mut Report) {
    for (chunk, delays) in [("first", delays.first), ("later", delays.later)] {
        let delays = sorted(delays);
        let name = |what| format!("{}, {followers} followers: {chunk}, {what}", subject.name());
        report.note(SECTION, name("median"), quantile(&delays, 0.5), "ms");
        let (p99, most) = (quantile(&delays, 0.99), quantile(&delays, 1.0));
        // Fewer than that many, and the 99th percentile is the greatest.
        match subject {
            // Of many, the last reads after as many writes to sockets by one
            // thread: that is the server's to answer for, and is only noted.
            Subject::Layered if followers == 1 => {
                let bar = 0.0..=MOST_DELAY_MS;
                report.hold(SECTION, name("p99"), p99, "ms", bar);
            }
            _ => report.note(SECTION, name("p99"), p99, "ms"),
        }
        report.note(SECTION, name("max"), most, "ms");
    }
}
