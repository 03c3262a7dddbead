//! The key, with its variants: of two requests, the second is answered with what was
//! stored for the first if nothing tells them apart, and only then.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use floodwall::Cache;
use http::Response;
use http::request::Parts;

use super::desk::{Desk, asked};
use super::identity::{KEYED, VARIED, VARY, covered, identity, rules};
use super::text;

pub(crate) const WORDS: &[&str] = &[
    "/p",
    "/p?a=1",
    "http://good.test/p",
    "https://good.test:443/p",
    "host: good.test",
    "host: GOOD.test:80",
    "x-tenant: ",
    "x-v: ",
    "accept-language: ",
    "forwarded: ",
    "x-forwarded-host: ",
    "x_forwarded-host: ",
    "x_tenant: ",
    "x-api-key: ",
    "rsc: ",
    "x-original-url: /",
    "x_rewrite_url: /",
    "utm=1",
    "&utm",
    "utm",
    "?",
    "&",
    "%2F",
    "a, b",
    ":80",
    "\n",
    "\n\n",
];

/// They say another method or URL than the request line.
const OVERRIDES: [&str; 3] = ["x-http-method-override", "x-original-url", "x_rewrite_url"];

pub(crate) fn check(data: &[u8]) {
    let mut blocks = text::blocks(data);
    let mut block = || {
        let known = |name: &http::HeaderName| {
            let name = name.as_str();
            let known = [&KEYED[..], &VARIED, &OVERRIDES];
            name == "host" || known.iter().any(|names| names.contains(&name))
        };
        asked(blocks.next().unwrap_or_default(), known)
    };
    let (Some(one), Some(other)) = (block(), block()) else {
        return;
    };
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let desk = Desk::new(
        Cache::builder().key(rules()),
        Arc::new(move |request| {
            counted.fetch_add(1, Ordering::Relaxed);
            let seen = request.uri();
            assert_eq!(seen.query(), covered(seen.query()).as_deref(), "{seen}");
            Response::builder()
                .header("cache-control", "public, max-age=60")
                .header("vary", VARY)
                .body(Bytes::from(identity(seen, request.headers())))
                .expect("a legal response")
        }),
    );
    let asked = [&one, &other];
    let overrides = |parts: &&Parts| {
        OVERRIDES
            .iter()
            .any(|name| parts.headers.contains_key(*name))
    };
    let passed = asked.iter().any(|parts| is_passed(&desk, parts));
    assert!(passed || !asked.iter().any(overrides));
    if passed {
        return;
    }
    for _ in 0..2 {
        for parts in asked {
            let told = desk.ask(parts);
            let own = identity(&parts.uri, &parts.headers);
            assert_eq!(String::from_utf8_lossy(&told.body), own);
        }
    }
    let same = identity(&one.uri, &one.headers) == identity(&other.uri, &other.headers);
    assert_eq!(calls.load(Ordering::Relaxed), if same { 1 } else { 2 });
}

/// Whether a request is not one for a cache: its host is in doubt, or its key would be
/// too large.
fn is_passed(desk: &Desk, parts: &Parts) -> bool {
    let request = http::Request::from_parts(parts.clone(), ());
    desk.cache.explain(&request).verb == floodwall::Verb::Pass
}
