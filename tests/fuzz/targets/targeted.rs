//! A field for some caches alone (RFC 9213), which is a structured one (RFC 9651).

use floodwall::policy::{ResponseDirectives, Rules};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::text;

pub(crate) const WORDS: &[&str] = &[
    "max-age=60",
    "no-store",
    "private",
    "public",
    "=?0",
    "=?1",
    "=(a b)",
    "=\"a\"",
    ";a=1",
    "-1",
    ", ",
    ",",
    "\"",
    "\n",
    "\n\n",
];

const NAME: HeaderName = HeaderName::from_static("cdn-cache-control");

pub(crate) fn check(data: &[u8]) {
    let mut blocks = text::blocks(data);
    let alone = text::field("cdn-cache-control", blocks.next().unwrap_or_default());
    let plain = text::field("cache-control", blocks.next().unwrap_or_default());
    let mut both = plain.clone();
    both.extend(alone.clone());
    assert_eq!(read(&plain), ResponseDirectives::read(&plain));
    let unasked = ResponseDirectives::targeted(&both, &Rules::default());
    assert_eq!(unasked, ResponseDirectives::read(&plain));
    // It takes the place of the other as a whole, or not at all.
    let said = read(&both);
    let other = if said.targeted { &alone } else { &plain };
    assert_eq!(said, read(other));
    means_what_cache_control_means(data);
}

fn read(head: &HeaderMap) -> ResponseDirectives {
    let mut rules = Rules::default();
    rules.targets.push(NAME);
    ResponseDirectives::targeted(head, &rules)
}

/// Directives that are written well say in the one what they say in the other.
fn means_what_cache_control_means(data: &[u8]) {
    let bits = data.first().copied().unwrap_or_default();
    let flags = ["no-store", "private", "no-cache", "public", "immutable"];
    let flags = flags.iter().enumerate();
    let chosen = flags.filter(|(at, _)| bits >> at & 1 == 1);
    let mut members: Vec<String> = chosen.map(|(_, flag)| (*flag).to_owned()).collect();
    members.push(format!("max-age={}", data.len()));
    let line = HeaderValue::try_from(members.join(", ")).expect("a legal value");
    let plain = HeaderMap::from_iter([(http::header::CACHE_CONTROL, line.clone())]);
    let said = read(&HeaderMap::from_iter([(NAME, line)]));
    assert!(said.targeted);
    let mut same = ResponseDirectives::read(&plain);
    same.targeted = true;
    assert_eq!(said, same);
}
