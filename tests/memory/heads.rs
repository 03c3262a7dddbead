//! Heads: too large in one way or another, or as large as may be.

use axum::body::Body;
use floodwall::Cache;
use http::{HeaderName, HeaderValue, Response};

use crate::heap::{BASE, KIB, MIB, Row};
use crate::site::{Site, get, on_one_thread, page};

/// Fifty answers of each kind: nothing is left of them.
#[test]
fn heads_that_are_too_large() {
    let row = Row::begin("heads that are too large");
    on_one_thread(|| async {
        let site = Site::new(Cache::builder(), |request| async move {
            let kind = request.uri().path().split('/').nth(1).map(str::to_owned);
            too_large(kind.as_deref())
        });
        for at in 0..50 {
            for kind in ["names", "name", "string", "lines", "tags"] {
                site.read(get(&format!("/{kind}/{at}"))).await;
            }
        }
        let now = site.cache.stats();
        assert_eq!((now.stored, now.held_bytes), (0, 0));
        // A name of 70 kB is no name at all.
        assert_eq!((now.vary_too_large, now.unshareable), (50, 200));
        assert_eq!((now.head_too_large, now.too_many_tags), (50, 50));
    });
    row.end(MIB + BASE);
}

fn too_large(kind: Option<&str>) -> Response<Body> {
    let list = |many: usize| (0..many).map(|at| format!("x-{at},")).collect::<String>();
    match kind {
        Some("names") => page(&[("vary", &list(1000))], "page"),
        Some("name") => page(&[("vary", &"x".repeat(70_000))], "page"),
        Some("string") => page(&[("vary", &"\"x".repeat(32 * KIB))], "page"),
        Some("lines") => lines("x-line", 1, 100),
        // Ten thousand tags.
        _ => lines("surrogate-key", 100, 100),
    }
}

/// Lines of so many words of a kilobyte; one value for all of them, as what the handler
/// takes is not what is asked here.
fn lines(name: &'static str, words: usize, many: usize) -> Response<Body> {
    let mut page = page(&[], "page");
    let word = format!("{} ", "x".repeat(1000));
    let value = HeaderValue::from_str(&word.repeat(words)).expect("a legal value");
    for _ in 0..many {
        page.headers_mut().append(name, value.clone());
    }
    page
}

/// Heads of so many bytes in memory.
fn as_large_as_may_be(name: &'static str, head: usize, answer: fn() -> Response<Body>) {
    const CAPACITY: usize = 4 * MIB;
    let row = Row::begin(name);
    on_one_thread(|| async {
        let builder = Cache::builder().capacity(CAPACITY as u64);
        let site = Site::new(builder, move |_| async move { answer() });
        for at in 0..50 {
            site.read(get(&format!("/{at}"))).await;
            row.is_counted(&site.cache);
        }
        assert!(site.cache.stats().stored_keys >= 3);
    });
    // On top: the handler's, and copies of it while it is looked at.
    row.end(CAPACITY + 4 * head + BASE);
}

#[test]
fn tags_as_large_as_may_be() {
    as_large_as_may_be("tags as large as may be", 64 * KIB, || {
        lines("surrogate-key", 1, 64)
    });
}

#[test]
fn tags_as_many_as_may_be() {
    as_large_as_may_be("tags as many as may be", 16 * KIB, || {
        page(&[("surrogate-key", &"x ".repeat(256))], "page")
    });
}

#[test]
fn fields_as_many_as_may_be() {
    as_large_as_may_be("fields as many as may be", 640 * KIB, || {
        let mut page = page(&[], "page");
        for at in 0..4000 {
            let name = HeaderName::try_from(format!("x-{at}")).expect("a legal name");
            page.headers_mut()
                .insert(name, HeaderValue::from_static("1"));
        }
        page
    });
}
