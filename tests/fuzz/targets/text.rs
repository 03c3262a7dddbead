//! How bytes are cut into heads: blocks between empty lines, one field or value a
//! line. What cannot stand in a head is left out.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use floodwall::Moment;
use floodwall::policy::{RequestFacts, ResponseHead, Rules, Verdict, judge};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};

/// The blocks; there is always a next one, which may be empty.
pub(crate) fn blocks(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(data);
    std::iter::from_fn(move || {
        let all = rest.take().unwrap_or_default();
        match all.windows(2).position(|pair| pair == b"\n\n") {
            Some(at) => {
                rest = Some(&all[at + 2..]);
                Some(&all[..at])
            }
            None => Some(all),
        }
    })
}

pub(crate) fn lines(block: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    block.split(|byte| *byte == b'\n')
}

/// Each line as a value of one field.
pub(crate) fn field(name: &'static str, block: &[u8]) -> HeaderMap {
    let values = lines(block).filter_map(|line| HeaderValue::from_bytes(line).ok());
    append(values.map(|value| (HeaderName::from_static(name), value)))
}

/// Each line as a field: its name, a colon, its value.
pub(crate) fn head(block: &[u8]) -> HeaderMap {
    append(lines(block).filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        let value = &line[colon + 1..];
        let value = value.strip_prefix(b" ").unwrap_or(value);
        Some((name, HeaderValue::from_bytes(value).ok()?))
    }))
}

pub(crate) fn append(fields: impl IntoIterator<Item = (HeaderName, HeaderValue)>) -> HeaderMap {
    let mut head = HeaderMap::new();
    // As many as an HTTP server takes.
    for (name, value) in fields.into_iter().take(100) {
        head.append(name, value);
    }
    head
}

/// The values of a field.
pub(crate) fn values<'a>(head: &'a HeaderMap, name: &str) -> Vec<&'a [u8]> {
    let values = head.get_all(name).into_iter();
    values.map(HeaderValue::as_bytes).collect()
}

/// The lines of a field in one (RFC 9110 §5.3); nothing if there are none.
pub(crate) fn joined(head: &HeaderMap, name: &str) -> Option<Vec<u8>> {
    let lines = values(head, name).into_iter().map(<[u8]>::trim_ascii);
    let lines: Vec<&[u8]> = lines.collect();
    (!lines.is_empty()).then(|| lines.join(&b", "[..]))
}

/// When everything arrives.
pub(crate) const WALL: u64 = 1_800_000_000;

pub(crate) fn wall() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(WALL)
}

/// The verdict on a response to a plain GET.
pub(crate) fn judged(status: StatusCode, headers: &HeaderMap, rules: &Rules) -> Verdict {
    let request = Request::new(());
    let asked = RequestFacts::read((&request).into(), false, rules);
    let response = ResponseHead {
        status,
        headers,
        length: None,
        received: Moment::default(),
        wall: wall(),
    };
    let asked = asked.expect("a plain GET is for a cache");
    judge((&request).into(), &asked, response, rules)
}
