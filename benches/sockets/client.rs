//! A client that costs little: one request on one connection, and of HTTP/1.1 no
//! more than it takes to read the answer.

use std::io;
use std::net::SocketAddr;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::future::try_join_all;
use tokio::net::TcpStream;

/// Connections opened at once: fewer than any listener's backlog.
const BATCH: usize = 256;
const READ: usize = 16 << 10;

/// A connection for one request.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    unread: BytesMut,
    body: Framing,
}

/// What is left of the body.
#[derive(Clone, Copy, Debug)]
enum Framing {
    Length(usize),
    Chunked,
    Ended,
}

/// An answer that was read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// Opens connections in batches.
pub(crate) async fn open(address: SocketAddr, count: usize) -> io::Result<Vec<Connection>> {
    let mut connections = Vec::with_capacity(count);
    while connections.len() < count {
        let batch = BATCH.min(count - connections.len());
        let opening = (0..batch).map(|_| Connection::open(address));
        connections.extend(try_join_all(opening).await.map_err(too_many_files)?);
    }
    Ok(connections)
}

/// Says what to do about the error that this bench meets most.
fn too_many_files(error: io::Error) -> io::Error {
    const EMFILE: i32 = 24;
    if error.raw_os_error() == Some(EMFILE) {
        return io::Error::other("too many open files: the flood needs `ulimit -n 12000`");
    }
    error
}

impl Connection {
    async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            unread: BytesMut::new(),
            body: Framing::Ended,
        })
    }

    /// Writes the request, at once or not at all.
    pub(crate) fn send(&self, path: &str) -> io::Result<()> {
        let request = request(path);
        let written = self.stream.try_write(request.as_bytes())?;
        if written < request.len() {
            return Err(io::Error::other("a request did not fit a socket's buffer"));
        }
        Ok(())
    }

    /// Reads the head of the answer; says its status.
    pub(crate) async fn head(&mut self) -> io::Result<u16> {
        let end = loop {
            if let Some(at) = find(&self.unread, b"\r\n\r\n") {
                break at + 4;
            }
            self.more().await?;
        };
        let head = self.unread.split_to(end);
        let head = std::str::from_utf8(&head).map_err(nonsense)?;
        self.body = framing(head)?;
        let status = head.get(9..12).unwrap_or_default();
        status.parse().map_err(nonsense)
    }

    /// Reads on in the body, a chunk or whatever has come; nothing at its end.
    pub(crate) async fn piece(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            match self.body {
                Framing::Ended => return Ok(None),
                Framing::Length(0) => self.body = Framing::Ended,
                Framing::Length(left) if !self.unread.is_empty() => {
                    let piece = self.unread.split_to(left.min(self.unread.len()));
                    self.body = Framing::Length(left - piece.len());
                    return Ok(Some(piece.freeze()));
                }
                Framing::Chunked => match chunk(&mut self.unread)? {
                    Some(last) if last.is_empty() => self.body = Framing::Ended,
                    Some(piece) => return Ok(Some(piece)),
                    None => self.more().await?,
                },
                Framing::Length(_) => self.more().await?,
            }
        }
    }

    /// Reads the answer to its end.
    pub(crate) async fn answer(&mut self) -> io::Result<Answer> {
        let status = self.head().await?;
        let mut body = Vec::new();
        while let Some(piece) = self.piece().await? {
            body.extend_from_slice(&piece);
        }
        // Ten thousand of these stay open; their buffers need not.
        self.unread = BytesMut::new();
        Ok(Answer { status, body })
    }

    /// Reads what has come. Room is made only when something has.
    async fn more(&mut self) -> io::Result<()> {
        loop {
            self.stream.readable().await?;
            self.unread.reserve(READ);
            match self.stream.try_read_buf(&mut self.unread) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// A request as a browser makes it.
fn request(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\n\
         host: localhost\r\n\
         user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0)\r\n\
         accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\n\
         accept-language: en-CA,en;q=0.7,fr;q=0.3\r\n\
         accept-encoding: gzip, deflate, br, zstd\r\n\r\n"
    )
}

/// How the body is delimited; the servers of this bench use two of the ways.
fn framing(head: &str) -> io::Result<Framing> {
    for line in head.lines() {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if name.eq_ignore_ascii_case("content-length") {
            return Ok(Framing::Length(value.trim().parse().map_err(nonsense)?));
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Ok(Framing::Chunked);
        }
    }
    Err(nonsense("a body without an end"))
}

/// Takes one whole chunk off the buffer, if it has come.
fn chunk(unread: &mut BytesMut) -> io::Result<Option<Bytes>> {
    let Some(line) = find(unread, b"\r\n") else {
        return Ok(None);
    };
    let digits = std::str::from_utf8(&unread[..line]).map_err(nonsense)?;
    let length = usize::from_str_radix(digits, 16).map_err(nonsense)?;
    let start = line + 2;
    if unread.len() < start + length + 2 {
        return Ok(None);
    }
    unread.advance(start);
    let piece = unread.split_to(length).freeze();
    unread.advance(2);
    Ok(Some(piece))
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

fn nonsense(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
