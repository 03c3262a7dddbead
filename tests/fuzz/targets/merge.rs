//! What a 304 changes in a stored head, and what of a head is stored.

use std::collections::BTreeSet;

use floodwall::policy::{Rules, end_to_end, updated};
use http::{HeaderMap, HeaderValue};

use super::text;

pub(crate) const WORDS: &[&str] = &[
    "cache-control: max-age=1",
    "content-length: 1",
    "content-encoding: br",
    "content-type: x",
    "content-range: x",
    "content-digest: x",
    "repr-digest: x",
    "etag: \"a\"",
    "set-cookie: a=b",
    "connection: close, x-a",
    "transfer-encoding: chunked",
    "x-a: 1",
    "date: Sun, 06 Nov 1994 08:49:37 GMT",
    "age: 1",
    "vary: x",
    "surrogate-key: a",
    "keep-alive: 1",
    "connection: vary, cache-control",
    "\n",
    "\n\n",
];

/// What frames and checks the stored body, and what it was chosen by.
const OF_THE_BODY: [&str; 7] = [
    "content-length",
    "content-encoding",
    "content-range",
    "content-type",
    "content-digest",
    "repr-digest",
    "etag",
];

const OF_ONE_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authentication-info",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What counts even where `Connection` names it.
const NEVER_OF_ONE_HOP: [&str; 3] = ["cache-control", "expires", "vary"];

pub(crate) fn check(data: &[u8]) {
    let mut blocks = text::blocks(data);
    let mut block = || text::head(blocks.next().unwrap_or_default());
    let (stored, answer) = (block(), block());
    let merged = updated(&stored, &answer);
    let hops = hops(&answer);
    let names: BTreeSet<&str> = stored
        .keys()
        .chain(answer.keys())
        .map(|name| name.as_str())
        .collect();
    for name in names {
        let of_now = ["date", "age"].contains(&name);
        let kept = OF_THE_BODY.contains(&name) || hops.contains(name) || !answer.contains_key(name);
        let expected = match kept {
            true if of_now => Vec::new(),
            true => text::values(&stored, name),
            false => text::values(&answer, name),
        };
        assert_eq!(text::values(&merged, name), expected, "{name}");
    }
    assert_eq!(updated(&merged, &answer), merged);
    assert!(size(&merged) <= size(&stored) + size(&answer));
    what_is_sent_on(&merged);
}

/// The fields that are for one hop alone, `Set-Cookie` among them.
fn hops(head: &HeaderMap) -> BTreeSet<String> {
    let lines = text::values(head, "connection").into_iter();
    let named = lines.flat_map(|line| {
        super::naive::members(line).unwrap_or_else(|| {
            // A string that never ends swallows the names after it, and no more.
            let text = super::naive::text(line).to_lowercase();
            let before = text.split('"').next().unwrap_or_default();
            let whole = before.rfind(',').map_or("", |at| &before[..at]);
            whole
                .split(',')
                .map(|name| super::naive::trim(name).to_owned())
                .collect()
        })
    });
    let always = OF_ONE_HOP
        .iter()
        .chain(&["set-cookie"])
        .map(|&name| name.to_owned());
    let all = always.chain(named);
    all.filter(|name| !NEVER_OF_ONE_HOP.contains(&name.as_str()))
        .collect()
}

fn what_is_sent_on(head: &HeaderMap) {
    let rules = Rules::default();
    let sent = end_to_end(head, true, &rules, text::wall());
    let hops = hops(head);
    for name in hops
        .iter()
        .map(String::as_str)
        .chain(["age", "surrogate-key", "cache-tag"])
    {
        assert!(name == "date" || !sent.contains_key(name), "{name}");
    }
    for name in head.keys().map(|name| name.as_str()) {
        let hidden = ["age", "surrogate-key", "cache-tag", "date"].contains(&name);
        if !hidden && !hops.contains(name) {
            assert_eq!(
                text::values(&sent, name),
                text::values(head, name),
                "{name}"
            );
        }
    }
    assert!(sent.contains_key("date"));
    assert_eq!(end_to_end(&sent, true, &rules, text::wall()), sent);
}

fn size(head: &HeaderMap) -> usize {
    let values = head.values().map(HeaderValue::len).sum::<usize>();
    let names = head
        .iter()
        .map(|(name, _)| name.as_str().len())
        .sum::<usize>();
    values + names
}
