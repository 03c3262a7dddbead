//! The same over real sockets: axum's server, the layer, raw clients.

use crate::file::{LASTS, TAG, WHOLE, file_site};
use crate::support::Site;
use crate::support::sockets::{answer, ask, connect, serve};

/// Head and body of what a GET with these field lines is answered.
async fn got(address: std::net::SocketAddr, fields: &str) -> (String, String) {
    let mut stream = connect(address).await;
    ask(&mut stream, "/", fields).await;
    let text = answer(stream).await;
    let (head, body) = text.split_once("\r\n\r\n").expect("the head is over");
    (head.to_owned(), body.to_owned())
}

fn site() -> Site {
    file_site(&[LASTS, TAG])
}

#[tokio::test]
async fn a_part_is_stored_and_cut() {
    let site = site();
    let address = serve(&site).await;
    let (head, body) = got(address, "Range: bytes=5-14\r\n").await;
    assert!(
        head.starts_with("HTTP/1.1 206 Partial Content\r\n"),
        "{head}"
    );
    assert_eq!(body, &WHOLE[5..15]);
    let (head, body) = got(address, "Range: bytes=7-9\r\n").await;
    assert!(
        head.starts_with("HTTP/1.1 206 Partial Content\r\n"),
        "{head}"
    );
    assert!(head.contains("\r\ncontent-range: bytes 7-9/20"), "{head}");
    assert!(head.contains("\r\ncontent-length: 3"), "{head}");
    assert!(head.contains("floodwall; hit"), "{head}");
    assert_eq!(body, "789");
    assert_eq!(site.calls(), 1);
}

#[tokio::test]
async fn parts_become_a_whole() {
    let site = site();
    let address = serve(&site).await;
    got(address, "Range: bytes=0-9\r\n").await;
    got(address, "Range: bytes=10-14\r\n").await;
    let (head, body) = got(address, "").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("\r\ncontent-length: 20"), "{head}");
    assert!(!head.contains("content-range"), "{head}");
    assert!(head.contains("fwd=partial; fwd-status=206"), "{head}");
    assert_eq!(body, WHOLE);
    site.until_quiet().await;
    let (head, body) = got(address, "").await;
    assert!(head.contains("floodwall; hit"), "{head}");
    assert_eq!(body, WHOLE);
    assert_eq!(site.calls(), 3);
}
