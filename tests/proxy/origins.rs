//! What origins answer, and what clients hear of it.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{GET, OK, exchange, stage, status};
use crate::wire::{Origin, Proxy, soon};

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
        let behind = origin.asked().await;
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
    let (origin, _proxy, mut client) = stage(&[]).await;
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
    let mut behind = origin.asked().await;
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
        let (origin, _proxy, mut client) = stage(&[flag, "200ms"]).await;
        client
            .send(format!("{method} / HTTP/1.1\r\nHost: a.test\r\n\r\n"))
            .await;
        let _behind = origin.asked().await;
        assert_eq!(status(&client.head().await), "504", "{method}");
    }
}

#[tokio::test]
async fn an_origin_may_answer_and_close_in_the_middle_of_an_upload() {
    const WHY: usize = 20_000;
    let (origin, _proxy, mut client) = stage(&[]).await;
    client
        .send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    let (mut answer, mut upload) = client.into_stream().into_split();
    let upload = tokio::spawn(async move {
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        while upload.write_all(chunk.as_bytes()).await.is_ok() {}
    });
    let mut behind = origin.asked().await;
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
async fn a_body_cut_short_arrives_cut_short() {
    let rows = [
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=9\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=9\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ];
    for method in ["GET", "POST"] {
        for answer in rows {
            let (origin, _proxy, mut client) = stage(&[]).await;
            let request = format!("{method} / HTTP/1.1\r\nHost: a.test\r\n\r\n");
            client.send(&request).await;
            let mut behind = origin.asked().await;
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
    let (origin, _proxy, mut client) = stage(&[]).await;
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
