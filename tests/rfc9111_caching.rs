//! RFC 9111, HTTP Caching: what its sections say of single fields and methods.

mod support;

use std::sync::Arc;

use axum::body::Body;
use floodwall::{Cache, Cookies};
use support::{Site, all, get, method, page, settle, status, with};
use tokio::sync::Semaphore;

const OLD: &str = "Fri, 01 Jan 2010 00:00:00 GMT";

/// §5.1: an answer that says how old it is and names no lifetime says so to whoever shares
/// it; a cache further out that guesses a lifetime would else take it for new. The `Date`
/// that it lacks is when it arrived (RFC 9110 §6.6.1), as the larger of the two counts.
#[tokio::test(start_paused = true)]
async fn section_5_1_the_age_of_what_names_no_lifetime_is_passed_on() {
    let site = Site::new(|_| async { page(&[("age", "100"), ("last-modified", OLD)], "x") });
    for answer in all(site.crowd("/", 3)).await {
        assert_eq!(answer.field("age"), "100");
        assert_eq!(answer.field("date"), "Fri, 15 Jan 2027 08:00:00 GMT");
    }
    assert_eq!(site.calls(), 1);
}

/// §5.2.1.7: whoever wants only what is stored never waits for the origin, whatever else
/// would make the request pass.
#[tokio::test(start_paused = true)]
async fn section_5_2_1_7_only_if_cached_holds_for_what_would_pass() {
    let builder = Cache::builder().cookies(Cookies::Pass);
    let site = Site::with(builder, |_| async {
        page(&[("cache-control", "max-age=60")], "x")
    });
    site.get("/").await;
    let long = "/".repeat(17 << 10);
    for request in [
        with(get("/"), &[("if-match", "\"a\"")]),
        with(get("/"), &[("if-unmodified-since", OLD)]),
        with(get("/"), &[("upgrade", "x")]),
        with(get("/"), &[("x-http-method-override", "PUT")]),
        with(get("/"), &[("cookie", "a=b")]),
        with(get("/"), &[("host", "other.test")]),
        get("/").map(|_| Body::from("a body")),
        get(&long),
        with(method("HEAD", "/"), &[("if-match", "\"a\"")]),
        method("HEAD", "/never"),
        method("OPTIONS", "/"),
    ] {
        let asked = format!("{request:?}");
        let only = with(request, &[("cache-control", "only-if-cached")]);
        let answer = site.send(only).await;
        assert_eq!(answer.status, 504, "{asked}");
        assert_eq!(answer.cache_status(), "detail=only-if-cached");
    }
    assert_eq!(site.calls(), 1);
}

/// §4: what may change something is written through, whatever it says.
#[tokio::test(start_paused = true)]
async fn section_4_an_unsafe_method_reaches_the_origin_all_the_same() {
    let site = Site::new(|_| async { page(&[], "done") });
    for name in ["POST", "PUT", "DELETE", "M-SEARCH"] {
        let only = [("cache-control", "only-if-cached")];
        assert_eq!(
            site.send(with(method(name, "/"), &only)).await.text(),
            "done"
        );
    }
}

type Fields = &'static [(&'static str, &'static str)];

/// Stores a page, sends a HEAD that has to pass and is told `said`, and says whether the
/// page is still fresh.
async fn fresh_after_head(status_code: u16, said: Fields, asked: Fields) -> bool {
    let builder = Cache::builder();
    let site = Site::with(builder, move |call| async move {
        if call.field("if-match").is_some() {
            return status(status_code, said, "");
        }
        let lasts = ("cache-control", "max-age=60");
        let head = [lasts, ("etag", "\"a\""), ("last-modified", OLD)];
        match call.field("if-none-match") {
            Some("\"a\"") => status(304, &head, ""),
            _ => page(&head, "01234"),
        }
    });
    site.get("/").await;
    site.until_quiet().await;
    let conditional = with(method("HEAD", "/"), &[("if-match", "\"a\"")]);
    let answer = site.send(with(conditional, asked)).await;
    assert!(answer.cache_status().contains("detail=precondition"));
    let fresh = site.get("/").await;
    assert_eq!(fresh.text(), "01234");
    // Nothing but the origin's word to a GET makes it fresh again, or changes it.
    assert_eq!(fresh.field("x-head"), "");
    assert_eq!(site.stats().validated, u64::from(!fresh.is_hit()));
    fresh.is_hit()
}

/// §4.3.5: a HEAD that is told of another representation makes what is stored stale.
#[tokio::test(start_paused = true)]
async fn section_4_3_5_a_head_that_passes_may_show_what_is_stored_to_be_stale() {
    const LASTS: (&str, &str) = ("cache-control", "max-age=60");
    const OTHER: (&str, &str) = ("etag", "\"b\"");
    let rows: [(Fields, bool); 11] = [
        (&[LASTS, ("etag", "\"a\""), ("x-head", "1")], true),
        (
            &[LASTS, ("last-modified", OLD), ("content-length", "5")],
            true,
        ),
        (&[LASTS], true),
        (&[LASTS, OTHER], false),
        (&[OTHER], false),
        (&[LASTS, ("etag", "\"a\""), ("content-length", "6")], false),
        (
            &[LASTS, ("last-modified", "Sat, 02 Jan 2010 00:00:00 GMT")],
            false,
        ),
        // What is for one alone is no word on what everyone gets.
        (&[("cache-control", "private"), OTHER], true),
        (&[("cache-control", "no-store"), OTHER], true),
        (&[LASTS, OTHER, ("set-cookie", "a=1")], true),
        (&[LASTS, OTHER, ("vary", "*")], true),
    ];
    for (said, fresh) in rows {
        assert_eq!(fresh_after_head(200, said, &[]).await, fresh, "{said:?}");
    }
    let told: Fields = &[LASTS, OTHER];
    for code in [204, 404, 412, 500] {
        assert!(fresh_after_head(code, told, &[]).await, "{code}");
    }
    let alone: [Fields; 3] = [
        &[("authorization", "Basic x")],
        &[("cookie", "a=b")],
        &[("cache-control", "no-store")],
    ];
    for asked in alone {
        assert!(fresh_after_head(200, told, asked).await, "{asked:?}");
    }
}

/// §4.3.5: only what the HEAD could have been answered from, and only what was stored then.
#[tokio::test(start_paused = true)]
async fn section_4_3_5_other_variants_and_newer_responses_stay_fresh() {
    let turn = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&turn);
    let site = Site::new(move |call| {
        let held = Arc::clone(&held);
        async move {
            let lasts = ("cache-control", "max-age=60");
            if call.field("if-match").is_some() {
                held.acquire().await.expect("open").forget();
                return page(&[lasts, ("etag", "\"old\"")], "");
            }
            page(&[lasts, ("vary", "x"), ("etag", "\"new\"")], "page")
        }
    });
    let ask = |variant| with(get("/"), &[("x", variant)]);
    let head = || with(method("HEAD", "/"), &[("x", "1"), ("if-match", "\"a\"")]);
    site.send(ask("1")).await;
    site.send(ask("2")).await;
    let slow = site.spawn(head());
    settle().await;
    assert_eq!(site.calls(), 3, "the HEAD is at the origin");
    site.send(with(ask("1"), &[("cache-control", "no-cache")]))
        .await;
    turn.add_permits(2);
    slow.await.expect("no request panics");
    assert!(site.send(ask("1")).await.is_hit(), "it is newer");
    site.send(head()).await;
    assert!(!site.send(ask("1")).await.is_hit());
    assert!(site.send(ask("2")).await.is_hit(), "it is another variant");
}
