//! The forms that an answer from the store can take, and what is said of it.

mod support;

use std::time::Duration;

use floodwall::Cache;
use support::{Answer, Site, get, method, page, status, with};
use tokio::time::sleep;

const OLD: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const TEXT: &str = "0123456789";

fn validated() -> Site {
    Site::new(|_| async {
        let fields = [
            ("cache-control", "max-age=60"),
            ("content-type", "text/plain"),
            ("etag", "\"v1\""),
            ("last-modified", OLD),
            ("x-kept", "1"),
        ];
        page(&fields, TEXT)
    })
}

async fn stored() -> Site {
    let site = validated();
    site.get("/").await;
    site
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_it_already_is_told_so() {
    let site = stored().await;
    for (name, value, code) in [
        ("if-none-match", "\"v1\"", 304),
        ("if-none-match", "W/\"v1\", \"x\"", 304),
        ("if-none-match", "*", 304),
        ("if-none-match", "\"v2\"", 200),
        ("if-modified-since", OLD, 304),
        ("if-modified-since", "Sat, 05 Nov 1994 08:49:37 GMT", 200),
        ("if-modified-since", "yesterday", 200),
    ] {
        let answer = site.get_with("/", &[(name, value)]).await;
        assert_eq!(answer.status, code, "{name}: {value}");
        assert!(answer.is_hit());
        if code == 304 {
            assert_eq!(answer.text(), "");
            assert_eq!(answer.field("etag"), "\"v1\"");
            assert_eq!(answer.field("content-type"), "");
            assert!(!answer.field("date").is_empty());
        }
    }
    assert_eq!(site.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_condition_on_a_miss_fetches_the_whole_for_everyone() {
    let site = validated();
    let answer = site.get_with("/", &[("if-none-match", "\"v1\"")]).await;
    assert_eq!(answer.status, 304);
    assert!(!site.seen()[0].headers.contains_key("if-none-match"));
    site.until_quiet().await;
    let answer = site.get("/").await;
    assert!(answer.is_hit());
    assert_eq!(answer.text(), TEXT);
}

#[tokio::test(start_paused = true)]
async fn ranges_are_cut_from_what_is_stored() {
    let site = stored().await;
    for (asked, range, text) in [
        ("bytes=0-3", "bytes 0-3/10", "0123"),
        ("bytes=8-", "bytes 8-9/10", "89"),
        ("bytes=-3", "bytes 7-9/10", "789"),
        ("bytes=5-100", "bytes 5-9/10", "56789"),
    ] {
        let answer = site.get_with("/", &[("range", asked)]).await;
        assert_eq!(answer.status, 206, "{asked}");
        assert_eq!(answer.field("content-range"), range);
        assert_eq!(answer.field("content-length"), text.len().to_string());
        assert_eq!(answer.text(), text);
    }
    let beyond = site.get_with("/", &[("range", "bytes=10-")]).await;
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.field("content-range"), "bytes */10");
    let other = site.get_with("/", &[("range", "lines=1-2")]).await;
    assert_eq!((other.status.as_u16(), other.text()), (200, TEXT));
    assert_eq!(site.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn several_ranges_come_in_parts() {
    let site = stored().await;
    let answer = site.get_with("/", &[("range", "bytes=0-1,-2")]).await;
    assert_eq!(answer.status, 206);
    assert_eq!(answer.field("content-range"), "");
    let kind = answer.field("content-type").to_owned();
    let boundary = kind
        .strip_prefix("multipart/byteranges; boundary=")
        .expect("a boundary");
    let expected = format!(
        "\r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01\
         \r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 8-9/10\r\n\r\n89\
         \r\n--{boundary}--\r\n"
    );
    assert_eq!(answer.text(), expected);
    assert_eq!(answer.field("content-length"), expected.len().to_string());
}

#[tokio::test(start_paused = true)]
async fn if_range_wants_exactly_this_representation() {
    let site = stored().await;
    for (named, code) in [
        ("\"v1\"", 206),
        ("W/\"v1\"", 200),
        ("\"v2\"", 200),
        (OLD, 206),
    ] {
        let fields = [("range", "bytes=0-0"), ("if-range", named)];
        assert_eq!(site.get_with("/", &fields).await.status, code, "{named}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_range_of_what_is_not_stored_passes_or_fetches_the_whole() {
    let site = validated();
    let answer = site.get_with("/", &[("range", "bytes=0-0")]).await;
    assert!(answer.cache_status().starts_with("fwd=uri-miss"));
    assert_eq!(site.stats().stored_keys, 0);
    let whole = Site::with(
        Cache::builder().fetch_whole_for_ranges(true),
        |call| async move {
            assert_eq!(call.field("range"), None);
            page(&[("cache-control", "max-age=60")], TEXT)
        },
    );
    let answer = whole.get_with("/", &[("range", "bytes=0-0")]).await;
    assert_eq!(answer.text(), TEXT, "a server may send the whole");
    let answer = whole.get_with("/", &[("range", "bytes=0-0")]).await;
    assert_eq!(answer.text(), "0");
}

#[tokio::test(start_paused = true)]
async fn a_304_renews_what_is_stored() {
    let site = Site::new(|call| async move {
        let asked = call.field("if-none-match") == Some("\"v1\"");
        let dated = call.field("if-modified-since") == Some(OLD);
        if asked && dated {
            let fields = [
                ("cache-control", "max-age=30"),
                ("x-new", "1"),
                ("content-length", "0"),
            ];
            return status(304, &fields, "");
        }
        let fields = [
            ("cache-control", "max-age=1"),
            ("etag", "\"v1\""),
            ("last-modified", OLD),
            ("x-old", "1"),
        ];
        page(&fields, TEXT)
    });
    site.get("/").await;
    sleep(Duration::from_secs(2)).await;
    let renewed = site.get("/").await;
    assert_eq!(
        renewed.cache_status(),
        "fwd=stale; fwd-status=304; ttl=30; stored"
    );
    for answer in [renewed, site.get("/").await] {
        assert_eq!(answer.text(), TEXT);
        assert_eq!((answer.field("x-old"), answer.field("x-new")), ("1", "1"));
    }
    assert_eq!(site.get("/").await.field("age"), "0");
    assert_eq!(site.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn age_counts_from_the_first_hop() {
    let site =
        Site::new(|_| async { page(&[("cache-control", "max-age=60"), ("age", "20")], TEXT) });
    let first = site.get("/").await;
    assert_eq!(first.field("age"), "20");
    sleep(Duration::from_secs(15)).await;
    let hit = site.get("/").await;
    assert_eq!(hit.field("age"), "35");
    assert_eq!(hit.cache_status(), "hit; ttl=25");
    sleep(Duration::from_secs(25)).await;
    assert!(!site.get("/").await.is_hit());
}

#[tokio::test(start_paused = true)]
async fn cache_status_and_age_can_be_switched_off() {
    let plain = |_| async { page(&[("cache-control", "max-age=60")], TEXT) };
    let silent = Site::with(Cache::builder().cache_status(false).age(false), plain);
    for _ in 0..2 {
        let answer = silent.get("/").await;
        assert!(!answer.headers.contains_key("cache-status"));
        assert!(!answer.headers.contains_key("age"));
    }
    let post = silent.send(method("POST", "/")).await;
    assert!(!post.headers.contains_key("cache-status"));
    let named = Site::with(Cache::builder().cache_status_name("wall"), plain);
    let answer = named.get("/").await;
    let said = "wall; fwd=uri-miss; fwd-status=200; ttl=60; stored";
    assert_eq!(answer.field("cache-status"), said);
}

#[tokio::test(start_paused = true)]
async fn cache_status_comes_after_what_caches_further_in_said() {
    let site = Site::new(|_| async {
        page(
            &[
                ("cache-control", "max-age=60"),
                ("cache-status", "inner; hit"),
            ],
            TEXT,
        )
    });
    let answer = site.get("/").await;
    let lines: Vec<_> = answer.headers.get_all("cache-status").iter().collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0], "inner; hit");
}

#[tokio::test(start_paused = true)]
async fn an_unsafe_method_makes_what_is_stored_invalid() {
    let site = Site::new(|call| async move {
        let fields = [
            ("location", "/new"),
            ("content-location", "http://good.test/b?x"),
        ];
        match call.request.method().as_str() {
            "GET" => page(&[("cache-control", "max-age=60")], TEXT),
            "DELETE" => status(404, &fields, "not there"),
            _ => status(201, &fields, ""),
        }
    });
    let paths = ["/a", "/new", "/b?x", "/b"];
    for path in paths {
        site.get(path).await;
    }
    site.send(method("DELETE", "/a")).await;
    assert!(site.get("/a").await.is_hit(), "an error changes nothing");
    site.send(method("M-SEARCH", "/a")).await;
    for (path, hit) in paths.into_iter().zip([false, false, false, true]) {
        assert_eq!(site.get(path).await.is_hit(), hit, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_names_no_lifetime_is_not_stored_unless_the_route_gives_one() {
    let silent = |_| async { page(&[("last-modified", OLD)], TEXT) };
    let cautious = Site::new(silent);
    cautious.get("/").await;
    assert!(!cautious.get("/").await.is_hit());
    let given = Cache::builder().default_fresh_for(Duration::from_secs(5));
    for builder in [given, Cache::builder().heuristics(true)] {
        let site = Site::with(builder, silent);
        site.get("/").await;
        assert!(site.get("/").await.is_hit());
    }
    let private = Cache::builder().default_fresh_for(Duration::from_secs(5));
    let site = Site::with(private, |_| async {
        page(&[("cache-control", "private")], TEXT)
    });
    site.get("/").await;
    assert!(
        !site.get("/").await.is_hit(),
        "a default never overrides private"
    );
}

#[tokio::test(start_paused = true)]
async fn past_the_cap_on_variants_the_key_passes_and_says_so() {
    let site = Site::with(Cache::builder().max_variants(2), |call| async move {
        let who = call.field("user-agent").unwrap_or("none").to_owned();
        page(
            &[("cache-control", "max-age=60"), ("vary", "user-agent")],
            who,
        )
    });
    let ask = |agent: &'static str| site.spawn(with(get("/"), &[("user-agent", agent)]));
    for agent in ["a", "b", "c"] {
        assert_eq!(ask(agent).await.expect("no panic").text(), agent);
    }
    let third: Answer = ask("c").await.expect("no panic");
    assert!(third.cache_status().contains("detail=variants-full"));
    assert!(ask("a").await.expect("no panic").is_hit());
    assert!(ask("b").await.expect("no panic").is_hit());
    // What is stale makes room.
    sleep(Duration::from_secs(61)).await;
    ask("c").await.expect("no panic");
    assert!(ask("c").await.expect("no panic").is_hit());
}

#[tokio::test(start_paused = true)]
async fn a_body_is_neither_copied_nor_decoded_on_a_hit() {
    let site = Site::new(|_| async {
        page(
            &[
                ("cache-control", "max-age=60"),
                ("content-encoding", "gzip"),
            ],
            vec![1_u8; 9000],
        )
    });
    site.get("/").await;
    let mut places = Vec::new();
    for _ in 0..2 {
        let mut body = site.open(get("/")).await.into_body();
        let chunk = support::next_chunk(&mut body).await.expect("one piece");
        assert_eq!(chunk.len(), 9000);
        places.push(chunk.as_ptr().addr());
    }
    assert_eq!(places[0], places[1]);
}

#[tokio::test(start_paused = true)]
async fn why_an_answer_was_not_stored_is_said() {
    let site = Site::new(|call| async move {
        match call.request.uri().path() {
            "/silent" => page(&[], TEXT),
            "/gone" => status(404, &[("cache-control", "max-age=60")], "gone"),
            _ => status(302, &[("cache-control", "max-age=60")], "where?"),
        }
    });
    for (path, why) in [
        ("/silent", "no-lifetime"),
        ("/gone", "status"),
        ("/lost", "no-location"),
    ] {
        let answer = site.get(path).await;
        let detail = format!("detail={why}");
        assert!(answer.cache_status().contains(&detail), "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_if_cached_never_reaches_the_handler() {
    let site = validated();
    site.get("/").await;
    let asked = [("cache-control", "only-if-cached"), ("cookie", "a=b")];
    assert_eq!(site.get_with("/", &asked).await.status, 504);
    assert_eq!(site.calls(), 1);
}
