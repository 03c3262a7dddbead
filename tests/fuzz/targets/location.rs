//! What `Location` and `Content-Location` name, seen from a page.

use floodwall::policy::named_targets;

use super::{naive, text};

pub(crate) const WORDS: &[&str] = &[
    "location: ",
    "content-location: ",
    "http://good.test",
    "https://GOOD.test:443",
    "//",
    "evil.test",
    "/a/../b",
    "./",
    "../",
    "..",
    "?q=1",
    "#x",
    ":80",
    "@",
    "http:",
    "\\",
    "\n",
];

const HOST: &str = "good.test";
const PAGE: &str = "/a/b?q=1";

pub(crate) fn check(data: &[u8]) {
    let head = text::head(data);
    let named = named_targets(HOST, PAGE, &head);
    assert!(named.len() <= 2);
    for target in &named {
        assert!(target.starts_with('/'), "{target:?}");
        let path = target.split('?').next().unwrap_or_default();
        assert!(
            path.split('/')
                .all(|segment| segment != "." && segment != ".."),
            "{target:?}"
        );
        assert!(!target.contains('#'));
    }
    for field in ["location", "content-location"] {
        let first = text::values(&head, field)
            .first()
            .map(|line| naive::text(line));
        if first.as_deref().is_some_and(leaves) {
            let other = if field == "location" {
                "content-location"
            } else {
                "location"
            };
            let mut alone = head.clone();
            alone.remove(other);
            assert!(named_targets(HOST, PAGE, &alone).is_empty(), "{first:?}");
        }
    }
}

/// Whether a reference is to another host, for as far as that is plain.
fn leaves(reference: &str) -> bool {
    let reference = naive::trim(reference).to_lowercase();
    let scheme = reference
        .split_once("://")
        .filter(|(scheme, _)| ["http", "https"].contains(scheme));
    let rest = match scheme {
        Some((_, rest)) => rest,
        None => match reference.strip_prefix("//") {
            Some(rest) => rest,
            None => return false,
        },
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.trim_end_matches(":80").trim_end_matches(":443");
    host != HOST
}
