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
        let Some(first) = first.filter(|first| first.is_ascii()) else {
            continue;
        };
        let alone = text::field(field, first.as_bytes());
        let found = named_targets(HOST, PAGE, &alone);
        if leaves(&first) {
            assert!(found.is_empty(), "{first:?}");
        } else if let Some(expected) = from_root(&first) {
            assert_eq!(found, [expected]);
        }
    }
}

/// What a reference names that starts with a slash.
fn from_root(reference: &str) -> Option<String> {
    let reference = naive::trim(reference).split('#').next()?;
    let path = reference.split('?').next()?;
    let is_path = path.starts_with('/') && !path.starts_with("//");
    is_path.then(|| format!("{}{}", without_dots(path), &reference[path.len()..]))
}

/// A path without its dot segments, as RFC 3986 §5.2.4 tells it.
fn without_dots(path: &str) -> String {
    let (mut input, mut output) = (path.to_owned(), String::new());
    while !input.is_empty() {
        if input.starts_with("/./") || input == "/." {
            input = format!("/{}", input.get(3..).unwrap_or_default());
        } else if input.starts_with("/../") || input == "/.." {
            input = format!("/{}", input.get(4..).unwrap_or_default());
            output.truncate(output.rfind('/').unwrap_or(0));
        } else {
            let end = input[1..].find('/').map_or(input.len(), |at| at + 1);
            output.extend(input.drain(..end));
        }
    }
    output
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
