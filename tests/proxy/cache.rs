//! The cache in the proxy, seen from outside.

use super::{GET, field, stage, status};
use crate::wire::{Origin, Proxy};

#[tokio::test]
async fn a_shared_answer_streams_too() {
    let (origin, _proxy, mut client) = stage(&[]).await;
    client.send(GET).await;
    let mut behind = origin.asked().await;
    behind
        .send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 9\r\n\r\nearly")
        .await;
    client.until("early").await;
    behind.send("late").await;
    client.until("late").await;
}

#[tokio::test]
async fn a_stored_answer_needs_no_origin_and_says_so() {
    let stored = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 2\r\n\r\nok";
    for flags in [&[][..], &["--no-cache-status", "--no-age"]] {
        let (origin, _proxy, mut client) = stage(flags).await;
        client.send(GET).await;
        let mut behind = origin.asked().await;
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
    let mut behind = origin.asked().await;
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
    let (origin, _proxy, mut client) = stage(&[]).await;
    client.send(GET).await;
    let mut behind = origin.asked().await;
    behind.send(stored).await;
    client.until("\r\n\r\nok").await;
    drop((behind, origin));
    client.send(GET).await;
    let head = client.head().await;
    assert_eq!(status(&head), "200", "{head}");
    client.until("ok").await;
}
