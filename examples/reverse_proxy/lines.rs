//! Line ends of HTTP/1 requests: CR LF, and nothing else.
//!
//! A lone LF ends a line for some readers and not for others; RFC 9112, section 2.2 allows both.
//! Where the proxy and whoever is in front of it differ, one of them sees a request that the
//! other does not. So a lone LF in a head, in a chunk's size or in trailers is turned into a NUL,
//! which is illegal everywhere there: the server behind answers it as it answers all that is not
//! HTTP, in its turn, with a 400 and the end of the connection.
//!
//! To know these places from bodies, the bytes are followed from message to message. What the
//! server is going to refuse anyway is not followed any further.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream whose reading side is checked.
#[derive(Debug)]
pub(crate) struct Checked<S> {
    stream: S,
    place: Place,
}

impl<S> Checked<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            place: Place::Head(Head::default()),
        }
    }
}

/// Where in a message the next byte is.
#[derive(Debug)]
enum Place {
    Head(Head),
    /// So many bytes before the next head.
    Body(u64),
    /// The line with a chunk's size.
    Size(Line),
    /// So many bytes before the next size.
    Chunk(u64),
    Trailers(Line),
    /// Behind what will be refused.
    Lost,
}

#[derive(Debug, Default)]
struct Head {
    line: Line,
    begun: bool,
    length: u64,
    chunked: bool,
}

/// The bytes of a line that has not ended.
type Line = Vec<u8>;

impl Place {
    /// Follows the bytes, and replaces each lone LF.
    fn follow(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            let taken = match self {
                Self::Lost => return,
                Self::Body(left) | Self::Chunk(left) => skip(left, bytes.len()),
                Self::Head(Head { line, .. }) | Self::Size(line) | Self::Trailers(line) => {
                    match take_line(line, bytes) {
                        Ended::Not => return,
                        Ended::Wrongly => return *self = Self::Lost,
                        Ended::Behind(taken) => taken,
                    }
                }
            };
            bytes = &mut bytes[taken..];
            self.step();
        }
    }

    /// What comes behind a line or a body that has ended.
    fn step(&mut self) {
        let next = match self {
            Self::Body(0) => Self::Head(Head::default()),
            Self::Chunk(0) => Self::Size(Line::new()),
            Self::Head(head) => match head.line_ended() {
                Some(place) => place,
                None => return,
            },
            Self::Size(line) => match size(line) {
                Some(0) => Self::Trailers(Line::new()),
                // The CR LF behind a chunk is counted with it; the server checks that it is one.
                Some(size) => Self::Chunk(size.saturating_add(2)),
                None => Self::Lost,
            },
            Self::Trailers(line) if line.is_empty() => Self::Head(Head::default()),
            Self::Trailers(line) => return line.clear(),
            Self::Body(_) | Self::Chunk(_) | Self::Lost => return,
        };
        *self = next;
    }
}

impl Head {
    /// Takes note of the line, and says what comes next if it was the last.
    fn line_ended(&mut self) -> Option<Place> {
        if self.line.is_empty() {
            return self.begun.then_some(match (self.chunked, self.length) {
                (true, _) => Place::Size(Line::new()),
                (false, 0) => Place::Head(Self::default()),
                (false, length) => Place::Body(length),
            });
        }
        self.begun = true;
        let colon = self.line.iter().position(|&byte| byte == b':');
        let (name, value) = self.line.split_at(colon.unwrap_or(self.line.len()));
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.chunked = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let digits = std::str::from_utf8(value[1..].trim_ascii());
            match digits.map(str::parse) {
                Ok(Ok(length)) => self.length = length,
                _ => return Some(Place::Lost),
            }
        }
        self.line.clear();
        None
    }
}

enum Ended {
    /// Behind so many bytes.
    Behind(usize),
    Not,
    Wrongly,
}

/// Adds to the line up to its end, which is not part of it.
fn take_line(line: &mut Line, bytes: &mut [u8]) -> Ended {
    let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else {
        line.extend_from_slice(bytes);
        return Ended::Not;
    };
    line.extend_from_slice(&bytes[..end]);
    if line.pop() == Some(b'\r') {
        return Ended::Behind(end + 1);
    }
    bytes[end] = b'\0';
    Ended::Wrongly
}

/// The bytes of `available` that are part of what is left.
fn skip(left: &mut u64, available: usize) -> usize {
    let taken = usize::try_from(*left).map_or(available, |left| left.min(available));
    *left -= taken as u64;
    taken
}

/// A chunk's size, without its extensions.
fn size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|&byte| byte == b';').next()?.trim_ascii();
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

impl<S: AsyncRead + Unpin> AsyncRead for Checked<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.place.follow(&mut buf.filled_mut()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Checked<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is made of the bytes, which come in two pieces, cut at each place in turn.
    fn follow(text: &str) -> String {
        let pieces = |cut| {
            let mut place = Place::Head(Head::default());
            let mut bytes = text.as_bytes().to_vec();
            let (one, two) = bytes.split_at_mut(cut);
            place.follow(one);
            place.follow(two);
            String::from_utf8(bytes).expect("text stays text")
        };
        let whole = pieces(0);
        for cut in 1..text.len() {
            assert_eq!(pieces(cut), whole, "cut at {cut}");
        }
        whole
    }

    #[test]
    fn what_is_right_stays_as_it_is() {
        for text in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-LENGTH:  4 \r\n\r\na\nb\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\
             2;x=\"y\"\r\n\n\n\r\n0a\r\n0123456\n\n\n\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n\
             1\r\n\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(follow(text), text);
        }
    }

    #[test]
    fn a_lone_line_feed_becomes_illegal() {
        let post = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        for (text, becomes) in [
            ("GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\0Host: a\n\n"),
            (
                "GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n",
                "GET / HTTP/1.1\r\nA: b\0C: d\r\n\r\n",
            ),
            (
                "GET / HTTP/1.1\r\nA: b\r\n\n",
                "GET / HTTP/1.1\r\nA: b\r\n\0",
            ),
            ("\nGET / HTTP/1.1\r\n\r\n", "\0GET / HTTP/1.1\r\n\r\n"),
        ] {
            assert_eq!(follow(text), becomes);
        }
        for (body, becomes) in [
            ("1\na\r\n0\r\n\r\n", "1\0a\r\n0\r\n\r\n"),
            ("1\r\n\n\r\n0\r\n\nGET", "1\r\n\n\r\n0\r\n\0GET"),
            ("0\r\nA: b\n\r\n", "0\r\nA: b\0\r\n"),
            ("0\r\n\r\nGET / HTTP/1.1\n", "0\r\n\r\nGET / HTTP/1.1\0"),
        ] {
            assert_eq!(follow(&format!("{post}{body}")), format!("{post}{becomes}"));
        }
        let length = "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n";
        assert_eq!(
            follow(&format!("{length}\n\n\n")),
            format!("{length}\n\n\0")
        );
    }
}
