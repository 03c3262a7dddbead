//! No-Vary-Search (draft-ietf-httpbis-no-vary-search): the document's own examples over
//! real sockets, and what follows from them for a cache that others wait at.

mod support;
#[path = "support/wire.rs"]
mod wire;

use std::sync::Arc;

use floodwall::{Cache, CacheBuilder, KeyRules, Purge};
use http::Method;
use support::{Site, all, get, is_quiet, method, page, settle, status, with};
use tokio::sync::Semaphore;
use tokio::time::{Duration, sleep};
use wire::{serve, told};

const LASTS: (&str, &str) = ("cache-control", "max-age=600");

/// A site that answers with its target, and says of it what `x-says` wants.
fn site(builder: CacheBuilder) -> Site {
    Site::with(builder, |call| async move {
        let said = call.field("x-says").unwrap_or_default().to_owned();
        let target = call.request.uri().to_string();
        match said.as_str() {
            "" => page(&[LASTS], target),
            said => page(&[LASTS, ("no-vary-search", said)], target),
        }
    })
}

/// Whether one URL is answered with what was stored for the other, and the other way
/// round.
async fn is_shared(says: &str, one: &str, other: &str) -> bool {
    let site = site(Cache::builder());
    let wire = serve(&site).await;
    let mut shared = [false; 2];
    for (at, (first, second)) in [(one, other), (other, one)].into_iter().enumerate() {
        let path = format!("/{at}");
        let [first, second] = [first, second].map(|query| format!("{path}{query}"));
        let fields = [("x-says", says)];
        assert!(!told(wire, "GET", &first, &fields).await.is_hit());
        site.until(is_quiet).await;
        assert!(
            told(wire, "GET", &first, &fields).await.is_hit(),
            "{says} {first}"
        );
        let answer = told(wire, "GET", &second, &fields).await;
        shared[at] = answer.is_hit();
        let expected = if answer.is_hit() { &first } else { &second };
        assert_eq!(answer.text(), expected);
        site.until(is_quiet).await;
    }
    assert_eq!(shared[0], shared[1], "{says}: {one} {other}");
    shared[0]
}

/// §1, §5.2.1: what the field means.
#[tokio::test]
async fn a_response_says_what_of_its_query_counts() {
    let analytics = r#"params=("utm_source" "utm_medium" "utm_campaign")"#;
    for (says, one, other, shared) in [
        ("key-order", "?a=1&b=2", "?b=2&a=1", true),
        ("key-order=?1", "?a=1&b=2", "?b=2&a=1", true),
        ("key-order", "?a=1&b=2", "?b=1&a=2", false),
        ("key-order", "?a=1&a=2", "?a=2&a=1", false),
        ("key-order", "?b=0&a=1&a=2", "?a=1&b=0&a=2", true),
        ("key-order", "?a=1", "?a=1&b=2", false),
        (analytics, "?id=1&utm_source=x", "?id=1", true),
        (
            analytics,
            "?utm_medium=1&id=1",
            "?id=1&utm_campaign=2",
            true,
        ),
        (analytics, "?utm_source=x", "", true),
        (analytics, "?id=1&utm_source=x", "?id=2&utm_source=x", false),
        (analytics, "?utm_source2=x", "", false),
        (analytics, "?UTM_SOURCE=x", "", false),
        (analytics, "?a=1&b=2", "?b=2&a=1", false),
        (
            r#"except=("productId")"#,
            "?productId=1&x=2",
            "?y=3&productId=1",
            true,
        ),
        (
            r#"except=("productId")"#,
            "?productId=1",
            "?productId=2",
            false,
        ),
        (r#"except=("productId")"#, "?productId=1", "", false),
        (r#"except=("a" "b")"#, "?a=1&x&b=2", "?a=1&b=2", true),
        (r#"except=("a" "b")"#, "?a=1&b=2", "?b=2&a=1", false),
        (
            r#"key-order, except=("a" "b")"#,
            "?a=1&b=2",
            "?b=2&a=1",
            true,
        ),
        (r#"except=("x"), key-order"#, "?x=1&a=1", "?x=1", true),
        ("except=()", "?a=1", "?b=2", true),
        ("except=()", "?a=1", "", true),
        (r#"params=("a"), unknown-key=(1 2)"#, "?a=1", "?a=2", true),
        (r#"params=("a");x=1"#, "?a=1", "?a=2", true),
    ] {
        assert_eq!(
            is_shared(says, one, other).await,
            shared,
            "{says}: {one} {other}"
        );
    }
}

/// §5.2.1: what is invalid says nothing, and so do the unconventional forms of nothing.
#[tokio::test]
async fn what_is_invalid_says_nothing() {
    for says in [
        r#"key-order="not a boolean""#,
        r#"params="not an inner list""#,
        "params=(not-a-string)",
        "params=?0",
        "params=?1",
        r#"params=?1, except=("x")"#,
        r#"params=("a"), except=("x")"#,
        "params=(), except=()",
        r#"except="not an inner list""#,
        "except=(not-a-string)",
        "except=?1",
        r#"key-order, params=("a" 1)"#,
        r#"params=("a""#,
        r#"params=("%ff")"#,
        "unknown-key",
        "params=()",
        "key-order=?0",
        "key-order=(1)",
    ] {
        for (one, other) in [
            ("?a=1", "?a=2"),
            ("?a=1", ""),
            ("?a=1&x=1", "?x=1&a=1"),
            ("", "?"),
            ("?a=b&&&c", "?a=b&c="),
        ] {
            assert!(!is_shared(says, one, other).await, "{says}: {one} {other}");
        }
    }
}

/// §5.3.1, §6.1: names and values are compared as they are once they are parsed.
#[tokio::test]
async fn queries_are_parsed_before_they_are_compared() {
    for (one, other) in [
        ("", "?"),
        ("?a=x", "?%61=%78"),
        ("?a=%f6", "?a=%ef%bf%bd"),
        ("?a=x&&&&", "?a=x"),
        ("?a=", "?a"),
        ("?a=%20", "?a=+"),
        ("?a=+", "?a=%20&"),
    ] {
        assert!(is_shared("key-order", one, other).await, "{one} {other}");
    }
    let says = r#"params=("%C3%A9+%E6%B0%97")"#;
    for query in [
        "?%C3%A9%20%E6%B0%97=3",
        "?%C3%A9+%E6%B0%97=4",
        "?%C3%A9+%E6%B0%97",
    ] {
        assert!(is_shared(says, query, "").await, "{query}");
    }
    assert!(!is_shared(says, "?%C3%A9=1", "").await);
    assert!(!is_shared("key-order", "?a=x", "?A=x").await);
}

/// The whole query goes to the handler: what it says of it is its own concern.
#[tokio::test(start_paused = true)]
async fn the_operator_says_what_counts_where_the_response_does_not() {
    let rules = KeyRules::new().no_vary_search(r#"params=("utm")"#);
    let site = site(Cache::builder().key(rules));
    let answers = all(["/?utm=1", "/?utm=2&id=", "/?utm=3", "/"]
        .map(|target| site.spawn(get(target)))
        .into())
    .await;
    let texts: Vec<&str> = answers.iter().map(|answer| answer.text()).collect();
    assert_eq!(texts, ["/?utm=1", "/?utm=2&id=", "/?utm=1", "/?utm=1"]);
    assert_eq!(site.calls(), 2);
    // What a response says itself goes before that, and says it for its path alone.
    for (target, hit) in [
        ("/own?a=1&utm=1", false),
        ("/own?a=2&utm=1", true),
        ("/own?utm=2", false),
    ] {
        let says = ("x-says", r#"params=("a")"#);
        assert_eq!(
            site.get_with(target, &[says]).await.is_hit(),
            hit,
            "{target}"
        );
        site.until_quiet().await;
    }
    assert!(site.get("/?utm=9").await.is_hit());
}

#[test]
fn a_rule_that_says_nothing_is_refused() {
    for said in ["", "params=()", "params", "key-order=?0", "x"] {
        let rules = KeyRules::new().no_vary_search(said);
        let error = Cache::builder().key(rules).build().map(drop);
        let error = error.expect_err("it leaves nothing out").to_string();
        assert!(error.starts_with("no_vary_search cannot be"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn it_can_be_switched_off() {
    let site = site(Cache::builder().no_vary_search(false));
    let says = [("x-says", r#"params=("a")"#)];
    site.get_with("/?a=1", &says).await;
    site.until_quiet().await;
    assert!(!site.get_with("/?a=2", &says).await.is_hit());
}

/// With dropped parameters: neither the key nor the handler has them, whatever counts.
#[tokio::test(start_paused = true)]
async fn dropped_parameters_are_dropped_first() {
    let rules = KeyRules::new().drop_query("utm");
    let site = site(Cache::builder().key(rules));
    let says = [("x-says", r#"params=("a")"#)];
    for (target, hit) in [
        ("/?utm=1&a=1", false),
        ("/?a=2&utm=2", true),
        ("/?utm=3", true),
        ("/?b&utm=1", false),
    ] {
        assert_eq!(site.get_with(target, &says).await.is_hit(), hit, "{target}");
        site.until_quiet().await;
    }
    assert_eq!(site.seen()[0].uri, "/?a=1");
}

/// What is known of a path makes a crowd of its URLs one call; and the answer of that call
/// goes to nobody for whom it is not, whatever was known.
#[tokio::test]
async fn a_crowd_with_a_hundred_urls_is_one_call() {
    let gate = Arc::new(Semaphore::new(0));
    let turns = Arc::clone(&gate);
    let site = Site::new(move |call| {
        let turns = Arc::clone(&turns);
        async move {
            turns.acquire().await.expect("never closed").forget();
            let says = call
                .field("x-says")
                .unwrap_or(r#"params=("utm")"#)
                .to_owned();
            let target = call.request.uri().to_string();
            page(&[LASTS, ("no-vary-search", &says)], target)
        }
    });
    let wire = serve(&site).await;
    gate.add_permits(1);
    told(wire, "GET", "/?utm=0", &[]).await;
    site.until(is_quiet).await;
    site.cache.purge(Purge::everything().soft());
    let crowd: Vec<_> = (0..100)
        .map(|at| tokio::spawn(async move { told(wire, "GET", &format!("/?utm={at}"), &[]).await }))
        .collect();
    site.until(|now| now.waiting == 100).await;
    assert_eq!(site.calls(), 2);
    gate.add_permits(100);
    let texts = all(crowd).await;
    assert!(texts.iter().all(|answer| answer.text() == texts[0].text()));
    assert_eq!(site.calls(), 2);

    // The site thinks otherwise now.
    site.cache.purge(Purge::everything().soft());
    gate.forget_permits(1000);
    let asks = |at: usize| {
        let fields = [("x-says", r#"params=("a")"#)];
        async move { told(wire, "GET", &format!("/?utm={at}"), &fields).await }
    };
    let crowd: Vec<_> = (0..10).map(|at| tokio::spawn(asks(at))).collect();
    site.until(|now| now.waiting == 10).await;
    gate.add_permits(1000);
    for (at, answer) in all(crowd).await.iter().enumerate() {
        assert_eq!(answer.text(), format!("/?utm={at}"));
    }
}

/// A response that says nothing any more is for its own URL alone, and the path is looked
/// up by whole queries again.
#[tokio::test(start_paused = true)]
async fn what_is_known_of_a_path_is_what_was_said_last() {
    let site = site(Cache::builder());
    let says = [("x-says", r#"params=("a")"#)];
    site.get_with("/?a=1", &says).await;
    site.until_quiet().await;
    assert!(site.get("/?a=2").await.is_hit());
    let reload = [("cache-control", "no-cache")];
    assert_eq!(site.get_with("/?a=2", &reload).await.text(), "/?a=2");
    site.until_quiet().await;
    assert!(site.get("/?a=2").await.is_hit());
    let other = site.get("/?a=1").await;
    assert_eq!((other.is_hit(), other.text()), (false, "/?a=1"));
}

/// Whoever purges one URL purges what answers it.
#[tokio::test(start_paused = true)]
async fn a_purge_of_a_url_takes_what_answers_it() {
    let uri = |uri| Purge::uri(uri).expect("legal");
    let prefix = |uri| Purge::prefix(uri).expect("legal");
    for (purge, gone) in [
        (uri("http://good.test/p?a=7"), true),
        (uri("http://good.test/p"), true),
        (uri("/p?b"), true),
        (uri("/q?a=1"), false),
        (uri("http://bad.test/p?a=1"), false),
        (prefix("/p"), true),
        (prefix("/p?a=1"), true),
        (prefix("/q?a=1"), false),
        (Purge::everything(), true),
    ] {
        let site = site(Cache::builder());
        let says = [("x-says", r#"params=("a")"#)];
        for target in ["/p?a=1", "/other"] {
            site.get_with(target, &says).await;
        }
        site.until_quiet().await;
        assert!(site.get("/p?a=2").await.is_hit());
        site.cache.purge(purge.clone());
        assert_eq!(!site.get("/p?a=3").await.is_hit(), gone, "{purge:?}");
        let everything = purge == Purge::everything();
        assert_eq!(!site.get("/other").await.is_hit(), everything, "{purge:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_a_url_takes_what_answers_it() {
    let site = site(Cache::builder());
    let says = [("x-says", r#"params=("a")"#)];
    site.get_with("/p?a=1", &says).await;
    site.until_quiet().await;
    site.send(method("POST", "/p?a=9")).await;
    assert!(!site.get("/p?a=1").await.is_hit());
}

/// Nothing had been said of the path when the purge was made: it names what was asked for
/// before all the same.
#[tokio::test]
async fn a_purge_that_came_before_the_first_word_holds() {
    let (site, turns) = support::held_with(
        Cache::builder(),
        vec![LASTS, ("no-vary-search", r#"params=("a")"#)],
    );
    let first = site.spawn(get("/?a=1"));
    site.until(|now| now.waiting == 1).await;
    site.cache
        .purge(Purge::uri("http://good.test/?a=2").expect("legal"));
    turns.add_permits(1);
    first.await.expect("it is answered");
    site.until_quiet().await;
    turns.add_permits(1);
    assert!(!site.get("/?a=2").await.is_hit());
}

/// Variants, validation and windows are those of any page.
#[tokio::test(start_paused = true)]
async fn equivalent_urls_are_validated_together() {
    let site = Site::new(|call| async move {
        let fields = [
            ("cache-control", "max-age=10"),
            ("etag", "\"1\""),
            ("vary", "x-kind"),
            ("no-vary-search", r#"params=("a")"#),
        ];
        match call.field("if-none-match") {
            Some("\"1\"") => status(304, &fields, ""),
            _ => status(200, &fields, call.request.uri().to_string()),
        }
    });
    let of_kind = |target: &str, kind| with(get(target), &[("x-kind", kind)]);
    site.send(of_kind("/?a=1", "x")).await;
    site.until_quiet().await;
    assert!(!site.send(of_kind("/?a=1", "y")).await.is_hit());
    site.until_quiet().await;
    assert!(site.send(of_kind("/?a=2", "y")).await.is_hit());
    sleep(Duration::from_secs(11)).await;
    let validated = site.send(of_kind("/?a=3", "x")).await;
    assert_eq!(validated.text(), "/?a=1");
    assert_eq!(
        site.seen().last().map(|seen| seen.uri.to_string()),
        Some("/?a=3".into())
    );
    settle().await;
    assert!(site.send(of_kind("/?a=4", "x")).await.is_hit());
    let mut head = of_kind("/?a=5", "x");
    *head.method_mut() = Method::HEAD;
    assert!(site.send(head).await.is_hit());
}
