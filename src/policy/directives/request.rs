//! What requests ask of a cache.

use std::time::Duration;

use http::HeaderMap;
use http::header::{CACHE_CONTROL, PRAGMA};

use super::Directive;
use crate::policy::fields;

/// What a request's `Cache-Control` (or, without one, `Pragma`) asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestDirectives {
    /// `no-store`: neither the request nor its answer may be kept.
    pub no_store: bool,
    /// `no-cache`, or `Pragma: no-cache` without a `Cache-Control`.
    pub no_cache: bool,
    /// `only-if-cached`
    pub only_if_cached: bool,
    /// `max-age`; zero when its value cannot be read.
    pub max_age: Option<Duration>,
    /// `min-fresh`; for ever when its value cannot be read.
    pub min_fresh: Option<Duration>,
    /// `max-stale`; without a value, any staleness is accepted; nothing when a
    /// value cannot be read.
    pub max_stale: Option<Duration>,
    /// `stale-if-error` (RFC 5861 §4); nothing when a value cannot be read.
    pub stale_if_error: Option<Duration>,
}

impl RequestDirectives {
    /// Reads all `Cache-Control` lines, or `Pragma` where there are none
    /// (RFC 9111 §5.4).
    #[must_use]
    pub fn read(headers: &HeaderMap) -> Self {
        let mut asked = Self::default();
        if !headers.contains_key(CACHE_CONTROL) {
            asked.no_cache = fields::list(headers, &PRAGMA)
                .flat_map(Directive::restrictions)
                .any(|directive| directive.speaks_of("no-cache"));
            return asked;
        }
        let mut max_stale = Accepted::bare(fields::FOREVER);
        let mut stale_if_error = Accepted::default();
        for member in fields::list(headers, &CACHE_CONTROL) {
            asked.only_if_cached |= Directive::read(member).is("only-if-cached");
            for directive in Directive::restrictions(member) {
                asked.restrict(&directive);
                max_stale.note("max-stale", &directive);
                stale_if_error.note("stale-if-error", &directive);
            }
        }
        asked.max_stale = max_stale.least();
        asked.stale_if_error = stale_if_error.least();
        asked
    }

    fn restrict(&mut self, directive: &Directive<'_>) {
        self.no_store |= directive.speaks_of("no-store");
        self.no_cache |= directive.speaks_of("no-cache");
        if directive.speaks_of("max-age") {
            let asked = directive.seconds().unwrap_or_default();
            self.max_age = Some(self.max_age.map_or(asked, |before| before.min(asked)));
        }
        if directive.speaks_of("min-fresh") {
            let asked = directive.seconds().unwrap_or(fields::FOREVER);
            self.min_fresh = self.min_fresh.max(Some(asked));
        }
    }
}

/// How stale a response a request accepts, by all that it says under one name.
#[derive(Default)]
struct Accepted {
    /// What the name says without a value, if that says anything.
    bare: Option<Duration>,
    least: Option<Duration>,
    unreadable: bool,
}

impl Accepted {
    /// One for a name that accepts so much without a value.
    fn bare(most: Duration) -> Self {
        Self {
            bare: Some(most),
            ..Self::default()
        }
    }

    fn note(&mut self, name: &str, directive: &Directive<'_>) {
        if directive.speaks_of(name) {
            let said = match directive.value {
                None if directive.is(name) => self.bare,
                _ => directive.seconds(),
            };
            self.unreadable |= said.is_none();
            self.least = self.least.into_iter().chain(said).min();
        }
    }

    /// The least of what was said; nothing if some of it cannot be read.
    fn least(self) -> Option<Duration> {
        self.least.filter(|_| !self.unreadable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn secs(n: u64) -> Option<Duration> {
        Some(Duration::from_secs(n))
    }

    #[test]
    fn pragma_speaks_only_where_cache_control_is_silent() {
        let mut headers = HeaderMap::new();
        headers.insert(PRAGMA, HeaderValue::from_static("No-Cache"));
        assert!(RequestDirectives::read(&headers).no_cache);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("foo"));
        assert!(!RequestDirectives::read(&headers).no_cache);
    }

    #[test]
    fn requests_ask_however_it_is_written() {
        let asked = |name: http::HeaderName, line: &'static [u8]| {
            let value = HeaderValue::from_bytes(line).expect("the rows are legal values");
            RequestDirectives::read(&HeaderMap::from_iter([(name, value)]))
        };
        for line in [
            &b"no-cache; x"[..],
            b"max-stale; no-cache",
            b"\"no-cache\"",
            b"\xffno-cache",
            b"x=\"a, no-cache",
        ] {
            assert!(asked(CACHE_CONTROL, line).no_cache);
            assert!(asked(PRAGMA, line).no_cache);
        }
        assert!(asked(CACHE_CONTROL, b"no-store;").no_store);
        assert_eq!(asked(CACHE_CONTROL, b"max-age=60;x").max_age, secs(0));
        assert_eq!(
            asked(CACHE_CONTROL, b"(min-fresh=1").min_fresh,
            Some(fields::FOREVER)
        );
        assert_eq!(
            asked(CACHE_CONTROL, b"x=\"no-cache, max-age=0\"").max_age,
            None
        );
        let torn = b"max-stale=60, x; max-stale=1";
        assert_eq!(asked(CACHE_CONTROL, torn).max_stale, None);
        for (line, accepted) in [
            (&b"stale-if-error=60"[..], secs(60)),
            (b"stale-if-error=60, Stale-If-Error=6", secs(6)),
            (b"stale-if-error", None),
            (b"stale-if-error=60, stale-if-error", None),
            (b"stale-if-error =60", None),
            (b"stale-if-error=60, x; stale-if-error=1", None),
            (b"max-stale=60", None),
        ] {
            assert_eq!(asked(CACHE_CONTROL, line).stale_if_error, accepted);
        }
    }

    #[test]
    fn requests_ask_in_seconds() {
        let mut headers = HeaderMap::new();
        let line = "max-age=10, min-fresh=5, max-stale, only-if-cached";
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(line));
        let asked = RequestDirectives::read(&headers);
        assert_eq!(asked.max_age, secs(10));
        assert_eq!(asked.min_fresh, secs(5));
        assert_eq!(asked.max_stale, Some(fields::FOREVER));
        assert!(asked.only_if_cached);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-stale=junk"));
        assert_eq!(RequestDirectives::read(&headers).max_stale, None);
    }
}
