//! The crowd's connections: kept alive, opened when none is idle, up to a bound. The last one used
//! is the first one used again, so a calm crowd needs few.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::net::SocketAddr;

use axum::http::{Request, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, SemaphorePermit};

type BoxError = Box<dyn Error>;
type Line = SendRequest<Empty<Bytes>>;

pub(crate) struct Lines {
    address: SocketAddr,
    host: String,
    idle: RefCell<Vec<Line>>,
    bound: Semaphore,
    open: Cell<usize>,
    most_open: Cell<usize>,
}

/// The right to use one connection.
pub(crate) struct Place<'a> {
    lines: &'a Lines,
    _permit: SemaphorePermit<'a>,
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl Lines {
    pub(crate) fn to(address: SocketAddr, bound: usize) -> Self {
        Self {
            address,
            host: address.to_string(),
            idle: RefCell::default(),
            bound: Semaphore::new(bound),
            open: Cell::new(0),
            most_open: Cell::new(0),
        }
    }

    /// The most connections that were in use at once.
    pub(crate) fn most_open(&self) -> usize {
        self.most_open.get()
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Waits until the crowd may use one more connection.
    pub(crate) async fn place(&self) -> Result<Place<'_>, BoxError> {
        let permit = self.bound.acquire().await?;
        let open = self.open.get() + 1;
        self.open.set(open);
        self.most_open.set(self.most_open.get().max(open));
        Ok(Place {
            lines: self,
            _permit: permit,
        })
    }

    async fn line(&self) -> Result<Line, BoxError> {
        loop {
            let Some(mut line) = self.idle.borrow_mut().pop() else {
                return self.connect().await;
            };
            // Not ready means closed by the other side while nobody used it.
            if line.ready().await.is_ok() {
                return Ok(line);
            }
        }
    }

    async fn connect(&self) -> Result<Line, BoxError> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (line, connection) = handshake(TokioIo::new(stream)).await?;
        // A connection that breaks is seen by the visit that uses it.
        tokio::task::spawn_local(connection);
        Ok(line)
    }
}

impl Place<'_> {
    /// Asks, and reads the answer to its end.
    pub(crate) async fn ask(&self, request: Request<Empty<Bytes>>) -> Result<Answer, BoxError> {
        let mut line = self.lines.line().await?;
        let response = line.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        self.lines.idle.borrow_mut().push(line);
        Ok(Answer { status, body })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.lines.open.set(self.lines.open.get() - 1);
    }
}
