//! The proxy under test: a child process of ours, or an address that someone else serves.

use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::net::unix::pipe;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::launch::Launch;
use crate::process::{self, Figures};

/// Far longer than starting, or answering a signal, takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often a process is looked at that is to end.
const POLL: Duration = Duration::from_millis(2);

#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) address: SocketAddr,
    local: Option<Local>,
}

/// What only a child process has. It is killed when dropped.
#[derive(Debug)]
struct Local {
    id: u32,
    launch: Launch,
    child: Mutex<Child>,
    /// Its end is what a row is about.
    may_end: AtomicBool,
    complaints: Arc<Mutex<Vec<String>>>,
    stats: watch::Receiver<Value>,
    /// Output that is kept open and not read.
    _unread: Option<(BufReader<ChildStdout>, ChildStderr)>,
    /// One question at a time.
    asking: tokio::sync::Mutex<()>,
}

impl Subject {
    /// Someone else's.
    pub(crate) fn at(url: &str) -> Result<Self, String> {
        let host = url.strip_prefix("http://").unwrap_or(url);
        let host = host.trim_end_matches('/');
        let mut addresses = host.to_socket_addrs().map_err(|e| format!("{url}: {e}"))?;
        let address = addresses.next().ok_or(format!("{url}: no address"))?;
        Ok(Self {
            address,
            local: None,
        })
    }

    /// The example `reverse_proxy` before this origin.
    ///
    /// # Panics
    /// If it does not come up.
    pub(crate) async fn start(origin: SocketAddr, launch: &Launch) -> Self {
        let child = launch.command(origin).spawn();
        let mut child = child.expect("this program can be started again");
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut stderr = child.stderr.take().expect("stderr is piped");
        let address = announced(&mut stdout, &mut stderr).await;
        let id = child.id().unwrap_or(0);
        let complaints = Arc::default();
        let (sender, stats) = watch::channel(Value::Null);
        let mut unread = None;
        if launch.unheard {
            clog(id, 1).await;
            clog(id, 2).await;
            unread = Some((stdout, stderr));
        } else {
            tokio::spawn(note_complaints(stderr, Arc::clone(&complaints)));
            tokio::spawn(note_stats(stdout, sender));
        }
        let local = Local {
            id,
            launch: launch.clone(),
            child: Mutex::new(child),
            may_end: AtomicBool::new(false),
            complaints,
            stats,
            _unread: unread,
            asking: tokio::sync::Mutex::default(),
        };
        Self {
            address,
            local: Some(local),
        }
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.local.is_some()
    }

    /// How it was started, if it is ours.
    pub(crate) fn launch(&self) -> Option<&Launch> {
        self.local.as_ref().map(|local| &local.launch)
    }

    /// The figures of its process, if it is ours.
    pub(crate) fn figures(&self) -> Option<Figures> {
        process::figures(self.local.as_ref()?.id)
    }

    /// How many of its descriptors are connections to this address, if it is ours.
    pub(crate) fn connections_to(&self, address: SocketAddr) -> Option<usize> {
        process::connections_to(self.local.as_ref()?.id, address)
    }

    /// Waits for its end, which is what the row wants. Nothing if it is not ours, or goes on
    /// for longer than that.
    pub(crate) async fn end(&self, patience: Duration) -> Option<ExitStatus> {
        let local = self.local.as_ref()?;
        local.may_end.store(true, Relaxed);
        let last = Instant::now() + patience;
        loop {
            if let Ok(Some(status)) = lock(&local.child).try_wait() {
                return Some(status);
            }
            if Instant::now() > last {
                return None;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The regular files that its process has open, if it is ours.
    pub(crate) fn open_files(&self) -> Option<Vec<String>> {
        process::open_files(self.local.as_ref()?.id)
    }

    /// Its `cache.stats()`, if it is ours.
    pub(crate) async fn stats(&self) -> Option<Value> {
        let local = self.local.as_ref()?;
        let _one = local.asking.lock().await;
        let mut news = local.stats.clone();
        news.mark_unchanged();
        self.signal("USR1").await;
        let told = tokio::time::timeout(PATIENCE, news.changed()).await;
        matches!(told, Ok(Ok(()))).then(|| news.borrow().clone())
    }

    /// Sends a signal by name, if it is ours.
    pub(crate) async fn signal(&self, name: &str) {
        if let Some(local) = &self.local {
            let id = local.id.to_string();
            let kill = Command::new("kill").args(["-s", name, &id]).status().await;
            assert!(
                kill.is_ok_and(|status| status.success()),
                "the subject takes no signal {name}: it is gone"
            );
        }
    }

    /// Why it is no longer well: it has ended, or one of its threads panicked since `before`
    /// lines on its standard error.
    pub(crate) fn trouble(&self, before: usize) -> Option<String> {
        let local = self.local.as_ref()?;
        let mut child = lock(&local.child);
        let ended = child.try_wait().ok().flatten();
        if let Some(status) = ended.filter(|_| !local.may_end.load(Relaxed)) {
            let last = lock(&local.complaints).last().cloned();
            return Some(format!("the subject died ({status}): {last:?}"));
        }
        let complaints = lock(&local.complaints);
        let mut later = complaints.iter().skip(before);
        let panic = later.find(|line| line.contains("panicked at"))?;
        Some(format!("on the subject's stderr: {panic}"))
    }

    /// Whether it still runs, as far as we can know.
    pub(crate) fn is_alive(&self) -> bool {
        let local = self.local.as_ref();
        local.is_none_or(|local| matches!(lock(&local.child).try_wait(), Ok(None)))
    }

    /// How many lines it has written to standard error.
    pub(crate) fn complaints(&self) -> usize {
        let local = self.local.as_ref();
        local.map_or(0, |local| lock(&local.complaints).len())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The address that it listens on, by the first line that it prints.
///
/// # Panics
/// If there is no such line.
async fn announced(stdout: &mut BufReader<ChildStdout>, stderr: &mut ChildStderr) -> SocketAddr {
    let mut line = String::new();
    let first = tokio::time::timeout(PATIENCE, stdout.read_line(&mut line)).await;
    if let Some(address) = first.ok().and_then(|_| listening(&line)) {
        return address;
    }
    let mut complaint = String::new();
    let _ = tokio::time::timeout(POLL, stderr.read_to_string(&mut complaint)).await;
    panic!("the proxy does not start: {line:?} {complaint:?}");
}

/// Fills the pipe behind a descriptor of another process to the last byte.
async fn clog(id: u32, descriptor: u32) {
    let path = format!("/proc/{id}/fd/{descriptor}");
    let pipe = pipe::OpenOptions::new().open_sender(path);
    let pipe = pipe.expect("its output is a pipe of ours");
    pipe.writable().await.expect("we hold its other end");
    while pipe.try_write(b"\n").is_ok() {}
}

/// The address in `floodwall listening on http://ADDRESS, origin ...`.
fn listening(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listening on http://")?;
    rest.split_once(',')?.0.parse().ok()
}

async fn note_complaints(stderr: impl AsyncRead + Unpin, complaints: Arc<Mutex<Vec<String>>>) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        lock(&complaints).push(line);
    }
}

async fn note_stats(stdout: BufReader<impl AsyncRead + Unpin>, stats: watch::Sender<Value>) {
    let mut lines = stdout.lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Ok(value @ Value::Object(_)) = serde_json::from_str(&line) {
            stats.send_replace(value);
        }
    }
}
