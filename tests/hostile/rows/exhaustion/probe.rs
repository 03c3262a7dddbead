//! A visitor of a page that is stored, beside the attack: how long a hit takes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::time::Instant;

use crate::case::Case;
use crate::client::Request;
use crate::origin::{Page, Recipe};
use crate::wire::contains;

/// Between two hits.
const PAUSE: Duration = Duration::from_millis(1);
/// A hit that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// It runs on a thread of its own with blocking reads: its times are those of the subject and
/// the machine, not of the tasks that attack.
#[derive(Debug)]
pub(super) struct Probe {
    page: Page,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    times: Mutex<Times>,
}

/// What the visitor has seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Times {
    hits: Vec<Duration>,
    pub(super) failed: u64,
}

impl Times {
    pub(super) fn len(&self) -> usize {
        self.hits.len()
    }

    /// The time within which so many hundredths of the hits were answered.
    pub(super) fn percentile(&self, percent: usize) -> Duration {
        let mut hits = self.hits.clone();
        hits.sort_unstable();
        let last = hits.len().saturating_sub(1);
        hits.get(last * percent / 100).copied().unwrap_or_default()
    }
}

impl Probe {
    /// Begins with a page of its own, which is stored by then.
    pub(super) async fn start(case: &Case) -> Self {
        let page = case.page();
        page.script(Recipe::fresh("max-age=3600").padded(2048));
        let request = case.get(&page.path);
        Self::of(case, page, request).await
    }

    /// Begins with this request for this page.
    pub(super) async fn of(case: &Case, page: Page, request: Request) -> Self {
        case.ask(&request).await;
        let shared = Arc::new(Shared::default());
        let (address, bytes) = (case.subject.address, request.bytes());
        let inside = Arc::clone(&shared);
        let thread = std::thread::spawn(move || visit(address, &bytes, &inside));
        Self {
            page,
            shared,
            thread: Some(thread),
        }
    }

    /// What was seen since the last time, and begins anew.
    pub(super) fn take(&self) -> Times {
        std::mem::take(&mut *lock(&self.shared.times))
    }

    /// How often the page had to be fetched again.
    pub(super) fn refetched(&self) -> u64 {
        self.page.count().saturating_sub(1)
    }

    /// Returns once there were so many hits.
    pub(super) async fn seen(&self, count: usize) {
        let begin = Instant::now();
        while self.count() < count && begin.elapsed() < PATIENCE {
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn count(&self) -> usize {
        lock(&self.shared.times).len()
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.shared.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn visit(address: SocketAddr, request: &[u8], shared: &Shared) {
    let mut stream = None;
    while !shared.stop.load(Relaxed) {
        let begin = Instant::now();
        let hit = hit(&mut stream, address, request);
        let took = begin.elapsed();
        {
            let mut times = lock(&shared.times);
            match hit {
                Some(()) => times.hits.push(took),
                None => times.failed += 1,
            }
        }
        if hit.is_none() {
            stream = None;
        }
        std::thread::sleep(PAUSE);
    }
}

/// One request and the whole of its answer, over a connection that is kept.
fn hit(stream: &mut Option<TcpStream>, address: SocketAddr, request: &[u8]) -> Option<()> {
    if stream.is_none() {
        let new = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
        new.set_nodelay(true).ok()?;
        new.set_read_timeout(Some(PATIENCE)).ok()?;
        *stream = Some(new);
    }
    let stream = stream.as_mut()?;
    stream.write_all(request).ok()?;
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece).ok()? {
            0 => return None,
            read => answer.extend_from_slice(&piece[..read]),
        }
        if is_whole(&answer) {
            return contains(&answer[..15], " 200 ").then_some(());
        }
    }
}

fn is_whole(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let text = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let length = length.and_then(|length| length.trim().parse().ok());
    length.is_some_and(|length: usize| answer.len() >= head + 4 + length)
}

fn lock(times: &Mutex<Times>) -> std::sync::MutexGuard<'_, Times> {
    times.lock().unwrap_or_else(PoisonError::into_inner)
}
