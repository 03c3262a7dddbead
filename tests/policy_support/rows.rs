//! Rows of tables: heads written out, and what becomes of a response.

use floodwall::policy::{Lifetime, ResponseFacts, Rules};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};

use super::{facts_of, judged, shared};

/// A line of a head; values need not be text.
pub(crate) type Line<'a> = (&'static str, &'a [u8]);

/// What becomes of a response that has a validator.
#[derive(Debug, PartialEq)]
pub(crate) enum Fate {
    /// It is for the one who asked and nobody else: not stored, not shared.
    Private,
    /// Whoever waits for it may have it; it is not stored.
    Unstored,
    /// It is stored, and validated before each use.
    Validated,
    /// It is stored, and fresh for so many seconds.
    Kept(u64),
}

pub(crate) fn head(lines: &[Line<'_>]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let value = HeaderValue::from_bytes(value).expect("the rows are legal values");
        headers.append(HeaderName::from_static(name), value);
    }
    headers
}

pub(crate) fn request(lines: &[Line<'_>]) -> Request<()> {
    let mut request = Request::new(());
    *request.headers_mut() = head(lines);
    request
}

pub(crate) fn answered(asked: &[Line<'_>], said: &[Line<'_>]) -> Option<(ResponseFacts, bool)> {
    let (request, rules) = (request(asked), Rules::default());
    let mut response = head(said);
    response.append("etag", HeaderValue::from_static("\"a\""));
    let facts = facts_of(&request, &rules).expect("a request for the cache");
    shared(judged(&request, &facts, StatusCode::OK, &response, &rules))
}

pub(crate) fn fate(asked: &[Line<'_>], said: &[Line<'_>]) -> Fate {
    match answered(asked, said) {
        None => Fate::Private,
        Some((_, false)) => Fate::Unstored,
        Some((facts, true)) => {
            let life = facts.lifetime.expect("what is stored has a lifetime");
            let left = life.fresh_for.saturating_sub(life.initial_age).as_secs();
            if life.validate_always {
                Fate::Validated
            } else {
                Fate::Kept(left)
            }
        }
    }
}

pub(crate) fn check(asked: &[Line<'_>], said: &[Line<'_>], expected: Fate) {
    assert_eq!(fate(asked, said), expected, "{:?}", head(said));
}

/// Each line alone as the response's `Cache-Control`.
pub(crate) fn check_lines<const N: usize>(asked: &[Line<'_>], rows: [(&str, Fate); N]) {
    for (line, expected) in rows {
        check(asked, &[("cache-control", line.as_bytes())], expected);
    }
}

pub(crate) const SIGNED_IN: Line<'_> = ("authorization", b"Bearer a");
pub(crate) const COOKIE: Line<'_> = ("cookie", b"sid=a");

/// The lifetime of what is stored of a response.
pub(crate) fn life(said: &[Line<'_>]) -> Lifetime {
    let facts = answered(&[], said).map(|(facts, _)| facts);
    facts
        .and_then(|facts| facts.lifetime)
        .expect("the rows have a lifetime")
}
