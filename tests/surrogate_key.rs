//! `Surrogate-Key`: names, between spaces, by which pages are purged together.

mod support;

use floodwall::{Cache, Purge};
use support::{Site, page};

const KEYS: &str = "surrogate-key";

fn site(forward: bool, keys: &str) -> Site {
    let keys = keys.to_owned();
    Site::with(Cache::builder().forward_tags(forward), move |_| {
        let keys = keys.clone();
        async move { page(&[("cache-control", "max-age=60"), (KEYS, &keys)], "page") }
    })
}

#[tokio::test(start_paused = true)]
async fn clients_see_it_only_where_it_is_forwarded() {
    for (forward, seen) in [(false, ""), (true, "front news")] {
        let site = site(forward, "front news");
        assert_eq!(site.get("/").await.field(KEYS), seen);
        site.until_quiet().await;
        let hit = site.get("/").await;
        assert!(hit.is_hit());
        assert_eq!(hit.field(KEYS), seen);
    }
}

#[tokio::test(start_paused = true)]
async fn a_purge_names_one_of_the_keys_byte_by_byte() {
    for (said, purged, taken) in [
        ("front news", "news", true),
        ("front  \t news ", "news", true),
        ("front news", "front", true),
        ("front news", "front news", false),
        ("front,news", "news", false),
        ("front,news", "front,news", true),
        ("front news", "News", false),
        ("front news", "new", false),
    ] {
        let site = site(false, said);
        site.get("/").await;
        site.until_quiet().await;
        site.cache.purge(Purge::tag(purged));
        assert_eq!(!site.get("/").await.is_hit(), taken, "{said:?} {purged:?}");
    }
}

/// What could not be purged by all of its keys is not kept.
#[tokio::test(start_paused = true)]
async fn a_key_has_at_most_1024_bytes() {
    for (length, kept) in [(1024, true), (1025, false)] {
        let site = site(false, &"k".repeat(length));
        site.get("/").await;
        site.until_quiet().await;
        assert_eq!(site.get("/").await.is_hit(), kept, "{length}");
        assert_eq!(site.stats().too_many_tags > 0, !kept);
    }
}
