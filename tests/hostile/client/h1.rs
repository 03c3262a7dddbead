//! HTTP/1.1 from the client's side, by hand.

use std::future::Future;
use std::net::SocketAddr;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;

use super::{Answer, PATIENCE, Request};
use crate::wire::{self, Body, End, Framing, Lines, Reader};

/// One connection to the subject.
#[derive(Debug)]
pub(crate) struct Connection {
    reader: Reader<TcpStream>,
}

impl Connection {
    /// Opens one.
    ///
    /// # Panics
    /// If the subject does not accept it; the row then counts as unsafe.
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address)).await
    }

    /// Opens one for which the kernel takes next to nothing ahead of what is read, so that a
    /// slow reader is felt on the other side.
    ///
    /// # Panics
    /// As [`open`](Self::open).
    pub(crate) async fn open_narrow(address: SocketAddr) -> Self {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        };
        let socket = socket.expect("a socket");
        socket.set_recv_buffer_size(2048).expect("a small buffer");
        Self::over(socket.connect(address)).await
    }

    async fn over(connecting: impl Future<Output = std::io::Result<TcpStream>>) -> Self {
        let opened = tokio::time::timeout(PATIENCE, connecting).await;
        let stream = opened.expect("the subject accepts connections in time");
        let stream = stream.expect("the subject accepts connections");
        // Without it a second write may wait for the answer to the first.
        let _ = stream.set_nodelay(true);
        Self {
            reader: Reader::new(stream, PATIENCE),
        }
    }

    /// The bytes of a body beyond these are counted, not kept.
    pub(crate) fn keep(&mut self, bytes: usize) {
        self.reader.keep = bytes;
    }

    /// How long to wait for the next bytes.
    pub(crate) fn patience(&mut self, patience: std::time::Duration) {
        self.reader.patience = patience;
    }

    /// Sends bytes; `false` if the other side no longer takes them.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let write = self.reader.stream.write_all(bytes.as_ref());
        matches!(tokio::time::timeout(PATIENCE, write).await, Ok(Ok(())))
    }

    /// Closes the sending side only.
    pub(crate) async fn finish(&mut self) {
        let _ = self.reader.stream.shutdown().await;
    }

    /// Leaves with a RST.
    pub(crate) fn reset(self) {
        let _ = self.reader.stream.set_zero_linger();
    }

    pub(crate) async fn ask(&mut self, request: &Request) -> Answer {
        self.send(request.bytes()).await;
        self.answer(&request.method).await
    }

    /// The next answer; `method` says what was asked, which decides whether there is a body.
    pub(crate) async fn answer(&mut self, method: &str) -> Answer {
        let begin = Instant::now();
        let mut interim = Vec::new();
        loop {
            let (status_line, lines) = match self.reader.head().await {
                Ok(head) => head,
                Err(end) => {
                    let after = begin.elapsed();
                    let nothing = Answer::none(end);
                    return Answer {
                        interim,
                        after,
                        ..nothing
                    };
                }
            };
            let status = status_of(&status_line);
            if (100..200).contains(&status) && status != 101 {
                interim.push(status);
                continue;
            }
            let head_after = begin.elapsed();
            let framing = framing(method, status, &lines);
            let (body, end) = match framing {
                Ok(framing) => self.reader.body(framing).await,
                Err(ref flaw) => (Body::default(), flaw.clone()),
            };
            let reusable = end == End::Complete
                && framing != Ok(Framing::UntilClose)
                && !lines.lists("connection", "close")
                && status_line.starts_with(b"HTTP/1.1 ");
            return Answer {
                status,
                status_line,
                interim,
                lines,
                body,
                end,
                reusable,
                head_after,
                after: begin.elapsed(),
            };
        }
    }

    /// Whether the first byte of something comes in time; it is left where it is.
    pub(crate) async fn begins(&mut self) -> bool {
        let mut byte = [0];
        let peek = self.reader.stream.peek(&mut byte);
        let came = tokio::time::timeout(self.reader.patience, peek).await;
        matches!(came, Ok(Ok(1)))
    }

    /// Reads a few bytes, however many there are: for clients that read slowly.
    pub(crate) async fn sip(&mut self, most: usize) -> Result<Vec<u8>, End> {
        self.reader.some(most).await
    }

    /// All that comes until the subject closes, and how it ended.
    pub(crate) async fn rest(&mut self) -> (Vec<u8>, End) {
        self.reader.rest().await
    }

    /// Whether the subject has closed the connection, or does so in time, without a further byte.
    pub(crate) async fn is_closed(&mut self) -> bool {
        let (bytes, end) = self.reader.rest().await;
        bytes.is_empty() && matches!(end, End::Cut | End::Reset)
    }
}

fn status_of(line: &[u8]) -> u16 {
    let text = String::from_utf8_lossy(line);
    let digits = text.split(' ').nth(1).unwrap_or_default();
    digits.parse().unwrap_or(0)
}

/// RFC 9112, section 6.3, for answers.
fn framing(method: &str, status: u16, lines: &Lines) -> Result<Framing, End> {
    if method == "HEAD" || status == 204 || status == 304 {
        return Ok(Framing::Nothing);
    }
    let length = wire::length(lines)?;
    let coded = !lines.all("transfer-encoding").is_empty();
    match (coded, length) {
        (true, Some(_)) => Err(End::Garbled("both Content-Length and Transfer-Encoding")),
        (true, None) if lines.lists("transfer-encoding", "chunked") => Ok(Framing::Chunks),
        (true, None) => Err(End::Garbled("a transfer coding that is not chunked")),
        (false, Some(length)) => Ok(Framing::Length(length)),
        (false, None) => Ok(Framing::UntilClose),
    }
}
