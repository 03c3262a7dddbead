//! The origin's port: open, or out of order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;

use super::{Shared, serve};

/// A crowd of connections waits in the queue instead of being turned away.
const BACKLOG: u32 = 4096;

/// How an origin is out of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failing {
    /// Its port is closed: connections are refused.
    Refusing,
    /// Connections are made, as the kernel does that, and nobody reads them.
    Deaf,
}

#[derive(Debug, Default)]
pub(super) enum Door {
    Open(JoinHandle<()>),
    /// Bound, so that nobody else takes the port meanwhile.
    Refusing(TcpSocket),
    Deaf(TcpListener),
    /// Between two of the others.
    #[default]
    Moving,
}

impl Door {
    /// Opens it, and returns its address too.
    pub(super) fn open(
        address: SocketAddr,
        shared: &Arc<Shared>,
    ) -> io::Result<(SocketAddr, Self)> {
        let listener = bind(address)?.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        Ok((address, Self::serving(listener, shared)))
    }

    fn serving(listener: TcpListener, shared: &Arc<Shared>) -> Self {
        Self::Open(tokio::spawn(serve::serve(listener, Arc::clone(shared))))
    }

    /// Ends whatever is served, the listener and its connections.
    ///
    /// # Panics
    /// If the port cannot be kept.
    pub(super) async fn shut(self, address: SocketAddr, how: Failing) -> Self {
        if let Self::Open(task) = self {
            task.abort();
            let _ = task.await;
        }
        let socket = bind(address).expect("the port was ours a moment ago");
        match how {
            Failing::Refusing => Self::Refusing(socket),
            Failing::Deaf => Self::Deaf(socket.listen(BACKLOG).expect("the port is ours")),
        }
    }

    /// # Panics
    /// If the port cannot be opened again.
    pub(super) fn reopen(self, shared: &Arc<Shared>) -> Self {
        let listener = match self {
            Self::Open(_) | Self::Moving => return self,
            Self::Refusing(socket) => socket.listen(BACKLOG).expect("the port is ours"),
            Self::Deaf(listener) => listener,
        };
        Self::serving(listener, shared)
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
