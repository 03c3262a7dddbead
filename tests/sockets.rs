//! The whole stack over real sockets: axum's server, the layer, raw clients.

mod support;
#[path = "support/wire.rs"]
mod wire;

use std::sync::Arc;
use std::time::Duration;

use support::{Pen, Site, held, page, written};
use tokio::sync::Mutex;
use wire::{answer, ask, connect, crowd, read_until, serve};

#[tokio::test]
async fn a_thousand_sockets_are_one_call() {
    let (site, turns) = held("max-age=60");
    let address = serve(&site).await;
    let streams = crowd(address, 1000).await;
    site.until(|now| now.waiting == 1000).await;
    turns.add_permits(1000);
    for stream in streams {
        let text = answer(stream).await;
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\npage 0"), "{text}");
        assert!(text.contains("content-length: 6\r\n"), "{text}");
    }
    assert_eq!(site.calls(), 1);
}

#[tokio::test]
async fn two_hundred_private_pages_are_two_hundred_calls_at_once() {
    let (site, turns) = held("private");
    let address = serve(&site).await;
    let streams = crowd(address, 200).await;
    site.until(|now| now.waiting == 200).await;
    turns.add_permits(1);
    // All of the others are at the handler together: none waits for another.
    while site.calls() < 200 {
        tokio::task::yield_now().await;
    }
    turns.add_permits(199);
    let mut texts = Vec::new();
    for stream in streams {
        let text = answer(stream).await;
        texts.push(text.rsplit("\r\n").next().unwrap_or_default().to_owned());
    }
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), 200);
}

#[tokio::test]
async fn the_leaders_socket_may_close_and_a_hundred_are_answered() {
    let (site, turns) = held("max-age=60");
    let address = serve(&site).await;
    let mut leader = connect(address).await;
    ask(&mut leader, "/").await;
    site.until(|now| now.waiting == 1).await;
    let streams = crowd(address, 100).await;
    site.until(|now| now.waiting == 101).await;
    drop(leader);
    turns.add_permits(1);
    for stream in streams {
        assert!(answer(stream).await.ends_with("\r\n\r\npage 0"));
    }
    assert_eq!(site.calls(), 1);
}

fn streaming(fields: &'static [(&'static str, &'static str)]) -> (Site, Arc<Mutex<Vec<Pen>>>) {
    let pens: Arc<Mutex<Vec<Pen>>> = Arc::default();
    let kept = Arc::clone(&pens);
    let site = Site::new(move |_| {
        let kept = Arc::clone(&kept);
        async move {
            let (pen, body) = written();
            kept.lock().await.push(pen);
            page(fields, body)
        }
    });
    (site, pens)
}

#[tokio::test]
async fn a_follower_reads_the_first_bytes_while_the_origin_writes_the_next() {
    let (site, pens) = streaming(&[("cache-control", "max-age=60")]);
    let address = serve(&site).await;
    let mut streams = crowd(address, 2).await;
    site.until(|now| now.waiting == 2).await;
    for text in ["first", "second"] {
        let pen = pens.lock().await[0].clone();
        pen.send(Ok(text.into())).expect("the fetch reads");
        for stream in &mut streams {
            read_until(stream, text).await;
        }
    }
    pens.lock().await.clear();
    for stream in streams {
        assert!(answer(stream).await.ends_with("0\r\n\r\n"));
    }
    assert_eq!(site.calls(), 1);
}

#[tokio::test]
async fn an_event_stream_starts() {
    let (site, pens) = streaming(&[("content-type", "text/event-stream")]);
    let address = serve(&site).await;
    let mut stream = connect(address).await;
    ask(&mut stream, "/").await;
    site.until(|now| now.unshareable == 1).await;
    let pen = pens.lock().await[0].clone();
    pen.send(Ok("data: 1\n\n".into()))
        .expect("somebody listens");
    read_until(&mut stream, "data: 1\n\n").await;
    drop(stream);
    pen.closed().await;
}

#[tokio::test]
async fn a_cut_body_is_delivered_cut_and_not_stored() {
    let (site, pens) = streaming(&[("cache-control", "max-age=60")]);
    let address = serve(&site).await;
    let mut streams = crowd(address, 2).await;
    site.until(|now| now.waiting == 2).await;
    let pen = pens.lock().await[0].clone();
    pen.send(Ok("half".into())).expect("the fetch reads");
    for stream in &mut streams {
        read_until(stream, "half").await;
    }
    let broken = std::io::Error::other("the disk is gone");
    pen.send(Err(broken)).expect("the fetch reads");
    for stream in streams {
        let rest = answer(stream).await;
        assert!(
            !rest.ends_with("0\r\n\r\n"),
            "a cut body must not end cleanly"
        );
    }
    site.until(|now| now.flights == 0).await;
    assert_eq!(site.stats().stored_keys, 0);
}

#[tokio::test]
async fn a_slow_reader_holds_up_nobody() {
    let site =
        Site::new(|_| async { page(&[("cache-control", "max-age=60")], vec![b'x'; 5 << 20]) });
    let address = serve(&site).await;
    let slow = crowd(address, 1).await;
    site.until(|now| now.stored == 1).await;
    let quick = crowd(address, 1).await.pop().expect("one stream");
    let read = tokio::time::timeout(Duration::from_secs(20), answer(quick)).await;
    assert!(read.expect("it is not held up").len() > 5 << 20);
    assert_eq!(site.calls(), 1);
    drop(slow);
}
