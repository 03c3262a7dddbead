//! Crowds that reached the origin, requests that spoilt it for others, and
//! clients that held more than their share.

mod support;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use floodwall::Cache;
use futures_util::future::join_all;
use futures_util::stream;
use http::HeaderValue;
use support::{Pen, Site, get, next_chunk, page, status, with, written};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

const RENDER: Duration = Duration::from_millis(300);
const CHUNK: usize = 16 << 10;

fn chunk() -> Bytes {
    vec![b'x'; CHUNK].into()
}

#[tokio::test(start_paused = true)]
async fn an_answer_about_one_request_sends_nobody_past_the_gate() {
    for (code, field) in [(406, "x-why"), (206, "content-range")] {
        let builder = Cache::builder().origin_limit(4);
        let site = Site::with(builder, move |call| async move {
            sleep(RENDER).await;
            match call.field("x-odd") {
                Some(_) => status(code, &[(field, "bytes 0-1/4")], "pa"),
                None => page(&[("cache-control", "max-age=60")], "page"),
            }
        });
        let odd = site.spawn(with(get("/"), &[("x-odd", "1")]));
        site.until(|now| now.waiting == 1).await;
        let crowd = site.crowd("/", 500);
        for answer in join_all(crowd).await {
            assert_eq!(answer.expect("no request panics").text(), "page");
        }
        assert_eq!(odd.await.expect("no panic").status, code);
        assert_eq!(site.calls(), 2, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_one_outcome_for_those_with_cookies_too() {
    let site = Site::new(|_| async {
        sleep(RENDER).await;
        status(500, &[], "broken")
    });
    let first = site.spawn(get("/"));
    site.until(|now| now.waiting == 1).await;
    let crowd: Vec<_> = (0..200)
        .map(|at| site.spawn(with(get("/"), &[("cookie", &format!("sid={at}"))])))
        .collect();
    assert_eq!(first.await.expect("no panic").text(), "broken");
    for answer in join_all(crowd).await {
        let answer = answer.expect("no request panics");
        assert_eq!(answer.status, 500);
        assert_ne!(answer.text(), "broken", "words that were for another");
    }
    assert_eq!(site.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_with_a_cookie_in_front_does_not_scatter_those_behind() {
    // Without `public`, the answer to a cookie is for nobody else.
    let site = Site::new(|_| async {
        sleep(RENDER).await;
        page(&[("cache-control", "max-age=60")], "page")
    });
    let first = site.spawn(with(get("/"), &[("cookie", "_ga=1")]));
    site.until(|now| now.waiting == 1).await;
    for answer in join_all(site.crowd("/", 500)).await {
        assert_eq!(answer.expect("no request panics").text(), "page");
    }
    assert_eq!(first.await.expect("no panic").text(), "page");
    assert_eq!(site.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_page_in_endless_variants_does_not_take_all_flights() {
    let builder = Cache::builder().max_variants(4).max_flights(16);
    let site = Site::with(builder, |call| async move {
        if call.number > 0 && call.request.uri().path() == "/" {
            pending::<()>().await;
        }
        let fields = [("cache-control", "max-age=1"), ("vary", "accept-language")];
        page(&fields, "page")
    });
    // From here on it is known on what the page varies.
    site.get("/").await;
    sleep(Duration::from_secs(2)).await;
    let passed = site.stats().passes;
    let _hanging: Vec<_> = (0..1000)
        .map(|at| site.spawn(with(get("/"), &[("accept-language", &format!("x{at}"))])))
        .collect();
    site.until(|now| now.waiting + now.refused + now.passes - passed == 1000)
        .await;
    assert_eq!(site.stats().flights, 4);
    assert_eq!(site.get("/other").await.text(), "page");
}

#[tokio::test(start_paused = true)]
async fn a_stored_variant_does_not_lose_its_fetch_to_odd_ones() {
    let builder = Cache::builder().max_variants(4).origin_limit(8);
    let site = Site::with(builder, |call| async move {
        let language = call.field("accept-language").unwrap_or("none").to_owned();
        if language.starts_with('x') {
            pending::<()>().await;
        }
        sleep(RENDER).await;
        let fields = [("cache-control", "max-age=1"), ("vary", "accept-language")];
        page(&fields, language)
    });
    let english = || with(get("/"), &[("accept-language", "en")]);
    site.send(english()).await;
    sleep(Duration::from_secs(2)).await;
    let _hanging: Vec<_> = (0..4)
        .map(|at| site.spawn(with(get("/"), &[("accept-language", &format!("x{at}"))])))
        .collect();
    site.until(|now| now.flights == 4).await;
    let before = site.calls();
    let crowd: Vec<_> = (0..500).map(|_| site.spawn(english())).collect();
    for answer in join_all(crowd).await {
        assert_eq!(answer.expect("no panic").text(), "en");
    }
    assert_eq!(site.calls(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_nobody_waits_for_any_more_leaves_the_queue() {
    let turns = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&turns);
    let builder = Cache::builder().origin_limit(1);
    let site = Site::with(builder, move |_| {
        let held = Arc::clone(&held);
        async move {
            held.acquire().await.expect("open").forget();
            page(&[("cache-control", "max-age=60")], "page")
        }
    });
    let first = site.spawn(get("/first"));
    site.until(|now| now.at_origin == 1).await;
    let gone: Vec<_> = (0..20)
        .map(|at| site.spawn(get(&format!("/gone/{at}"))))
        .collect();
    site.until(|now| now.queued == 20).await;
    gone.iter().for_each(JoinHandle::abort);
    site.until(|now| now.waiting == 1).await;
    let last = site.spawn(get("/last"));
    turns.add_permits(100);
    assert_eq!(first.await.expect("no panic").text(), "page");
    assert_eq!(last.await.expect("no panic").text(), "page");
    site.until_quiet().await;
    assert_eq!(site.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_does_not_queue_where_clients_would_have_to_wait_behind_it() {
    let turns = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&turns);
    let builder = Cache::builder().origin_limit(1);
    let site = Site::with(builder, move |call| {
        let held = Arc::clone(&held);
        async move {
            if call.request.uri().path() == "/busy" {
                held.acquire().await.expect("open").forget();
            }
            let fields = [("cache-control", "max-age=1, stale-while-revalidate=60")];
            page(&fields, format!("{}", call.number))
        }
    });
    site.get("/hot").await;
    sleep(Duration::from_secs(2)).await;
    let busy = site.spawn(get("/busy"));
    site.until(|now| now.at_origin == 1).await;
    assert!(site.get("/hot").await.is_hit());
    assert_eq!(site.stats().flights, 1, "only the busy page's");
    turns.add_permits(1);
    assert_eq!(busy.await.expect("no panic").text(), "1");
    site.until_quiet().await;
    // Now there is room, and the next one to find it stale has it refreshed.
    assert_eq!(site.get("/hot").await.text(), "0");
    site.until_quiet().await;
    assert_eq!(site.get("/hot").await.text(), "2");
}

#[tokio::test(start_paused = true)]
async fn requests_that_make_the_handler_fail_take_the_page_from_nobody() {
    let site = Site::new(|call| async move {
        match call.field("x-evil") {
            Some(_) => status(500, &[], "boom"),
            None => page(&[("cache-control", "max-age=5")], "page"),
        }
    });
    site.get("/").await;
    let evil = [("x-evil", "1"), ("cache-control", "no-cache")];
    for _ in 0..30 {
        site.get_with("/", &evil).await;
        sleep(RENDER).await;
        assert_eq!(site.get("/").await.text(), "page");
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_whose_body_always_breaks_is_left_alone_for_a_while() {
    let site = Site::new(|_| async {
        let (pen, body) = written();
        pen.send(Ok("half".into())).expect("the body is there");
        let cut = std::io::Error::other("cut");
        pen.send(Err(cut)).expect("the body is there");
        page(&[("cache-control", "max-age=60")], body)
    });
    for _ in 0..2 {
        assert_eq!(site.get("/").await.body, Err("half".into()));
        site.until_quiet().await;
    }
    let refused = site.get("/").await;
    assert!(refused.cache_status().contains("detail=pause"));
    assert_eq!(site.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_holds_no_place_at_the_origin() {
    let builder = Cache::builder().origin_limit(1);
    let site = Site::with(builder, |call| async move {
        if call.request.uri().path() != "/large" {
            return page(&[("cache-control", "max-age=60")], "page");
        }
        let (pen, body) = written();
        for _ in 0..64 {
            pen.send(Ok(chunk())).expect("the body is there");
        }
        page(&[], body)
    });
    let unread = site.open(get("/large")).await;
    assert_eq!(site.get("/other").await.text(), "page");
    drop(unread);
}

#[tokio::test(start_paused = true)]
async fn what_everyone_has_read_is_let_go() {
    let (pen, body) = written();
    let body = Arc::new(Mutex::new(Some(body)));
    let site = Site::new(move |_| {
        let body = Arc::clone(&body);
        async move { page(&[], body.lock().await.take().expect("asked once")) }
    });
    let (fast, slow) = tokio::join!(site.open(get("/")), site.open(get("/")));
    let (mut fast, mut slow) = (fast.into_body(), slow.into_body());
    for round in 0..10 {
        for _ in 0..10 {
            pen.send(Ok(chunk())).expect("the fetch reads");
            assert_eq!(next_chunk(&mut fast).await, Some(chunk()));
        }
        for _ in 0..10 {
            assert_eq!(next_chunk(&mut slow).await, Some(chunk()));
        }
        // What both have read goes when the next piece comes.
        pen.send(Ok(chunk())).expect("the fetch reads");
        for reader in [&mut fast, &mut slow] {
            assert_eq!(next_chunk(reader).await, Some(chunk()));
        }
        assert_eq!(site.stats().flight_bytes, CHUNK as u64, "round {round}");
    }
}

#[tokio::test(start_paused = true)]
async fn fetches_hold_little_more_than_the_store_may() {
    let pens: Arc<Mutex<Vec<Pen>>> = Arc::default();
    let kept = Arc::clone(&pens);
    let builder = Cache::builder().capacity(1 << 20);
    let site = Site::with(builder, move |_| {
        let kept = Arc::clone(&kept);
        async move {
            let (pen, body) = written();
            for _ in 0..60 {
                pen.send(Ok(chunk())).expect("the body is there");
            }
            kept.lock().await.push(pen);
            page(&[("cache-control", "max-age=60")], body)
        }
    });
    // Nobody reads, and no body comes to its end.
    for at in 0..20 {
        drop(site.open(get(&format!("/{at}"))).await);
    }
    assert_eq!(site.calls(), 20);
    let whole = 60 * CHUNK as u64;
    site.until(|now| now.flight_bytes == now.flights * whole)
        .await;
    assert!(
        site.stats().flight_bytes <= 2 << 20,
        "{}",
        site.stats().flight_bytes
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_stored_does_not_keep_the_buffer_that_it_came_in() {
    let buffer = Bytes::from(vec![b'x'; 1 << 20]);
    let lent = Arc::new(Mutex::new(Some(buffer.clone())));
    let site = Site::new(move |_| {
        let lent = Arc::clone(&lent);
        async move {
            let lent = lent.lock().await.take().expect("asked once");
            let mut page = page(&[("cache-control", "max-age=60")], lent.slice(..4));
            let value = HeaderValue::from_maybe_shared(lent.slice(4..8));
            let value = value.expect("a legal value");
            page.headers_mut().insert("x-value", value);
            page
        }
    });
    assert_eq!(site.get("/").await.text(), "xxxx");
    site.until_quiet().await;
    let hit = site.get("/").await;
    assert_eq!((hit.text(), hit.field("x-value")), ("xxxx", "xxxx"));
    assert!(site.stats().stored_bytes < CHUNK as u64);
    assert!(buffer.is_unique());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_asks_for_the_page_that_it_is_part_of_does_not_wait_for_itself() {
    let inner: Arc<Mutex<Option<Site>>> = Arc::default();
    let slot = Arc::clone(&inner);
    let site = Site::new(move |call| {
        let slot = Arc::clone(&slot);
        async move {
            let fields = [("cache-control", "max-age=60")];
            if call.number > 0 {
                return page(&fields, "inner");
            }
            let text = async move {
                let site = slot.lock().await.clone().expect("the site is there");
                let answer = Box::pin(site.get("/")).await;
                Ok::<_, std::io::Error>(answer.text().to_owned())
            };
            page(&fields, Body::from_stream(stream::once(text)))
        }
    });
    *inner.lock().await = Some(site.clone());
    let start = Instant::now();
    assert_eq!(site.get("/").await.text(), "inner");
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(site.get("/").await.is_hit());
    *inner.lock().await = None;
}

#[tokio::test(start_paused = true)]
async fn a_failure_whose_body_breaks_too_is_one_failure() {
    let site = Site::new(|call| async move {
        if call.number > 0 {
            return page(&[("cache-control", "max-age=60")], "page");
        }
        let (pen, body) = written();
        let cut = std::io::Error::other("cut");
        pen.send(Err(cut)).expect("the body is there");
        status(503, &[], body)
    });
    assert_eq!(site.get("/").await.status, 503);
    site.until_quiet().await;
    assert_eq!(site.stats().failures, 1);
    assert_eq!(site.get("/").await.text(), "page", "the key was left alone");
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_of_all_does_not_hide_what_is_known_of_those_with_cookies() {
    let builder = Cache::builder().unshareable_memory(Duration::from_secs(1));
    let site = Site::with(builder, |call| async move {
        match call.number {
            0 => page(&[("cache-control", "private")], "for one"),
            _ => page(&[("cache-control", "max-age=60")], "page"),
        }
    });
    site.get("/").await;
    sleep(Duration::from_secs(2)).await;
    let cookie = [("cookie", "sid=1")];
    site.get_with("/", &cookie).await;
    let passed = site.get_with("/", &cookie).await;
    let said = passed.cache_status();
    assert!(said.contains("detail=known-unshareable"), "{said}");
}
