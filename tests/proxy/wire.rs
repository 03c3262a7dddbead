//! The proxy as a process of its own, and the two ends of the wire around it.
//!
//! Both ends are raw sockets driven by the test, step by step: nothing sleeps, and every read
//! waits for what the other side does. The only clock is the limit after which a test gives up.

use std::future::Future;
use std::net::SocketAddr;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

/// How the test binary is told to become the proxy.
pub(crate) const ROLE: &str = "FLOODWALL_TEST_PROXY_ARGS";
/// Between two arguments in that variable.
pub(crate) const BETWEEN: char = '\u{1f}';

/// Far longer than anything here takes, for a machine that is busy with other things.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future)
        .await
        .expect("nothing happened for a minute")
}

/// A proxy process; killed when dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    child: Child,
}

impl Proxy {
    pub(crate) async fn before(origin: &Origin, flags: &[&str]) -> Self {
        Self::start(&format!("http://{}", origin.address), flags).await
    }

    /// Returns once the proxy says where it listens.
    pub(crate) async fn start(origin: &str, flags: &[&str]) -> Self {
        let mut args = vec!["--listen", "127.0.0.1:0", "--origin", origin];
        args.extend(flags);
        let mut child = command(&args).spawn().expect("the test binary runs");
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut lines = BufReader::new(stdout).lines();
        loop {
            let line = soon(lines.next_line()).await.expect("readable");
            let line = line.expect("the proxy listens before it ends");
            if let Some((_, rest)) = line.split_once("floodwall listening on http://") {
                let (address, _) = rest.split_once(',').expect("address, then origin");
                let address = address.parse().expect("an address");
                return Self { address, child };
            }
        }
    }

    pub(crate) async fn connect(&self) -> Wire {
        let stream = soon(TcpStream::connect(self.address)).await;
        Wire::new(stream.expect("the proxy accepts"))
    }

    #[cfg(unix)]
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.id().expect("still running").to_string();
        let kill = Command::new("kill").args(["-s", name, &id]).status();
        assert!(kill.await.expect("kill runs").success());
    }

    /// Returns when nobody listens any more: the signal has arrived.
    pub(crate) async fn refuses(&self) {
        while soon(TcpStream::connect(self.address)).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn exit_code(mut self) -> Option<i32> {
        soon(self.child.wait()).await.expect("waited").code()
    }
}

/// Runs the proxy to its end: for command lines that it refuses.
pub(crate) async fn run(args: &[&str]) -> Output {
    soon(command(args).output()).await.expect("it runs")
}

fn command(args: &[&str]) -> Command {
    let this = std::env::current_exe().expect("the test binary");
    let mut command = Command::new(this);
    command
        .args(["--exact", "proxy_process", "--ignored", "--nocapture"])
        .env(ROLE, args.join(&BETWEEN.to_string()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// An origin that does nothing but what the test tells it.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    listener: TcpListener,
}

impl Origin {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        Self { address, listener }
    }

    /// The proxy's next connection.
    pub(crate) async fn accept(&self) -> Wire {
        let (stream, _) = soon(self.listener.accept()).await.expect("accepted");
        Wire::new(stream)
    }

    /// The proxy's next connection, with the head of its request read.
    pub(crate) async fn asked(&self) -> Wire {
        let mut behind = self.accept().await;
        behind.head().await;
        behind
    }
}

/// One end of a connection.
pub(crate) struct Wire {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Wire {
    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            unread: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, text: impl AsRef<[u8]>) {
        soon(self.stream.write_all(text.as_ref()))
            .await
            .expect("the other side still reads");
    }

    /// Closes the sending side only.
    pub(crate) async fn finish(&mut self) {
        soon(self.stream.shutdown()).await.expect("shut down");
    }

    /// Everything up to and including `end`.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        loop {
            let found = self
                .unread
                .windows(end.len())
                .position(|w| w == end.as_bytes());
            if let Some(at) = found {
                let rest = self.unread.split_off(at + end.len());
                let taken = std::mem::replace(&mut self.unread, rest);
                return String::from_utf8(taken).expect("text");
            }
            let so_far = String::from_utf8_lossy(&self.unread).into_owned();
            let read = soon(self.stream.read_buf(&mut self.unread)).await;
            assert!(
                matches!(read, Ok(1..)),
                "the connection ended before {end:?}, after {so_far:?}: {read:?}"
            );
        }
    }

    /// A message's head, names in lower case as hyper writes them.
    pub(crate) async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await
    }

    /// Everything until the other side closes. A reset counts as an end too.
    pub(crate) async fn rest(&mut self) -> String {
        while let Ok(1..) = soon(self.stream.read_buf(&mut self.unread)).await {}
        String::from_utf8(std::mem::take(&mut self.unread)).expect("text")
    }

    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }
}
