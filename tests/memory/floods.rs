//! More keys, variants and purges than there is room for.

use axum::body::Body;
use floodwall::{Cache, Purge};

use crate::heap::{BASE, KIB, MIB, Row};
use crate::site::{Site, asking, get, on_one_thread, page};

/// A build without optimisation is slow.
const IS_SLOW: bool = cfg!(debug_assertions);
/// How many make a flood.
const FLOOD: usize = if IS_SLOW { 10_000 } else { 200_000 };
const LARGE: usize = if IS_SLOW { 16 * MIB } else { 64 * MIB };
const SMALL: usize = MIB;

fn flood_of_urls(name: &'static str, capacity: usize, many: usize) {
    let row = Row::begin(name);
    on_one_thread(|| async {
        let site = Site::new(Cache::builder().capacity(capacity as u64), |_| async {
            page(&[("x-field", "value")], vec![b'x'; 2 * KIB])
        });
        for at in 0..many {
            let length = site.read(get(&format!("/p?r={at}"))).await;
            assert_eq!(length, Some(2 * KIB));
        }
        let taken = row.is_counted(&site.cache);
        let counted = site.cache.stats().held_bytes as usize;
        assert!(counted <= capacity && taken <= capacity + BASE);
        // Room that is counted for nothing would be lost. The count has the allocator's own
        // bytes around each piece too, which this heap does not know; `counted` has them.
        assert!(
            counted <= taken + taken / 4,
            "{counted} counted, {taken} taken"
        );
        site.cache.purge(Purge::everything());
        let left = row.taken();
        assert!(left <= BASE, "{left} after everything was purged");
    });
    row.end(capacity + BASE);
}

#[test]
fn unique_urls() {
    flood_of_urls("unique URLs", LARGE, FLOOD);
}

#[test]
fn unique_urls_through_a_small_cache() {
    flood_of_urls("unique URLs through a small cache", SMALL, FLOOD / 4);
}

#[test]
fn variants_of_one_url() {
    let row = Row::begin("variants of one URL");
    on_one_thread(|| async {
        let site = Site::new(Cache::builder(), |_| async {
            page(&[("vary", "user-agent")], vec![b'x'; KIB])
        });
        for at in 0..FLOOD {
            let agent = format!("agent {at}");
            site.read(asking("/", &[("user-agent", &agent)])).await;
        }
        row.is_counted(&site.cache);
        let now = site.cache.stats();
        assert_eq!(now.stored, 32);
        assert_eq!(now.variants_full, FLOOD as u64 - 32);
    });
    row.end(32 * 4 * KIB + BASE);
}

/// What is remembered of them is a part of the capacity.
#[test]
fn keys_that_cannot_be_shared() {
    let row = Row::begin("keys that cannot be shared");
    on_one_thread(|| async {
        let builder = Cache::builder().capacity(LARGE as u64);
        let site = Site::new(builder, |_| async {
            page(&[("set-cookie", "a=b")], "page")
        });
        for at in 0..FLOOD {
            let path = format!("/a/path/of/some/length?r={at}");
            site.read(get(&path)).await;
        }
        assert_eq!(site.cache.stats().held_bytes, 0);
    });
    row.end(LARGE / 32 + BASE);
}

/// The rules are outside of the capacity, and bounded for themselves.
#[test]
fn purges_without_end() {
    const PURGES: usize = 2 * FLOOD;
    let row = Row::begin("purges without end");
    on_one_thread(|| async {
        let site = Site::new(Cache::builder(), |_| async { page(&[], "page") });
        site.read(get("/")).await;
        let long = "x".repeat(100);
        let longer = "x".repeat(4000);
        for at in 0..PURGES {
            let path = format!("/{long}/{at}");
            site.cache.purge(Purge::uri(&path).expect("a legal URI"));
            let prefix = Purge::prefix(&format!("/{longer}/{at}"));
            site.cache.purge(prefix.expect("a legal prefix"));
            site.cache.purge(Purge::tag(path));
            let changed = http::Request::post(format!("/{at}")).header("host", "good.test");
            let changed = changed.body(Body::empty()).expect("a legal request");
            site.read(changed).await;
        }
        assert_eq!(site.cache.stats().purges, 4 * PURGES as u64);
        assert!(site.cache.stats().purges_folded > 100);
    });
    row.end(6 * MIB + BASE);
}
