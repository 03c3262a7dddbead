//! A caching reverse proxy: floodwall around a real HTTP client, on real sockets.
//!
//! ```text
//! cargo run --release --example reverse_proxy -- --listen 127.0.0.1:8080 --origin http://127.0.0.1:8000
//! ```
//!
//! It speaks HTTP/1.1 and cleartext HTTP/2 to clients and HTTP/1.1 to one origin. It prints one
//! line when it listens, and ends with status 0 on SIGTERM or SIGINT once the requests it had
//! accepted are answered. On SIGUSR1 it prints the cache's counters as one line of JSON, with the
//! names of [`floodwall::Stats`]. `--help` lists what can be set.
//!
//! A request meets, from the outside in:
//!
//! - [`serve`]: connections, their time limits, and the orderly end;
//! - [`lines`]: what ends a line of HTTP/1, and what does not;
//! - [`vet`]: what a gateway must refuse or remove before the cache makes its key;
//! - the cache;
//! - [`origin`]: returns failures as errors, and cleans responses before the cache stores them;
//! - [`exchange`]: the HTTP client, which connection it uses and when it may try again.
//!
//! What it does not do: TLS, tunnels (CONNECT is answered 501) and protocol upgrades (a request
//! with `Upgrade` goes on as the plain request it also is). There is nothing to administer on the
//! listener either: PURGE and BAN are refused.

mod connect;
mod counters;
mod error;
mod exchange;
mod framing;
mod front;
mod hops;
mod host;
mod lines;
mod max_forwards;
mod options;
mod origin;
mod outlet;
mod refusal;
mod serve;
mod stream;
mod units;
mod upload;
mod vet;
mod wall;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use floodwall::Cache;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use front::Front;
use options::Options;
use outlet::Outlet;
use serve::Patience;

const SUCCESS: u8 = 0;
/// The command line asks for something impossible.
const USAGE: u8 = 2;
/// The machine does not let us do it.
const FAILURE: u8 = 1;

fn main() -> ExitCode {
    ExitCode::from(run(std::env::args_os()))
}

/// The whole program; returns its exit status.
pub(crate) fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    let options = match Options::read(args) {
        Ok(options) => options,
        Err(help) if !help.use_stderr() => {
            let _ = help.print();
            return SUCCESS;
        }
        Err(error) => return complain(USAGE, &options::sentence(&error)),
    };
    let cache = match wall::build(&options.cache) {
        Ok(cache) => cache,
        Err(error) => return complain(USAGE, &format!("error: {error}")),
    };
    match Runtime::new().and_then(|runtime| serve_with(runtime, &options, &cache)) {
        Ok(()) => SUCCESS,
        Err(error) => complain(FAILURE, &format!("error: {error}")),
    }
}

fn complain(code: u8, sentence: &str) -> u8 {
    eprintln!("{sentence}");
    code
}

fn serve_with(runtime: Runtime, options: &Options, cache: &Cache) -> io::Result<()> {
    let left = runtime.block_on(listen_and_serve(options, cache))?;
    // Nothing that is still running is worth waiting for: the grace period is over.
    runtime.shutdown_background();
    if left > 0 {
        outlet::last_words(format!(
            "the grace period ended with {left} connections still open"
        ));
    }
    if options.stats_on_exit {
        outlet::last_words(format!("{:?}", cache.stats()));
    }
    Ok(())
}

async fn listen_and_serve(options: &Options, cache: &Cache) -> io::Result<usize> {
    let listener = serve::listen(options.listen).map_err(|error| {
        let wanted = options.listen;
        io::Error::new(error.kind(), format!("cannot listen on {wanted}: {error}"))
    })?;
    // Before the line is printed: whoever waits for it may send the signal at once.
    let stop = stop_signal()?;
    tell_when_asked(cache.clone())?;
    announce(&listener, options)?;
    let patience = Patience {
        header: options.header_timeout,
        grace: options.grace,
    };
    let front = Front::new(cache, options);
    let stop = async {
        let _ = stop.await;
    };
    Ok(serve::serve(listener, front, patience, &Outlet::stderr()?, stop).await)
}

fn announce(listener: &TcpListener, options: &Options) -> io::Result<()> {
    let address = listener.local_addr()?;
    let origin = &options.origin;
    let mut stdout = io::stdout().lock();
    writeln!(
        stdout,
        "floodwall listening on http://{address}, origin http://{origin}"
    )?;
    stdout.flush()
}

/// Resolves at the first SIGTERM or SIGINT; a second one ends the process at once.
#[cfg(unix)]
fn stop_signal() -> io::Result<oneshot::Receiver<()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    let (first, stop) = oneshot::channel();
    tokio::spawn(async move {
        tokio::select! { _ = term.recv() => {} _ = int.recv() => {} }
        let _ = first.send(());
        tokio::select! { _ = term.recv() => {} _ = int.recv() => {} }
        std::process::exit(i32::from(FAILURE));
    });
    Ok(stop)
}

/// Prints the counters at each SIGUSR1.
#[cfg(unix)]
fn tell_when_asked(cache: Cache) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut asked = signal(SignalKind::user_defined1())?;
    let stdout = Outlet::stdout()?;
    tokio::spawn(async move {
        while asked.recv().await.is_some() {
            stdout.line(counters::as_json(&cache.stats()).to_string());
        }
    });
    Ok(())
}

#[cfg(not(unix))]
fn tell_when_asked(_: Cache) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn stop_signal() -> io::Result<oneshot::Receiver<()>> {
    let (first, stop) = oneshot::channel();
    tokio::spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        let _ = first.send(());
    });
    Ok(stop)
}
