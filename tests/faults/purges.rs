//! Purges, and stores of one page, in every order in which they can come.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use floodwall::{Cache, Purge};
use futures_util::{StreamExt, stream};
use http::Response;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use crate::support::{Answer, Call, Site, get, page, settle, status};

/// What the page is fetched for, when the purge comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fetch {
    /// Nothing is stored.
    Miss,
    /// A stale copy is served meanwhile.
    Refresh,
    /// A stale copy is validated, and found good.
    Validation,
}

/// A site whose page shows the version that was current when the handler was
/// called, and whose one slow call goes on step by step.
struct Slow {
    site: Site,
    version: Arc<AtomicUsize>,
    head: Arc<Semaphore>,
    rest: Arc<Semaphore>,
}

const TAG: (&str, &str) = ("cache-tag", "t");

impl Slow {
    fn new(fetch: Fetch) -> Self {
        let version = Arc::new(AtomicUsize::new(0));
        let (head, rest) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let slow = if fetch == Fetch::Miss { 0 } else { 1 };
        let (current, begin, end) = (version.clone(), head.clone(), rest.clone());
        let site = Site::with(Cache::builder(), move |call: Call| {
            let text = current.load(Ordering::SeqCst).to_string();
            let (begin, end) = (begin.clone(), end.clone());
            async move {
                let validates = call.field("if-none-match").is_some();
                if call.number != slow {
                    return answer(text, None);
                }
                begin.acquire().await.expect("open").forget();
                match validates && fetch == Fetch::Validation {
                    true => status(304, &said(), ""),
                    false => answer(text, Some(end)),
                }
            }
        });
        Self {
            site,
            version,
            head,
            rest,
        }
    }

    /// Has the page be fetched slowly; nobody waits for it here.
    async fn begin(&self, fetch: Fetch) {
        if fetch != Fetch::Miss {
            self.site.get("/").await;
            sleep(Duration::from_secs(2)).await;
        }
        let reload = [("cache-control", "no-cache")];
        let request = match fetch {
            Fetch::Validation => crate::support::with(get("/"), &reload),
            _ => get("/"),
        };
        drop(self.site.spawn(request));
        self.site.until(|now| now.at_origin == 1).await;
    }

    /// Changes the page and purges it.
    fn change(&self, purge: &Purge) {
        self.version.fetch_add(1, Ordering::SeqCst);
        self.site.cache.purge(purge.clone());
    }
}

fn said() -> [(&'static str, &'static str); 3] {
    let control = "max-age=1, stale-while-revalidate=60";
    [("cache-control", control), ("etag", "\"1\""), TAG]
}

/// The page, whose second half waits for `rest` if there is one.
fn answer(text: String, rest: Option<Arc<Semaphore>>) -> Response<Body> {
    let again = text.clone();
    let first = stream::once(async move { Ok::<_, std::convert::Infallible>(Bytes::from(text)) });
    let second = stream::once(async move {
        if let Some(rest) = rest {
            rest.acquire().await.expect("open").forget();
        }
        Ok(Bytes::from(again))
    });
    page(&said(), Body::from_stream(first.chain(second)))
}

/// A whole page of a version shows it twice.
fn version(answer: &Answer) -> usize {
    let text = answer.text();
    let (first, second) = text.split_at(text.len() / 2);
    assert_eq!(first, second, "a page made of two");
    first.parse().expect("a number")
}

fn purges() -> [Purge; 4] {
    [
        Purge::uri("/").expect("a legal page"),
        Purge::prefix("/").expect("a legal prefix"),
        Purge::tag("t"),
        Purge::everything(),
    ]
}

#[tokio::test(start_paused = true)]
async fn f30_after_a_purge_nobody_sees_the_page_from_before_it() {
    // The fetch begins, its head comes, its body ends. The purge comes before or
    // after any of that, and the next request any time after the purge.
    for fetch in [Fetch::Miss, Fetch::Refresh, Fetch::Validation] {
        for purge in purges() {
            for purged in 0..=3 {
                for asked in purged..=3 {
                    let case = format!("{fetch:?}, {purge:?} at {purged}, asked at {asked}");
                    let slow = Slow::new(fetch);
                    let mut later = None;
                    for step in 0..=3 {
                        match step {
                            0 => {}
                            1 => slow.begin(fetch).await,
                            2 => slow.head.add_permits(1),
                            _ => slow.rest.add_permits(1),
                        }
                        settle().await;
                        if step == purged {
                            slow.change(&purge);
                        }
                        if step == asked {
                            later = Some(slow.site.spawn(get("/")));
                            settle().await;
                        }
                    }
                    let later = later.expect("asked").await.expect("no panic");
                    assert_eq!(version(&later), 1, "{case}");
                    slow.site.until_quiet().await;
                    // Nor does the fetch from before bring it back at its end.
                    let last = slow.site.get("/").await;
                    assert_eq!(version(&last), 1, "{case}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn f31_of_two_fetches_the_one_that_began_later_stays() {
    // The second begins because a soft purge has made stale what the first is
    // bringing; they end in either order.
    for first_ends_last in [false, true] {
        let turns: Arc<[Semaphore]> = (0..2).map(|_| Semaphore::new(0)).collect();
        let held = Arc::clone(&turns);
        let site = Site::with(Cache::builder(), move |call: Call| {
            let held = Arc::clone(&held);
            async move {
                let turn = held[call.number].acquire().await;
                turn.expect("open").forget();
                page(&[("cache-control", "max-age=60")], call.number.to_string())
            }
        });
        let first = site.spawn(get("/"));
        site.until(|now| now.at_origin == 1).await;
        sleep(Duration::from_millis(1)).await;
        site.cache.purge(Purge::everything().soft());
        let second = site.spawn(get("/"));
        site.until(|now| now.at_origin == 2).await;
        let mut requests = [first, second].map(Some);
        let order = if first_ends_last { [1, 0] } else { [0, 1] };
        for at in order {
            turns[at].add_permits(1);
            let request = requests[at].take().expect("once");
            let answer = request.await.expect("no panic");
            assert_eq!(answer.text(), at.to_string());
            site.until(|now| now.at_origin == u64::from(at == order[0]))
                .await;
        }
        site.until_quiet().await;
        let kept = site.get("/").await;
        assert!(kept.is_hit());
        assert_eq!(kept.text(), "1", "first ends last: {first_ends_last}");
        assert_eq!(site.calls(), 2);
    }
}
