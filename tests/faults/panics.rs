//! Code of the application that panics: handlers, bodies, what they hold, wakers.
//! One request is lost, or one fetch; nothing else is.

use std::convert::Infallible;
use std::panic::panic_any;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use http_body::Frame;
use tokio::time::{Instant, sleep};

use crate::setting::{EVERYONE, FRESH, NOMINAL, builder, text};
use crate::support::{Site, all, page};

/// Why a handler of these tests panics.
struct AsTheTestWants;

fn boom() -> ! {
    panic_any(AsTheTestWants)
}

/// A body whose drop panics, as a body that flushes something may.
struct PanicsWhenDropped(Body);

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            boom();
        }
    }
}

impl http_body::Body for PanicsWhenDropped {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }
}

/// The first call panics where it is told to, all others answer.
fn panicking(place: &'static str) -> Site {
    Site::with(builder(), move |call| {
        let first = call.number == 0;
        if first && place == "call" {
            boom();
        }
        async move {
            sleep(NOMINAL).await;
            match place {
                "head" if first => boom(),
                "body" if first => {
                    let half = stream::once(async { Ok::<_, Infallible>(Bytes::from("half")) });
                    let rest = stream::once(async { boom() });
                    page(&[FRESH], Body::from_stream(half.chain(rest)))
                }
                "drop" if first => {
                    let body = Body::from(text(call.number));
                    page(&[FRESH], Body::new(PanicsWhenDropped(body)))
                }
                _ => page(&[FRESH], text(call.number)),
            }
        }
    })
}

#[tokio::test(start_paused = true)]
async fn f05_a_handler_that_panics_spoils_one_fetch_and_no_more() {
    for (place, answered, calls) in [
        // Without an answer they try once more, together.
        ("call", Ok(text(1)), 2),
        ("head", Ok(text(1)), 2),
        // They have had the head of this one.
        ("body", Err("half".to_owned()), 1),
        // All of it had come.
        ("drop", Ok(text(0)), 1),
    ] {
        let site = panicking(place);
        let answers = join_all(site.crowd("/", EVERYONE)).await;
        for answer in answers {
            let answer = answer.expect("no request panics");
            let whole = answered.clone().map(Bytes::from).map_err(Bytes::from);
            assert_eq!(answer.body, whole, "{place}");
        }
        assert_eq!(site.calls(), calls, "{place}");
        site.until_quiet().await;
        let next = site.get("/").await;
        let expected = if place == "drop" { 0 } else { 1 };
        assert_eq!(next.text(), text(expected), "{place}");
        assert_eq!(next.is_hit(), place != "body", "{place}");
    }
}

#[tokio::test(start_paused = true)]
async fn f05_a_handler_that_always_panics_is_called_twice_for_a_crowd() {
    let site = Site::with(builder(), |_| async move {
        sleep(NOMINAL).await;
        boom()
    });
    let start = Instant::now();
    for answer in all(site.crowd("/", EVERYONE)).await {
        assert_eq!(answer.status, 500);
        assert!(answer.cache_status().ends_with("detail=lost"));
    }
    assert_eq!(start.elapsed(), 2 * NOMINAL);
    assert_eq!(site.calls(), 2);
    site.until_quiet().await;
}
