//! Parts of a response: what a 206 brings, what it may answer, and which may be made
//! one (RFC 9111 §3.3 and §3.4, RFC 9110 §14.4 and §15.3.7).

use std::ops::Range;

use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName, IF_RANGE, RANGE,
    SET_COOKIE,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::conditional::{if_range, same_bytes};
use super::fields;
use super::range::Ranges;
use super::stored::{CONTENT_DIGEST, REPR_DIGEST};

/// Several parts in one body: which bytes those are, only the body says.
const SEVERAL: [&str; 1] = ["multipart/byteranges"];

/// Where the bytes of a body lie in the whole that they are of: everywhere, mostly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Part {
    /// The place of the first byte.
    pub start: u64,
    /// The place after the last byte.
    pub end: u64,
    /// How many bytes the whole has.
    pub total: u64,
}

impl Part {
    /// All of a body.
    #[must_use]
    pub const fn whole(total: u64) -> Self {
        let start = 0;
        let end = total;
        Self { start, end, total }
    }

    /// What `Content-Range` says (RFC 9110 §14.4); nothing if it does not say it well, or
    /// not how long the whole is.
    #[must_use]
    pub fn read(response: &HeaderMap) -> Option<Self> {
        let line = fields::only(response, &CONTENT_RANGE)?.as_bytes();
        let text = std::str::from_utf8(line.trim_ascii()).ok()?;
        let (unit, text) = text.split_once(' ')?;
        let (range, total) = text.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (start, last, total) = (number(first)?, number(last)?, number(total)?);
        let is_one = unit.eq_ignore_ascii_case("bytes") && start <= last && last < total;
        let end = last.saturating_add(1);
        is_one.then_some(Self { start, end, total })
    }

    /// How many bytes it has.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.end - self.start
    }

    /// Whether no byte is missing.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.length() == self.total
    }

    const fn holds(&self, range: &Range<u64>) -> bool {
        self.start <= range.start && range.end <= self.end
    }

    /// Whether it is enough for an answer in these ranges of the whole: an incomplete
    /// response is for requests of what lies wholly within it (RFC 9111 §3.3).
    #[must_use]
    pub fn answers(&self, ranges: &Ranges) -> bool {
        match ranges {
            Ranges::Parts(parts) => parts.iter().all(|range| self.holds(range)),
            _ => self.is_whole(),
        }
    }

    /// This part and another of the same whole, if nothing is missing between them.
    #[must_use]
    pub fn and(&self, other: &Self) -> Option<Self> {
        let touches = self.start <= other.end && other.start <= self.end;
        (touches && self.total == other.total).then(|| Self {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
            total: self.total,
        })
    }

    /// What is missing, if that is one range.
    fn missing(&self) -> Option<Range<u64>> {
        match (self.start, self.total - self.end) {
            (0, 0) => None,
            (0, _) => Some(self.end..self.total),
            (_, 0) => Some(0..self.start),
            _ => None,
        }
    }
}

/// Digits, as many as can be held.
fn number(digits: &str) -> Option<u64> {
    let all = digits.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| digits.parse().ok()).flatten()
}

/// What a 206 brings: it may be stored as if it were a 200 of which some is missing
/// (RFC 9111 §3.3).
#[derive(Clone, Debug)]
pub(crate) struct Incomplete {
    /// What is there.
    pub(crate) part: Part,
    /// The head of that 200.
    pub(crate) headers: HeaderMap,
}

impl Incomplete {
    /// Reads an answer of `length` bytes to a request; nothing if it is not a part that
    /// can be told, by a strong validator, to belong to others: one range, within the one
    /// that was asked for, and as long as it says.
    pub(crate) fn read(
        request: &HeaderMap,
        status: StatusCode,
        response: &HeaderMap,
        length: u64,
    ) -> Option<Self> {
        if status != StatusCode::PARTIAL_CONTENT
            || fields::names_media_type(response, &CONTENT_TYPE, &SEVERAL)
        {
            return None;
        }
        let part = Part::read(response)?;
        let Ranges::Parts(asked) = Ranges::read(request, part.total, 1) else {
            return None;
        };
        let range = part.start..part.end;
        let within = asked
            .iter()
            .all(|asked| asked.start <= range.start && range.end <= asked.end);
        if !within || length != part.length() || if_range(response).is_none() {
            return None;
        }
        let mut headers = response.clone();
        headers.remove(CONTENT_RANGE);
        // It is that of the part.
        headers.remove(CONTENT_DIGEST);
        headers.insert(CONTENT_LENGTH, part.total.into());
        Some(Self { part, headers })
    }

    /// What there is with this and a stored part, if both are of the same bytes and next
    /// to each other (RFC 9110 §15.3.7.3): told by the validator, and not contradicted by
    /// what else describes the body. One that sets a cookie is for the one who asked.
    pub(crate) fn after(
        &self,
        status: StatusCode,
        stored: &HeaderMap,
        part: &Part,
    ) -> Option<Part> {
        if status != StatusCode::OK || self.headers.contains_key(SET_COOKIE) {
            return None;
        }
        let described_alike = [CONTENT_ENCODING, CONTENT_TYPE, REPR_DIGEST]
            .iter()
            .all(|name| {
                let new = self.headers.get(name);
                new.is_none() || new == stored.get(name)
            });
        let of_one = described_alike && same_bytes(stored, &self.headers);
        of_one.then(|| part.and(&self.part)).flatten()
    }
}

/// What asks for the rest of an incomplete response: one range, and only if the
/// representation is still the same. Nothing if more than one range is missing.
pub(crate) fn rest(stored: &HeaderMap, part: &Part) -> Option<[(HeaderName, HeaderValue); 2]> {
    let missing = part.missing()?;
    let range = match missing.start {
        0 => format!("bytes=0-{}", missing.end - 1),
        start => format!("bytes={start}-"),
    };
    let range = HeaderValue::try_from(range).ok()?;
    Some([(RANGE, range), (IF_RANGE, if_range(stored)?.clone())])
}

#[cfg(test)]
mod tests {
    use super::super::fields::map;
    use super::*;

    const fn part(start: u64, end: u64) -> Part {
        Part {
            start,
            end,
            total: 10,
        }
    }

    #[test]
    fn a_place_is_read_only_where_it_is_said_well() {
        for (line, expected) in [
            ("bytes 0-4/10", Some(part(0, 5))),
            ("Bytes 9-9/10", Some(part(9, 10))),
            ("bytes 0-9/10", Some(Part::whole(10))),
            ("bytes 0-10/10", None),
            ("bytes 4-3/10", None),
            ("bytes 0-4/*", None),
            ("bytes */10", None),
            ("bytes  0-4/10", None),
            ("bytes=0-4/10", None),
            ("bytes 0-4/18446744073709551616", None),
            ("bytes 0-4/+10", None),
            ("bytes -4/10", None),
            ("lines 0-4/10", None),
        ] {
            let head = map(&[("content-range", line)]);
            assert_eq!(Part::read(&head), expected, "{line}");
        }
        let twice = ("content-range", "bytes 0-4/10");
        assert_eq!(Part::read(&map(&[twice, twice])), None);
    }

    #[test]
    fn parts_make_one_if_nothing_is_missing_between_them() {
        for (one, other, both) in [
            (part(0, 5), part(5, 10), Some(Part::whole(10))),
            (part(2, 5), part(4, 7), Some(part(2, 7))),
            (part(2, 8), part(4, 5), Some(part(2, 8))),
            (part(0, 4), part(5, 10), None),
        ] {
            assert_eq!(one.and(&other), both);
            assert_eq!(other.and(&one), both);
        }
        let another = Part {
            total: 11,
            ..part(5, 10)
        };
        assert_eq!(part(0, 5).and(&another), None);
    }

    #[test]
    fn the_rest_is_asked_for_if_it_is_one_range() {
        let head = map(&[("etag", "\"a\"")]);
        let asked = |part| rest(&head, &part).map(|[(_, range), _]| range);
        assert_eq!(asked(part(0, 5)).expect("one"), "bytes=5-");
        assert_eq!(asked(part(5, 10)).expect("one"), "bytes=0-4");
        assert_eq!(asked(part(2, 5)), None);
        assert_eq!(asked(Part::whole(10)), None);
        let weak = map(&[("etag", "W/\"a\"")]);
        assert!(rest(&weak, &part(0, 5)).is_none());
    }
}
