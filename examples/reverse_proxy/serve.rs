//! Accepting connections, and letting go of them.
//!
//! The end is in three steps: stop accepting, let every request that was accepted be answered,
//! and after the grace period leave whatever is still open.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

use super::front::Front;
use super::lines::Checked;
use super::outlet::Outlet;

/// How every HTTP/2 connection begins (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A crowd that arrives at once waits in the queue instead of being turned away. The kernel
/// lowers this to its own limit.
const BACKLOG: u32 = 16_384;

/// How long to wait after an error that accepting again at once would only repeat, such as
/// running out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long a connection that has sent nothing yet may take to do so once we are stopping.
const LAST_CALL: Duration = Duration::from_millis(100);

/// What is read ahead of a connection and held for it at most, each: a head must fit into it, and
/// everyone who reads an answer slowly makes us hold as much.
pub(crate) const BUFFER: usize = 128 << 10;

/// How often a silent HTTP/2 client is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) header: Duration,
    pub(crate) grace: Duration,
}

pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restart must not wait for the last connections of the process before it. On Windows the
    // same option would let two processes share the port.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `stop` resolves, then drains. Returns how many connections had to be left.
pub(crate) async fn serve(
    listener: TcpListener,
    front: Front,
    patience: Patience,
    complaints: &Outlet,
    stop: impl Future<Output = ()>,
) -> usize {
    let (closing, open) = watch::channel(());
    let serve_one = |stream, peer| {
        tokio::spawn(connection(
            stream,
            peer,
            front.clone(),
            patience,
            open.clone(),
        ));
    };
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            // The signal first: under a flood there is always another connection to accept.
            biased;
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => serve_one(stream, peer),
                Err(error) if concerns_one_connection(&error) => {}
                Err(error) => {
                    complaints.line(format!("cannot accept a connection: {error}"));
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    for (stream, peer) in waiting(listener) {
        serve_one(stream, peer);
    }
    closing.send_replace(());
    drop(open);
    // Every connection holds a receiver; when the last one ends, all are answered.
    let _ = tokio::time::timeout(patience.grace, closing.closed()).await;
    closing.receiver_count()
}

/// What the kernel had accepted for us by the time we stopped: closing the listener would reset
/// these, and to their clients the requests are already under way.
fn waiting(listener: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    let Ok(listener) = listener.into_std() else {
        return Vec::new();
    };
    let accept = || {
        let (stream, peer) = listener.accept()?;
        stream.set_nonblocking(true)?;
        Ok::<_, io::Error>((TcpStream::from_std(stream)?, peer))
    };
    std::iter::from_fn(|| accept().ok())
        .take(BACKLOG as usize)
        .collect()
}

/// The client was gone before we came to it; the listener is well.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

async fn connection(
    mut stream: TcpStream,
    peer: SocketAddr,
    front: Front,
    patience: Patience,
    mut closing: watch::Receiver<()>,
) {
    // Without it small answers wait for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let Ok(opening) = open_with(&mut stream, patience.header, &mut closing).await else {
        return;
    };
    let is_http2 = opening == PREFACE;
    let stream = replay(opening, stream);
    if is_http2 {
        answer(stream, peer, front, patience, closing).await;
    } else {
        answer(Checked::new(stream), peer, front, patience, closing).await;
    }
}

/// Answers everything that comes over a connection.
async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    front: Front,
    patience: Patience,
    mut closing: watch::Receiver<()>,
) {
    let service = service_fn(move |request| {
        let front = front.clone();
        async move { Ok::<_, Infallible>(front.answer(request, peer).await) }
    });
    let builder = http(patience.header);
    let mut served = pin!(builder.serve_connection(TokioIo::new(stream), service));
    // An error here means that the client went away or broke the protocol: it has been told as
    // far as it can be, and there is nobody else to tell.
    tokio::select! {
        biased;
        _ = &mut served => return,
        _ = closing.changed() => served.as_mut().graceful_shutdown(),
    }
    let _ = served.await;
}

/// Both versions on one port, told apart by their first bytes.
fn http(header_timeout: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // Counts from the last answer too, so it also ends idle connections.
        .header_read_timeout(header_timeout)
        // A client may close its sending side and still wait for the answer (RFC 9112,
        // section 9.6). The price: one that left altogether is noticed at the first write.
        .half_close(true)
        .max_buf_size(BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY);
    builder
}

/// The first bytes of a connection, if they come in time.
async fn open_with(
    stream: &mut TcpStream,
    limit: Duration,
    closing: &mut watch::Receiver<()>,
) -> io::Result<Vec<u8>> {
    let mut opening = Vec::with_capacity(PREFACE.len());
    let limit = tokio::select! {
        biased;
        read = tokio::time::timeout(limit, read_opening(stream, &mut opening)) => {
            return read?.map(|()| opening);
        }
        // Told to stop before anything was read: a request that is already on its way still
        // counts, a connection opened for later does not. The caller waits for the same news,
        // which `changed` would tell only once.
        _ = closing.changed() => {
            closing.mark_changed();
            LAST_CALL
        }
    };
    tokio::time::timeout(limit, read_opening(stream, &mut opening)).await??;
    Ok(opening)
}

/// Reads until it is clear which version this is. hyper does the same but without a time limit,
/// so a client that sends `P` and falls silent would stay for ever.
async fn read_opening(stream: &mut TcpStream, opening: &mut Vec<u8>) -> io::Result<()> {
    while opening.len() < PREFACE.len() && PREFACE.starts_with(opening) {
        let mut rest = (&mut *stream).take((PREFACE.len() - opening.len()) as u64);
        if rest.read_buf(opening).await? == 0 {
            break;
        }
    }
    Ok(())
}

/// The stream with the bytes already read put back in front.
fn replay(
    opening: Vec<u8>,
    stream: TcpStream,
) -> impl AsyncRead + AsyncWrite + Unpin + Send + 'static {
    let (read, write) = stream.into_split();
    tokio::io::join(io::Cursor::new(opening).chain(read), write)
}
