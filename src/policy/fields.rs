//! The grammar that the fields share: lists, tokens, seconds, joined lines.
//!
//! Everything here takes bytes, because field values need not be text, and runs
//! in time linear in their length.

use std::borrow::Cow;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

/// The longest lifetime that is kept apart from "for ever": RFC 9111 §1.2.2
/// asks for 2^31 seconds when a value is larger than can be held.
pub(crate) const FOREVER: Duration = Duration::from_secs(1 << 31);

/// One member of a comma-separated list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member<'a> {
    /// The member without the white space around it; never empty.
    pub(crate) text: &'a [u8],
    /// Whether a quoted string in it was never closed, so that what follows
    /// may have been swallowed.
    pub(crate) unclosed: bool,
}

/// The members of one field line; commas inside quoted strings do not count.
pub(crate) struct Members<'a> {
    rest: &'a [u8],
}

impl<'a> Members<'a> {
    pub(crate) fn of(line: &'a [u8]) -> Self {
        Self { rest: line }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Member<'a>> {
        while !self.rest.is_empty() {
            let (end, unclosed) = member_end(self.rest);
            let text = self.rest[..end].trim_ascii();
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            if !text.is_empty() {
                return Some(Member { text, unclosed });
            }
        }
        None
    }
}

/// Where the first member ends, and whether it ends inside a quoted string.
fn member_end(line: &[u8]) -> (usize, bool) {
    let mut quoted = false;
    let mut at = 0;
    while at < line.len() {
        match line[at] {
            b'"' => quoted = !quoted,
            b'\\' if quoted => at += 1,
            b',' if !quoted => return (at, false),
            _ => {}
        }
        at += 1;
    }
    (line.len(), quoted)
}

/// The members of all lines of a field, in order.
pub(crate) fn list<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = Member<'a>> {
    headers
        .get_all(name)
        .into_iter()
        .flat_map(|line| Members::of(line.as_bytes()))
}

/// The value of a field that may have one line; nothing if it is absent or has
/// several, of which nobody knows which is meant.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut lines = headers.get_all(name).into_iter();
    let first = lines.next()?;
    lines.next().is_none().then_some(first)
}

/// A whole number of seconds, or nothing if `value` is anything else.
/// RFC 9111 §1.2.2; more than can be held means for ever.
pub(crate) fn seconds(value: &[u8]) -> Option<Duration> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let counted = value.iter().try_fold(0_u64, |sum, digit| {
        sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    });
    let span = counted.map_or(FOREVER, Duration::from_secs);
    Some(span.min(FOREVER))
}

/// The weight that stands behind a semicolon, in thousandths (RFC 9110 §12.4.2).
pub(crate) fn weight(parameters: &[u8]) -> Option<u16> {
    let mut parts = parameters.splitn(2, |byte| *byte == b'=');
    let (name, weight) = (parts.next()?.trim_ascii(), parts.next()?.trim_ascii());
    let mut parts = weight.splitn(2, |byte| *byte == b'.');
    let (whole, fraction) = (parts.next()?, parts.next().unwrap_or_default());
    let is_one = name.eq_ignore_ascii_case(b"q") && fraction.len() <= 3;
    let digits = is_one && fraction.iter().all(u8::is_ascii_digit);
    let digit = |at: usize| u16::from(fraction.get(at).map_or(0, |digit| digit - b'0'));
    let thousandths = digits.then(|| digit(0) * 100 + digit(1) * 10 + digit(2))?;
    match whole {
        b"0" => Some(thousandths),
        b"1" => (thousandths == 0).then_some(1000),
        _ => None,
    }
}

/// The value of a field with its lines joined (RFC 9110 §5.3), or nothing if
/// the field is absent. An empty value is not an absent one.
pub(crate) fn joined<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, [u8]>> {
    let mut lines = headers.get_all(name).into_iter();
    let first = lines.next()?.as_bytes().trim_ascii();
    let mut value = Cow::Borrowed(first);
    for line in lines {
        let owned = value.to_mut();
        owned.extend_from_slice(b", ");
        owned.extend_from_slice(line.as_bytes().trim_ascii());
    }
    Some(value)
}

/// Whether one of `types` stands anywhere in a field of media types, however it is
/// written.
pub(crate) fn names_media_type(headers: &HeaderMap, name: &HeaderName, types: &[&str]) -> bool {
    let lines = headers.get_all(name).into_iter();
    let mut words = lines.flat_map(|line| {
        let ends = |byte: &u8| !is_token_byte(*byte) && *byte != b'/';
        line.as_bytes().split(ends)
    });
    words.any(|word| {
        types
            .iter()
            .any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
    })
}

/// RFC 9110 §5.6.2.
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    // Not looked up in a string: strangers can make this the most of what reading costs.
    matches!(
        byte,
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-'
            | b'.' | b'^'..=b'`' | b'|' | b'~'
    )
}

/// A field's name as a CGI program sees it: there `_` and `-` are one, so that
/// `X_Forwarded_Host` may have the effect of `X-Forwarded-Host`.
pub(crate) fn spoken(name: &HeaderName) -> Cow<'_, str> {
    let name = name.as_str();
    // Names are short: a search that begins with setting itself up takes longer.
    if name.bytes().any(|byte| byte == b'_') {
        Cow::Owned(name.replace('_', "-"))
    } else {
        Cow::Borrowed(name)
    }
}

/// A head, for the tests of this folder.
#[cfg(test)]
pub(super) fn map(rows: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in rows {
        headers.append(*name, HeaderValue::from_static(value));
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(line: &str) -> Vec<&str> {
        Members::of(line.as_bytes())
            .map(|member| std::str::from_utf8(member.text).expect("the rows are ascii"))
            .collect()
    }

    #[test]
    fn a_comma_inside_quotes_does_not_end_a_member() {
        assert_eq!(
            members(r#"max-age=60, ext="a, no-store" ,, public"#),
            ["max-age=60", r#"ext="a, no-store""#, "public"]
        );
        assert_eq!(members(r#"ext="\"", private"#), [r#"ext="\"""#, "private"]);
        assert!(members(" , ,\t,").is_empty());
    }

    #[test]
    fn an_unclosed_quote_is_told() {
        let all: Vec<_> = Members::of(br#"max-age=60, ext="a, private"#).collect();
        assert!(!all[0].unclosed);
        assert!(all[1].unclosed);
        assert_eq!(all.len(), 2);
    }

    #[test]
    fn seconds_are_digits_and_nothing_else() {
        assert_eq!(seconds(b"060"), Some(Duration::from_secs(60)));
        assert_eq!(seconds(b"18446744073709551616"), Some(FOREVER));
        assert_eq!(seconds(b"2147483649"), Some(FOREVER));
        for bad in [
            "", "-1", "+1", "1.5", "0x10", "\"60\"", " 60", "6 0", "\u{662}",
        ] {
            assert_eq!(seconds(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn a_media_type_is_found_however_it_is_written() {
        let kind = http::header::CONTENT_TYPE;
        let stream = |rows: &[(&'static str, &'static str)]| {
            names_media_type(&map(rows), &kind, &["text/event-stream"])
        };
        for line in [
            "text/event-stream",
            "Text/Event-Stream;charset=utf-8",
            "text/event-stream, x",
            "x \"text/event-stream\"",
        ] {
            assert!(stream(&[("content-type", line)]), "{line}");
            assert!(stream(&[("content-type", "x"), ("content-type", line)]));
        }
        for line in ["text/event-streams", "text / event-stream", ""] {
            assert!(!stream(&[("content-type", line)]), "{line}");
        }
    }

    #[test]
    fn of_two_lines_there_is_not_one() {
        let name = HeaderName::from_static("x-v");
        assert_eq!(only(&map(&[]), &name), None);
        assert!(only(&map(&[("x-v", "a")]), &name).is_some());
        assert_eq!(only(&map(&[("x-v", "a"), ("x-v", "a")]), &name), None);
    }

    #[test]
    fn joining_keeps_absent_and_empty_apart() {
        let mut headers = HeaderMap::new();
        let name = HeaderName::from_static("x-v");
        assert_eq!(joined(&headers, &name), None);
        headers.append(&name, HeaderValue::from_static(""));
        assert_eq!(joined(&headers, &name).as_deref(), Some(&b""[..]));
        headers.append(&name, HeaderValue::from_static(" b "));
        assert_eq!(joined(&headers, &name).as_deref(), Some(&b", b"[..]));
    }
}
