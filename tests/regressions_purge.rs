//! Purges that came too late, took too little or took too much.

mod support;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use floodwall::{Cache, Purge};
use futures_util::future::join_all;
use http::{Method, Request};
use support::{Site, get, method, page, status, with};
use tokio::sync::Semaphore;
use tokio::time::sleep;

const RENDER: Duration = Duration::from_millis(300);

fn uri(text: &str) -> Purge {
    Purge::uri(text).expect("a legal page")
}

#[tokio::test(start_paused = true)]
async fn a_purge_wins_over_a_validation_under_way() {
    for purge in [
        uri("/"),
        Purge::tag("news"),
        Purge::prefix("/").expect("a legal prefix"),
        Purge::everything(),
    ] {
        let turns = Arc::new(Semaphore::new(0));
        let held = Arc::clone(&turns);
        let site = Site::new(move |call| {
            let held = Arc::clone(&held);
            async move {
                let fields = [
                    ("cache-control", "max-age=1"),
                    ("etag", "\"a\""),
                    ("cache-tag", "news"),
                ];
                if call.field("if-none-match").is_some() {
                    held.acquire().await.expect("open").forget();
                    return status(304, &fields, "");
                }
                page(&fields, format!("{}", call.number))
            }
        });
        assert_eq!(site.get("/").await.text(), "0");
        sleep(Duration::from_secs(2)).await;
        let before = site.spawn(get("/"));
        site.until(|now| now.waiting == 1 && now.at_origin == 1)
            .await;
        site.cache.purge(purge.clone());
        // Nothing tells a flight's tags before its head arrives, so after a purge
        // by tag this one joins what is under way.
        let after = site.spawn(get("/"));
        site.until(|now| now.waiting == 2 || now.fills == 3).await;
        turns.add_permits(1);
        for answer in [before, after] {
            let answer = answer.await.expect("no request panics");
            assert_ne!(answer.text(), "0", "{purge:?}");
        }
        assert_ne!(site.get("/").await.text(), "0", "{purge:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn tags_that_a_304_does_not_repeat_still_name_the_page() {
    // Of the fields with tags only Cache-Groups is part of a stored head.
    for tag in ["article-42", "group"] {
        let site = Site::new(|call| async move {
            if call.field("if-none-match").is_some() {
                return status(304, &[("cache-control", "max-age=60")], "");
            }
            let fields = [
                ("cache-control", "max-age=1"),
                ("etag", "\"a\""),
                ("surrogate-key", "article-42"),
                ("cache-groups", "\"group\""),
            ];
            page(&fields, format!("{}", call.number))
        });
        site.get("/").await;
        sleep(Duration::from_secs(2)).await;
        assert_eq!(site.get("/").await.text(), "0");
        assert_eq!(site.stats().validated, 1);
        site.cache.purge(Purge::tag(tag));
        assert_ne!(site.get("/").await.text(), "0", "{tag}");
    }
}

#[tokio::test(start_paused = true)]
async fn tags_that_a_304_brings_name_the_page_too() {
    let site = Site::new(|call| async move {
        let fields = [("cache-control", "max-age=1"), ("etag", "\"a\"")];
        if call.field("if-none-match").is_some() {
            let fields = [("cache-control", "max-age=60"), ("cache-tag", "new")];
            return status(304, &fields, "");
        }
        page(&fields, format!("{}", call.number))
    });
    site.get("/").await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(site.get("/").await.text(), "0");
    site.cache.purge(Purge::tag("new"));
    assert_ne!(site.get("/").await.text(), "0");
}

#[tokio::test(start_paused = true)]
async fn posts_to_thousands_of_pages_leave_the_others_alone() {
    let site = Site::new(|_| async { page(&[("cache-control", "max-age=3600")], "page") });
    let others: Vec<String> = (0..20).map(|at| format!("/article/{at}")).collect();
    for path in &others {
        site.get(path).await;
    }
    for at in 0..8193 {
        site.send(method("POST", &format!("/like/{at}"))).await;
    }
    let mut hits = 0;
    for path in &others {
        hits += usize::from(site.get(path).await.is_hit());
    }
    // One in forty shares its place with pages that were changed.
    assert!(hits > others.len() / 2, "{hits}");
}

#[tokio::test(start_paused = true)]
async fn a_post_to_the_default_port_changes_the_page_without_it() {
    let site = Site::new(|_| async { page(&[("cache-control", "max-age=60")], "page") });
    let ask = |method: Method, uri: &str| {
        let request = Request::builder().method(method).uri(uri);
        site.send(request.body(Body::empty()).expect("a legal request"))
    };
    for (bare, full) in [
        ("https://good.test/p", "https://good.test:443/p"),
        ("http://other.test/p", "http://other.test:80/p"),
    ] {
        ask(Method::GET, bare).await;
        assert!(ask(Method::GET, full).await.is_hit(), "{full}");
        ask(Method::POST, full).await;
        assert!(!ask(Method::GET, bare).await.is_hit(), "{full}");
        ask(Method::POST, bare).await;
        assert!(!ask(Method::GET, full).await.is_hit(), "{full}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_purged_all_the_time_is_answered_by_few_calls() {
    for by_post in [false, true] {
        let builder = Cache::builder().origin_limit(4);
        let site = Site::with(builder, |call| async move {
            if call.request.method() == Method::GET {
                sleep(RENDER).await;
            }
            let text = format!("{}", call.number);
            page(&[("cache-control", "max-age=60")], text)
        });
        let crowd = site.crowd("/", 500);
        for _ in 0..15 {
            sleep(RENDER / 3).await;
            if by_post {
                site.send(method("POST", "/")).await;
            } else {
                site.cache.purge(uri("/"));
            }
        }
        for answer in join_all(crowd).await {
            assert_eq!(answer.expect("no request panics").status, 200);
        }
        let seen = site.seen();
        let fetched = seen.iter().filter(|call| call.method == Method::GET);
        assert_eq!(fetched.count(), 2, "by POST: {by_post}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_after_a_soft_purge_is_not_answered_by_a_fetch_from_before_it() {
    // By tag it cannot be told before the head is there which fetch that is.
    for purge in [uri("/"), Purge::tag("news")] {
        let turns = Arc::new(Semaphore::new(0));
        let held = Arc::clone(&turns);
        let site = Site::new(move |call| {
            let held = Arc::clone(&held);
            async move {
                held.acquire().await.expect("open").forget();
                let fields = [
                    ("cache-control", "max-age=60, must-revalidate"),
                    ("cache-tag", "news"),
                ];
                page(&fields, format!("{}", call.number))
            }
        });
        let before = site.spawn(get("/"));
        site.until(|now| now.at_origin == 1).await;
        site.cache.purge(purge.soft());
        let after = site.spawn(get("/"));
        site.until(|now| now.waiting == 2).await;
        turns.add_permits(2);
        assert_eq!(before.await.expect("no panic").text(), "0");
        assert_eq!(after.await.expect("no panic").text(), "1");
    }
}

#[tokio::test(start_paused = true)]
async fn variants_that_were_purged_make_room() {
    let builder = Cache::builder().max_variants(2);
    let site = Site::with(builder, |call| async move {
        sleep(RENDER).await;
        let language = call.field("accept-language").unwrap_or("none").to_owned();
        let fields = [("cache-control", "max-age=60"), ("vary", "accept-language")];
        page(&fields, language)
    });
    for language in ["en", "fr"] {
        site.get_with("/", &[("accept-language", language)]).await;
    }
    site.cache.purge(uri("/"));
    let inuktitut = [("accept-language", "iu")];
    let crowd: Vec<_> = (0..100)
        .map(|_| site.spawn(with(get("/"), &inuktitut)))
        .collect();
    for answer in join_all(crowd).await {
        assert_eq!(answer.expect("no request panics").text(), "iu");
    }
    assert_eq!(site.calls(), 3);
    assert!(site.get_with("/", &inuktitut).await.is_hit());
}

#[tokio::test(start_paused = true)]
async fn a_uri_without_a_path_names_the_root() {
    let site = Site::new(|call| async move {
        page(&[("cache-control", "max-age=60")], call.number.to_string())
    });
    let rootless = "http://good.test?q";
    assert_eq!(site.get("/?q").await.text(), "0");
    site.cache.purge(uri(rootless));
    assert_eq!(site.get("/?q").await.text(), "1");
    site.send(method("POST", rootless)).await;
    assert_eq!(site.get(rootless).await.text(), "3");
}
