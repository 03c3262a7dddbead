//! The proxy under test: a child process of ours, or an address that someone else serves.

use std::net::{SocketAddr, ToSocketAddrs};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::process::{self, Figures};

/// The first argument by which this program is told to be the proxy.
pub(crate) const BE_THE_PROXY: &str = "be-the-proxy";

/// Far longer than starting, or answering a signal, takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) address: SocketAddr,
    local: Option<Local>,
}

/// What only a child process has. It is killed when dropped.
#[derive(Debug)]
struct Local {
    id: u32,
    child: Mutex<Child>,
    complaints: Arc<Mutex<Vec<String>>>,
    stats: watch::Receiver<Value>,
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

    /// The example `reverse_proxy` before this origin, from this very program.
    ///
    /// # Panics
    /// If it does not come up.
    pub(crate) async fn start(origin: SocketAddr, flags: &[String]) -> Self {
        let this = std::env::current_exe().expect("this program has a path");
        let mut child = Command::new(this)
            .args([BE_THE_PROXY, "--listen", "127.0.0.1:0", "--origin"])
            .arg(format!("http://{origin}"))
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("this program can be started again");
        let complaints = Arc::new(Mutex::new(Vec::new()));
        let stderr = child.stderr.take().expect("stderr is piped");
        tokio::spawn(note_complaints(stderr, Arc::clone(&complaints)));
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut line = String::new();
        let first = tokio::time::timeout(PATIENCE, stdout.read_line(&mut line)).await;
        let address = first.ok().and_then(|_| listening(&line));
        let address = address.unwrap_or_else(|| {
            panic!("the proxy does not start: {line:?} {:?}", complaints.lock());
        });
        let (sender, stats) = watch::channel(Value::Null);
        tokio::spawn(note_stats(stdout, sender));
        let local = Local {
            id: child.id().unwrap_or(0),
            child: Mutex::new(child),
            complaints,
            stats,
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

    /// The figures of its process, if it is ours.
    pub(crate) fn figures(&self) -> Option<Figures> {
        process::figures(self.local.as_ref()?.id)
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
        if let Ok(Some(status)) = child.try_wait() {
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
