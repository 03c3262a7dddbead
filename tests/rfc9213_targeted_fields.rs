//! RFC 9213, Targeted HTTP Cache Control.

mod support;
#[path = "support/wire.rs"]
mod wire;

use std::time::Duration;

use floodwall::{Cache, CacheBuilder, ConfigError};
use support::{Site, status};
use tokio::time::sleep;
use wire::{HandClock, serve, told};

type Fields = &'static [(&'static str, &'static str)];

const CDN: &str = "cdn-cache-control";

fn targeted() -> CacheBuilder {
    Cache::builder().targeted_fields(["Example-Cache-Control", "CDN-Cache-Control"])
}

/// Whether a second request, so many seconds later, is answered from the store.
async fn reused(builder: CacheBuilder, said: Fields, after: u64) -> bool {
    let site = Site::with(builder, move |_| async move { status(200, said, "page") });
    let first = site.get("/").await;
    for (name, value) in said
        .iter()
        .filter(|(name, _)| name.ends_with("cache-control"))
    {
        let got: Vec<_> = first.headers.get_all(*name).iter().collect();
        assert!(
            got.iter().any(|got| got == value),
            "{name} is passed on unchanged"
        );
    }
    site.until_quiet().await;
    sleep(Duration::from_secs(after)).await;
    site.get("/").await.is_hit()
}

/// §2.1: it has the directives of Cache-Control, as a Dictionary.
#[tokio::test(start_paused = true)]
async fn the_directives() {
    let rows: [(&str, u64, bool); 22] = [
        ("max-age=3600", 3, true),
        ("max-age=99999999999", 3, true),
        ("max-age=1", 3, false),
        ("max-age=0", 0, false),
        ("foobar, max-age=3600", 3, true),
        ("max-age=3600;ext=1", 3, true),
        ("max-age=1, max-age=3600", 3, true),
        ("max-age=1, s-maxage=3600", 3, true),
        ("max-age=3600, s-maxage=1", 3, false),
        ("max-age=3600, private", 0, false),
        ("max-age=3600, no-store", 0, false),
        ("max-age=3600, no-store=?0", 3, true),
        ("max-age=3600, no-cache", 0, false),
        ("max-age=1, stale-while-revalidate=60", 3, true),
        (
            "max-age=1, stale-while-revalidate=60, must-revalidate",
            3,
            false,
        ),
        // A value of another type than it should be restricts, and permits nothing.
        ("max-age=\"3600\"", 0, false),
        ("max-age=3600.5", 0, false),
        ("max-age=-1", 0, false),
        ("max-age=(1 2)", 0, false),
        ("max-age", 0, false),
        ("max-age=3600, private=\"x\"", 0, false),
        ("max-age=3600, no-store=1", 0, false),
    ];
    for (value, after, stored) in rows {
        let said: Fields = Box::leak(Box::new([(CDN, value)]));
        assert_eq!(reused(targeted(), said, after).await, stored, "{value}");
        assert!(
            !reused(Cache::builder(), said, after).await,
            "{value} by default"
        );
    }
}

/// §2.2: the first that is valid and not empty takes the place of Cache-Control and
/// Expires; one that cannot be read is ignored as a whole.
#[tokio::test(start_paused = true)]
async fn the_target_list() {
    const OWN: &str = "example-cache-control";
    const ALL: &str = "cache-control";
    const NEVER: (&str, &str) = ("expires", "0");
    const LATER: (&str, &str) = ("expires", "Fri, 01 Jan 2100 00:00:00 GMT");
    let rows: [(Fields, u64, bool); 14] = [
        (&[(CDN, "max-age=60"), (ALL, "no-store")], 3, true),
        (&[(CDN, "max-age=60"), (ALL, "private")], 3, true),
        (&[(CDN, "max-age=60"), (ALL, "max-age=1")], 3, true),
        (&[(CDN, "max-age=1"), (ALL, "max-age=60")], 3, false),
        (&[(CDN, "no-store"), (ALL, "max-age=60")], 0, false),
        (&[(CDN, "max-age=60"), NEVER], 3, true),
        (&[(CDN, "max-age=0"), LATER], 3, false),
        (&[(CDN, "foo"), LATER], 3, false),
        (&[(CDN, ""), (ALL, "max-age=60")], 3, true),
        (&[(CDN, "max-age=60, &&&"), (ALL, "no-store")], 0, false),
        (&[(CDN, "max-age =1"), (ALL, "max-age=60")], 3, true),
        (&[(CDN, "MAX-AGE=1"), (ALL, "max-age=60")], 3, true),
        (&[(OWN, "max-age=60"), (CDN, "no-store")], 3, true),
        (
            &[(OWN, "\"x"), (CDN, "max-age=60"), (ALL, "no-store")],
            3,
            true,
        ),
    ];
    for (said, after, stored) in rows {
        assert_eq!(reused(targeted(), said, after).await, stored, "{said:?}");
    }
}

/// §3.1: lines are joined, as of any field.
#[tokio::test(start_paused = true)]
async fn several_lines() {
    let said: Fields = &[(CDN, "max-age=60"), (CDN, "no-store")];
    assert!(!reused(targeted(), said, 0).await);
}

/// Whoever shows who they are is not given what a targeted field does not allow.
#[tokio::test(start_paused = true)]
async fn permission() {
    for (said, shared) in [
        ("max-age=60", false),
        ("max-age=60, public", true),
        ("s-maxage=60", true),
        ("max-age=60, public=1", false),
    ] {
        let fields: Fields = Box::leak(Box::new([(CDN, said), ("cache-control", "public")]));
        let site = Site::with(
            targeted(),
            move |_| async move { status(200, fields, "page") },
        );
        let signed_in = [("authorization", "Basic x")];
        site.get_with("/", &signed_in).await;
        site.until_quiet().await;
        assert_eq!(
            site.get_with("/", &signed_in).await.is_hit(),
            shared,
            "{said}"
        );
    }
}

/// Whether what says this is fresh for so many seconds and no longer, over real sockets.
async fn is_fresh_for(builder: CacheBuilder, said: Fields, seconds: u64) -> bool {
    let clock = HandClock::default();
    let site = Site::on(builder.runtime(clock.clone()), move |_| async move {
        status(200, said, "page")
    });
    let address = serve(&site).await;
    let first = told(address, "GET", "/", &[]).await;
    for (name, value) in said {
        assert_eq!(first.field(name), *value, "passed on unchanged");
    }
    site.until_quiet().await;
    clock.pass(seconds.saturating_sub(1));
    let inside = told(address, "GET", "/", &[]).await.is_hit();
    clock.pass(1);
    let outside = told(address, "GET", "/", &[]).await.is_hit();
    inside == (seconds > 0) && !outside
}

/// The examples of §2.3 and §3.1, for a cache whose target list is `CDN-Cache-Control`, and
/// for any other shared cache. Both give what names no lifetime five minutes.
#[tokio::test]
async fn the_examples() {
    const ALL: &str = "cache-control";
    let rows: [(Fields, u64, u64); 5] = [
        (
            &[(ALL, "max-age=60, s-maxage=120"), (CDN, "max-age=600")],
            600,
            120,
        ),
        (&[(CDN, "max-age=600"), (ALL, "no-store")], 600, 0),
        (&[(ALL, "no-store")], 0, 0),
        (&[(ALL, "no-store"), (CDN, "none")], 300, 0),
        (
            &[("age", "1800"), (ALL, "max-age=600"), (CDN, "max-age=3600")],
            1800,
            0,
        ),
    ];
    for (said, for_cdn, for_others) in rows {
        let any = Cache::builder().default_fresh_for(Duration::from_secs(300));
        let cdn = any.clone().targeted_fields(["CDN-Cache-Control"]);
        assert!(is_fresh_for(cdn, said, for_cdn).await, "{said:?}");
        assert!(is_fresh_for(any, said, for_others).await, "{said:?}");
    }
}

#[test]
fn what_is_no_field_name_is_refused() {
    let built = Cache::builder()
        .targeted_fields(["CDN Cache Control"])
        .build();
    let error = built.expect_err("there is no such field");
    assert!(matches!(
        error,
        ConfigError::Name {
            setting: "targeted_fields",
            ..
        }
    ));
}
