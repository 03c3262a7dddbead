//! What a row has at hand: pages of its own at the origin, and clients of the subject.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;

use crate::client::{Answer, Request, h1, h2};
use crate::launch::Launch;
use crate::origin::{Origin, Page};
use crate::process::Figures;
use crate::subject::Subject;
use crate::verdict::Finding;

/// After so long an answer with `max-age=1` is stale, however a subject rounds.
pub(crate) const OVER: Duration = Duration::from_millis(2100);

#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) id: &'static str,
    pub(crate) origin: Arc<Origin>,
    pub(crate) subject: Arc<Subject>,
    /// Exhaustion rows run in their full size.
    pub(crate) full: bool,
    /// The run's seed and the row's id, mixed.
    seed: u64,
    drawn: AtomicU64,
    /// Further subjects that the row started.
    others: Mutex<Vec<Arc<Subject>>>,
}

impl Case {
    pub(crate) fn new(
        id: &'static str,
        origin: Arc<Origin>,
        subject: Arc<Subject>,
        seed: u64,
        full: bool,
    ) -> Self {
        let seed = id
            .bytes()
            .fold(seed, |mixed, byte| mix(mixed ^ u64::from(byte)));
        Self {
            id,
            origin,
            subject,
            full,
            seed,
            drawn: AtomicU64::new(0),
            others: Mutex::default(),
        }
    }

    /// The next random number of this row; the same seed gives the same ones.
    pub(crate) fn draw(&self) -> u64 {
        mix(self.seed.wrapping_add(self.drawn.fetch_add(1, Relaxed)))
    }

    /// A page that nobody has asked for yet.
    pub(crate) fn page(&self) -> Page {
        self.origin.page(self.id, self.draw())
    }

    /// A GET with `Host: good.test` and a nonce of its own.
    pub(crate) fn get(&self, target: impl AsRef<[u8]>) -> Request {
        let nonce = format!(
            "{}-{:08x}",
            self.id.to_ascii_lowercase(),
            self.draw() as u32
        );
        Request::get(target, nonce)
    }

    pub(crate) async fn connect(&self) -> h1::Connection {
        h1::Connection::open(self.subject.address).await
    }

    pub(crate) async fn connect_h2(&self) -> h2::Connection {
        h2::Connection::open(self.subject.address).await
    }

    /// Sends a request over a connection of its own.
    pub(crate) async fn ask(&self, request: &Request) -> Answer {
        self.connect().await.ask(request).await
    }

    /// Sends all of them at once, each over a connection of its own.
    pub(crate) async fn ask_all(&self, requests: &[Request]) -> Vec<Answer> {
        join_all(requests.iter().map(|request| self.ask(request))).await
    }

    /// Sends bytes over a connection of their own, and returns the connection.
    pub(crate) async fn send(&self, bytes: impl AsRef<[u8]>) -> h1::Connection {
        let mut connection = self.connect().await;
        connection.send(bytes).await;
        connection
    }

    /// The same case with another proxy of ours, started with these flags; nothing if the
    /// subject is not ours to start.
    pub(crate) async fn with_flags(&self, flags: &[&str]) -> Result<Self, Finding> {
        self.with(&Launch::with(flags)).await
    }

    /// The same case with another proxy of ours, started like this.
    pub(crate) async fn with(&self, launch: &Launch) -> Result<Self, Finding> {
        if !self.subject.is_ours() {
            let why = format!("needs a subject that we start: {launch}");
            return Err(Finding::not_applicable(why));
        }
        let other = Arc::new(Subject::start(self.origin.address, launch).await);
        self.others().push(Arc::clone(&other));
        let origin = Arc::clone(&self.origin);
        let mut case = Self::new(self.id, origin, other, self.seed, self.full);
        case.seed = self.draw();
        Ok(case)
    }

    /// The same case with a proxy that no other row has used, started as the one of the run is
    /// and with these flags: its figures are the row's own doing. With the same proxy if that is
    /// not ours to start.
    pub(crate) async fn alone(&self, flags: &[&str]) -> Self {
        let Some(launch) = self.subject.launch() else {
            return self.branch();
        };
        let fresh = self.with(&launch.and(flags)).await;
        fresh.unwrap_or_else(|_| self.branch())
    }

    /// The same subject for a variant of the row, with random numbers of its own.
    pub(crate) fn branch(&self) -> Self {
        let (origin, subject) = (Arc::clone(&self.origin), Arc::clone(&self.subject));
        let mut case = Self::new(self.id, origin, subject, self.seed, self.full);
        case.seed = self.draw();
        case
    }

    fn others(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Subject>>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is wrong with the subjects that the row started itself.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.others().iter().find_map(|subject| subject.trouble(0))
    }

    /// The subject's process in figures, if it is ours.
    pub(crate) fn figures(&self) -> Option<Figures> {
        self.subject.figures()
    }

    /// One of the subject's counters, if it is ours.
    pub(crate) async fn stat(&self, name: &str) -> Option<u64> {
        self.subject.stats().await?.get(name)?.as_u64()
    }

    /// Waits for as long as something takes to become stale. Freshness is counted in seconds of
    /// real time on a foreign clock: there is no state to wait for.
    pub(crate) async fn let_pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// SplitMix64.
fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}
