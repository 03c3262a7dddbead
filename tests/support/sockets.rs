//! A site behind axum's server, and raw clients of it.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::Site;

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

/// Sends a GET with further field lines and leaves the answer to be read.
pub(crate) async fn ask(stream: &mut TcpStream, path: &str, fields: &str) {
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: good.test\r\nConnection: close\r\n{fields}\r\n");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("the server reads");
}

/// Everything that the server sends until it closes.
pub(crate) async fn answer(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    // A cut response ends in a reset or in silence; what came still counts.
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}
