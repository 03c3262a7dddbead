//! Validators and the requests that name them (RFC 9110 §8.8, §13).

use http::header::{DATE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue};

use super::freshness::{field_date, parse_date};

/// An entity tag, borrowed from a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct EntityTag<'a> {
    weak: bool,
    opaque: &'a [u8],
}

impl<'a> EntityTag<'a> {
    /// Reads the tag at the start of `text`, and what follows it.
    fn split(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (weak, rest) = match text.strip_prefix(b"W/") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let rest = rest.strip_prefix(b"\"")?;
        let end = rest.iter().position(|byte| *byte == b'"')?;
        let opaque = &rest[..end];
        Some((Self { weak, opaque }, &rest[end + 1..]))
    }

    /// Reads a field that is one tag.
    fn read(value: &'a [u8]) -> Option<Self> {
        let (tag, rest) = Self::split(value.trim_ascii())?;
        rest.is_empty().then_some(tag)
    }

    /// RFC 9110 §8.8.3.2, weak comparison.
    fn same(self, other: Self) -> bool {
        self.opaque == other.opaque
    }

    /// RFC 9110 §8.8.3.2, strong comparison.
    fn same_bytes(self, other: Self) -> bool {
        !self.weak && !other.weak && self.same(other)
    }
}

fn entity_tag(headers: &HeaderMap) -> Option<EntityTag<'_>> {
    EntityTag::read(headers.get(ETAG)?.as_bytes())
}

/// Whether a request that names validators already has `stored`, so that a 304
/// answers it (RFC 9111 §4.3.2). `If-Modified-Since` counts only where there is
/// no `If-None-Match`.
#[must_use]
pub fn is_not_modified(request: &HeaderMap, stored: &HeaderMap) -> bool {
    if request.contains_key(IF_NONE_MATCH) {
        return none_match_names(request, stored);
    }
    // Two of them are none (RFC 9110 §13.1.3).
    if request.get_all(IF_MODIFIED_SINCE).iter().nth(1).is_some() {
        return false;
    }
    let since = field_date(request, &IF_MODIFIED_SINCE);
    let changed = field_date(stored, &LAST_MODIFIED).or_else(|| field_date(stored, &DATE));
    matches!((since, changed), (Some(since), Some(changed)) if changed <= since)
}

fn none_match_names(request: &HeaderMap, stored: &HeaderMap) -> bool {
    let stored = entity_tag(stored);
    request.get_all(IF_NONE_MATCH).iter().any(|line| {
        let mut rest = line.as_bytes().trim_ascii();
        if rest == b"*" {
            return true;
        }
        while !rest.is_empty() {
            match EntityTag::split(rest) {
                Some((tag, after)) => {
                    if stored.is_some_and(|stored| stored.same(tag)) {
                        return true;
                    }
                    rest = after;
                }
                // Junk up to the next comma names nothing.
                None => {
                    let comma = rest.iter().position(|byte| *byte == b',');
                    rest = comma.map_or(&[], |at| &rest[at..]);
                }
            }
            let next = rest
                .iter()
                .position(|byte| !matches!(byte, b',' | b' ' | b'\t'));
            rest = next.map_or(&[], |at| &rest[at..]);
        }
        false
    })
}

/// Whether a range may be answered from `stored` (RFC 9110 §13.1.5): without an
/// `If-Range`, or with one that names exactly this representation.
#[must_use]
pub fn if_range_holds(request: &HeaderMap, stored: &HeaderMap) -> bool {
    let mut lines = request.get_all(IF_RANGE).iter();
    let Some(named) = lines.next() else {
        return true;
    };
    if lines.next().is_some() {
        return false;
    }
    let named = named.as_bytes().trim_ascii();
    match EntityTag::read(named) {
        Some(tag) => entity_tag(stored).is_some_and(|stored| stored.same_bytes(tag)),
        None => is_strong_date(named, stored),
    }
}

/// A date validates byte for byte only if the representation had been left
/// alone for a minute when it was sent (RFC 9110 §8.8.2.2).
fn is_strong_date(named: &[u8], stored: &HeaderMap) -> bool {
    let changed = field_date(stored, &LAST_MODIFIED);
    let settled = match (changed, field_date(stored, &DATE)) {
        (Some(changed), Some(sent)) => sent
            .duration_since(changed)
            .is_ok_and(|quiet| quiet.as_secs() >= 60),
        _ => false,
    };
    settled && parse_date(named).is_some_and(|named| Some(named) == changed)
}

/// What to ask with when `stored` is to be validated (RFC 9111 §4.3.1): its
/// entity tag and its date, as far as it has them.
pub(crate) fn validators(
    stored: &HeaderMap,
) -> impl Iterator<Item = (http::HeaderName, HeaderValue)> {
    let tag = stored
        .get(ETAG)
        .filter(|tag| EntityTag::read(tag.as_bytes()).is_some())
        .map(|tag| (IF_NONE_MATCH, tag.clone()));
    let date = stored
        .get(LAST_MODIFIED)
        .filter(|date| parse_date(date.as_bytes()).is_some())
        .map(|date| (IF_MODIFIED_SINCE, date.clone()));
    tag.into_iter().chain(date)
}

/// Whether a 304 speaks of `stored` (RFC 9111 §4.3.4): the validators that it
/// names are those that were sent.
#[must_use]
pub fn validates(not_modified: &HeaderMap, stored: &HeaderMap) -> bool {
    if not_modified.contains_key(ETAG) {
        return entity_tag(stored).is_some_and(|old| {
            let mut named = not_modified.get_all(ETAG).iter();
            named.all(|tag| EntityTag::read(tag.as_bytes()).is_some_and(|new| new.same(old)))
        });
    }
    let mut named = not_modified.get_all(LAST_MODIFIED).iter();
    let old = field_date(stored, &LAST_MODIFIED);
    named.all(|date| old.is_some() && parse_date(date.as_bytes()) == old)
}

#[cfg(test)]
mod tests {
    use super::super::fields::map;
    use super::*;

    const OLD: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const NEW: &str = "Sun, 06 Nov 1994 09:49:37 GMT";

    #[test]
    fn if_none_match_compares_weakly_and_reads_lists() {
        let stored = map(&[("etag", "\"a,b\"")]);
        for (line, expected) in [
            ("\"a,b\"", true),
            ("W/\"a,b\"", true),
            ("\"x\", \"a,b\"", true),
            ("\"x\",,junk, W/\"a,b\"", true),
            ("*", true),
            ("\"a\", \"b\"", false),
            ("a,b", false),
            ("", false),
            ("\"a,b", false),
        ] {
            let request = map(&[("if-none-match", line)]);
            assert_eq!(is_not_modified(&request, &stored), expected, "{line}");
        }
        let two = map(&[("if-none-match", "\"x\""), ("if-none-match", "\"a,b\"")]);
        assert!(is_not_modified(&two, &stored));
    }

    #[test]
    fn if_modified_since_counts_only_without_if_none_match() {
        let stored = map(&[("etag", "\"a\""), ("last-modified", OLD)]);
        assert!(is_not_modified(
            &map(&[("if-modified-since", NEW)]),
            &stored
        ));
        assert!(is_not_modified(
            &map(&[("if-modified-since", OLD)]),
            &stored
        ));
        let later = map(&[("last-modified", NEW)]);
        assert!(!is_not_modified(
            &map(&[("if-modified-since", OLD)]),
            &later
        ));
        let both = map(&[("if-modified-since", NEW), ("if-none-match", "\"b\"")]);
        assert!(!is_not_modified(&both, &stored));
        assert!(!is_not_modified(&map(&[]), &stored));
        assert!(!is_not_modified(
            &map(&[("if-modified-since", "0")]),
            &stored
        ));
    }

    #[test]
    fn if_range_wants_the_same_bytes() {
        let stored = map(&[("etag", "\"a\""), ("last-modified", OLD), ("date", NEW)]);
        for (line, expected) in [
            ("\"a\"", true),
            ("W/\"a\"", false),
            ("\"b\"", false),
            (OLD, true),
            (NEW, false),
            ("junk", false),
        ] {
            assert_eq!(
                if_range_holds(&map(&[("if-range", line)]), &stored),
                expected
            );
        }
        assert!(if_range_holds(&map(&[]), &stored));
        let weak = map(&[("etag", "W/\"a\"")]);
        assert!(!if_range_holds(&map(&[("if-range", "W/\"a\"")]), &weak));
        let unsettled = map(&[("last-modified", OLD), ("date", OLD)]);
        assert!(!if_range_holds(&map(&[("if-range", OLD)]), &unsettled));
    }

    #[test]
    fn a_304_must_name_what_was_asked_about() {
        let stored = map(&[("etag", "\"a\""), ("last-modified", OLD)]);
        for (head, expected) in [
            (map(&[]), true),
            (map(&[("etag", "\"a\"")]), true),
            (map(&[("etag", "W/\"a\"")]), true),
            (map(&[("etag", "\"b\"")]), false),
            (map(&[("etag", "junk")]), false),
            (map(&[("last-modified", OLD)]), true),
            (map(&[("last-modified", NEW)]), false),
        ] {
            assert_eq!(validates(&head, &stored), expected, "{head:?}");
        }
    }
}
