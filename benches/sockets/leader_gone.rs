//! The client who caused the fetch goes away.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use axum::routing::get;
use floodwall::Cache;
use futures_util::future::join_all;
use futures_util::stream;
use tokio::sync::Semaphore;

use crate::client::{Connection, open};
use crate::local::Local;
use crate::report::Report;
use crate::{Scale, until};

const SECTION: &str = "leader gone";
const CHUNKS: usize = 8;
const CHUNK: &str = "0123456789abcdef";

/// When the leader goes.
#[derive(Clone, Copy, Debug)]
enum Point {
    /// Before the server has read the request, or after.
    RightAfterSending,
    /// Everyone waits for the head.
    BeforeTheHead,
    /// The head and the first chunk have been read.
    AfterTheHead,
    /// Half of the body has been read.
    MidBody,
}

impl Point {
    const ALL: [Self; 4] = [
        Self::RightAfterSending,
        Self::BeforeTheHead,
        Self::AfterTheHead,
        Self::MidBody,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::RightAfterSending => "right after sending",
            Self::BeforeTheHead => "before the head",
            Self::AfterTheHead => "after the head",
            Self::MidBody => "mid-body",
        }
    }

    /// The chunks that have been written when the leader goes.
    const fn chunks(self) -> usize {
        match self {
            Self::RightAfterSending | Self::BeforeTheHead => 0,
            Self::AfterTheHead => 1,
            Self::MidBody => CHUNKS / 2,
        }
    }
}

pub(crate) async fn run(scale: Scale, report: &mut Report) -> io::Result<()> {
    for point in Point::ALL {
        let (mut unanswered, mut most_calls) = (0, 0);
        for _ in 0..scale.rounds {
            let (failed, calls) = one(point, scale).await?;
            unanswered += failed;
            most_calls = most_calls.max(calls);
        }
        let (none, once) = (0.0..=0.0, 1.0..=1.0);
        let name = |what| format!("{}: {what}", point.name());
        report.hold(
            SECTION,
            name("not answered whole"),
            unanswered as f64,
            "",
            none,
        );
        report.hold(
            SECTION,
            name("most origin calls"),
            most_calls as f64,
            "",
            once,
        );
    }
    Ok(())
}

/// An origin whose every step waits for a permit: one for the head, one for each
/// chunk.
#[derive(Clone)]
struct Origin {
    calls: Arc<AtomicU64>,
    steps: Arc<Semaphore>,
}

/// Says how many followers were not answered, and how often the origin was asked.
async fn one(point: Point, scale: Scale) -> io::Result<(usize, u64)> {
    let origin = Origin {
        calls: Arc::default(),
        steps: Arc::new(Semaphore::new(0)),
    };
    let cache = Cache::builder().build().map_err(io::Error::other)?;
    let server = Local::start(origin.app().layer(cache.layer()), scale.workers).await?;
    let waiting = || cache.stats().waiting;
    let all = scale.followers as u64;

    let mut connections = open(server.address, scale.followers + 1).await?;
    let leader = connections.swap_remove(0);
    leader.send("/page")?;
    let mut leader = Some(leader);
    if matches!(point, Point::RightAfterSending) {
        drop(leader.take());
    } else {
        until("the origin was asked", || Ok(origin.calls() == 1)).await?;
    }
    for follower in &connections {
        follower.send("/page")?;
    }
    if let Some(mut leader) = leader {
        until("everyone waited", || Ok(waiting() == all + 1)).await?;
        if point.chunks() > 0 {
            origin.steps.add_permits(1 + point.chunks());
            read_some(&mut leader, point.chunks()).await?;
        }
    }
    until("only the followers were left", || Ok(waiting() == all)).await?;
    origin.steps.add_permits(1 + CHUNKS);
    let answers = join_all(connections.iter_mut().map(Connection::answer)).await;
    let whole = CHUNK.repeat(CHUNKS);
    let failed = answers
        .iter()
        .filter(|answer| match answer {
            Ok(answer) => answer.status != 200 || answer.body != whole.as_bytes(),
            Err(_) => true,
        })
        .count();
    Ok((failed, origin.calls()))
}

/// Reads the head and so many chunks.
async fn read_some(leader: &mut Connection, chunks: usize) -> io::Result<()> {
    leader.head().await?;
    let mut read = 0;
    while read < chunks * CHUNK.len() {
        let piece = leader.piece().await?;
        read += piece.ok_or(io::ErrorKind::UnexpectedEof)?.len();
    }
    Ok(())
}

impl Origin {
    fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    fn app(&self) -> Router {
        let origin = self.clone();
        Router::new().route("/page", get(move || origin.clone().answer()))
    }

    async fn answer(self) -> impl IntoResponse {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.step().await;
        let body = stream::unfold(0, move |written| self.clone().chunk(written));
        ([(CACHE_CONTROL, "max-age=60")], Body::from_stream(body))
    }

    async fn chunk(self, written: usize) -> Option<(Result<&'static str, Infallible>, usize)> {
        if written == CHUNKS {
            return None;
        }
        self.step().await;
        Some((Ok(CHUNK), written + 1))
    }

    async fn step(&self) {
        if let Ok(permit) = self.steps.acquire().await {
            permit.forget();
        }
    }
}
