//! A site over real sockets: what is sent and read is bytes.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Answer, Site};

/// Where a site is served.
#[derive(Clone, Copy)]
pub(crate) struct Wire(pub(crate) SocketAddr);

impl Wire {
    pub(crate) async fn serve(site: &Site) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let app = site.app.clone();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self(address)
    }

    pub(crate) async fn connect(self) -> TcpStream {
        let stream = TcpStream::connect(self.0).await;
        stream.expect("the server listens")
    }

    /// Sends a GET.
    pub(crate) async fn get(self, target: &str, fields: &[(&str, &str)]) -> Answer {
        self.send("GET", target, fields, "").await
    }

    /// Sends a request on a connection of its own, and reads all of the answer.
    pub(crate) async fn send(
        self,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        content: &str,
    ) -> Answer {
        let mut stream = self.connect().await;
        let mut head = format!("{method} {target} HTTP/1.1\r\nhost: good.test\r\n");
        for (name, value) in fields {
            head += &format!("{name}: {value}\r\n");
        }
        if !content.is_empty() {
            head += &format!("content-length: {}\r\n", content.len());
        }
        head += "connection: close\r\n\r\n";
        let request = head + content;
        let sent = stream.write_all(request.as_bytes()).await;
        sent.expect("the server reads");
        let mut bytes = Vec::new();
        let read = stream.read_to_end(&mut bytes).await;
        read.expect("the server answers and closes");
        parsed(&bytes)
    }
}

/// An answer of a known length.
fn parsed(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.expect("a whole head");
    let head = std::str::from_utf8(&bytes[..end]).expect("text");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.get(9..12));
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").expect("a field");
        let name: HeaderName = name.parse().expect("a name");
        headers.append(name, HeaderValue::try_from(value).expect("a value"));
    }
    assert!(!headers.contains_key("transfer-encoding"), "{head}");
    Answer {
        status: status
            .and_then(|code| code.parse::<StatusCode>().ok())
            .expect("a status"),
        headers,
        body: Ok(Bytes::copy_from_slice(&bytes[end + 4..])),
    }
}
