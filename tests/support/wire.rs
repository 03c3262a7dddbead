//! Real sockets: axum's server around a site, and raw clients.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use floodwall::{Clock, Moment, Runtime, Task};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Answer, Site};

type Fields<'a> = &'a [(&'a str, &'a str)];

/// A clock that stands still until it is moved, as sockets know no paused time. Deadlines
/// are real.
#[derive(Clone, Default)]
pub(crate) struct HandClock(Arc<AtomicU64>);

impl HandClock {
    pub(crate) fn pass(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    fn shown(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

impl Clock for HandClock {
    fn now(&self) -> Moment {
        Moment::new(self.shown())
    }

    fn wall(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000) + self.shown()
    }
}

impl Runtime for HandClock {
    fn sleep(&self, span: Duration) -> Task {
        Box::pin(tokio::time::sleep(span))
    }

    fn spawn(&self, task: Task) {
        tokio::spawn(task);
    }
}

pub(crate) async fn serve(site: &Site) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let app = site.app.clone();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

pub(crate) async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address)
        .await
        .expect("the server listens")
}

/// Sends a GET and leaves the answer to be read.
pub(crate) async fn ask(stream: &mut TcpStream, path: &str) {
    send(stream, "GET", path, &[], "").await;
}

/// Sends a request with as much of a body as is given, and leaves the answer to be read.
pub(crate) async fn send(
    stream: &mut TcpStream,
    method: &str,
    path: &str,
    fields: Fields<'_>,
    content: &str,
) {
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: good.test\r\n");
    for (name, value) in fields {
        request += &format!("{name}: {value}\r\n");
    }
    request += "Connection: close\r\n\r\n";
    request += content;
    stream
        .write_all(request.as_bytes())
        .await
        .expect("the server reads");
}

/// The answer to a request on a connection of its own.
pub(crate) async fn told(
    address: SocketAddr,
    method: &str,
    path: &str,
    fields: Fields<'_>,
) -> Answer {
    let mut stream = connect(address).await;
    send(&mut stream, method, path, fields, "").await;
    read(&answer(stream).await)
}

/// The answer to a request with content.
pub(crate) async fn told_of(
    address: SocketAddr,
    method: &str,
    path: &str,
    fields: Fields<'_>,
    content: &str,
) -> Answer {
    let mut stream = connect(address).await;
    let length = content.len().to_string();
    let fields = [fields, &[("content-length", &length)]].concat();
    send(&mut stream, method, path, &fields, content).await;
    read(&answer(stream).await)
}

/// An answer as it came: its length is told by the end of the connection.
pub(crate) fn read(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").expect("a whole head");
    let (first, lines) = head.split_once("\r\n").unwrap_or((head, ""));
    let status = first.split(' ').nth(1).expect("a status");
    let lines = lines.split("\r\n").filter_map(|line| line.split_once(": "));
    let headers = lines.map(|(name, value)| {
        let name: HeaderName = name.parse().expect("a legal name");
        let value: HeaderValue = value.parse().expect("a legal value");
        (name, value)
    });
    let mut all = HeaderMap::new();
    for (name, value) in headers {
        all.append(name, value);
    }
    Answer {
        status: status.parse().expect("a status"),
        headers: all,
        body: Ok(Bytes::from(body.to_owned())),
    }
}

/// Everything that the server sends until it closes, and whether it closed
/// cleanly.
pub(crate) async fn answer(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    // A cut response ends in a reset or in silence; what came still counts.
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads until `text` has come.
pub(crate) async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut bytes = Vec::new();
    let mut piece = [0; 1024];
    while !String::from_utf8_lossy(&bytes).contains(text) {
        let length = stream.read(&mut piece).await.expect("the answer goes on");
        assert!(
            length > 0,
            "ended before {text:?}: {}",
            String::from_utf8_lossy(&bytes)
        );
        bytes.extend_from_slice(&piece[..length]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(crate) async fn crowd(address: SocketAddr, many: usize) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..many {
        let mut stream = connect(address).await;
        ask(&mut stream, "/").await;
        streams.push(stream);
    }
    streams
}
