//! Which bytes a `Range` asks for (RFC 9110 §14).

use std::ops::Range;

use http::HeaderMap;
use http::header::RANGE;

use super::fields;

/// What to answer to a `Range` on a body of known length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ranges {
    /// Ignore the field and send the whole: it is absent, of another unit, or
    /// malformed.
    Whole,
    /// Send the whole as well: it asks for more pieces than are answered, or for more
    /// bytes than the whole has (RFC 9110 §14.2 permits to ignore it).
    TooMany,
    /// No byte that was asked for exists: 416.
    Unsatisfiable,
    /// These bytes, in the order asked for; never empty, and no piece is empty.
    Parts(Vec<Range<u64>>),
}

impl Ranges {
    /// Reads the `Range` of a request for a body of `length` bytes; at most
    /// `most` ranges are answered in parts.
    #[must_use]
    pub fn read(request: &HeaderMap, length: u64, most: usize) -> Self {
        fields::only(request, &RANGE)
            .and_then(|line| Self::parse(line.as_bytes(), length, most))
            .unwrap_or(Self::Whole)
    }

    fn parse(line: &[u8], length: u64, most: usize) -> Option<Self> {
        // Other white space than a field may have is no white space here.
        let text = std::str::from_utf8(line)
            .ok()
            .filter(|text| text.is_ascii())?;
        let (unit, specs) = text.split_once('=')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        let mut parts = Vec::new();
        let mut asked = 0;
        for spec in specs.split(',').map(str::trim).filter(|s| !s.is_empty()) {
            asked += 1;
            // Past the cap they are read for their form alone.
            let part = range(spec, length)?;
            if asked <= most {
                parts.extend(part);
            }
        }
        if asked == 0 {
            return None;
        }
        if asked > most {
            return Some(Self::TooMany);
        }
        if parts.is_empty() {
            return Some(Self::Unsatisfiable);
        }
        // Overlapping pieces that add up to more than the whole are a way to
        // make a server work.
        let lengths = parts.iter().map(|part| u128::from(part.end - part.start));
        if lengths.sum::<u128>() > u128::from(length) {
            return Some(Self::TooMany);
        }
        Some(Self::Parts(parts))
    }
}

/// One range: `None` if it is malformed, `Some(None)` if no byte of it exists.
#[allow(clippy::option_option)]
fn range(spec: &str, length: u64) -> Option<Option<Range<u64>>> {
    let (first, last) = spec.split_once('-')?;
    if first.is_empty() {
        let suffix = number(last)?.min(length);
        return Some((suffix > 0).then(|| length - suffix..length));
    }
    let first = number(first)?;
    let last = if last.is_empty() {
        u64::MAX
    } else {
        number(last)?
    };
    if last < first {
        return None;
    }
    Some((first < length).then(|| first..last.saturating_add(1).min(length)))
}

/// Digits; a number too large to hold is as good as the largest.
fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn ranges(line: &str, length: u64) -> Ranges {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, HeaderValue::from_str(line).expect("a legal value"));
        Ranges::read(&headers, length, 4)
    }

    #[test]
    #[allow(clippy::single_range_in_vec_init)]
    fn ranges_are_read_as_the_standard_says() {
        use Ranges::{Parts, TooMany, Unsatisfiable, Whole};
        for (line, expected) in [
            ("bytes=0-4", Parts(vec![0..5])),
            ("Bytes=5-", Parts(vec![5..10])),
            ("bytes=-3", Parts(vec![7..10])),
            ("bytes=-30", Parts(vec![0..10])),
            ("bytes=8-99999999999999999999999", Parts(vec![8..10])),
            ("bytes=0-0, 9-9 ,-1", Parts(vec![0..1, 9..10, 9..10])),
            ("bytes=0-0,20-30", Parts(vec![0..1])),
            ("bytes=10-", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=5-4", Whole),
            ("bytes=a-b", Whole),
            ("bytes=", Whole),
            ("bytes=,", Whole),
            ("lines=0-4", Whole),
            ("bytes 0-4", Whole),
            ("bytes=0-,0-", TooMany),
            ("bytes=0-0,1-1,2-2,3-3,4-4", TooMany),
            ("bytes=0-0,1-1,2-2,3-3,4-4,x", Whole),
            ("bytes=+1-2", Whole),
            ("bytes=1--2", Whole),
            ("bytes=\u{a0}0-4", Whole),
        ] {
            assert_eq!(ranges(line, 10), expected, "{line}");
        }
        assert_eq!(ranges("bytes=0-", 0), Unsatisfiable);
        assert_eq!(ranges("bytes=-5", 0), Unsatisfiable);
    }

    #[test]
    fn no_range_or_two_is_the_whole() {
        let mut headers = HeaderMap::new();
        assert_eq!(Ranges::read(&headers, 10, 4), Ranges::Whole);
        headers.append(RANGE, HeaderValue::from_static("bytes=0-1"));
        headers.append(RANGE, HeaderValue::from_static("bytes=2-3"));
        assert_eq!(Ranges::read(&headers, 10, 4), Ranges::Whole);
    }
}
