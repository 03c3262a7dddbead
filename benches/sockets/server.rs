//! The server as a process of its own, and the pipe over which it is asked.
//!
//! It prints its address on a line, then answers each line on its standard input
//! with what it has seen, and ends when that input does.

use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::serve::ListenerExt;
use clap::ValueEnum;
use floodwall::Cache;
use tokio::net::{TcpListener, TcpSocket};

use crate::site::{Seen, site};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Subject {
    Layered,
    Bare,
}

impl Subject {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Layered => "layered",
            Self::Bare => "bare",
        }
    }
}

/// What a server has seen so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    pub(crate) accepted: u64,
    pub(crate) calls: u64,
    /// Requests that the layer answered by another one's fetch.
    pub(crate) collapsed: u64,
}

/// A server process; ended when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    asks: Option<ChildStdin>,
    says: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start(subject: Subject, workers: u32) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--serve", subject.name()])
            .args(["--workers", &workers.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let asks = child.stdin.take();
        let says = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut says = BufReader::new(says);
        let address = line(&mut says)?.parse().map_err(io::Error::other)?;
        Ok(Self {
            child,
            asks,
            says,
            address,
        })
    }

    pub(crate) fn count(&mut self) -> io::Result<Count> {
        let asks = self.asks.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        asks.write_all(b"count\n")?;
        let said = line(&mut self.says)?;
        let mut numbers = said.split(' ').map(str::parse);
        let mut next = || match numbers.next() {
            Some(Ok(number)) => Ok(number),
            _ => Err(io::Error::other("the server said no number")),
        };
        Ok(Count {
            accepted: next()?,
            calls: next()?,
            collapsed: next()?,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its input is over, so it ends.
        drop(self.asks.take());
        if let Err(error) = self.child.wait() {
            eprintln!("a server did not end: {error}");
        }
    }
}

fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Err(io::Error::other("the server has gone"));
    }
    Ok(line.trim_end().to_owned())
}

/// Is the server, until standard input ends.
pub(crate) fn run(subject: Subject, workers: u32) -> io::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers as usize)
        .enable_all()
        .build()?;
    let seen = Arc::new(Seen::default());
    let cache = Cache::builder().build().map_err(io::Error::other)?;
    let app = match subject {
        Subject::Layered => site(&seen).layer(cache.layer()),
        Subject::Bare => site(&seen),
    };
    let listener = runtime.block_on(async { listen() })?;
    let address = listener.local_addr()?;
    // Not on this thread, which would then be one worker more.
    runtime.spawn(serve(listener, app, Arc::clone(&seen)));
    let mut out = io::stdout();
    writeln!(out, "{address}")?;
    for asked in io::stdin().lines() {
        asked?;
        let accepted = seen.accepted.load(Ordering::Relaxed);
        let calls = seen.calls.load(Ordering::Relaxed);
        let collapsed = cache.stats().collapsed;
        writeln!(out, "{accepted} {calls} {collapsed}")?;
    }
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

/// Listens with a backlog for a whole batch of connections: the usual one is of
/// 128, and what does not fit is tried again by the client a second later.
pub(crate) fn listen() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    socket.listen(4096)
}

async fn serve(listener: TcpListener, app: Router, seen: Arc<Seen>) -> io::Result<()> {
    let counted = listener.tap_io(move |stream| {
        seen.accepted.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = stream.set_nodelay(true) {
            eprintln!("a connection keeps its delay: {error}");
        }
    });
    axum::serve(counted, app).await
}
