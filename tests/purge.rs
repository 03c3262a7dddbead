//! A purge wins over everything that began before it.

mod support;

use std::time::Duration;

use floodwall::{Cache, KeyRules, Purge};
use support::{Site, get, held_with, page, with};
use tokio::time::{Instant, sleep};

fn tagged() -> Site {
    Site::new(|call| async move {
        let fields = [
            ("cache-control", "max-age=60, stale-while-revalidate=60"),
            ("cache-tag", "news, front"),
            ("surrogate-key", "sk1 sk2"),
            ("cache-groups", "\"group\""),
        ];
        page(&fields, format!("{}", call.number))
    })
}

fn uri(text: &str) -> Purge {
    Purge::uri(text).expect("a legal page")
}

#[tokio::test(start_paused = true)]
async fn a_purge_takes_what_it_names_and_nothing_else() {
    let purges = [
        uri("http://good.test/a"),
        uri("/a"),
        Purge::prefix("/").expect("a legal prefix"),
        Purge::tag("front"),
        Purge::tag("sk2"),
        Purge::tag("group"),
        Purge::everything(),
    ];
    for purge in purges {
        let site = tagged();
        site.get("/a").await;
        site.cache.purge(purge.clone());
        assert_eq!(site.get("/a").await.text(), "1", "{purge:?}");
        assert!(site.get("/a").await.is_hit());
    }
    let site = tagged();
    site.get("/a").await;
    for purge in [
        uri("http://good.test/ab"),
        uri("http://bad.test/a"),
        Purge::prefix("/a/").expect("a legal prefix"),
        Purge::prefix("/ab").expect("a legal prefix"),
        Purge::tag("new"),
        Purge::tag("news2"),
        Purge::tag("News"),
        Purge::tag("news, front"),
        Purge::tag("*"),
        Purge::tag(""),
    ] {
        site.cache.purge(purge);
        assert!(site.get("/a").await.is_hit());
    }
    // A prefix ends where a segment ends.
    for path in ["/ab", "/a", "/a?x", "/a/b"] {
        site.get(path).await;
    }
    site.cache
        .purge(Purge::prefix("/a").expect("a legal prefix"));
    for (path, stays) in [
        ("/ab", true),
        ("/a", false),
        ("/a?x", false),
        ("/a/b", false),
    ] {
        assert_eq!(site.get(path).await.is_hit(), stays, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_purge_takes_all_variants_and_forwarded_forms() {
    let site = Site::new(|call| async move {
        let fields = [("cache-control", "max-age=60"), ("vary", "accept-language")];
        page(&fields, format!("{}", call.number))
    });
    let forms: [&[(&str, &str)]; 3] = [
        &[("accept-language", "en")],
        &[("accept-language", "fr")],
        &[("x-forwarded-proto", "https")],
    ];
    for form in forms {
        site.get_with("/", form).await;
    }
    site.cache.purge(uri("https://good.test/"));
    for form in forms {
        assert!(!site.get_with("/", form).await.is_hit(), "{form:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_soft_purge_serves_stale_and_refreshes_once() {
    let site = tagged();
    site.get("/a").await;
    site.cache.purge(Purge::tag("news").soft());
    let start = Instant::now();
    let answer = site.get("/a").await;
    assert_eq!(answer.text(), "0");
    assert_eq!(
        answer.cache_status(),
        "hit; ttl=0; detail=stale-while-revalidate"
    );
    assert_eq!(start.elapsed(), Duration::ZERO);
    site.until_quiet().await;
    assert_eq!(site.get("/a").await.text(), "1");
    assert_eq!(site.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_purge_wins_over_a_fetch_under_way() {
    for purge in [
        uri("http://good.test/"),
        uri("/"),
        Purge::prefix("/").expect("a legal prefix"),
        Purge::tag("t"),
        Purge::everything(),
    ] {
        let fields = vec![("cache-control", "max-age=60"), ("cache-tag", "t")];
        let (site, turns) = held_with(Cache::builder(), fields);
        let before = site.crowd("/", 10);
        site.until(|now| now.waiting == 10 && now.at_origin == 1)
            .await;
        site.cache.purge(purge.clone());
        let after = site.crowd("/", 10);
        turns.add_permits(100);
        for answer in futures_util::future::join_all(before.into_iter().chain(after)).await {
            let answer = answer.expect("no request panics");
            assert_ne!(answer.text(), "page 0", "{purge:?}");
        }
        assert!(site.get("/").await.is_hit());
        assert_ne!(site.get("/").await.text(), "page 0");
    }
}

#[tokio::test(start_paused = true)]
async fn a_purge_wins_over_a_refresh_under_way() {
    let site = Site::new(|call| async move {
        if call.number == 1 {
            sleep(Duration::from_secs(1)).await;
        }
        let fields = [("cache-control", "max-age=1, stale-while-revalidate=60")];
        page(&fields, format!("{}", call.number))
    });
    site.get("/").await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(site.get("/").await.text(), "0");
    site.until(|now| now.flights == 1 && now.at_origin == 1)
        .await;
    site.cache.purge(uri("/"));
    assert_eq!(site.get("/").await.text(), "2");
    sleep(Duration::from_secs(2)).await;
    site.until_quiet().await;
    let answer = site.get("/").await;
    assert_ne!(answer.text(), "1");
    assert_ne!(answer.text(), "0");
}

#[tokio::test(start_paused = true)]
async fn purges_do_not_stop_what_they_do_not_name() {
    let site = tagged();
    site.get("/a").await;
    for page in 0..10_000 {
        site.cache.purge(uri(&format!("/other/{page}")));
    }
    // Rules are folded past a cap: more may be gone than was named, never less.
    assert_eq!(site.stats().purges, 10_000);
    let answer = site.get("/a").await;
    assert!(answer.is_hit() || answer.text() == "1");
    site.get("/other/5").await;
    assert!(site.get("/other/5").await.is_hit());
    let once_more = site.send(with(get("/a"), &[])).await;
    assert!(once_more.is_hit());
}

#[tokio::test(start_paused = true)]
async fn a_purge_names_the_page_that_the_key_covers() {
    let builder = Cache::builder().key(KeyRules::new().drop_query("utm"));
    let site = Site::with(builder, |call| async move {
        page(
            &[("cache-control", "max-age=60")],
            format!("{}", call.number),
        )
    });
    site.get("/p?a=1").await;
    site.cache.purge(uri("/p?utm=x&a=1"));
    assert!(!site.get("/p?a=1").await.is_hit());
    site.send(support::method("POST", "/p?a=1&utm=y")).await;
    assert!(!site.get("/p?a=1").await.is_hit());
}
