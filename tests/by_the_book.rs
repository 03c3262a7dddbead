//! What `by_the_book()` allows that the defaults do not, and what it does not either.

mod support;

use std::time::Duration;

use floodwall::{Cache, SetCookie};
use support::{Site, get, method, status, with};
use tokio::time::sleep;

type Fields = &'static [(&'static str, &'static str)];

/// Whether a second request is answered from the store, by default and by the book.
async fn reused(code: u16, said: Fields, asked: Fields) -> [bool; 2] {
    let mut found = [false; 2];
    for (at, builder) in [Cache::builder(), Cache::builder().by_the_book()]
        .into_iter()
        .enumerate()
    {
        let site = Site::with(builder, move |_| async move { status(code, said, "") });
        site.send(with(get("/"), asked)).await;
        site.until_quiet().await;
        found[at] = site.send(with(get("/"), asked)).await.is_hit();
    }
    found
}

#[tokio::test(start_paused = true)]
async fn any_final_status_that_names_a_lifetime_is_stored() {
    let lasts: Fields = &[("cache-control", "max-age=60")];
    for code in [200, 203] {
        assert_eq!(reused(code, lasts, &[]).await, [true, true], "{code}");
    }
    for code in [
        201, 204, 299, 301, 302, 400, 401, 404, 410, 499, 500, 503, 599,
    ] {
        assert_eq!(reused(code, lasts, &[]).await, [false, true], "{code}");
    }
    // Parts, and what speaks of one client alone (RFC 6585).
    for code in [206, 304, 428, 429, 431, 511] {
        assert_eq!(reused(code, lasts, &[]).await, [false, false], "{code}");
    }
    for said in [
        "max-age=60, no-store",
        "max-age=60, private",
        "max-age=junk",
        "max-age=0",
    ] {
        let said: Fields = Box::leak(Box::new([("cache-control", said)]));
        assert_eq!(reused(404, said, &[]).await, [false, false], "{said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lifetime_is_guessed_for_what_may_be_stored_without_one() {
    let changed = ("last-modified", "Fri, 01 Jan 2010 00:00:00 GMT");
    for code in [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501] {
        let said: Fields = Box::leak(Box::new([changed]));
        assert_eq!(reused(code, said, &[]).await, [false, true], "{code}");
    }
    let public: Fields = &[
        ("last-modified", "Fri, 01 Jan 2010 00:00:00 GMT"),
        ("cache-control", "public"),
    ];
    for code in [201, 302, 403, 502, 599] {
        let said: Fields = Box::leak(Box::new([changed]));
        assert_eq!(reused(code, said, &[]).await, [false, false], "{code}");
        assert_eq!(
            reused(code, public, &[]).await,
            [false, true],
            "{code} public"
        );
    }
}

/// RFC 9111 §5.2.2.3
#[tokio::test(start_paused = true)]
async fn must_understand() {
    let both: Fields = &[("cache-control", "max-age=60, must-understand, no-store")];
    let alone: Fields = &[("cache-control", "max-age=60, must-understand")];
    let badly: Fields = &[("cache-control", "max-age=60, must-understand=1, no-store")];
    assert_eq!(reused(200, both, &[]).await, [false, true]);
    assert_eq!(reused(200, alone, &[]).await, [true, true]);
    assert_eq!(reused(200, badly, &[]).await, [false, false]);
    assert_eq!(reused(599, both, &[]).await, [false, false]);
    assert_eq!(reused(599, alone, &[]).await, [false, false]);
}

#[tokio::test(start_paused = true)]
async fn cookies_are_fields_like_any_other() {
    let lasts: Fields = &[("cache-control", "max-age=60")];
    let sets: Fields = &[("cache-control", "max-age=60"), ("set-cookie", "a=1")];
    assert_eq!(
        reused(200, lasts, &[("cookie", "sid=1")]).await,
        [false, true]
    );
    assert_eq!(reused(200, sets, &[]).await, [false, true]);
    // Who authenticates still needs permission (RFC 9111 §3.5).
    assert_eq!(
        reused(200, lasts, &[("authorization", "Basic x")]).await,
        [false, false]
    );

    let site = |builder| Site::with(builder, move |_| async move { status(200, sets, "page") });
    let shared = site(Cache::builder().by_the_book());
    shared.get("/").await;
    assert_eq!(shared.get("/").await.field("set-cookie"), "a=1");
    let stripped = site(Cache::builder().by_the_book().set_cookie(SetCookie::Strip));
    stripped.get("/").await;
    let answer = stripped.get("/").await;
    assert!(answer.is_hit());
    assert_eq!(answer.field("set-cookie"), "");
}

/// RFC 9111 §4.2.4
#[tokio::test(start_paused = true)]
async fn a_page_outlives_its_origin_unless_it_forbids_that() {
    for (said, survives) in [
        ("max-age=1", true),
        ("max-age=1, must-revalidate", false),
        ("max-age=1, proxy-revalidate", false),
        ("s-maxage=1", false),
        ("max-age=1, stale-if-error=0", false),
    ] {
        let site = Site::with(Cache::builder().by_the_book(), move |call| async move {
            match call.number {
                0 => status(200, &[("cache-control", said)], "page"),
                _ => status(503, &[], "down"),
            }
        });
        site.get("/").await;
        sleep(Duration::from_secs(3_600)).await;
        let answer = site.get("/").await;
        let expected = if survives { 200 } else { 503 };
        assert_eq!(answer.status, expected, "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stored_error_stands_in_for_nothing() {
    let site = Site::with(Cache::builder().by_the_book(), |call| async move {
        let body = call.number.to_string();
        status(
            503,
            &[("cache-control", "max-age=1, stale-if-error=600")],
            body,
        )
    });
    assert_eq!(site.get("/").await.text(), "0");
    site.until_quiet().await;
    assert!(site.get("/").await.is_hit(), "as long as it says");
    sleep(Duration::from_secs(2)).await;
    let answer = site.get("/").await;
    assert!(!answer.is_hit());
    assert_eq!(answer.text(), "1");
}

#[tokio::test(start_paused = true)]
async fn variants_are_told_apart_by_what_they_mean() {
    let rows = [
        ("accept-language", "en, de;q=0.5", "DE;q=0.500 ,en"),
        ("x-kind", "a,b", "a , b"),
    ];
    for (name, one, other) in rows {
        for (builder, alike) in [
            (Cache::builder(), false),
            (Cache::builder().by_the_book(), true),
        ] {
            let site = Site::with(builder, move |_| async move {
                status(
                    200,
                    &[("cache-control", "max-age=60"), ("vary", name)],
                    "page",
                )
            });
            site.get_with("/", &[(name, one)]).await;
            assert_eq!(
                site.get_with("/", &[(name, other)]).await.is_hit(),
                alike,
                "{name}"
            );
            assert!(!site.get_with("/", &[(name, "c")]).await.is_hit(), "{name}");
            assert!(!site.get("/").await.is_hit(), "without {name}");
        }
    }
}

/// RFC 9110 §8.6: a HEAD is told the length that a GET would bring, but never of a 204.
#[tokio::test(start_paused = true)]
async fn a_head_is_told_the_length_of_all_but_a_204() {
    for (code, body, length) in [(200, "page", "4"), (404, "", "0"), (204, "", "")] {
        let site = Site::with(Cache::builder().by_the_book(), move |_| async move {
            status(code, &[("cache-control", "max-age=60")], body)
        });
        site.get("/").await;
        site.until_quiet().await;
        let answer = site.send(method("HEAD", "/")).await;
        assert!(answer.is_hit(), "{code}");
        assert_eq!(answer.field("content-length"), length, "{code}");
    }
}
