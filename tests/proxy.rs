//! The example `reverse_proxy` from outside: real processes, raw sockets on both ends.

// The program itself, so that the process under test is always built from the present source.
// Only `run` is called from here.
#[allow(dead_code)]
#[path = "../examples/reverse_proxy/main.rs"]
mod program;
mod proxy_support;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use proxy_support::{BETWEEN, Origin, Proxy, ROLE, run, soon};

/// Not a test: the others start this binary again with the proxy's arguments in `ROLE`.
#[test]
#[ignore = "it is the proxy, started by the tests"]
fn proxy_process() {
    let Ok(args) = std::env::var(ROLE) else {
        return;
    };
    let args = args.split(BETWEEN).filter(|arg| !arg.is_empty());
    let args = std::iter::once("reverse_proxy").chain(args);
    let code = program::run(args.map(Into::into));
    std::process::exit(i32::from(code));
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 2\r\n\r\nok";

fn status(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or("")
}

/// The value of a field, if the head has it.
fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(field, _)| field.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// Sends one request, lets the origin answer, and returns what each side saw.
async fn exchange(request: &str, answer: &str, flags: &[&str]) -> (String, String) {
    let origin = Origin::new().await;
    let proxy = Proxy::before(&origin, flags).await;
    let mut client = proxy.connect().await;
    client.send(request).await;
    let mut behind = origin.accept().await;
    let seen = behind.head().await;
    behind.send(answer).await;
    let head = client.head().await;
    (seen, head)
}

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
    let origin = Origin::new().await;
    let proxy = Proxy::before(&origin, &[]).await;
    let mut client = proxy.connect().await;
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
        let origin = Origin::new().await;
        let proxy = Proxy::before(&origin, &[]).await;
        let mut client = proxy.connect().await;
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
async fn an_origin_that_talks_nonsense_is_a_bad_gateway() {
    let rows = [
        "this is not HTTP at all\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        "HTTP/1.1 banana\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nxx",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n",
    ];
    for method in ["GET", "HEAD", "POST"] {
        for answer in rows {
            let request = format!("{method} / HTTP/1.1\r\nHost: a.test\r\n\r\n");
            let (_, head) = exchange(&request, answer, &[]).await;
            assert_eq!(status(&head), "502", "{method} and {answer:?} gave {head}");
        }
    }
}

#[tokio::test]
async fn a_304_is_for_those_who_asked_whether_anything_was_modified() {
    let not_modified = "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n";
    for (condition, expected) in [
        ("If-None-Match: \"a\"", "304"),
        ("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT", "304"),
        ("If-Range: \"a\"\r\nRange: bytes=0-0", "502"),
        ("If-Match: \"a\"", "502"),
        ("Cookie: a=b", "502"),
    ] {
        let request = format!("HEAD / HTTP/1.1\r\nHost: a.test\r\n{condition}\r\n\r\n");
        let (_, head) = exchange(&request, not_modified, &[]).await;
        assert_eq!(status(&head), expected, "{condition}");
    }
}

#[tokio::test]
async fn an_origin_that_hangs_up_without_a_word_is_a_bad_gateway_and_not_asked_twice() {
    let origin = Origin::new().await;
    let proxy = Proxy::before(&origin, &[]).await;
    for method in ["GET", "POST"] {
        let mut client = proxy.connect().await;
        let request = format!("{method} / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        client.send(&request).await;
        let mut behind = origin.accept().await;
        behind.head().await;
        drop(behind);
        assert_eq!(status(&client.head().await), "502", "{method}");
        // The next connection carries the next request, not the same one again.
        let mut client = proxy.connect().await;
        client
            .send("DELETE /next HTTP/1.1\r\nHost: a.test\r\n\r\n")
            .await;
        let mut behind = origin.accept().await;
        let seen = behind.head().await;
        assert!(seen.starts_with("DELETE /next "), "after {method}: {seen}");
        drop(behind);
        client.head().await;
    }
}

#[tokio::test]
async fn a_pooled_connection_that_ends_costs_nobody_an_answer() {
    let origin = Origin::new().await;
    let proxy = Proxy::before(&origin, &[]).await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    let mut behind = origin.accept().await;
    // Until a request comes over a connection that has served before.
    loop {
        behind.head().await;
        behind.send(OK).await;
        client.until("\r\n\r\nok").await;
        client.send(GET).await;
        tokio::select! {
            _ = behind.head() => break,
            another = origin.accept() => behind = another,
        }
    }
    // The connection closes on it, and it comes again over a new one.
    drop(behind);
    let mut behind = origin.accept().await;
    behind.head().await;
    behind.send(OK).await;
    assert_eq!(status(&client.head().await), "200");
}

#[tokio::test]
async fn an_origin_that_is_not_there_is_a_bad_gateway() {
    let nobody = Origin::new().await.address;
    let proxy = Proxy::start(&format!("http://{nobody}"), &[]).await;
    for method in ["GET", "POST"] {
        let mut client = proxy.connect().await;
        client
            .send(format!("{method} / HTTP/1.1\r\nHost: a.test\r\n\r\n"))
            .await;
        assert_eq!(status(&client.head().await), "502", "{method}");
    }
}

#[tokio::test]
async fn a_silent_origin_is_a_gateway_timeout() {
    for (method, flag) in [("GET", "--fetch-deadline"), ("POST", "--pass-timeout")] {
        let origin = Origin::new().await;
        let proxy = Proxy::before(&origin, &[flag, "200ms"]).await;
        let mut client = proxy.connect().await;
        client
            .send(format!("{method} / HTTP/1.1\r\nHost: a.test\r\n\r\n"))
            .await;
        let mut behind = origin.accept().await;
        behind.head().await;
        assert_eq!(status(&client.head().await), "504", "{method}");
    }
}

#[tokio::test]
async fn an_origin_may_answer_and_close_in_the_middle_of_an_upload() {
    const WHY: usize = 20_000;
    let origin = Origin::new().await;
    let proxy = Proxy::before(&origin, &[]).await;
    let mut client = proxy.connect().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    let (mut answer, mut upload) = client.into_stream().into_split();
    let upload = tokio::spawn(async move {
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        while upload.write_all(chunk.as_bytes()).await.is_ok() {}
    });
    let mut behind = origin.accept().await;
    behind.head().await;
    let why = "y".repeat(WHY);
    let head = format!("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: {WHY}");
    behind.send(format!("{head}\r\n\r\n{why}")).await;
    // What it has not read makes this a reset, at which what we write fails.
    drop(behind);
    let mut bytes = Vec::new();
    let _ = soon(answer.read_to_end(&mut bytes)).await;
    let text = String::from_utf8(bytes).expect("text");
    assert_eq!(status(&text), "413", "{text:.200}");
    assert!(text.ends_with(&why), "its body is cut");
    upload.await.expect("it ends with the connection");
}

#[tokio::test]
async fn a_client_that_stops_sending_is_told_so_and_the_origin_not_blamed() {
    let origin = Origin::new().await;
    let proxy = Proxy::before(&origin, &["--pass-timeout", "200ms"]).await;
    let mut client = proxy.connect().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhalf")
        .await;
    let answer = client.rest().await;
    assert_eq!(status(&answer), "408", "{answer}");
}

#[tokio::test]
async fn a_broken_request_body_is_the_clients_fault() {
    let origin = Origin::new().await;
    let proxy = Proxy::before(&origin, &[]).await;
    let mut client = proxy.connect().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
        .await;
    let answer = client.rest().await;
    assert_eq!(status(&answer), "400", "{answer}");
}

#[tokio::test]
async fn a_body_cut_short_arrives_cut_short() {
    let rows = [
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=9\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=9\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ];
    for method in ["GET", "POST"] {
        for answer in rows {
            let origin = Origin::new().await;
            let proxy = Proxy::before(&origin, &[]).await;
            let mut client = proxy.connect().await;
            let request = format!("{method} / HTTP/1.1\r\nHost: a.test\r\n\r\n");
            client.send(&request).await;
            let mut behind = origin.accept().await;
            behind.head().await;
            behind.send(answer).await;
            let head = client.head().await;
            assert_eq!(status(&head), "200");
            client.until("half").await;
            drop(behind);
            let rest = client.rest().await;
            assert!(
                !rest.contains("0\r\n"),
                "a clean end after {method}: {rest:?}"
            );
        }
    }
}

#[tokio::test]
async fn bodies_stream_in_both_directions() {
    let origin = Origin::new().await;
    let proxy = Proxy::before(&origin, &[]).await;
    let mut client = proxy.connect().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nearly\r\n")
        .await;
    let mut behind = origin.accept().await;
    behind.until("early").await;
    client.send("4\r\nlate\r\n0\r\n\r\n").await;
    behind.until("late").await;
    behind.until("0\r\n\r\n").await;

    behind
        .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nearly\r\n")
        .await;
    client.until("early").await;
    behind.send("4\r\nlate\r\n0\r\n\r\n").await;
    client.until("late").await;
    client.until("0\r\n\r\n").await;
}

#[tokio::test]
async fn a_shared_answer_streams_too() {
    let origin = Origin::new().await;
    let proxy = Proxy::before(&origin, &[]).await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    let mut behind = origin.accept().await;
    behind.head().await;
    behind
        .send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 9\r\n\r\nearly")
        .await;
    client.until("early").await;
    behind.send("late").await;
    client.until("late").await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let origin = Origin::new().await;
    let proxy = Proxy::before(&origin, &[]).await;
    let mut client = proxy.connect().await;
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
    let origin = Origin::new().await;
    let proxy = Proxy::before(&origin, &[]).await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    client.finish().await;
    let mut behind = origin.accept().await;
    behind.head().await;
    behind.send(OK).await;
    let answer = client.rest().await;
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
}

#[tokio::test]
async fn a_client_that_waits_for_permission_to_send_gets_it() {
    let origin = Origin::new().await;
    let proxy = Proxy::before(&origin, &[]).await;
    let mut client = proxy.connect().await;
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

#[tokio::test]
async fn a_stored_answer_needs_no_origin_and_says_so() {
    let stored = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 2\r\n\r\nok";
    for flags in [&[][..], &["--no-cache-status", "--no-age"]] {
        let origin = Origin::new().await;
        let proxy = Proxy::before(&origin, flags).await;
        let mut client = proxy.connect().await;
        client.send(GET).await;
        let mut behind = origin.accept().await;
        behind.head().await;
        behind.send(stored).await;
        client.until("\r\n\r\nok").await;
        drop((behind, origin));
        client.send(GET).await;
        let head = client.head().await;
        assert_eq!(status(&head), "200");
        let told = flags.is_empty();
        let line = field(&head, "cache-status").unwrap_or("");
        assert_eq!(line.starts_with("floodwall; hit"), told, "{head}");
        assert_eq!(field(&head, "age").is_some(), told, "{head}");
        client.until("ok").await;
    }
}

#[tokio::test]
async fn a_crowd_is_one_request_to_the_origin() {
    let origin = Origin::new().await;
    let proxy = Proxy::before(&origin, &[]).await;
    let mut crowd = Vec::new();
    for _ in 0..50 {
        let mut client = proxy.connect().await;
        client.send(GET).await;
        crowd.push(client);
    }
    let mut behind = origin.accept().await;
    behind.head().await;
    behind
        .send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nConnection: close\r\n\r\nok")
        .await;
    drop(behind);
    for client in &mut crowd {
        let head = client.head().await;
        assert_eq!(status(&head), "200", "{head}");
        client.until("ok").await;
    }
    // The next thing that the origin hears is this.
    let next = "GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n";
    proxy.connect().await.send(next).await;
    let seen = origin.accept().await.head().await;
    assert!(seen.starts_with("GET /next "), "{seen}");
}

#[tokio::test]
async fn what_is_stale_is_served_when_the_origin_is_gone() {
    let stored = "HTTP/1.1 200 OK\r\nCache-Control: max-age=0, stale-if-error=60\r\n\
        ETag: \"1\"\r\nContent-Length: 2\r\n\r\nok";
    let origin = Origin::new().await;
    let proxy = Proxy::before(&origin, &[]).await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    let mut behind = origin.accept().await;
    behind.head().await;
    behind.send(stored).await;
    client.until("\r\n\r\nok").await;
    drop((behind, origin));
    client.send(GET).await;
    let head = client.head().await;
    assert_eq!(status(&head), "200", "{head}");
    client.until("ok").await;
}

mod http2 {
    //! Cleartext HTTP/2 with prior knowledge, by hyper's own client.

    use axum::body::Body;
    use http::{Request, Response, StatusCode};
    use http_body_util::BodyExt;
    use hyper::body::Incoming;
    use hyper::client::conn::http2::{SendRequest, handshake};
    use hyper_util::rt::{TokioExecutor, TokioIo};

    use super::{OK, Origin, Proxy, field, soon};

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
            let mut behind = origin.accept().await;
            behind.head().await;
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
            let mut behind = origin.accept().await;
            behind.head().await;
            let cut = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n";
            behind.send(cut).await;
            behind
        });
        // Only now: a reset overtakes what still waits to be sent, the head included.
        drop(behind);
        assert!(soon(response.into_body().collect()).await.is_err());
    }
}

mod beginning_and_end {
    //! How the process starts, refuses to start, and stops.

    use super::{GET, OK, Origin, Proxy, run, status};

    /// Standard error, which must be one line.
    fn sentence(output: &std::process::Output) -> String {
        let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        assert_eq!(text.lines().count(), 1, "not one sentence: {text}");
        text
    }

    #[tokio::test]
    async fn a_wrong_command_line_gets_a_sentence_and_status_2() {
        let origin = ["--origin", "http://127.0.0.1:1"];
        let rows: [(&[&str], &str); 10] = [
            (&[], "--origin"),
            (&["--origin", "https://a.test"], "plain http"),
            (&["--origin", "http://a.test/path"], "no path"),
            (&["--origin", "nonsense"], "http://host:port"),
            (&[origin[0], origin[1], "--capcity", "1"], "--capcity"),
            (
                &[origin[0], origin[1], "--swr", "5 fortnights"],
                "fortnights",
            ),
            (&[origin[0], origin[1], "--capacity", "many"], "many"),
            (&[origin[0], origin[1], "--listen", "here"], "here"),
            (&[origin[0], origin[1], "--capacity", "0"], "capacity"),
            (
                &[origin[0], origin[1], "--key-field", "no field"],
                "no field",
            ),
        ];
        for (args, named) in rows {
            let output = run(args).await;
            assert_eq!(output.status.code(), Some(2), "{args:?}");
            let sentence = sentence(&output);
            assert!(sentence.contains(named), "{args:?} got {sentence}");
        }
    }

    #[tokio::test]
    async fn an_address_in_use_gets_a_sentence_and_status_1() {
        let taken = Origin::new().await.address;
        let holder = Origin::new().await;
        let address = holder.address.to_string();
        assert_ne!(taken, holder.address);
        let output = run(&["--listen", &address, "--origin", "http://127.0.0.1:1"]).await;
        assert_eq!(output.status.code(), Some(1));
        assert!(sentence(&output).contains(&address));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_signal_lets_accepted_requests_finish_and_ends_with_status_0() {
        for signal in ["TERM", "INT"] {
            let origin = Origin::new().await;
            let proxy = Proxy::before(&origin, &[]).await;
            let mut client = proxy.connect().await;
            client.send(GET).await;
            let mut behind = origin.accept().await;
            behind.head().await;
            proxy.signal(signal).await;
            proxy.refuses().await;
            behind.send(OK).await;
            let answer = client.rest().await;
            assert_eq!(status(&answer), "200");
            assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
            assert_eq!(proxy.exit_code().await, Some(0), "{signal}");
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_signal_counts_a_request_that_was_sent_but_not_yet_read() {
        let origin = Origin::new().await;
        let proxy = Proxy::before(&origin, &[]).await;
        // A process that is stopped reads nothing, and is sent the signal meanwhile.
        proxy.signal("STOP").await;
        let mut client = proxy.connect().await;
        client.send(GET).await;
        proxy.signal("TERM").await;
        proxy.signal("CONT").await;
        let mut behind = origin.accept().await;
        behind.head().await;
        behind.send(OK).await;
        assert!(client.rest().await.ends_with("\r\n\r\nok"));
        assert_eq!(proxy.exit_code().await, Some(0));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_is_not_finished_after_the_grace_period_is_left() {
        let origin = Origin::new().await;
        let proxy = Proxy::before(&origin, &["--grace", "100ms"]).await;
        let mut client = proxy.connect().await;
        client.send(GET).await;
        let mut behind = origin.accept().await;
        behind.head().await;
        proxy.signal("TERM").await;
        assert_eq!(proxy.exit_code().await, Some(0));
        assert_eq!(client.rest().await, "");
    }
}
