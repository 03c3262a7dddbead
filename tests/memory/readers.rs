//! Bodies: without an end, in crumbs, evicted under their readers, of all sizes at once.

use std::convert::Infallible;

use axum::body::Body;
use bytes::Bytes;
use floodwall::{Cache, Purge};
use futures_util::future::join_all;
use futures_util::stream;
use http::Response;
use http_body_util::BodyExt;

use crate::heap::{BASE, KIB, MIB, Row};
use crate::site::{Site, get, on_one_thread, page, read};

/// A body in chunks of one size, of a length that nobody is told.
fn in_chunks(size: usize, many: usize) -> Body {
    let chunk = move |_| Ok::<_, Infallible>(Bytes::from(vec![b'x'; size]));
    Body::from_stream(stream::iter((0..many).map(chunk)))
}

#[test]
fn a_body_without_an_end() {
    let row = Row::begin("a body without an end");
    on_one_thread(|| async {
        let site = Site::new(Cache::builder(), |_| async {
            page(&[], in_chunks(64 * KIB, 8 * KIB))
        });
        // Half a gigabyte: stored as far as an object may be large, then read through.
        assert_eq!(site.read(get("/")).await, Some(512 * MIB));
        let unread = site.open(get("/")).await;
        site.until(|now| now.too_large == 2).await;
        row.is_counted(&site.cache);
        drop(unread);
        site.until(|now| now.flight_bytes == 0).await;
        let left = row.taken();
        assert!(left <= BASE, "{left} after the last reader");
    });
    row.end(8 * MIB + BASE);
}

/// Each grows until it is too large or there is no room; what they hold for readers that
/// do not read is bounded by the capacity together.
#[test]
fn a_hundred_bodies_without_an_end() {
    const BODIES: usize = 100;
    const CHUNK: usize = 64 * KIB;
    let row = Row::begin("a hundred bodies without an end");
    on_one_thread(|| async {
        let builder = Cache::builder().capacity(16 * MIB as u64);
        let site = Site::new(builder, |_| async { page(&[], in_chunks(CHUNK, KIB)) });
        let paths: Vec<String> = (0..BODIES).map(|at| format!("/{at}")).collect();
        let unread = join_all(paths.iter().map(|path| site.open(get(path)))).await;
        site.until(|now| now.too_large + now.no_room == BODIES as u64)
            .await;
        for answer in unread {
            assert_eq!(read(answer).await, Some(64 * MIB));
        }
        site.until_quiet().await;
        row.is_counted(&site.cache);
    });
    // What finds no room is handed on in the handler's own memory, a chunk each.
    row.end(16 * MIB + BODIES * CHUNK + BASE);
}

/// What lies around little chunks is counted as well, so that a body in crumbs takes no
/// more than another.
#[test]
fn bodies_in_crumbs() {
    const CAPACITY: usize = MIB;
    let row = Row::begin("bodies in crumbs");
    on_one_thread(|| async {
        let builder = Cache::builder().capacity(CAPACITY as u64);
        let site = Site::new(builder, |_| async { page(&[], in_chunks(1, 30 * KIB)) });
        for at in 0..10 {
            assert_eq!(site.read(get(&format!("/{at}"))).await, Some(30 * KIB));
            row.is_counted(&site.cache);
        }
        assert_eq!(site.cache.stats().stored_keys, 10);
    });
    row.end(10 * 32 * KIB + BASE);
}

/// Past the object limit crumbs are held for a slow reader as they came, until there is no
/// room for them.
#[test]
fn crumbs_that_a_slow_reader_leaves_lying() {
    // The list of them grows for the last time just before.
    const CAPACITY: usize = 4400 * KIB;
    const LENGTH: usize = 200 * KIB;
    let row = Row::begin("crumbs that a slow reader leaves lying");
    on_one_thread(|| async {
        let builder = Cache::builder().capacity(CAPACITY as u64);
        let builder = builder.max_object_size(64 * KIB as u64);
        let site = Site::new(builder, |_| async { page(&[], in_chunks(1, LENGTH)) });
        let (fast, slow) = futures_util::join!(site.open(get("/")), site.open(get("/")));
        assert_eq!(read(fast).await, Some(LENGTH));
        assert_eq!(read(slow).await, None);
        let now = site.cache.stats();
        assert_eq!((now.too_large, now.readers_cut), (1, 1));
        site.until_quiet().await;
        assert_eq!(site.cache.stats().held_bytes, 0);
    });
    row.end(CAPACITY * 5 / 4 + BASE);
}

#[test]
fn slow_readers_of_what_is_evicted() {
    const READERS: usize = 100;
    const CHUNK: usize = 100 * KIB;
    const WHOLE: Option<usize> = Some(10 * CHUNK);
    let row = Row::begin("slow readers of what is evicted");
    on_one_thread(|| async {
        let builder = Cache::builder().capacity(16 * MIB as u64);
        let builder = builder.max_object_size(2 * MIB as u64);
        let site = Site::new(builder, |_| async { page(&[], in_chunks(CHUNK, 10)) });
        let mut slow = Vec::new();
        for at in 0..READERS {
            let path = format!("/{at}");
            assert_eq!(site.read(get(&path)).await, WHOLE);
            slow.push(begin(site.open(get(&path)).await).await);
        }
        let now = site.cache.stats();
        assert!(now.held_bytes <= 16 * MIB as u64);
        assert!(now.no_room > 0, "there was room for all: {now:?}");
        for (first, answer) in slow {
            assert_eq!(Some(first + read(answer).await.expect("whole")), WHOLE);
        }
        site.until_quiet().await;
        row.is_counted(&site.cache);
        // Nobody reads any more, so there is room again.
        assert_eq!(site.read(get("/new")).await, WHOLE);
        site.until_quiet().await;
        let hits = site.cache.stats().hits;
        assert_eq!(site.read(get("/new")).await, WHOLE);
        assert_eq!(site.cache.stats().hits, hits + 1);
    });
    // What finds no room is handed on in the handler's own memory, a chunk each.
    row.end(16 * MIB + READERS * CHUNK + BASE);
}

/// Reads the first chunk of an answer, and lets go of it.
async fn begin(mut answer: Response<Body>) -> (usize, Response<Body>) {
    let first = answer.body_mut().frame().await.expect("a first chunk");
    let first = first.expect("no error").into_data().expect("no trailers");
    (first.len(), answer)
}

#[test]
fn a_hundred_readers_of_one_that_is_evicted() {
    let row = Row::begin("a hundred readers of one that is evicted");
    on_one_thread(|| async {
        let builder = Cache::builder().max_object_size(4 * MIB as u64);
        let site = Site::new(builder, |_| async { page(&[], vec![b'x'; 3 * MIB]) });
        site.read(get("/")).await;
        let readers = (0..100).map(|_| site.open(get("/")));
        let readers = join_all(readers).await;
        site.cache.purge(Purge::everything());
        let held = row.is_counted(&site.cache);
        assert!(
            (3 * MIB..3 * MIB + BASE).contains(&held),
            "one copy, not {held}"
        );
        for answer in readers {
            assert_eq!(read(answer).await, Some(3 * MIB));
        }
        let left = row.taken();
        assert!(left <= BASE, "{left} after the last reader");
        assert_eq!(site.cache.stats().held_bytes, 0);
    });
    // The handler's own copy, and the cache's.
    row.end(6 * MIB + BASE);
}

/// From several threads at once, and of all sizes up to the largest.
#[test]
fn all_sizes_at_once() {
    const LANES: usize = 8;
    const CAPACITY: usize = 16 * MIB;
    let row = Row::begin("all sizes at once");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let builder = Cache::builder().capacity(CAPACITY as u64);
        let site = Site::new(builder, |request| async move {
            let size = request.uri().query().and_then(|size| size.parse().ok());
            page(&[], vec![b'x'; size.expect("the row asks for sizes")])
        });
        let lanes = (0..LANES).map(|lane| {
            let site = site.clone();
            tokio::spawn(async move {
                for at in 0..200 {
                    // From a hundred bytes to a mebibyte and a half, near the largest.
                    let size = 100 << ((lane + at) % 15);
                    let path = format!("/{lane}/{at}?{size}");
                    assert_eq!(site.read(get(&path)).await, Some(size));
                    let held = site.cache.stats().held_bytes;
                    assert!(held <= CAPACITY as u64, "{held}");
                }
            })
        });
        for lane in join_all(lanes).await {
            lane.expect("no lane panics");
        }
        site.until_quiet().await;
        row.is_counted(&site.cache);
        site.cache.purge(Purge::everything());
    });
    drop(runtime);
    // On top: what the handler has in its hands, in each of the lanes.
    row.end(CAPACITY + LANES * 2 * MIB + BASE);
}
