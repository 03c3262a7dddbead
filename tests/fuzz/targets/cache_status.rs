//! `Cache-Status`, as it is written beside what caches further in have said.

use std::sync::Arc;

use bytes::Bytes;
use floodwall::Cache;
use http::{HeaderMap, Response};

use super::desk::{Desk, asked};
use super::{naive, text};

pub(crate) const WORDS: &[&str] = &[
    "floodwall",
    "a",
    "*",
    "\"a b\"",
    "/a",
    "host: a",
    "cache-control: max-age=60",
    "cache-control: no-store",
    "cache-status: x; hit",
    "cache-status: \"",
    "range: bytes=0-0",
    "\n",
    "\n\n",
];

pub(crate) fn check(data: &[u8]) {
    let mut blocks = text::blocks(data);
    let name = naive::text(blocks.next().unwrap_or_default());
    let request = asked(blocks.next().unwrap_or_default(), |_| true);
    let answer = text::head(blocks.next().unwrap_or_default());
    let inner = lines(&answer);
    let page = Arc::new(move |_: &http::Request<()>| {
        let mut response = Response::new(Bytes::from("page"));
        *response.headers_mut() = answer.clone();
        response
    });
    let Some(desk) = Desk::if_legal(Cache::builder().cache_status_name(name.clone()), page) else {
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '*');
        assert!(!starts || !naive::is_token(&name.replace([':', '/'], "")));
        return;
    };
    let Some(request) = request else {
        return;
    };
    for _ in 0..3 {
        let told = desk.ask(&request);
        let lines = lines(&told.headers);
        let (ours, before) = lines.split_last().expect("there is always a line");
        is_legal(ours, &name);
        assert!(
            before.is_empty() || before == inner,
            "what was said before stays as it was"
        );
        desk.pass(30);
    }
}

fn lines(head: &HeaderMap) -> Vec<Vec<u8>> {
    let lines = text::values(head, "cache-status").into_iter();
    lines.map(<[u8]>::to_vec).collect()
}

/// RFC 9211 §2: a token, and parameters that are known and come once.
pub(crate) fn is_legal(line: &[u8], name: &str) {
    let line = naive::text(line);
    let mut parts = line.split("; ");
    assert_eq!(parts.next(), Some(name), "{line}");
    let mut known = vec![
        "hit",
        "fwd",
        "fwd-status",
        "ttl",
        "stored",
        "collapsed",
        "detail",
    ];
    for part in parts {
        let (parameter, value) = part.split_once('=').unwrap_or((part, "?1"));
        let at = known.iter().position(|known| *known == parameter);
        known.remove(at.unwrap_or_else(|| panic!("{parameter} in {line}")));
        let legal = match parameter {
            "fwd" | "detail" => value.chars().all(|c| c.is_ascii_lowercase() || c == '-'),
            "fwd-status" => value.len() == 3 && naive::seconds(value).is_some(),
            "ttl" => value.parse::<i64>().is_ok(),
            "collapsed" => ["?0", "?1"].contains(&value),
            _ => value == "?1",
        };
        assert!(legal, "{part} in {line}");
    }
    let both = !known.contains(&"hit") && !known.contains(&"fwd");
    assert!(!both, "an answer is a hit or goes forward: {line}");
    assert!(line.len() < name.len() + 160, "{line}");
}
