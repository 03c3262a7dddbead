//! RFC 9111, HTTP Caching: what its sections say of single fields and methods.

mod support;

use axum::body::Body;
use floodwall::{Cache, Cookies};
use support::{Site, all, get, method, page, with};

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
