//! Failures, deadlines and caps: each has one outcome, and it is a defined one.

mod support;

use std::sync::Arc;
use std::time::Duration;

use floodwall::Cache;
use support::{Site, all, get, page, status, with, written};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, sleep};

const RENDER: Duration = Duration::from_millis(500);

#[tokio::test(start_paused = true)]
async fn a_private_failure_is_one_outcome_too() {
    let site = Site::new(|_| async {
        sleep(RENDER).await;
        status(
            500,
            &[("cache-control", "no-store")],
            "stack trace of user 7",
        )
    });
    let answers = all(site.crowd("/", 100)).await;
    assert_eq!(site.calls(), 1);
    assert!(answers.iter().all(|answer| answer.status == 500));
    let own = answers
        .iter()
        .filter(|answer| answer.text().contains("user 7"));
    assert_eq!(
        own.count(),
        1,
        "only the one who asked may see its own error"
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_that_gets_no_answer_is_left_alone_for_a_while() {
    let builder = Cache::builder().fetch_deadline(RENDER);
    let site = Site::with(builder, |_| std::future::pending());
    assert_eq!(site.get("/").await.status, 504);
    assert_eq!(site.get("/").await.status, 504);
    let refused = site.get("/").await;
    assert_eq!(refused.status, 503);
    assert!(refused.cache_status().contains("detail=pause"));
    let seconds: u64 = refused.field("retry-after").parse().expect("seconds");
    assert!((1..=4).contains(&seconds), "{seconds}");
    assert_eq!(site.calls(), 2);
    sleep(Duration::from_secs(5)).await;
    assert_eq!(all(site.crowd("/", 50)).await.len(), 50);
    assert_eq!(site.calls(), 3, "one probe at a time");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_answers_with_errors_is_asked_by_one_at_a_time() {
    let site = Site::new(|_| async {
        sleep(RENDER).await;
        status(500, &[], "broken")
    });
    for round in 1..=5 {
        for answer in all(site.crowd("/", 100)).await {
            assert_eq!(answer.text(), "broken");
        }
        assert_eq!(site.calls(), round);
    }
}

#[tokio::test(start_paused = true)]
async fn one_bad_request_does_not_pause_a_page() {
    let site = Site::new(|call| async move {
        match call.field("accept") {
            Some("x/evil") => status(500, &[], "cannot"),
            _ => page(&[("cache-control", "max-age=60")], "page"),
        }
    });
    let evil = site.get_with("/", &[("accept", "x/evil")]).await;
    assert_eq!(evil.status, 500);
    assert_eq!(site.get("/").await.text(), "page");
}

#[tokio::test(start_paused = true)]
async fn an_origin_that_falls_silent_is_cut_and_not_stored() {
    let builder = Cache::builder().body_idle_deadline(Duration::from_secs(2));
    let (pen, body) = written();
    let body = Arc::new(Mutex::new(Some(body)));
    let site = Site::with(builder, move |call| {
        let body = Arc::clone(&body);
        async move {
            let fields = [("cache-control", "max-age=60")];
            match call.number {
                0 => page(&fields, body.lock().await.take().expect("once")),
                _ => page(&fields, "again"),
            }
        }
    });
    let first = site.spawn(get("/"));
    pen.send(Ok("half".into())).expect("the fetch reads");
    let answer = first.await.expect("no request panics");
    assert_eq!(answer.body, Err("half".into()));
    assert_eq!(site.get("/").await.text(), "again");
}

#[tokio::test(start_paused = true)]
async fn a_body_of_the_wrong_length_is_cut_and_not_stored() {
    for length in ["3", "5"] {
        let site = Site::new(move |_| async move {
            let fields = [("cache-control", "max-age=60"), ("content-length", length)];
            let (pen, body) = written();
            pen.send(Ok("four".into())).expect("the body is there");
            page(&fields, body)
        });
        assert_eq!(site.get("/").await.body, Err("four".into()), "{length}");
        assert_eq!(site.get("/").await.body, Err("four".into()), "{length}");
        assert_eq!(site.calls(), 2, "{length}");
    }
}

#[tokio::test(start_paused = true)]
async fn past_the_caps_there_is_a_defined_answer() {
    let builder = || Cache::builder().fetch_deadline(Duration::from_secs(5));
    let hang = |_| std::future::pending();
    for (site, reason) in [
        (Site::with(builder().max_waiters(1), hang), "waiters-full"),
        (Site::with(builder().max_flights(1), hang), "flights-full"),
    ] {
        let first = site.spawn(get("/"));
        site.until(|now| now.waiting == 1).await;
        let path = if reason == "waiters-full" {
            "/"
        } else {
            "/other"
        };
        let refused = site.get(path).await;
        assert_eq!(refused.status, 503);
        assert!(refused.cache_status().contains(reason), "{refused:?}");
        assert!(!refused.field("retry-after").is_empty());
        let now = site.stats();
        let met = (now.waiters_full, now.flights_full, now.refused);
        let of_waiters = u64::from(reason == "waiters-full");
        assert_eq!(met, (of_waiters, 1 - of_waiters, 1));
        assert_eq!(first.await.expect("no panic").status, 504);
    }
}

#[tokio::test(start_paused = true)]
async fn past_its_waiters_a_key_refuses_whatever_the_variant() {
    let builder = Cache::builder().max_waiters(10);
    let builder = builder.fetch_deadline(Duration::from_secs(5));
    let site = Site::with(builder, |call| async move {
        if call.number > 0 && call.request.uri().path() == "/" {
            std::future::pending::<()>().await;
        }
        page(
            &[("cache-control", "max-age=60"), ("vary", "accept-language")],
            "page",
        )
    });
    // From here on it is known on what the page varies.
    site.get("/").await;
    let other = |language: &str| with(get("/"), &[("accept-language", language)]);
    let waiting: Vec<_> = (0..10)
        .map(|at| site.spawn(other(["en", "fr"][at % 2])))
        .collect();
    site.until(|now| now.waiting == 10).await;
    for (round, language) in (1..).zip(["en", "fr", "de"]) {
        let refused = site.send(other(language)).await;
        assert_eq!(refused.status, 503);
        assert!(refused.cache_status().ends_with("detail=waiters-full"));
        assert_eq!(site.stats().waiters_full, round);
    }
    assert_eq!(site.get("/other").await.text(), "page");
    for answer in all(waiting).await {
        assert_eq!(answer.status, 504);
    }
}

#[tokio::test(start_paused = true)]
async fn past_its_fetches_for_new_variants_a_key_passes() {
    let builder = Cache::builder().max_variants(2);
    let site = Site::with(builder, |call| async move {
        if call
            .field("user-agent")
            .is_some_and(|agent| agent == "slow")
        {
            std::future::pending::<()>().await;
        }
        page(
            &[("cache-control", "max-age=60"), ("vary", "user-agent, x-b")],
            "page",
        )
    });
    let by = |agent: &str, b: &str| with(get("/"), &[("user-agent", agent), ("x-b", b)]);
    site.send(by("quick", "1")).await;
    let slow = ["1", "2"].map(|b| site.spawn(by("slow", b)));
    site.until(|now| now.flights == 2).await;
    for round in 1..=2 {
        let passed = site.send(by("quick", "2")).await;
        assert_eq!(passed.text(), "page");
        assert!(passed.cache_status().ends_with("detail=variants-full"));
        let now = site.stats();
        assert_eq!((now.variants_full, now.passes), (round, round));
    }
    assert!(site.send(by("quick", "1")).await.is_hit());
    for answer in all(slow.into()).await {
        assert_eq!(answer.status, 504);
    }
}

#[tokio::test(start_paused = true)]
async fn the_gate_limits_calls_and_bounds_its_queue() {
    let builder = Cache::builder().origin_limit(2).origin_queue(1);
    let turns = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&turns);
    let site = Site::with(builder, move |_| {
        let held = Arc::clone(&held);
        async move {
            held.acquire().await.expect("open").forget();
            page(&[("cache-control", "max-age=60")], "page")
        }
    });
    let crowd: Vec<_> = ["/a", "/b", "/c"].map(|path| site.spawn(get(path))).into();
    site.until(|now| now.at_origin == 2 && now.queued == 1)
        .await;
    assert_eq!(site.calls(), 2);
    let refused = site.get("/d").await;
    assert_eq!(refused.status, 503);
    assert!(refused.cache_status().contains("detail=gate-full"));
    assert_eq!((site.stats().gate_full, site.stats().refused), (1, 1));
    turns.add_permits(3);
    for answer in all(crowd).await {
        assert_eq!(answer.text(), "page");
    }
    assert_eq!(site.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn past_the_refreshes_stale_pages_are_served_and_refreshed_later() {
    let turns = Arc::new(Semaphore::new(2));
    let held = Arc::clone(&turns);
    let builder = Cache::builder().refresh_limit(1);
    let site = Site::with(builder, move |call| {
        let held = Arc::clone(&held);
        async move {
            held.acquire().await.expect("open").forget();
            let fields = [("cache-control", "max-age=1, stale-while-revalidate=60")];
            page(&fields, format!("{}", call.number))
        }
    });
    site.get("/a").await;
    site.get("/b").await;
    sleep(Duration::from_secs(2)).await;
    for round in 1..=3 {
        assert_eq!(site.get("/a").await.text(), "0");
        let stale = site.get("/b").await;
        assert_eq!(stale.text(), "1");
        assert!(
            stale
                .cache_status()
                .ends_with("detail=stale-while-revalidate")
        );
        assert_eq!(site.stats().flights, 1);
        // The other page is not put off: its refresh is under way.
        assert_eq!(site.stats().refreshes_full, round);
    }
    turns.add_permits(2);
    site.until_quiet().await;
    site.get("/b").await;
    site.until_quiet().await;
    assert_eq!(site.get("/a").await.text(), "2");
    assert_eq!(site.get("/b").await.text(), "3");
}

#[tokio::test(start_paused = true)]
async fn a_body_past_the_object_limit_goes_on_for_those_on_board() {
    let builder = Cache::builder().max_object_size(1000);
    let site = Site::with(builder, |_| async {
        let (pen, body) = written();
        for _ in 0..30 {
            pen.send(Ok(vec![b'x'; 100].into()))
                .expect("the body is there");
        }
        page(&[("cache-control", "max-age=60")], body)
    });
    let answer = site.get("/").await;
    assert_eq!(answer.text().len(), 3000);
    site.until_quiet().await;
    assert_eq!(site.stats().stored_keys, 0);
    site.get("/").await;
    assert_eq!(site.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_announces_to_be_too_large_is_not_waited_for() {
    let builder = Cache::builder().max_object_size(1000);
    let site = Site::with(builder, |_| async {
        sleep(RENDER).await;
        page(&[("cache-control", "max-age=60")], vec![b'x'; 3000])
    });
    let start = Instant::now();
    for answer in all(site.crowd("/", 10)).await {
        assert_eq!(answer.text().len(), 3000);
    }
    assert_eq!(start.elapsed(), 2 * RENDER);
    assert_eq!(site.calls(), 10);
    assert_eq!(site.stats().stored_keys, 0);
}
