//! Answers that were wrong in what they were made of, or in what they said.

mod support;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use floodwall::Cache;
use futures_util::FutureExt;
use http::Request;
use support::{Answer, Site, get, method, page, status, with};
use tokio::time::sleep;
use tower::{Layer, ServiceExt};

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test(start_paused = true)]
async fn a_304_that_nobody_asked_for_is_a_bad_origin() {
    // The stored page has no validator, so the request had no condition.
    let site = Site::new(|call| async move {
        match call.number {
            0 => page(&[("cache-control", "max-age=1")], "page"),
            _ => status(304, &[("cache-control", "max-age=60")], ""),
        }
    });
    site.get("/").await;
    sleep(secs(2)).await;
    assert_eq!(site.get("/").await.status, 502);
    assert_eq!(site.stats().validated, 0);
    assert_eq!(site.calls(), 2, "to ask the same again brings the same");
}

#[tokio::test(start_paused = true)]
async fn a_head_has_no_body_whatever_the_answer_is_made_of() {
    for (code, said) in [(200, "private"), (200, "max-age=60"), (500, "no-store")] {
        let calls = Arc::new(AtomicUsize::new(0));
        let handler = tower::service_fn(move |_: Request<Body>| {
            let number = calls.fetch_add(1, Ordering::SeqCst);
            async move {
                Ok::<_, Infallible>(match number {
                    0 => page(
                        &[("cache-control", "max-age=0"), ("etag", "\"a\"")],
                        "first",
                    ),
                    _ => status(code, &[("cache-control", said)], "second"),
                })
            }
        });
        // Not behind a router, which would leave out the body by itself.
        let cache = Cache::builder().build().expect("the defaults are legal");
        let site = cache.layer().layer(handler);
        let ask = |request| {
            let answer = site.clone().oneshot(request);
            answer.map(|answer| answer.unwrap_or_else(|never| match never {}).map(Body::new))
        };
        assert_eq!(Answer::read(ask(get("/")).await).await.text(), "first");
        let head = Answer::read(ask(method("HEAD", "/")).await).await;
        assert_eq!((head.status.as_u16(), head.text()), (code, ""), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_stands_between_ranges_cannot_be_foreseen() {
    let site = Site::new(|_| async { page(&[("cache-control", "max-age=60")], "0123456789") });
    site.get("/").await;
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let answer = site.get_with("/", &[("range", "bytes=0-1,-2")]).await;
        assert_eq!(answer.status, 206);
        kinds.push(answer.field("content-type").to_owned());
    }
    assert_ne!(kinds[0], kinds[1]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_fetch_from_before_hides_no_variant_that_was_asked_for_after_it() {
    let site = Site::new(|call| async move {
        let language = call.field("accept-language").unwrap_or("none").to_owned();
        let varied = ("vary", "accept-language");
        match call.number {
            0 => page(&[("cache-control", "max-age=1"), varied], "seed"),
            1 => {
                sleep(secs(3)).await;
                page(&[("cache-control", "max-age=60")], "old, for everyone")
            }
            _ => page(&[("cache-control", "max-age=60"), varied], language),
        }
    });
    let [english, french] = ["en", "fr"].map(|name| [("accept-language", name)]);
    site.get_with("/", &english).await;
    sleep(secs(2)).await;
    let slow = site.spawn(with(get("/"), &english));
    site.until(|now| now.at_origin == 1).await;
    sleep(secs(1)).await;
    assert_eq!(site.get_with("/", &french).await.text(), "fr");
    assert_eq!(slow.await.expect("no panic").text(), "old, for everyone");
    site.until_quiet().await;
    let answer = site.get_with("/", &french).await;
    assert!(answer.is_hit());
    assert_eq!(answer.text(), "fr");
}

#[tokio::test(start_paused = true)]
async fn a_copy_in_place_of_an_error_says_its_age() {
    let site = Site::new(|call| async move {
        match call.number {
            0 => page(
                &[("cache-control", "max-age=10, stale-if-error=600")],
                "page",
            ),
            _ => status(500, &[], "broken"),
        }
    });
    site.get("/").await;
    sleep(secs(100)).await;
    let answer = site.get("/").await;
    assert_eq!((answer.text(), answer.field("age")), ("page", "100"));
}

#[tokio::test(start_paused = true)]
async fn a_304_that_forgets_what_the_page_varies_on() {
    for vary in ["accept", "accept-encoding", ""] {
        let site = Site::new(move |call| async move {
            let fresh = ("cache-control", "public, max-age=60");
            if call.field("if-none-match").is_some() {
                return status(304, &[fresh, ("etag", "\"a\""), ("vary", vary)], "");
            }
            let user = call.field("x-user").unwrap_or("nobody").to_owned();
            let said = [("cache-control", "public, no-cache"), ("etag", "\"a\"")];
            page(&[said[0], said[1], ("vary", "x-user")], user)
        });
        let one = [("x-user", "one")];
        site.get_with("/", &one).await;
        assert_eq!(site.get_with("/", &one).await.text(), "one");
        assert_eq!(site.stats().validated, 1);
        let two = site.get_with("/", &[("x-user", "two")]).await;
        assert_eq!(two.text(), "two", "{vary:?}");
        assert_eq!(site.get("/").await.text(), "nobody", "{vary:?}");
        assert!(site.get_with("/", &one).await.is_hit(), "{vary:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn junk_that_leaves_no_room_for_what_browsers_ask() {
    let site = Site::new(|call| async move {
        let fields = [("cache-control", "max-age=60"), ("vary", "accept-encoding")];
        page(&fields, call.number.to_string())
    });
    for n in 0..100 {
        let junk = [("accept-encoding", &format!("x-{n};q=0.{n}")[..])];
        assert_eq!(site.get_with("/", &junk).await.text(), "0");
    }
    assert_eq!(site.calls(), 1);
    for said in ["gzip, deflate, br, zstd", "zstd;q=0.9,br , GZIP, x"] {
        let browser = [("accept-encoding", said)];
        assert_eq!(site.get_with("/", &browser).await.text(), "1");
    }
    assert_eq!(site.get("/").await.text(), "2");
    assert_eq!(site.calls(), 3);
}

/// What ends a stored response does not bring back an older one that the request would
/// select next.
#[tokio::test(start_paused = true)]
async fn what_ends_a_page_brings_no_older_one_to_light() {
    for last in [200, 304] {
        let site = Site::new(move |call| async move {
            let lasts = ("cache-control", "max-age=1, stale-while-revalidate=600");
            let english = ("vary", "accept-language");
            match call.number {
                0 => page(&[lasts], "for everyone"),
                1 => page(&[lasts, english, ("etag", "\"1\"")], "en"),
                2 if last == 304 => status(304, &[("cache-control", "public")], ""),
                _ => page(&[("cache-control", "private")], "not shared any more"),
            }
        });
        let ask = || site.get_with("/", &[("accept-language", "en")]);
        for (told, stored) in [
            (false, "for everyone"),
            (true, "for everyone"),
            (true, "en"),
        ] {
            let answer = ask().await;
            assert_eq!((answer.is_hit(), answer.text()), (told, stored));
            site.until_quiet().await;
            sleep(secs(2)).await;
        }
        let answer = ask().await;
        assert_eq!(
            (answer.is_hit(), answer.text()),
            (false, "not shared any more")
        );
    }
}

/// A body that nobody can drop.
struct Trap;

impl http_body::Body for Trap {
    type Data = bytes::Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Self::Data>, Infallible>>> {
        Poll::Pending
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        panic!("as this test means it to");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_panics_when_it_is_dropped_takes_no_stale_copy_with_it() {
    let site = Site::new(|call| async move {
        match call.number {
            0 => page(
                &[("cache-control", "max-age=1, stale-if-error=600")],
                "page",
            ),
            _ => {
                let failed = status(503, &[("cache-control", "private")], "");
                failed.map(|_| Body::new(Trap))
            }
        }
    });
    site.get("/").await;
    sleep(secs(2)).await;
    let answer = site.spawn(get("/")).await.expect("no request panics");
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "page"));
    site.until_quiet().await;
    assert_eq!(site.stats().stale_on_error, 1);
}
