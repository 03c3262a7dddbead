//! Handlers that ask the cache while they make a page.
//!
//! What comes from the handler's own future, or its body, is known by that: it never
//! waits for what waits for it, and goes past the cache instead, at once. What
//! comes from a task that the handler spawned looks like anybody's request: that
//! wait ends at the fetch deadline.

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use floodwall::{Cache, CacheBuilder};
use futures_util::future::join_all;
use futures_util::stream;
use http::Response;
use tokio::sync::Barrier;
use tokio::time::{Instant, sleep};

use crate::setting::{CAP, FRESH, NOMINAL, builder, patient};
use crate::support::{Answer, Call, Site, all, get, page, with};

/// A site whose handler can ask it.
fn asking<F, A>(builder: CacheBuilder, handler: F) -> Site
where
    F: Fn(Call, Site) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response<Body>> + Send + 'static,
{
    let itself = Arc::new(OnceLock::<Site>::new());
    let known = Arc::clone(&itself);
    let site = Site::with(builder, move |call| {
        let site = known.get().expect("the site is there").clone();
        handler(call, site)
    });
    assert!(itself.set(site.clone()).is_ok());
    site
}

/// What a handler asks; its handler in turn asks nothing.
async fn inner(site: &Site, path: &str) -> Answer {
    let request = with(get(path), &[("x-inner", "1")]);
    // Boxed, as a handler that asks itself is a future that holds itself.
    Box::pin(site.send(request)).await
}

fn is_inner(call: &Call) -> bool {
    call.field("x-inner").is_some()
}

fn path(call: &Call) -> String {
    call.request.uri().path().to_owned()
}

#[tokio::test(start_paused = true)]
async fn f19_a_handler_that_asks_for_its_own_page_does_not_wait_for_itself() {
    for again in ["/a", "/b"] {
        // `/a` asks for `/a`, or for `/b`, which asks for `/a`.
        let site = asking(builder(), move |call, site| async move {
            let asked = match (path(&call).as_str(), call.number) {
                ("/a", 0) => again,
                ("/b", _) => "/a",
                _ => return page(&[FRESH], "end"),
            };
            let answer = Box::pin(site.get(asked)).await;
            page(&[FRESH], format!("{} {}", path(&call), answer.text()))
        });
        let start = Instant::now();
        let text = site.get("/a").await.text().to_owned();
        let expected = match again {
            "/a" => "/a end",
            _ => "/a /b end",
        };
        assert_eq!(text, expected);
        assert_eq!(start.elapsed(), Duration::ZERO);
        site.until_quiet().await;
        assert!(site.get("/a").await.is_hit());
    }
}

/// Handlers of `most` pages, each of which asks for the next one, the last one for
/// the first, and all of which ask at the same time.
fn round(most: usize) -> Site {
    let together = Arc::new(Barrier::new(most));
    asking(builder(), move |call, site| {
        let together = Arc::clone(&together);
        async move {
            if is_inner(&call) {
                return page(&[FRESH], "end");
            }
            together.wait().await;
            let own: usize = path(&call)[1..].parse().expect("a number");
            let next = inner(&site, &format!("/{}", (own + 1) % most)).await;
            page(&[FRESH], format!("{own} {}", next.text()))
        }
    })
}

#[tokio::test(start_paused = true)]
async fn f19_pages_that_ask_for_each_other_from_different_requests_do_not_wait_for_each_other() {
    for most in [2, 3, 10] {
        let site = round(most);
        let start = Instant::now();
        let requests = (0..most).map(|own| site.spawn(get(&format!("/{own}"))));
        let answers = all(requests.collect()).await;
        assert_eq!(start.elapsed(), Duration::ZERO, "{most} pages");
        // One of them went past the cache, the others waited.
        assert_eq!(site.calls(), most + 1);
        for (own, answer) in answers.iter().enumerate() {
            assert!(answer.text().starts_with(&format!("{own} ")));
            assert!(answer.text().ends_with(" end"));
        }
        site.until_quiet().await;
    }
}

#[tokio::test(start_paused = true)]
async fn f19_a_circle_through_two_caches_is_seen() {
    let (first, second) = (Arc::new(OnceLock::<Site>::new()), Arc::new(OnceLock::new()));
    let together = Arc::new(Barrier::new(2));
    let ask = |other: &Arc<OnceLock<Site>>| {
        let (other, together) = (Arc::clone(other), Arc::clone(&together));
        Site::with(builder(), move |call| {
            let (other, together) = (Arc::clone(&other), Arc::clone(&together));
            async move {
                if is_inner(&call) {
                    return page(&[FRESH], "end");
                }
                together.wait().await;
                let answer = inner(other.get().expect("it is there"), "/").await;
                page(&[FRESH], format!("asked {}", answer.text()))
            }
        })
    };
    assert!(first.set(ask(&second)).is_ok());
    assert!(second.set(ask(&first)).is_ok());
    let sites = [&first, &second].map(|site| site.get().expect("it is there").clone());
    let start = Instant::now();
    let answers = join_all(sites.each_ref().map(|site| site.get("/"))).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    let mut texts: Vec<_> = answers.iter().map(Answer::text).collect();
    texts.sort_unstable();
    assert_eq!(texts, ["asked asked end", "asked end"]);
    for site in sites {
        site.until_quiet().await;
    }
}

#[tokio::test(start_paused = true)]
async fn f19_nested_layers_are_two_caches_and_no_recursion() {
    let site = Site::with(builder(), |call| async move {
        sleep(NOMINAL).await;
        page(&[FRESH], format!("{}", call.number))
    });
    let cache = builder().build().expect("legal settings");
    let nested = site.app.clone().layer(cache.layer());
    let ask = || async {
        let answer = tower::ServiceExt::oneshot(nested.clone(), get("/a")).await;
        Answer::read(answer.unwrap_or_else(|never| match never {})).await
    };
    let start = Instant::now();
    for answer in join_all((0..50).map(|_| ask())).await {
        assert_eq!(answer.text(), "0");
    }
    assert_eq!(start.elapsed(), NOMINAL);
    assert_eq!(site.calls(), 1);
    site.until_quiet().await;
    assert_eq!(cache.stats().flights + cache.stats().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn f19_a_body_that_asks_for_its_own_page_does_not_wait_for_itself() {
    let site = asking(builder(), |call, site| async move {
        if is_inner(&call) {
            return page(&[FRESH], "end");
        }
        let rest = async move {
            let answer = inner(&site, "/").await;
            Ok::<_, std::convert::Infallible>(answer.text().to_owned())
        };
        page(&[FRESH], Body::from_stream(stream::once(rest)))
    });
    let start = Instant::now();
    for answer in all(site.crowd("/", 50)).await {
        assert_eq!(answer.text(), "end");
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    site.until_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn f19_bodies_that_wait_for_each_other_do_not_wait_for_long() {
    // `/a` has begun its body and finishes it with `/b`; `/b` reads `/a` first.
    let together = Arc::new(Barrier::new(2));
    let site = asking(builder(), move |call, site| {
        let together = Arc::clone(&together);
        async move {
            if is_inner(&call) {
                return page(&[FRESH], "end");
            }
            let other = if path(&call) == "/a" { "/b" } else { "/a" };
            let rest = async move {
                together.wait().await;
                let answer = inner(&site, other).await;
                Ok::<_, std::convert::Infallible>(answer.text().to_owned())
            };
            page(&[FRESH], Body::from_stream(stream::once(rest)))
        }
    });
    let start = Instant::now();
    let (a, b) = tokio::join!(site.get("/a"), site.get("/b"));
    assert_eq!((a.text(), b.text()), ("end", "end"));
    assert_eq!(start.elapsed(), Duration::ZERO);
    site.until_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn f19_recursion_through_a_spawned_task_ends_at_the_deadline() {
    let site = asking(builder(), |call, site| async move {
        if is_inner(&call) {
            return page(&[FRESH], "end");
        }
        let asked = tokio::spawn(async move { inner(&site, "/").await });
        let answer = asked.await.expect("no request panics");
        page(&[FRESH], format!("asked {}", answer.status))
    });
    let start = Instant::now();
    for answer in all(site.crowd("/", 51)).await {
        assert_eq!(answer.status, 504);
    }
    assert_eq!(start.elapsed(), CAP);
    site.until_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn f19_parts_that_several_pages_share_are_made_once() {
    // `/page` waits for `/x` and `/y`; `/x` waits for `/y` as well: no circle.
    let site = asking(builder(), |call, site| async move {
        let parts: &[&str] = match path(&call).as_str() {
            "/page" => &["/x", "/y"],
            "/x" => &["/y"],
            _ => &[],
        };
        sleep(NOMINAL).await;
        let parts = join_all(parts.iter().map(|part| Box::pin(site.get(part)))).await;
        let texts: Vec<_> = parts.iter().map(Answer::text).collect();
        page(&[FRESH], format!("{}({})", path(&call), texts.join(" ")))
    });
    let answers = all(site.crowd("/page", 51)).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.text() == "/page(/x(/y()) /y())")
    );
    assert_eq!(site.calls(), 3);
    site.until_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn f19_a_page_that_holds_the_only_place_gets_its_parts() {
    let builder = builder().origin_limit(1).origin_queue(1);
    let site = asking(builder, |call, site| async move {
        sleep(NOMINAL).await;
        match path(&call).as_str() {
            "/part" => page(&[FRESH], "part"),
            _ => {
                let part = Box::pin(site.get("/part")).await;
                page(&[FRESH], format!("page with {}", part.text()))
            }
        }
    });
    let start = Instant::now();
    let answer = patient(site.get("/page")).await;
    assert_eq!(answer.text(), "page with part");
    assert_eq!(start.elapsed(), 2 * NOMINAL);
    site.until_quiet().await;

    // Here others have asked for the part, and wait in the queue for the place
    // that the page holds.
    site.cache.purge(floodwall::Purge::everything());
    let page = site.spawn(get("/page"));
    site.until(|now| now.at_origin == 1).await;
    let parts = site.crowd("/part", 50);
    site.until(|now| now.queued == 1).await;
    for part in parts {
        assert_eq!(
            patient(async { part.await.expect("no panic") })
                .await
                .text(),
            "part"
        );
    }
    assert_eq!(page.await.expect("no panic").text(), "page with part");
    assert_eq!(site.calls(), 4);
    site.until_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn f19_a_refresh_that_a_fetch_starts_is_not_inside_it() {
    // `/a` shows a stale `/b` and so has it refreshed; that asks for `/a`, and may
    // well wait for it, as `/a` does not wait for the refresh.
    let site = asking(Cache::builder(), |call, site| async move {
        let stale = ("cache-control", "max-age=1, stale-while-revalidate=60");
        match (path(&call).as_str(), call.number) {
            ("/b", 0) => page(&[stale], "b"),
            ("/b", _) => {
                let a = Box::pin(site.get("/a")).await;
                page(&[stale], format!("b with {}", a.text()))
            }
            _ => {
                let b = Box::pin(site.get("/b")).await;
                sleep(NOMINAL).await;
                page(&[FRESH], format!("a with {}", b.text()))
            }
        }
    });
    site.get("/b").await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(site.get("/a").await.text(), "a with b");
    site.until_quiet().await;
    assert_eq!(site.get("/b").await.text(), "b with a with b");
    assert_eq!(site.calls(), 3);
}
