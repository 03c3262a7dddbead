//! A real HTTP/1.1 server on loopback that can be taken away: its listener closed and every
//! connection reset, as a restart does it.

use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::HttpService;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// Clients that the kernel may hold for us until we accept them.
const BACKLOG: u32 = 1024;

/// How long to leave off accepting when the system has no connection to give.
const RETRY: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

/// A port that is ours while nobody listens on it: whoever connects is refused.
#[derive(Debug)]
pub(crate) struct Port(TcpSocket);

impl Port {
    pub(crate) fn any() -> io::Result<Self> {
        Self::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        // The connections of the server that stood here before may still be closing.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(Self(socket))
    }

    pub(crate) fn serve<S>(self, service: S) -> io::Result<Server>
    where
        S: HttpService<Incoming> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        S::ResBody: Send + 'static,
        <S::ResBody as Body>::Data: Send,
        <S::ResBody as Body>::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let address = self.0.local_addr()?;
        let listener = self.0.listen(BACKLOG)?;
        let accepting = tokio::spawn(accept(listener, service));
        Ok(Server { address, accepting })
    }
}

impl Server {
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes the server away and keeps its port.
    pub(crate) async fn cut(mut self) -> io::Result<Port> {
        self.accepting.abort();
        // An error here says only that the task was aborted, which is what was asked.
        let _ = (&mut self.accepting).await;
        Port::bind(self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Accepts until aborted. The connections live in a set of this task, so they go when it goes.
async fn accept<S>(listener: TcpListener, service: S)
where
    S: HttpService<Incoming> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    S::ResBody: Send + 'static,
    <S::ResBody as Body>::Data: Send,
    <S::ResBody as Body>::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    prepare(&stream);
                    let io = TokioIo::new(stream);
                    let connection = http1::Builder::new().serve_connection(io, service.clone());
                    connections.spawn(connection);
                }
                // Out of descriptors, most likely: it passes when somebody hangs up.
                Err(_) => tokio::time::sleep(RETRY).await,
            },
            // Only to forget those that ended; how one ended is its client's business.
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

/// No delay, because pages are small; no lingering, so that a connection which is cut under a
/// request ends in a reset. Neither failing would change an answer.
fn prepare(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let _ = stream.set_zero_linger();
}
