//! Each bound gone over: what happens then, what is said of it, and what counts it.

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use floodwall::{Cache, CacheBuilder, Purge};
use support::{Site, all, get, method, next_chunk, page, status, with, written};
use tokio::time::sleep;

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
async fn pinned(site: &Site) -> Vec<http::Response<Body>> {
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

/// Asks, and says what Cache-Status and the counters say then.
async fn met(site: &Site, request: http::Request<Body>) -> (String, floodwall::Stats) {
    let answer = site.send(request).await;
    site.until_quiet().await;
    (answer.cache_status().to_owned(), site.stats())
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_too_large_passes() {
    let site = Site::new(|_| async { page(&[CACHED], "page") });
    let path = format!("/{}", "x".repeat(16 << 10));
    for round in 1..=2 {
        let (said, now) = met(&site, get(&path)).await;
        assert!(said.ends_with("detail=key-too-large"), "{said}");
        assert_eq!((now.key_too_large, now.passes), (round, round));
    }
    // The longest target that a request can have at all.
    let path = format!("/{}", "x".repeat((64 << 10) - 3));
    assert_eq!(met(&site, get(&path)).await.1.key_too_large, 3);
    assert_eq!(site.stats().stored_keys, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_in_a_head_is_not_kept() {
    let site = Site::new(|call| async move {
        let large = "x".repeat(8_200);
        let many = "a ".repeat(257);
        let names: Vec<String> = (0..17).map(|at| format!("x-{at}")).collect();
        let names = names.join(",");
        let fields: Vec<(&str, &str)> = match call.request.uri().path() {
            "/vary-names" => vec![CACHED, ("vary", &names)],
            "/vary-bytes" => vec![CACHED, ("vary", "x-long")],
            "/head" => [vec![CACHED], vec![("x-field", &*large); 8]].concat(),
            "/tags" => vec![CACHED, ("surrogate-key", &many)],
            _ => vec![CACHED, ("cache-tag", &large[..1025])],
        };
        page(&fields, "page")
    });
    let long = "y".repeat(8_200);
    for (path, detail) in [
        ("/vary-names", "vary-too-large"),
        ("/vary-bytes", "vary-too-large"),
        ("/head", "head-too-large"),
        ("/tags", "too-many-tags"),
        ("/tag", "too-many-tags"),
    ] {
        let (said, _) = met(&site, with(get(path), &[("x-long", &long)])).await;
        assert!(
            said.ends_with(&format!("detail={detail}")),
            "{path}: {said}"
        );
    }
    let now = site.stats();
    assert_eq!(
        (now.vary_too_large, now.head_too_large, now.too_many_tags),
        (2, 1, 2)
    );
    assert_eq!(now.stored_keys, 0);
}

type Setter = fn(CacheBuilder, usize) -> CacheBuilder;

#[tokio::test(start_paused = true)]
async fn what_a_head_may_have_is_for_the_operator_to_say() {
    let fields = [
        CACHED,
        ("vary", "accept-language, x-b"),
        ("surrogate-key", "one two three"),
    ];
    let of_request = [("accept-language", "en-GB"), ("x-b", "value")];
    let rows: [(Setter, usize, &str); 5] = [
        (CacheBuilder::max_vary_names, 2, "vary-too-large"),
        (CacheBuilder::max_variant_bytes, 28, "vary-too-large"),
        (CacheBuilder::max_head_bytes, 73, "head-too-large"),
        (CacheBuilder::max_tags, 3, "too-many-tags"),
        (CacheBuilder::max_tag_bytes, 5, "too-many-tags"),
    ];
    for (set, enough, detail) in rows {
        for (most, ending) in [(enough, "stored"), (enough - 1, detail)] {
            let builder = set(Cache::builder(), most);
            let site = Site::with(builder, move |_| async move { page(&fields, "page") });
            let (said, now) = met(&site, with(get("/"), &of_request)).await;
            assert!(said.ends_with(ending), "{said}");
            let bounds_met = now.vary_too_large + now.head_too_large + now.too_many_tags;
            assert_eq!(bounds_met, u64::from(most < enough), "{detail}");
            assert_eq!(now.stored, 1 - bounds_met, "{detail}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_too_large_is_not_kept() {
    let builder = Cache::builder().max_object_size(1000);
    let site = Site::with(builder, |call| async move {
        if call.request.uri().path() == "/announced" {
            return page(&[CACHED], bytes(1001));
        }
        let (pen, paper) = written();
        pen.send(Ok(bytes(1001).into())).expect("the body is there");
        page(&[CACHED], paper)
    });
    let (said, now) = met(&site, get("/announced")).await;
    assert!(said.ends_with("detail=too-large"), "{said}");
    assert_eq!(now.too_large, 1);
    let (_, now) = met(&site, get("/found-out")).await;
    assert_eq!((now.too_large, now.stored_keys), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_takes_too_long_is_not_kept() {
    let builder = Cache::builder().store_deadline(Duration::from_secs(1));
    let site = Site::with(builder, |_| async {
        let (pen, paper) = written();
        tokio::spawn(async move {
            for _ in 0..3 {
                sleep(Duration::from_millis(600)).await;
                pen.send(Ok("slow ".into())).expect("the body is read");
            }
        });
        page(&[CACHED], paper)
    });
    assert_eq!(site.get("/").await.text(), "slow slow slow ");
    let (_, now) = met(&site, get("/")).await;
    assert_eq!((now.too_late, now.stored_keys), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn more_ranges_than_are_answered_are_answered_whole() {
    let site = Site::new(|_| async { page(&[CACHED], bytes(1000)) });
    site.get("/").await;
    let many: Vec<String> = (0..17).map(|at| format!("{at}-{at}")).collect();
    for (round, asked) in (1..).zip([&*many.join(","), "0-,0-"]) {
        let asked = format!("bytes={asked}");
        let answer = site.get_with("/", &[("range", &asked)]).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body.as_deref(), Ok(&bytes(1000)[..]));
        assert!(answer.cache_status().ends_with("detail=too-many-ranges"));
        assert_eq!(site.stats().too_many_ranges, round);
    }
    let few = format!("bytes={}", many[..16].join(","));
    assert_eq!(site.get_with("/", &[("range", &few)]).await.status, 206);
    assert_eq!(site.stats().too_many_ranges, 2);
}

#[tokio::test(start_paused = true)]
async fn how_many_ranges_are_answered_is_for_the_operator_to_say() {
    for (most, statuses) in [(0, [200, 200]), (1, [206, 200]), (2, [206, 206])] {
        let site = Site::with(Cache::builder().max_ranges(most), |_| async {
            page(&[CACHED], bytes(1000))
        });
        site.get("/").await;
        for (asked, status) in ["bytes=0-1", "bytes=0-1,8-9"].iter().zip(statuses) {
            let answer = site.get_with("/", &[("range", asked)]).await;
            assert_eq!(answer.status, status, "{asked} of {most}");
        }
        assert_eq!(site.stats().too_many_ranges, 2 - most as u64);
    }
}

#[tokio::test(start_paused = true)]
async fn past_its_variants_a_key_passes() {
    let builder = Cache::builder().max_variants(4);
    let site = Site::with(builder, |_| async {
        page(&[CACHED, ("vary", "user-agent")], "page")
    });
    for at in 0..100 {
        let agent = at.to_string();
        let (said, now) = met(&site, with(get("/"), &[("user-agent", &agent)])).await;
        let over = u64::saturating_sub(at, 3);
        assert_eq!(now.variants_full, over, "{at}: {said}");
        assert_eq!(said.ends_with("detail=variants-full"), over > 0, "{said}");
    }
    assert_eq!(site.stats().stored_keys, 1);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_too_slow_is_cut_off_and_counted() {
    let builder = Cache::builder().max_object_size(1000);
    let (pen, paper) = written();
    let paper = Arc::new(Mutex::new(Some(paper)));
    let site = Site::with(builder, move |_| {
        let paper = paper.lock().expect("no test panics here").take();
        async move { page(&[], paper.expect("asked once")) }
    });
    let (fast, slow) = tokio::join!(site.open(get("/")), site.open(get("/")));
    let mut fast = fast.into_body();
    for _ in 0..3 {
        pen.send(Ok(bytes(600).into())).expect("the fetch reads");
        assert!(next_chunk(&mut fast).await.is_some());
    }
    assert!(support::Answer::read(slow).await.body.is_err());
    assert_eq!(site.stats().readers_cut, 1);
}

#[tokio::test(start_paused = true)]
async fn purges_that_are_too_many_purge_what_was_there_before_them() {
    let site = Site::new(|_| async { page(&[CACHED], "page") });
    let purge = |at: usize| {
        let prefix = Purge::prefix(&format!("/elsewhere/{at}"));
        site.cache.purge(prefix.expect("a legal prefix"));
    };
    site.get("/before").await;
    (0..256).for_each(purge);
    assert!(site.get("/before").await.is_hit());
    site.get("/between").await;
    purge(256);
    assert_eq!(site.stats().purges_folded, 1);
    // Each was looked at when the last one came, and is in none that came since.
    assert!(site.get("/between").await.is_hit());
    assert!(site.get("/before").await.is_hit());
    site.get("/late").await;
    (257..400).for_each(purge);
    assert_eq!(site.stats().purges_folded, 2);
    let kept = site.get("/late").await.is_hit();
    assert!(
        !kept,
        "it was there before a purge of which no more is known"
    );
    assert!(site.get("/late").await.is_hit());
}

#[tokio::test(start_paused = true)]
async fn a_head_that_grows_with_each_304_is_fetched_anew_before_it_is_too_large() {
    let site = Site::new(|call| async move {
        let number = call.number;
        let grown = format!("x-{number}");
        let kilobyte = "x".repeat(1000);
        let fields = [
            ("cache-control", "max-age=1"),
            ("etag", "\"v1\""),
            (&*grown, &*kilobyte),
        ];
        match call.field("if-none-match") {
            Some(_) => status(304, &fields, Body::empty()),
            None => page(&fields, bytes(100)),
        }
    });
    let mut anew = 0;
    for round in 0..200_u64 {
        let crowd = all(site.crowd("/", 10)).await;
        for answer in &crowd {
            assert_eq!(answer.body.as_deref(), Ok(&bytes(100)[..]));
            let head: usize = answer.headers.iter().map(|(_, value)| value.len()).sum();
            assert!(head <= 66 * KB, "{head}");
        }
        site.until_quiet().await;
        let now = site.stats();
        assert_eq!((now.fills, now.stored_keys), (round + 1, 1));
        assert!(now.stored_bytes < 90 * KB as u64, "{}", now.stored_bytes);
        if now.head_too_large > anew {
            anew += 1;
            assert_eq!(crowd[0].headers.len(), 5, "the first head again: {crowd:?}");
        }
        sleep(Duration::from_secs(2)).await;
    }
    // Each cycle is the whole, and validations until 64 KiB are full.
    assert_eq!(anew, 3);
    assert_eq!(site.calls(), 203);
    assert_eq!(site.stats().passes, 0);
}

#[tokio::test(start_paused = true)]
async fn tags_that_grow_with_each_304_are_bounded_too() {
    let site = Site::new(|call| async move {
        let tags: Vec<String> = (0..100).map(|at| format!("{}-{at}", call.number)).collect();
        let tags = tags.join(",");
        let fields = [
            ("cache-control", "max-age=1"),
            ("etag", "\"v1\""),
            ("cache-tag", &*tags),
        ];
        match call.field("if-none-match") {
            Some(_) => status(304, &fields, Body::empty()),
            None => page(&fields, format!("{}", call.number)),
        }
    });
    for expected in ["0", "0", "3", "3"] {
        assert_eq!(site.get("/").await.text(), expected);
        sleep(Duration::from_secs(2)).await;
    }
    assert_eq!(site.stats().too_many_tags, 1);
}
