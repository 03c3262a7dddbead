//! `If-None-Match`, `If-Modified-Since` and `If-Range` of a request, on the
//! validators of what is stored, and the 304s that are taken for it.

use floodwall::policy::{if_range_holds, is_not_modified, validates};
use http::header::IF_NONE_MATCH;
use http::{HeaderMap, HeaderValue};

use super::{naive, text};

pub(crate) const WORDS: &[&str] = &[
    "if-none-match: ",
    "if-modified-since: ",
    "if-range: ",
    "etag: ",
    "last-modified: ",
    "date: ",
    "\"a\"",
    "W/\"a\"",
    "\",\"",
    "*",
    ", ",
    "\"",
    "W/",
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:50:37 GMT",
    "\n",
    "\n\n",
];

pub(crate) fn check(data: &[u8]) {
    let mut blocks = text::blocks(data);
    let mut block = || text::head(blocks.next().unwrap_or_default());
    let (request, stored, answer) = (block(), block(), block());
    clients_copies(&request, &stored);
    ranges_of_copies(&request, &stored);
    origins_304s(&answer, &stored);
}

/// A tag without its weakness, if the lines are one tag and nothing else.
fn opaque(lines: &[&[u8]]) -> Option<String> {
    let [line] = lines[..] else {
        return None;
    };
    let line = naive::text(line);
    let line = naive::trim(&line);
    let tag = line.strip_prefix("W/").unwrap_or(line);
    let inside = tag.strip_prefix('"')?.strip_suffix('"')?;
    (!inside.contains('"') && tag.len() > 1).then(|| tag.to_owned())
}

fn clients_copies(request: &HeaderMap, stored: &HeaderMap) {
    let named = text::values(request, "if-none-match");
    let tag = opaque(&text::values(stored, "etag"));
    let known = is_not_modified(request, stored);
    if named.is_empty() {
        let since = text::values(request, "if-modified-since");
        assert!(!known || since.len() == 1);
        let dates = ["last-modified", "date"].map(|name| text::values(stored, name));
        assert!(!known || dates.iter().any(|lines| !lines.is_empty()));
        return;
    }
    let any = matches!(named[..], [line] if line.trim_ascii() == b"*");
    let contained = |tag: &String| {
        named
            .iter()
            .any(|line| naive::text(line).contains(tag.as_str()))
    };
    assert!(!known || any || tag.as_ref().is_some_and(contained));
    let plain = |tag: &String| {
        named
            .iter()
            .any(|line| naive::text(line.trim_ascii()) == *tag)
    };
    assert!(known || !tag.as_ref().is_some_and(plain));
    if let [tag] = text::values(stored, "etag")[..] {
        beside_others(tag, stored);
    }
}

/// A tag is found among others, whatever is no tag among them; with more behind it, up to
/// the next comma, it is none itself.
fn beside_others(tag: &[u8], stored: &HeaderMap) {
    let named = |before: &[u8], after: &[u8]| {
        let line = [before, tag.trim_ascii(), after].concat();
        let line = HeaderValue::from_bytes(&line).expect("its bytes are those of a value");
        is_not_modified(&HeaderMap::from_iter([(IF_NONE_MATCH, line)]), stored)
    };
    let is_tag = opaque(&[tag.trim_ascii()]).is_some();
    assert_eq!(named(b"", b""), is_tag || tag.trim_ascii() == b"*");
    assert_eq!(named(b"\"none\", W/\"\",,junk\t, ", b" , x"), is_tag);
    assert!(!named(b"", b" x, \"none\""));
}

fn ranges_of_copies(request: &HeaderMap, stored: &HeaderMap) {
    let named = text::values(request, "if-range");
    let tag = text::values(stored, "etag");
    let changed = text::values(stored, "last-modified");
    let holds = if_range_holds(request, stored);
    assert!(holds || !named.is_empty(), "without a condition it holds");
    if let (true, [line]) = (holds, &named[..]) {
        let line = line.trim_ascii();
        let weak = line.starts_with(b"W/");
        let same = !weak && matches!(tag[..], [tag] if tag.trim_ascii() == line);
        // A date in another form is the same date.
        assert!(same || changed.len() == 1 && line.len() > 20);
    }
    assert!(!holds || named.len() < 2);
}

fn origins_304s(answer: &HeaderMap, stored: &HeaderMap) {
    let takes = validates(answer, stored);
    let (new, old) = (text::values(answer, "etag"), text::values(stored, "etag"));
    if !new.is_empty() {
        let same = |line: &&[u8]| opaque(&[line]).is_some() && opaque(&[line]) == opaque(&old);
        assert_eq!(takes, new.iter().all(same));
    } else if text::values(answer, "last-modified").is_empty() {
        assert!(takes, "a 304 that names nothing is of what was asked about");
    }
    // A 304 with just the validators that were sent is of what they came from.
    let mut echo = HeaderMap::new();
    if opaque(&old).is_some() {
        echo.insert("etag", stored["etag"].clone());
    }
    assert!(validates(&echo, stored));
}
