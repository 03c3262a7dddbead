//! Cleartext HTTP/2 with prior knowledge, by hyper's own client.

use axum::body::Body;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::{OK, field};
use crate::wire::{Origin, Proxy, soon};

async fn connect(proxy: &Proxy) -> SendRequest<Body> {
    let io = TokioIo::new(proxy.connect().await.into_stream());
    let (sender, connection) = handshake(TokioExecutor::new(), io).await.expect("h2");
    tokio::spawn(connection);
    sender
}

async fn send(h2: &mut SendRequest<Body>, request: Request<Body>) -> Response<Incoming> {
    soon(h2.send_request(request)).await.expect("answered")
}

#[tokio::test]
async fn a_request_goes_on_as_http_1() {
    let origin = Origin::new().await;
    let proxy = Proxy::before(&origin, &[]).await;
    let mut h2 = connect(&proxy).await;
    let request = Request::get("http://a.test/x?y").body(Body::empty());
    let (response, seen) = tokio::join!(send(&mut h2, request.expect("valid")), async {
        let mut behind = origin.accept().await;
        let seen = behind.head().await;
        behind.send(OK).await;
        seen
    });
    assert!(seen.starts_with("GET /x?y HTTP/1.1\r\n"), "{seen}");
    assert_eq!(field(&seen, "host"), Some("a.test"));
    assert_eq!(field(&seen, "via"), Some("2.0 floodwall"));
    assert_eq!(field(&seen, "transfer-encoding"), None);
    assert_eq!(response.status(), StatusCode::OK);
    let body = soon(response.into_body().collect()).await.expect("whole");
    assert_eq!(body.to_bytes(), "ok");
}

#[tokio::test]
async fn the_crumbs_of_a_cookie_go_on_as_one() {
    let origin = Origin::new().await;
    let proxy = Proxy::before(&origin, &[]).await;
    let mut h2 = connect(&proxy).await;
    let request = Request::get("http://a.test/").header("cookie", "a=1; b=2");
    let request = request.header("cookie", "c=3").body(Body::empty());
    let (_, seen) = tokio::join!(send(&mut h2, request.expect("valid")), async {
        let mut behind = origin.accept().await;
        let seen = behind.head().await;
        behind.send(OK).await;
        seen
    });
    assert_eq!(field(&seen, "cookie"), Some("a=1; b=2; c=3"));
    assert_eq!(seen.matches("cookie:").count(), 1, "{seen}");
}

#[tokio::test]
async fn an_authority_and_a_host_that_disagree_are_refused() {
    let proxy = Proxy::before(&Origin::new().await, &[]).await;
    let mut h2 = connect(&proxy).await;
    let request = Request::get("http://a.test/").header("host", "b.test");
    let request = request.body(Body::empty()).expect("valid");
    let response = send(&mut h2, request).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

#[cfg(unix)]
#[tokio::test]
async fn a_signal_lets_accepted_requests_finish() {
    let origin = Origin::new().await;
    let proxy = Proxy::before(&origin, &[]).await;
    let mut h2 = connect(&proxy).await;
    let request = Request::get("http://a.test/").body(Body::empty());
    let (response, ()) = tokio::join!(send(&mut h2, request.expect("valid")), async {
        let mut behind = origin.asked().await;
        proxy.signal("TERM").await;
        proxy.refuses().await;
        behind.send(OK).await;
    });
    let body = soon(response.into_body().collect()).await.expect("whole");
    assert_eq!(body.to_bytes(), "ok");
    assert_eq!(proxy.exit_code().await, Some(0));
}

#[tokio::test]
async fn a_body_cut_short_is_a_reset_stream() {
    let origin = Origin::new().await;
    let proxy = Proxy::before(&origin, &[]).await;
    let mut h2 = connect(&proxy).await;
    let request = Request::post("http://a.test/").body(Body::empty());
    let (response, behind) = tokio::join!(send(&mut h2, request.expect("valid")), async {
        let mut behind = origin.asked().await;
        let cut = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n";
        behind.send(cut).await;
        behind
    });
    // Only now: a reset overtakes what still waits to be sent, the head included.
    drop(behind);
    assert!(soon(response.into_body().collect()).await.is_err());
}
