//! One fetch answers everyone who waits for it, and nobody depends on another.

mod support;

use std::sync::Arc;
use std::time::Duration;

use floodwall::{Cache, Reason};
use support::{Answer, Site, all, get, method, next_chunk, page, settle, with, written};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

const RENDER: Duration = Duration::from_millis(500);

fn slow_page(cache_control: &'static str) -> Site {
    Site::new(move |call| async move {
        sleep(RENDER).await;
        page(
            &[("cache-control", cache_control)],
            format!("page {}", call.number),
        )
    })
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_requests_are_one_call() {
    let site = slow_page("max-age=60");
    let answers = all(site.crowd("/", 10_000)).await;
    assert_eq!(site.calls(), 1);
    assert!(answers.iter().all(|answer| answer.text() == "page 0"));
    let collapsed = |answer: &&Answer| answer.cache_status().ends_with("; collapsed");
    assert_eq!(answers.iter().filter(collapsed).count(), 9_999);
    assert_eq!(site.stats().collapsed, 9_999);
    site.until_quiet().await;
    assert_eq!(site.stats().flight_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn calls_per_flight_are_exactly_one() {
    let site = Site::new(|_| async { page(&[("cache-control", "max-age=0")], "now") });
    for round in 1..=200 {
        let answers = all(site.crowd("/", 20)).await;
        assert!(answers.iter().all(|answer| answer.text() == "now"));
        site.until_quiet().await;
        assert_eq!(site.stats().fills as usize, site.calls(), "round {round}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_private_page_of_one_with_a_cookie_does_not_scatter_those_without() {
    let site = Site::new(|call| {
        let signed_in = call.field("cookie").is_some();
        async move {
            sleep(RENDER).await;
            match signed_in {
                true => page(&[("cache-control", "private")], "my page"),
                false => page(&[("cache-control", "max-age=60")], "the page"),
            }
        }
    });
    let signed_in = || site.spawn(with(get("/"), &[("cookie", "sid=1")]));
    let first = signed_in();
    site.until(|now| now.waiting == 1).await;
    let crowd = site.crowd("/", 100);
    let others = [signed_in(), signed_in()];
    let start = Instant::now();
    for answer in all(crowd).await {
        assert_eq!(answer.text(), "the page");
    }
    assert_eq!(start.elapsed(), 2 * RENDER);
    assert_eq!(first.await.expect("no panic").text(), "my page");
    for other in others {
        assert_eq!(other.await.expect("no panic").text(), "my page");
    }
    assert_eq!(site.calls(), 4, "one for each cookie, one for all without");
    assert!(site.get("/").await.is_hit());
}

#[tokio::test(start_paused = true)]
async fn the_memory_of_an_unshareable_key_fades() {
    let site = Site::new(|call| async move {
        let said = if call.number == 0 {
            "private"
        } else {
            "max-age=60"
        };
        page(&[("cache-control", said)], "page")
    });
    site.get("/").await;
    let passed = site.get("/").await;
    assert!(passed.cache_status().contains("detail=known-unshareable"));
    // That answer could have been stored, so the next one is.
    assert!(site.get("/").await.cache_status().contains("; stored"));
    assert!(site.get("/").await.is_hit());
    assert_eq!(site.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn followers_read_while_the_origin_writes() {
    let (pen, body) = written();
    let body = Arc::new(Mutex::new(Some(body)));
    let site = Site::new(move |_| {
        let body = Arc::clone(&body);
        async move {
            let body = body.lock().await.take().expect("asked once");
            page(&[("cache-control", "max-age=60")], body)
        }
    });
    let mut first = site.open(get("/")).await.into_body();
    let mut second = site.open(get("/")).await.into_body();
    pen.send(Ok("one".into())).expect("the fetch reads");
    assert_eq!(next_chunk(&mut first).await.expect("a chunk"), "one");
    assert_eq!(next_chunk(&mut second).await.expect("a chunk"), "one");
    let mut late = site.open(get("/")).await.into_body();
    assert_eq!(
        next_chunk(&mut late).await.expect("a replayed chunk"),
        "one"
    );
    pen.send(Ok("two".into())).expect("the fetch reads");
    drop(pen);
    for body in [&mut first, &mut second, &mut late] {
        assert_eq!(next_chunk(body).await.expect("a chunk"), "two");
        assert!(next_chunk(body).await.is_none());
    }
    assert_eq!(site.calls(), 1);
    assert_eq!(site.get("/").await.text(), "onetwo");
}

#[tokio::test(start_paused = true)]
async fn the_leader_may_leave_at_any_point() {
    // 0: before it was polled; 1: while the page is made; 2: with the head; 3:
    // with half the body.
    for point in 0..4 {
        let (pen, body) = written();
        let body = Arc::new(Mutex::new(Some(body)));
        let site = Site::new(move |_| {
            let body = Arc::clone(&body);
            async move {
                sleep(RENDER).await;
                let body = body.lock().await.take().expect("asked once");
                page(&[("cache-control", "max-age=60")], body)
            }
        });
        let mut app = site.app.clone();
        let leader = tower::Service::call(&mut app, get("/"));
        let mut leader = Box::pin(leader);
        if point > 0 {
            assert!(futures_util::poll!(leader.as_mut()).is_pending());
        }
        if point == 0 {
            drop(leader);
            let followers = site.crowd("/", 100);
            settle().await;
            pen.send(Ok("whole".into())).expect("the fetch reads");
            drop(pen);
            check_whole(&site, followers, "whole").await;
            continue;
        }
        let followers = site.crowd("/", 100);
        site.until(|now| now.waiting == 101).await;
        if point == 1 {
            drop(leader);
            pen.send(Ok("whole".into())).expect("the fetch reads");
        } else {
            let mut body = leader.await.expect("never fails").into_body();
            pen.send(Ok("wh".into())).expect("the fetch reads");
            if point == 3 {
                assert_eq!(next_chunk(&mut body).await.expect("a chunk"), "wh");
            }
            drop(body);
            pen.send(Ok("ole".into())).expect("the fetch reads");
        }
        drop(pen);
        check_whole(&site, followers, "whole").await;
    }
}

async fn check_whole(site: &Site, crowd: Vec<tokio::task::JoinHandle<Answer>>, text: &str) {
    for answer in all(crowd).await {
        assert_eq!(answer.text(), text);
    }
    assert_eq!(site.calls(), 1);
    site.until_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn those_who_waited_share_a_zero_lifetime_and_those_who_come_later_do_not() {
    let site = slow_page("max-age=0");
    let answers = all(site.crowd("/", 100)).await;
    assert_eq!(site.calls(), 1);
    assert!(answers.iter().all(|answer| answer.text() == "page 0"));
    assert_eq!(site.get("/").await.text(), "page 1");
}

#[tokio::test(start_paused = true)]
async fn strictly_a_zero_lifetime_is_for_one() {
    let builder = Cache::builder().strict_collapse(true);
    let site = Site::with(builder, |call| async move {
        sleep(RENDER).await;
        page(
            &[("cache-control", "max-age=0")],
            format!("{}", call.number),
        )
    });
    all(site.crowd("/", 50)).await;
    assert_eq!(site.calls(), 50);
}

#[tokio::test(start_paused = true)]
async fn an_event_stream_starts_and_is_not_shared() {
    let pens: Arc<Mutex<Vec<support::Pen>>> = Arc::default();
    let kept = Arc::clone(&pens);
    let site = Site::new(move |_| {
        let kept = Arc::clone(&kept);
        async move {
            let (pen, body) = written();
            pen.send(Ok("data: 1\n\n".into()))
                .expect("the body is there");
            kept.lock().await.push(pen);
            page(
                &[("content-type", "text/event-stream; charset=utf-8")],
                body,
            )
        }
    });
    let mut first = site.open(get("/events")).await.into_body();
    let mut second = site.open(get("/events")).await.into_body();
    assert_eq!(
        next_chunk(&mut first).await.expect("it starts"),
        "data: 1\n\n"
    );
    assert_eq!(
        next_chunk(&mut second).await.expect("it starts"),
        "data: 1\n\n"
    );
    assert_eq!(site.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn explaining_changes_nothing() {
    let site = slow_page("max-age=1, stale-while-revalidate=10");
    let explain = || site.cache.explain(&get("/"));
    assert_eq!(explain().to_string(), "fill (uri-miss)");
    let crowd = site.crowd("/", 2);
    site.until(|now| now.waiting == 2).await;
    assert_eq!(explain().to_string(), "follow (uri-miss)");
    assert_eq!(site.stats().waiting, 2);
    all(crowd).await;
    assert_eq!(explain().to_string(), "hit (fresh), age 0 s, ttl 1 s");
    sleep(Duration::from_secs(3)).await;
    let stale = explain();
    assert_eq!(stale.reason, Reason::StaleWhileRevalidate);
    assert_eq!(stale.ttl, Some(-2));
    let post = site.cache.explain(&method("POST", "/"));
    assert_eq!(post.to_string(), "pass (method)");
    assert_eq!(site.calls(), 1);
}
