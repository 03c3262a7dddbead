//! A connection's bytes, on which a failed write is not the end.
//!
//! An origin that refuses an upload answers before it has read all of it, and closes. What is
//! written after that fails, while the answer lies in the buffer and waits to be read; hyper would
//! give up at the failed write, and the client get nothing. So what can no longer be written is
//! dropped, and what is read decides: an answer, or the error that the connection ended with.
//! RFC 9112, section 9.5, wants a client to look out for such an answer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

#[derive(Debug)]
pub(crate) struct Stream {
    tcp: TcpStream,
    /// The origin takes nothing any more.
    unheard: bool,
}

impl Stream {
    pub(crate) const fn new(tcp: TcpStream) -> Self {
        let unheard = false;
        Self { tcp, unheard }
    }

    /// What became of a write, of which `all` bytes count as done when they can't be.
    fn written(&mut self, outcome: io::Result<usize>, all: usize) -> io::Result<usize> {
        outcome.or_else(|_| {
            self.unheard = true;
            Ok(all)
        })
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.tcp).poll_read(cx, buf))?;
        // The failed write took the error: an end that comes now is not one in order, and a body
        // that it would delimit is cut.
        if self.unheard && buf.filled().len() == before && buf.remaining() > 0 {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.unheard {
            return Poll::Ready(Ok(buf.len()));
        }
        let outcome = ready!(Pin::new(&mut self.tcp).poll_write(cx, buf));
        Poll::Ready(self.written(outcome, buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = bufs.iter().map(|buf| buf.len()).sum();
        if self.unheard {
            return Poll::Ready(Ok(all));
        }
        let outcome = ready!(Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs));
        Poll::Ready(self.written(outcome, all))
    }
}
