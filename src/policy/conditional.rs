//! Validators and the requests that name them (RFC 9110 §8.8, §13).

use std::time::SystemTime;

use http::header::{
    CONTENT_LENGTH, DATE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderValue};

use super::date::parse_date;
use super::fields;
use super::freshness::dates;
use super::response::content_length;

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

/// The entity tag of a response; nothing if it has several.
fn entity_tag(headers: &HeaderMap) -> Option<EntityTag<'_>> {
    EntityTag::read(fields::only(headers, &ETAG)?.as_bytes())
}

/// The date by which a response is validated; nothing if it has several.
fn last_modified(headers: &HeaderMap) -> Option<SystemTime> {
    parse_date(fields::only(headers, &LAST_MODIFIED)?.as_bytes())
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
    let since = fields::only(request, &IF_MODIFIED_SINCE);
    let Some(since) = since.and_then(|since| parse_date(since.as_bytes())) else {
        return false;
    };
    let changed = dates(stored, &LAST_MODIFIED).max();
    let changed = changed.or_else(|| dates(stored, &DATE).max());
    changed.is_some_and(|changed| changed <= since)
}

fn none_match_names(request: &HeaderMap, stored: &HeaderMap) -> bool {
    let any = fields::only(request, &IF_NONE_MATCH);
    if any.is_some_and(|line| line.as_bytes().trim_ascii() == b"*") {
        return true;
    }
    let Some(stored) = entity_tag(stored) else {
        return false;
    };
    let mut lines = request.get_all(IF_NONE_MATCH).iter();
    lines.any(|line| tags(line.as_bytes()).any(|tag| tag.same(stored)))
}

/// The entity tags of a list; a member that is none, up to the next comma, is left
/// out.
fn tags(mut rest: &[u8]) -> impl Iterator<Item = EntityTag<'_>> {
    let members = std::iter::from_fn(move || {
        let start = rest
            .iter()
            .position(|byte| !matches!(byte, b',' | b' ' | b'\t'))?;
        let (tag, after) = match EntityTag::split(&rest[start..]) {
            Some((tag, after)) => (Some(tag), after),
            None => (None, &rest[start..]),
        };
        let end = after.iter().position(|byte| *byte == b',');
        let (junk, next) = after.split_at(end.unwrap_or(after.len()));
        rest = next;
        Some(tag.filter(|_| junk.trim_ascii().is_empty()))
    });
    members.flatten()
}

/// Whether a range may be answered from `stored` (RFC 9110 §13.1.5): without an
/// `If-Range`, or with one that names exactly this representation.
#[must_use]
pub fn if_range_holds(request: &HeaderMap, stored: &HeaderMap) -> bool {
    if !request.contains_key(IF_RANGE) {
        return true;
    }
    let Some(named) = fields::only(request, &IF_RANGE) else {
        return false;
    };
    let named = named.as_bytes().trim_ascii();
    match EntityTag::read(named) {
        Some(tag) => entity_tag(stored).is_some_and(|stored| stored.same_bytes(tag)),
        None => is_strong_date(named, stored),
    }
}

/// A date validates byte for byte only if the representation had been left
/// alone for a minute when it was sent (RFC 9110 §8.8.2.2).
fn is_strong_date(named: &[u8], stored: &HeaderMap) -> bool {
    let changed = last_modified(stored);
    let settled = match (changed, dates(stored, &DATE).min()) {
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
    let tag = fields::only(stored, &ETAG)
        .filter(|tag| EntityTag::read(tag.as_bytes()).is_some())
        .map(|tag| (IF_NONE_MATCH, tag.clone()));
    let date = fields::only(stored, &LAST_MODIFIED)
        .filter(|date| parse_date(date.as_bytes()).is_some())
        .map(|date| (IF_MODIFIED_SINCE, date.clone()));
    tag.into_iter().chain(date)
}

/// Whether a 304 speaks of `stored` (RFC 9111 §4.3.4): the validators that it
/// names are those that were sent.
#[must_use]
pub fn validates(not_modified: &HeaderMap, stored: &HeaderMap) -> bool {
    match not_modified.contains_key(ETAG) {
        true => names_tag(not_modified, stored),
        false => names_date(not_modified, stored),
    }
}

/// Whether the head of a 200, the answer to HEAD, describes `stored`, which has a body of
/// `length` bytes (RFC 9111 §4.3.5): of what it says by validators and length, all is so.
pub(crate) fn describes(head: &HeaderMap, stored: &HeaderMap, length: u64) -> bool {
    names_tag(head, stored)
        && names_date(head, stored)
        && (!head.contains_key(CONTENT_LENGTH) || content_length(head) == Some(length))
}

/// Whether each entity tag of a head is that of `stored`.
fn names_tag(head: &HeaderMap, stored: &HeaderMap) -> bool {
    let mut named = head.get_all(ETAG).iter();
    let old = entity_tag(stored);
    named.all(|tag| {
        let new = EntityTag::read(tag.as_bytes());
        matches!((new, old), (Some(new), Some(old)) if new.same(old))
    })
}

/// Whether each date of a head is that of `stored`.
fn names_date(head: &HeaderMap, stored: &HeaderMap) -> bool {
    let mut named = head.get_all(LAST_MODIFIED).iter();
    let old = last_modified(stored);
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
            ("\"x\" \"a,b\"", false),
            ("\"a,b\"x", false),
            ("\"x\", *", false),
            ("a,b", false),
            ("", false),
            ("\"a,b", false),
        ] {
            let request = map(&[("if-none-match", line)]);
            assert_eq!(is_not_modified(&request, &stored), expected, "{line}");
        }
        let two = |line| map(&[("if-none-match", "\"x\""), ("if-none-match", line)]);
        assert!(is_not_modified(&two("\"a,b\""), &stored));
        assert!(!is_not_modified(&two("*"), &stored));
        let comma = map(&[("etag", "\",\"")]);
        let torn = map(&[("if-none-match", "\"x\"\",\"y\"")]);
        assert!(!is_not_modified(&torn, &comma));
    }

    #[test]
    fn of_two_validators_none_is_meant() {
        let tags = map(&[("etag", "W/\"a\""), ("etag", "\"a\"")]);
        assert!(!is_not_modified(&map(&[("if-none-match", "\"a\"")]), &tags));
        assert!(!if_range_holds(&map(&[("if-range", "\"a\"")]), &tags));
        assert!(!validates(&map(&[("etag", "\"a\"")]), &tags));
        let dates = map(&[("last-modified", OLD), ("last-modified", NEW)]);
        assert!(!is_not_modified(
            &map(&[("if-modified-since", OLD)]),
            &dates
        ));
        assert!(!validates(&map(&[("last-modified", OLD)]), &dates));
        assert_eq!(validators(&tags).chain(validators(&dates)).count(), 0);
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

    #[test]
    fn the_answer_to_head_describes_what_is_stored_by_all_that_it_says() {
        let stored = map(&[("etag", "\"a\""), ("last-modified", OLD)]);
        for (head, expected) in [
            (map(&[]), true),
            (map(&[("etag", "W/\"a\""), ("last-modified", OLD)]), true),
            (map(&[("etag", "\"b\""), ("last-modified", OLD)]), false),
            (map(&[("etag", "\"a\""), ("last-modified", NEW)]), false),
            (map(&[("etag", "\"a\""), ("content-length", "5")]), true),
            (map(&[("etag", "\"a\""), ("content-length", "6")]), false),
            (map(&[("content-length", "junk")]), false),
        ] {
            assert_eq!(describes(&head, &stored, 5), expected, "{head:?}");
        }
        assert!(!describes(&stored, &map(&[]), 5));
    }
}
