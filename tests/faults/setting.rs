//! The setting of every row that does not say otherwise: one request that starts
//! a fetch and fifty that follow it, an origin that takes 200 ms, a fetch that may
//! take a second, and clients that wait for two.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use axum::body::Body;
use floodwall::{Cache, CacheBuilder, Clock, Moment, Runtime, Stats, Task};
use http::Response;
use tokio::time::{sleep, timeout};

use crate::support::{Answer, Call, PausedTime, Site, page};

/// How long the origin takes.
pub(crate) const NOMINAL: Duration = Duration::from_millis(200);
/// How long a fetch may take, and so whoever follows it may wait.
pub(crate) const CAP: Duration = Duration::from_secs(1);
/// How much later those who follow give up by their own clocks.
pub(crate) const GRACE: Duration = Duration::from_millis(50);
/// How long a client waits.
pub(crate) const CLIENT: Duration = Duration::from_secs(2);
/// One who starts the fetch, and fifty who follow.
pub(crate) const EVERYONE: usize = 51;

/// A moment of real time.
pub(crate) const TICK: Duration = Duration::from_millis(2);

pub(crate) const FRESH: (&str, &str) = ("cache-control", "max-age=60");

/// A cache for this setting.
pub(crate) fn builder() -> CacheBuilder {
    Cache::builder().fetch_deadline(CAP)
}

/// What the origin writes at a call, long enough that bytes that are missing or
/// doubled show.
pub(crate) fn text(number: usize) -> String {
    format!("<{number}>").repeat(1000)
}

/// Paused time, with tasks that are run as the test wants.
pub(crate) struct Spawning<F> {
    time: PausedTime,
    spawn: F,
}

impl<F: Fn(Task)> Spawning<F> {
    pub(crate) fn new(spawn: F) -> Self {
        let time = PausedTime::new();
        Self { time, spawn }
    }
}

impl<F: Fn(Task) + Send + Sync + 'static> Clock for Spawning<F> {
    fn now(&self) -> Moment {
        self.time.now()
    }

    fn wall(&self) -> SystemTime {
        self.time.wall()
    }
}

impl<F: Fn(Task) + Send + Sync + 'static> Runtime for Spawning<F> {
    fn sleep(&self, span: Duration) -> Task {
        self.time.sleep(span)
    }

    fn spawn(&self, task: Task) {
        (self.spawn)(task);
    }
}

/// How many calls are at the origin.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gauge(Arc<(AtomicUsize, AtomicUsize)>);

/// A call that is at the origin until this is dropped.
#[derive(Debug)]
pub(crate) struct Inside(Gauge);

impl Gauge {
    pub(crate) fn enter(&self) -> Inside {
        let now = self.0.0.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.1.fetch_max(now, Ordering::SeqCst);
        Inside(self.clone())
    }

    /// How many there are now.
    pub(crate) fn now(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }

    /// How many there were at once.
    pub(crate) fn most(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// An origin that takes its 200 ms and says what it is told to, and how many
/// calls it had at once.
pub(crate) fn nominal(
    builder: CacheBuilder,
    said: &'static [(&'static str, &'static str)],
) -> (Site, Gauge) {
    gauged(builder, move |call| async move {
        sleep(NOMINAL).await;
        page(said, text(call.number))
    })
}

/// A site whose calls are counted while they are at the origin.
pub(crate) fn gauged<F, A>(builder: CacheBuilder, handler: F) -> (Site, Gauge)
where
    F: Fn(Call) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response<Body>> + Send + 'static,
{
    let gauge = Gauge::default();
    let counted = gauge.clone();
    let site = Site::with(builder, move |call| {
        let inside = counted.enter();
        let answer = handler(call);
        async move {
            let answer = answer.await;
            drop(inside);
            answer
        }
    });
    (site, gauge)
}

/// What a client gets before it gives up.
pub(crate) async fn patient(answer: impl Future<Output = Answer>) -> Answer {
    let answer = timeout(CLIENT, answer).await;
    answer.expect("an answer before the client gives up")
}

/// Waits, on real time, until a cache is in a state.
pub(crate) async fn eventually(cache: &Cache, state: impl Fn(&Stats) -> bool) {
    soon(async {
        while !state(&cache.stats()) {
            sleep(TICK).await;
        }
    })
    .await;
}

/// What is left to wait for in rows on real time: far more than is needed on a
/// busy machine. Success is decided by what is answered, not by when.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    let ended = timeout(Duration::from_secs(60), future).await;
    ended.expect("it comes to an end")
}
