//! `Content-Range` of two parts, and the `Range` that they might answer.

use floodwall::policy::{Part, Ranges};

use super::{naive, text};

pub(crate) const WORDS: &[&str] = &[
    "bytes 0-4/10",
    "bytes 5-9/10",
    "BYTES 2-7/10",
    "bytes */10",
    "bytes 0-4/*",
    "bytes=0-4",
    "bytes ",
    "0-",
    "/",
    "18446744073709551614",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999",
    "lines 0-4/10",
    "\n",
    "\n\n",
];

pub(crate) fn check(data: &[u8]) {
    let mut blocks = text::blocks(data);
    let mut next = |name| text::field(name, blocks.next().unwrap_or_default());
    let [one, other] = [next("content-range"), next("content-range")].map(|response| {
        let lines = text::values(&response, "content-range");
        let expected = match lines[..] {
            [line] => naive(&naive::text(line)),
            _ => None,
        };
        let read = Part::read(&response);
        assert_eq!(read.map(places), expected);
        read
    });
    let (Some(one), Some(other)) = (one, other) else {
        return;
    };
    let both = one.and(&other);
    assert_eq!(both, other.and(&one));
    assert_eq!(both.map(places), naive_union(places(one), places(other)));
    let ranges = Ranges::read(&next("range"), one.total, 8);
    let enough = match &ranges {
        Ranges::Parts(parts) => parts
            .iter()
            .all(|range| range.start >= one.start && range.end <= one.end),
        _ => one.start == 0 && one.end == one.total,
    };
    assert_eq!(one.answers(&ranges), enough);
}

type Places = (u128, u128, u128);

fn places(part: Part) -> Places {
    (part.start.into(), part.end.into(), part.total.into())
}

/// RFC 9110 §14.4, in numbers that hold whatever is said.
fn naive(line: &str) -> Option<Places> {
    let words: Vec<&str> = naive::trim(line).splitn(2, ' ').collect();
    let [unit, rest] = words[..] else {
        return None;
    };
    let numbers: Vec<&str> = rest.split(['-', '/']).collect();
    let [first, last, total] = numbers[..] else {
        return None;
    };
    let (dash, slash) = (rest.find('-')?, rest.find('/')?);
    let (first, last, total) = (number(first)?, number(last)?, number(total)?);
    let legal = unit.to_lowercase() == "bytes" && dash < slash && first <= last && last < total;
    legal.then_some((first, last + 1, total))
}

fn number(digits: &str) -> Option<u128> {
    let legal = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
    let number = legal.then(|| digits.parse().ok()).flatten()?;
    (number <= u128::from(u64::MAX)).then_some(number)
}

/// What both have, if there is no byte between them that neither has.
fn naive_union(one: Places, other: Places) -> Option<Places> {
    let (left, right) = if one.0 <= other.0 {
        (one, other)
    } else {
        (other, one)
    };
    let of_one = left.2 == right.2 && right.0 <= left.1;
    of_one.then_some((left.0, left.1.max(right.1), left.2))
}
