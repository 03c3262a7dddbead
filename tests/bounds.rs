//! Each bound gone over: what happens then, what is said of it, and what counts it.

mod support;

use floodwall::{Cache, Purge};
use support::{Site, get, method, page, with, written};

const KB: usize = 1000;
const CACHED: (&str, &str) = ("cache-control", "max-age=60");

/// A body of so many bytes, all of them different from their neighbours.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

#[tokio::test(start_paused = true)]
async fn a_body_that_came_in_crumbs_is_served_whole_and_in_ranges() {
    let whole = bytes(300 * KB);
    let body = whole.clone();
    let site = Site::new(move |_| {
        let (pen, paper) = written();
        for crumb in body.chunks(77) {
            pen.send(Ok(crumb.to_vec().into()))
                .expect("the body is there");
        }
        async move { page(&[CACHED], paper) }
    });
    for _ in 0..2 {
        let answer = site.get("/").await;
        assert_eq!(answer.body.as_deref(), Ok(&whole[..]));
    }
    for (from, to) in [(0, 0), (65_000, 66_000), (10, 299_998), (131_000, 299_999)] {
        let asked = format!("bytes={from}-{to}");
        let answer = site.get_with("/", &[("range", &asked)]).await;
        assert_eq!(answer.status, 206);
        assert_eq!(answer.body.as_deref(), Ok(&whole[from..=to]), "{asked}");
        assert_eq!(
            answer.field("content-length"),
            (to - from + 1).to_string(),
            "{asked}"
        );
    }
    let two = with(get("/"), &[("range", "bytes=65530-65540,131070-131080")]);
    let two = site.send(two).await.body.expect("the body came whole");
    for part in [&whole[65_530..=65_540], &whole[131_070..=131_080]] {
        assert!(two.windows(part.len()).any(|window| window == part));
    }
    let head = site.send(method("HEAD", "/")).await;
    assert_eq!(head.field("content-length"), "300000");
    assert_eq!(site.calls(), 1);
}

/// Pages of 200 kB behind a cache of 1 MiB, and readers who hold five of them that
/// are not stored any more.
async fn pinned(site: &Site) -> Vec<http::Response<axum::body::Body>> {
    let mut unread = Vec::new();
    for at in 0..5 {
        let path = format!("/pinned/{at}");
        site.get(&path).await;
        let hit = site.open(get(&path)).await;
        assert_eq!(hit.headers()["cache-status"], "floodwall; hit; ttl=60");
        unread.push(hit);
        site.cache.purge(Purge::uri(&path).expect("a legal path"));
        // Whoever asks next finds that it is gone, and may ask in vain.
        site.get_with(&path, &[("cache-control", "only-if-cached")])
            .await;
    }
    assert_eq!(site.stats().stored_keys, 0);
    unread
}

#[tokio::test(start_paused = true)]
async fn what_is_read_after_it_was_evicted_still_counts() {
    let builder = Cache::builder().capacity(1 << 20);
    let site = Site::with(builder.max_object_size(256 << 10), |_| async {
        page(&[CACHED], bytes(200 * KB))
    });
    let unread = pinned(&site).await;
    assert!(site.stats().held_bytes >= 1_000 * KB as u64);
    let refused = site.get("/new").await;
    assert_eq!(refused.body.as_deref(), Ok(&bytes(200 * KB)[..]));
    assert!(
        refused.cache_status().ends_with("detail=no-room"),
        "{refused:?}"
    );
    assert_eq!(site.stats().no_room, 1);
    assert_eq!(site.stats().stored_keys, 0);
    for answer in unread {
        let answer = support::Answer::read(answer).await;
        assert_eq!(answer.body.as_deref(), Ok(&bytes(200 * KB)[..]));
    }
    assert!(site.get("/new").await.cache_status().ends_with("stored"));
    assert!(site.get("/new").await.is_hit());
}

#[tokio::test(start_paused = true)]
async fn a_body_of_unknown_length_that_finds_no_room_goes_on_to_its_readers() {
    let builder = Cache::builder().capacity(1 << 20);
    let site = Site::with(builder.max_object_size(256 << 10), |call| async move {
        if call.request.uri().path() != "/new" {
            return page(&[CACHED], bytes(200 * KB));
        }
        let (pen, paper) = written();
        for chunk in bytes(200 * KB).chunks(10 * KB) {
            pen.send(Ok(chunk.to_vec().into()))
                .expect("the body is there");
        }
        page(&[CACHED], paper)
    });
    let _unread = pinned(&site).await;
    for round in 1..=2 {
        let answer = site.get("/new").await;
        assert_eq!(answer.body.as_deref(), Ok(&bytes(200 * KB)[..]));
        site.until_quiet().await;
        assert_eq!(site.stats().no_room, round);
        assert_eq!(site.stats().stored_keys, 0);
        assert_eq!(site.stats().flight_bytes, 0);
        assert!(site.stats().held_bytes <= 1 << 20);
    }
}
