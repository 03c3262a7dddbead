//! Connections to the origin, which remember whether they have served before.
//!
//! An origin may close a connection at the very moment the next request is written to it. Seen
//! from here that looks the same as an origin that hangs up on a request, yet the first deserves
//! another try and the second must not be asked twice. What tells them apart is whether the
//! connection was used before; hyper's client knows but does not say, so the connection itself
//! carries a mark, which comes back with each response and each error.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Extensions, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tower::Service;

use super::stream::Stream;

type ConnectError = <HttpConnector as Service<Uri>>::Error;

/// Set once the connection has carried a response.
#[derive(Clone, Debug, Default)]
struct Served(Arc<AtomicBool>);

/// Notes that a connection has carried a response.
pub(crate) fn mark_served(response: &Extensions) {
    if let Some(served) = response.get::<Served>() {
        served.0.store(true, Relaxed);
    }
}

/// Whether the failed connection had carried a response before.
pub(crate) fn had_served(error: &legacy::Error) -> bool {
    let mut extensions = Extensions::new();
    if let Some(connected) = error.connect_info() {
        connected.get_extras(&mut extensions);
    }
    extensions
        .get::<Served>()
        .is_some_and(|served| served.0.load(Relaxed))
}

#[derive(Clone, Debug)]
pub(crate) struct Connector(HttpConnector);

impl Connector {
    pub(crate) fn new(timeout: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(timeout));
        Self(connector)
    }
}

impl Service<Uri> for Connector {
    type Response = Marked;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Marked, ConnectError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, origin: Uri) -> Self::Future {
        let connecting = self.0.call(origin);
        Box::pin(async move {
            let tcp = connecting.await?.into_inner();
            Ok(Marked {
                stream: TokioIo::new(Stream::new(tcp)),
                served: Served::default(),
            })
        })
    }
}

#[derive(Debug)]
pub(crate) struct Marked {
    stream: TokioIo<Stream>,
    served: Served,
}

impl Connection for Marked {
    fn connected(&self) -> Connected {
        Connected::new().extra(self.served.clone())
    }
}

impl Read for Marked {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl Write for Marked {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }
}
