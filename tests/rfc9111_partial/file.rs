//! A file that a handler serves in parts, and how it is asked for.

use axum::body::Body;
use floodwall::{Cache, CacheBuilder};
use http::Response;

use crate::support::{Answer, Call, Site, page, status};

pub(crate) const WHOLE: &str = "0123456789abcdefghij";
pub(crate) const LASTS: (&str, &str) = ("cache-control", "max-age=60");
pub(crate) const TAG: (&str, &str) = ("etag", "\"a\"");

pub(crate) type Fields = &'static [(&'static str, &'static str)];

pub(crate) fn by_parts() -> CacheBuilder {
    Cache::builder().store_parts(true)
}

/// What a file server answers from `WHOLE`, with these fields.
pub(crate) fn file(call: &Call, fields: &[(&str, &str)]) -> Response<Body> {
    let validator = ["etag", "last-modified"]
        .iter()
        .find_map(|name| fields.iter().find(|field| field.0 == *name));
    let same = match (call.field("if-range"), validator) {
        (Some(named), Some((_, validator))) => named == *validator,
        (named, _) => named.is_none(),
    };
    match call.field("range").filter(|_| same) {
        Some(range) => part(bounds(range), fields),
        None => page(fields, WHOLE),
    }
}

/// The first byte that a range names, and the one after the last.
pub(crate) fn bounds(range: &str) -> (usize, usize) {
    let total = WHOLE.len();
    let (first, last) = range
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
        .expect("tests ask the file for one range");
    let number = |text: &str| text.parse::<usize>().expect("digits");
    match (first, last) {
        ("", last) => (total - number(last), total),
        (first, "") => (number(first), total),
        (first, last) => (number(first), total.min(number(last) + 1)),
    }
}

pub(crate) fn part((from, to): (usize, usize), fields: &[(&str, &str)]) -> Response<Body> {
    let range = format!("bytes {from}-{}/{}", to - 1, WHOLE.len());
    let mut answer = status(206, fields, &WHOLE[from..to]);
    let range = range.parse().expect("a legal value");
    answer.headers_mut().insert("content-range", range);
    answer
}

/// A file behind a cache that stores parts.
pub(crate) fn file_site(fields: Fields) -> Site {
    Site::with(by_parts(), move |call| async move { file(&call, fields) })
}

pub(crate) async fn range(site: &Site, range: &str) -> Answer {
    site.get_with("/", &[("range", range)]).await
}

/// What the handler was asked for, in order.
pub(crate) fn asked(site: &Site, name: &str) -> Vec<String> {
    let text = |parts: &http::request::Parts| {
        let value = parts.headers.get(name);
        value
            .map_or("", |value| value.to_str().expect("text"))
            .to_owned()
    };
    site.seen().iter().map(text).collect()
}

/// Fails if anything was stored, or a byte of it is still held.
pub(crate) fn is_nothing_stored(site: &Site, case: &str) {
    assert_eq!(site.stats().stored, 0, "{case}");
    assert_eq!(site.stats().held_bytes, 0, "{case}");
}
