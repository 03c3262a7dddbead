//! What clients send, and what comes of it.

use super::{GET, OK, exchange, field, stage, status};
use crate::wire::{Origin, Proxy};

#[tokio::test]
async fn what_is_not_a_proper_request_is_refused_and_the_connection_closed() {
    let origin = Origin::new().await;
    let proxy = Proxy::before(&origin, &[]).await;
    let rows = [
        ("400", "GET / HTTP/1.1\r\n\r\n"),
        ("400", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        ("400", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        ("400", "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
        ("400", "GET / HTTP/1.1\r\nHost: good.test evil\r\n\r\n"),
        ("400", "GET / HTTP/1.1\r\nHost: good.test@evil.test\r\n\r\n"),
        ("400", "GET / HTTP/1.1\r\nHost: good.test/x\r\n\r\n"),
        (
            "400",
            "GET / HTTP/1.1\r\nHost: good.test, evil.test\r\n\r\n",
        ),
        ("400", "GET / HTTP/1.1\r\nHost: good.test,evil.test\r\n\r\n"),
        ("400", "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n"),
        ("400", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
        (
            "400",
            "GET http://u@a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
        ),
        ("400", "GET ftp://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n"),
        ("400", "GET http://a.test/ HTTP/1.1\r\n\r\n"),
        ("400", "GET a.test:80 HTTP/1.1\r\nHost: a.test\r\n\r\n"),
        ("400", "GET /\u{e9} HTTP/1.1\r\nHost: a.test\r\n\r\n"),
        ("400", "GET /?\u{e9} HTTP/1.1\r\nHost: a.test\r\n\r\n"),
        ("400", "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("400", "GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
        ("400", "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n"),
        ("400", "GET / HTTP/1.1\nHost: a\n\n"),
        ("400", "GET / HTTP/1.1\r\nHost: a\nB: c\r\n\r\n"),
        ("400", "G@T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("400", "GET / HTTP/3.7\r\nHost: a\r\n\r\n"),
        (
            "400",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n",
        ),
        (
            "400",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        ),
        (
            "400",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        ),
        (
            "501",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            "501",
            "CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\n\r\n",
        ),
        ("403", "PURGE / HTTP/1.1\r\nHost: a.test\r\n\r\n"),
        ("403", "BAN / HTTP/1.1\r\nHost: a.test\r\n\r\n"),
        (
            "417",
            "PUT / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\nContent-Length: 1\r\n\r\nx",
        ),
        (
            "400",
            "TRACE / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
        ),
    ];
    for (expected, request) in rows {
        let mut client = proxy.connect().await;
        client.send(request).await;
        let answer = client.rest().await;
        assert_eq!(status(&answer), expected, "{request:?} got {answer:?}");
    }
    // None of them reached the origin: the first it sees is this one.
    let mut client = proxy.connect().await;
    client.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let seen = origin.accept().await.head().await;
    assert!(seen.starts_with("GET /first HTTP/1.1\r\n"), "{seen}");
}

#[tokio::test]
async fn the_absolute_target_wins_over_the_host() {
    let request = "GET http://a.test?q HTTP/1.1\r\nHost: b.test\r\n\r\n";
    let (seen, head) = exchange(request, OK, &[]).await;
    assert!(seen.starts_with("GET /?q HTTP/1.1\r\n"), "{seen}");
    assert_eq!(field(&seen, "host"), Some("a.test"));
    assert_eq!(status(&head), "200");
}

#[tokio::test]
async fn a_request_from_before_host_was_invented_is_for_the_origin() {
    let (origin, _proxy, mut client) = stage(&[]).await;
    client.send("GET / HTTP/1.0\r\n\r\n").await;
    let mut behind = origin.accept().await;
    let seen = behind.head().await;
    assert!(seen.starts_with("GET / HTTP/1.1\r\n"), "{seen}");
    assert_eq!(field(&seen, "host"), Some(&*origin.address.to_string()));
    assert_eq!(field(&seen, "via"), Some("1.0 floodwall"));
    behind
        .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
        .await;
    let answer = client.rest().await;
    // HTTP/1.0 has no chunks: the body ends with the connection.
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
}

#[tokio::test]
async fn fields_of_one_connection_stay_there() {
    let request = "GET / HTTP/1.1\r\nHost: a.test\r\nX-Kept: 1\r\nX-Named: 1\r\n\
        Connection: X-Named, Host, cache-control\r\nConnection: keep-alive\r\nCache-Control: no-cache\r\n\
        Keep-Alive: timeout=5\r\nTE: trailers\r\nUpgrade: websocket\r\n\
        Proxy-Connection: close\r\nProxy-Authorization: Basic eA==\r\n\r\n";
    let answer = "HTTP/1.1 200 OK\r\nConnection: X-Named, Cache-Control, Set-Cookie\r\n\
        Cache-Control: private\r\nSet-Cookie: a=b\r\nX-Named: 1\r\nX-Kept: 1\r\nKeep-Alive: timeout=5\r\n\
        Proxy-Connection: close\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nok";
    let (seen, head) = exchange(request, answer, &[]).await;
    for name in ["x-kept", "host", "cache-control", "via"] {
        assert!(field(&seen, name).is_some(), "{name} is missing in {seen}");
    }
    for name in [
        "x-named",
        "connection",
        "keep-alive",
        "te",
        "upgrade",
        "proxy-connection",
        "proxy-authorization",
    ] {
        assert_eq!(field(&seen, name), None, "in {seen}");
    }
    for (name, value) in [
        ("x-kept", "1"),
        ("cache-control", "private"),
        ("set-cookie", "a=b"),
    ] {
        assert_eq!(field(&head, name), Some(value), "in {head}");
    }
    for name in ["x-named", "keep-alive", "proxy-connection", "upgrade"] {
        assert_eq!(field(&head, name), None, "in {head}");
    }
}

#[tokio::test]
async fn a_length_beside_chunks_is_dropped_and_the_connection_closed() {
    for fields in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
    ] {
        let (origin, _proxy, mut client) = stage(&[]).await;
        let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n";
        client
            .send(format!(
                "POST / HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n\r\n0\r\n\r\n{smuggled}"
            ))
            .await;
        let mut behind = origin.accept().await;
        let seen = behind.head().await;
        assert_eq!(field(&seen, "content-length"), None, "{seen}");
        assert_eq!(field(&seen, "transfer-encoding"), Some("chunked"));
        behind.until("0\r\n\r\n").await;
        behind.send(OK).await;
        let answer = client.rest().await;
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    }
}

#[tokio::test]
async fn a_client_that_stops_sending_is_told_so_and_the_origin_not_blamed() {
    let (_origin, _proxy, mut client) = stage(&["--pass-timeout", "200ms"]).await;
    client
        .send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhalf")
        .await;
    let answer = client.rest().await;
    assert_eq!(status(&answer), "408", "{answer}");
}

#[tokio::test]
async fn a_broken_request_body_is_the_clients_fault() {
    let (_origin, _proxy, mut client) = stage(&[]).await;
    client
        .send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
        .await;
    let answer = client.rest().await;
    assert_eq!(status(&answer), "400", "{answer}");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let (origin, _proxy, mut client) = stage(&[]).await;
    client
        .send(
            "POST /1 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nonePOST /2 HTTP/1.1\r\n\
             Host: a.test\r\nContent-Length: 3\r\n\r\ntwo",
        )
        .await;
    for (body, answer) in [("one", "first"), ("two", "other")] {
        // A POST has a connection to itself.
        let mut behind = origin.accept().await;
        behind.until(body).await;
        behind
            .send(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{answer}"
            ))
            .await;
        client.until(answer).await;
    }
}

#[tokio::test]
async fn a_client_may_finish_sending_before_it_is_answered() {
    let (origin, _proxy, mut client) = stage(&[]).await;
    client.send(GET).await;
    client.finish().await;
    let mut behind = origin.asked().await;
    behind.send(OK).await;
    let answer = client.rest().await;
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
}

#[tokio::test]
async fn a_client_that_waits_for_permission_to_send_gets_it() {
    let (origin, _proxy, mut client) = stage(&[]).await;
    client
        .send("PUT / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        .await;
    assert_eq!(status(&client.head().await), "100");
    client.send("body").await;
    let mut behind = origin.accept().await;
    let seen = behind.head().await;
    assert_eq!(field(&seen, "expect"), None);
    behind.until("body").await;
    behind.send(OK).await;
    assert_eq!(status(&client.head().await), "200");
}

#[tokio::test]
async fn max_forwards_is_counted_down_and_ends_here() {
    let (seen, _) = exchange(
        "OPTIONS * HTTP/1.1\r\nHost: a.test\r\nMax-Forwards: 3\r\n\r\n",
        OK,
        &[],
    )
    .await;
    assert!(seen.starts_with("OPTIONS * HTTP/1.1\r\n"), "{seen}");
    assert_eq!(field(&seen, "max-forwards"), Some("2"));

    let proxy = Proxy::before(&Origin::new().await, &[]).await;
    let mut client = proxy.connect().await;
    client
        .send("OPTIONS / HTTP/1.1\r\nHost: a.test\r\nMax-Forwards: 0\r\n\r\n")
        .await;
    let head = client.head().await;
    assert_eq!(status(&head), "200");
    assert!(field(&head, "allow").is_some(), "{head}");
    client
        .send("TRACE /x HTTP/1.1\r\nHost: a.test\r\nCookie: id=1\r\nMax-Forwards: 0\r\n\r\n")
        .await;
    let head = client.head().await;
    assert_eq!(field(&head, "content-type"), Some("message/http"));
    let reflected = client.head().await;
    assert!(
        reflected.starts_with("TRACE /x HTTP/1.1\r\n"),
        "{reflected}"
    );
    assert_eq!(field(&reflected, "cookie"), None);
}

#[tokio::test]
async fn the_visitors_address_is_sent_only_when_asked_for() {
    let (seen, _) = exchange(GET, OK, &[]).await;
    assert_eq!(field(&seen, "x-forwarded-for"), None);
    let post = "POST / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let (seen, _) = exchange(post, OK, &["--forwarded"]).await;
    assert_eq!(field(&seen, "x-forwarded-for"), Some("127.0.0.1"));
}

#[tokio::test]
async fn a_connection_that_never_says_which_version_it_speaks_is_closed() {
    let proxy = Proxy::before(&Origin::new().await, &["--header-timeout", "200ms"]).await;
    for opening in ["", "P", "PRI * HTTP/2", "GET / HTTP/1.1\r\nHo"] {
        let mut client = proxy.connect().await;
        client.send(opening).await;
        assert_eq!(client.rest().await, "", "after {opening:?}");
    }
}
