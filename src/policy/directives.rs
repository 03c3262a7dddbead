//! `Cache-Control`, as requests and responses say it (RFC 9111 §5.2).
//!
//! Reading is lenient in form and strict in effect: a directive that restricts
//! counts however it is written, one that permits counts only when it is written
//! well, and of two values the more restrictive one holds.

use std::time::Duration;

use http::HeaderMap;
use http::header::CACHE_CONTROL;

pub use self::request::RequestDirectives;
use super::fields::{self, Member, is_token_byte};

mod request;

/// What a response's `Cache-Control` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResponseDirectives {
    /// `no-store`
    pub no_store: bool,
    /// `private`, with or without field names, or `no-cache` with some: a name list
    /// is not honoured in part, the whole response is private (RFC 9111 §5.2.2.7
    /// permits this).
    pub private: bool,
    /// `no-cache`, with or without field names.
    pub no_cache: bool,
    /// `must-revalidate`
    pub must_revalidate: bool,
    /// `proxy-revalidate`
    pub proxy_revalidate: bool,
    /// `public`
    pub public: bool,
    /// `immutable` (RFC 8246)
    pub immutable: bool,
    /// `must-understand` (RFC 9111 §5.2.2.3), however it is written: what is not
    /// understood is not stored.
    pub must_understand: bool,
    /// `must-understand`, written well: what is understood may be stored in spite of a
    /// `no-store`.
    pub understood: bool,
    /// `max-age`; zero when its value cannot be read.
    pub max_age: Option<Duration>,
    /// `s-maxage`; zero when its value cannot be read.
    pub s_maxage: Option<Duration>,
    /// `stale-while-revalidate` (RFC 5861 §3); zero when unreadable.
    pub stale_while_revalidate: Option<Duration>,
    /// `stale-if-error` (RFC 5861 §4); zero when unreadable.
    pub stale_if_error: Option<Duration>,
    /// Leave to share it whatever credentials a request carries: `public`, or an
    /// `s-maxage` that can be read (RFC 9111 §3.5).
    pub shares: bool,
    /// Leave to share it with requests that carry `Authorization`, as
    /// `must-revalidate` gives it (RFC 9111 §3.5); only when it is written well.
    pub shares_authorized: bool,
    /// A quoted string was never closed, so that a restriction may be hidden
    /// inside it.
    pub malformed: bool,
    /// A field for some caches alone says this, so that `Expires`, which is for all,
    /// says nothing (RFC 9213 §2.2).
    pub targeted: bool,
}

impl ResponseDirectives {
    /// Reads all `Cache-Control` lines.
    #[must_use]
    pub fn read(headers: &HeaderMap) -> Self {
        let mut said = Self::default();
        for member in fields::list(headers, &CACHE_CONTROL) {
            said.malformed |= member.unclosed;
            said.permit(&Directive::read(member));
            for directive in Directive::restrictions(member) {
                said.restrict(&directive);
            }
        }
        said
    }

    /// Takes in a directive that is written well.
    pub(super) fn note(&mut self, directive: &Directive<'_>) {
        self.permit(directive);
        self.restrict(directive);
    }

    fn permit(&mut self, directive: &Directive<'_>) {
        let bare = directive.value.is_none();
        self.public |= directive.is("public") && bare;
        self.immutable |= directive.is("immutable") && bare;
        self.understood |= directive.is("must-understand") && bare;
        let for_shared = directive.is("s-maxage") && directive.seconds().is_some();
        self.shares |= self.public || for_shared;
        self.shares_authorized |= directive.is("must-revalidate") && bare;
    }

    fn restrict(&mut self, directive: &Directive<'_>) {
        let restrictions = [
            ("no-store", &mut self.no_store),
            ("private", &mut self.private),
            ("no-cache", &mut self.no_cache),
            ("must-understand", &mut self.must_understand),
            ("must-revalidate", &mut self.must_revalidate),
            ("proxy-revalidate", &mut self.proxy_revalidate),
        ];
        for (name, flag) in restrictions {
            *flag |= directive.speaks_of(name);
        }
        // With field names it says what must not be given to others: the fields are
        // not taken out, so nobody is given the response, not even who waits for it.
        self.private |= directive.speaks_of("no-cache") && directive.value.is_some();
        // What cannot be read is stale from the start (RFC 9111 §4.2.1), and no
        // window that the operator gives to others is meant for it.
        let names_lifetime = directive.speaks_of("max-age") || directive.speaks_of("s-maxage");
        self.must_revalidate |= names_lifetime && directive.seconds().is_none();
        let spans = [
            ("max-age", &mut self.max_age),
            ("s-maxage", &mut self.s_maxage),
            ("stale-while-revalidate", &mut self.stale_while_revalidate),
            ("stale-if-error", &mut self.stale_if_error),
        ];
        for (name, span) in spans {
            if directive.speaks_of(name) {
                let said = directive.seconds().unwrap_or_default();
                *span = Some(span.map_or(said, |before| before.min(said)));
            }
        }
    }
}

/// What stands before an equals sign, and the value after it if there is one.
pub(super) struct Directive<'a> {
    name: &'a [u8],
    /// The name without what is no letter or digit at its ends. Found once, because a
    /// member may have many strays, and each is held against every directive.
    word: &'a [u8],
    value: Option<&'a [u8]>,
}

impl<'a> Directive<'a> {
    pub(super) fn new(name: &'a [u8], value: Option<&'a [u8]>) -> Self {
        let belongs = |byte: &u8| byte.is_ascii_alphanumeric();
        let start = name.iter().position(belongs).unwrap_or(0);
        let end = name.iter().rposition(belongs).map_or(0, |at| at + 1);
        let word = name.get(start..end).unwrap_or_default();
        Self { name, word, value }
    }

    fn read(member: Member<'a>) -> Self {
        match member.text.iter().position(|byte| *byte == b'=') {
            None => Self::new(member.text, None),
            Some(at) => Self::new(&member.text[..at], Some(&member.text[at + 1..])),
        }
    }

    /// What may restrict in a member: the directive that it is, and, where it is
    /// none (`no-store; x`, `"private"`), each of its words, as if with a value that
    /// cannot be read.
    fn restrictions(member: Member<'a>) -> impl Iterator<Item = Self> {
        let directive = Self::read(member);
        let words = member.text.split(|byte| !is_token_byte(*byte));
        let words = words.filter(|word| !word.is_empty());
        let strays = (!directive.is_well_formed()).then_some(words);
        let strays = strays.into_iter().flatten();
        let strays = strays.map(|name| Self::new(name, Some(b"")));
        std::iter::once(directive).chain(strays)
    }

    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// Whether it is that directive, written well or not: `no-store'` and
    /// `max-age =60` were meant to say something.
    fn speaks_of(&self, name: &str) -> bool {
        self.word.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The seconds that it gives, if both name and value are written well.
    fn seconds(&self) -> Option<Duration> {
        if self.word != self.name {
            return None;
        }
        fields::seconds(self.value?)
    }

    /// RFC 9111 §5.2: a token, and after an equals sign a token or a quoted
    /// string.
    fn is_well_formed(&self) -> bool {
        is_token(self.name)
            && self
                .value
                .is_none_or(|value| is_token(value) || is_quoted(value))
    }
}

fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| is_token_byte(*byte))
}

/// Whether `text` is one quoted string and nothing else (RFC 9110 §5.6.4).
fn is_quoted(text: &[u8]) -> bool {
    let Some(inside) = text.strip_prefix(b"\"") else {
        return false;
    };
    let mut escaped = false;
    for (at, byte) in inside.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1 == inside.len(),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn response(lines: &[&[u8]]) -> ResponseDirectives {
        let mut headers = HeaderMap::new();
        for line in lines {
            let value = HeaderValue::from_bytes(line).expect("the rows are legal values");
            headers.append(CACHE_CONTROL, value);
        }
        ResponseDirectives::read(&headers)
    }

    fn secs(n: u64) -> Option<Duration> {
        Some(Duration::from_secs(n))
    }

    #[test]
    fn restrictions_count_however_they_are_written() {
        for line in [
            "nO-StOrE, max-age=60",
            "no-store=\"x\"",
            "max-age=60 ,\tNO-STORE",
            "ext=\"a, b\", no-store",
            "ext='a, no-store'",
            "max-age=60, no-store =",
        ] {
            assert!(response(&[line.as_bytes()]).no_store, "{line}");
        }
        for line in [
            "private=\"set-cookie\", max-age=60",
            "private=\" authorization\"",
            "private =\"authorization\"",
            "private= \"x\"",
            "private=\"\"",
            "private=",
            "private, private=\"x\"",
            "private=\"unterminated",
            "private=(\"x\")",
            "no-cache=\"set-cookie\", max-age=60",
            "no-cache=",
            "max-age=60;no-cache=\"set-cookie\"",
        ] {
            assert!(response(&[line.as_bytes()]).private, "{line}");
        }
        assert!(response(&[b"max-age=60", b"\xff\xfe, x", b"Private"]).private);
        assert!(!response(&[b"no-cache"]).private);
    }

    #[test]
    fn quoted_text_is_not_a_directive() {
        let said = response(&[b"max-age=60, ext=\"a, max-age=0, no-store\""]);
        assert_eq!(said.max_age, secs(60));
        assert!(!said.no_store);
        assert!(!said.malformed);
    }

    #[test]
    fn an_unclosed_quote_is_malformed() {
        assert!(response(&[b"max-age=60, ext=\"no-store"]).malformed);
    }

    #[test]
    fn permissions_must_be_written_well() {
        assert!(response(&[b"PUBLIC"]).public);
        assert!(!response(&[b"public=\"x\""]).public);
        assert!(!response(&[b"publicly"]).public);
        assert!(!response(&[b"public'"]).public);
        assert!(response(&[b"s-maxage=60"]).shares);
        assert!(!response(&[b"s-maxage =60"]).shares);
    }

    #[test]
    fn of_two_values_the_smaller_holds_and_junk_is_zero() {
        assert_eq!(response(&[b"max-age=60, max-age=5"]).max_age, secs(5));
        assert_eq!(response(&[b"max-age=5", b"max-age=60"]).max_age, secs(5));
        for junk in [
            "max-age",
            "max-age=",
            "max-age=-1",
            "max-age=1.5",
            "max-age=\"60\"",
            "max-age=0x10",
            "max-age= 60",
            "max-age=60 0",
            "max-age=60;x",
            "max-age =60",
            "'max-age'=60",
            "max-age=60, max-age =5",
        ] {
            assert_eq!(response(&[junk.as_bytes()]).max_age, secs(0), "{junk}");
        }
    }
}
