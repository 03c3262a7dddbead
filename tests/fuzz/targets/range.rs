//! `Range`, on a body of some length.

use floodwall::policy::Ranges;

use super::{naive, text};

pub(crate) const WORDS: &[&str] = &[
    "bytes=",
    "Bytes =",
    "0-",
    "-5",
    "0-0",
    "5-4",
    "18446744073709551615",
    "99999999999999999999",
    ",",
    ", ",
    "-",
    "lines=",
    "\n\n",
];

/// So many ranges are answered in parts.
const MOST: usize = 3;

pub(crate) fn check(data: &[u8]) {
    let mut blocks = text::blocks(data);
    let request = text::field("range", blocks.next().unwrap_or_default());
    let length = blocks.next().unwrap_or_default().iter().take(8);
    let length = length.fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
    let lines = text::values(&request, "range");
    let expected = match lines[..] {
        [line] => naive(&naive::text(line), length),
        _ => None,
    };
    let read = Ranges::read(&request, length, MOST);
    assert_eq!(read, expected.unwrap_or(Ranges::Whole));
}

/// RFC 9110 §14.1 and §14.2, in numbers that hold whatever is said.
fn naive(line: &str, length: u64) -> Option<Ranges> {
    let (unit, specs) = line.split_once('=')?;
    let specs: Vec<&str> = specs
        .split(',')
        .map(naive::trim)
        .filter(|spec| !spec.is_empty())
        .collect();
    if naive::trim(unit).to_lowercase() != "bytes" || specs.is_empty() {
        return None;
    }
    let length = i128::from(length);
    let mut parts = Vec::new();
    for spec in &specs {
        let (first, last) = spec.split_once('-')?;
        let (first, end) = match (number(first), number(last)) {
            (None, Some(suffix)) if first.is_empty() => ((length - suffix).max(0), length),
            (Some(first), None) if last.is_empty() => (first, length),
            (Some(first), Some(last)) if first <= last => (first, length.min(last + 1)),
            _ => return None,
        };
        if first < end {
            parts.push(first..end);
        }
    }
    let bytes: i128 = parts.iter().map(|part| part.end - part.start).sum();
    if specs.len() > MOST || bytes > length {
        return Some(Ranges::TooMany);
    }
    if parts.is_empty() {
        return Some(Ranges::Unsatisfiable);
    }
    let held = |place| u64::try_from(place).expect("within the length");
    let parts = parts.iter().map(|part| held(part.start)..held(part.end));
    Some(Ranges::Parts(parts.collect()))
}

/// A number, or the largest position that there can be.
fn number(digits: &str) -> Option<i128> {
    let legal = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
    let most = i128::from(u64::MAX);
    legal.then(|| digits.parse().map_or(most, |number: i128| number.min(most)))
}
