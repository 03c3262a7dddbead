//! Which fields of a response are stored and passed on (RFC 9111 §3.1, §3.2).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{
    AGE, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    DATE, ETAG, EXPIRES, PROXY_AUTHENTICATE, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
    VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::fields;
use super::freshness::dates;
use super::rules::{Rules, SetCookie};
use super::tags;

/// Fields about one connection or one hop, which no other may see.
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-authentication-info"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// The digest of the very bytes that a message carries (RFC 9530 §2).
pub(crate) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
/// The digest of the representation, of which a message may carry a part or nothing
/// (RFC 9530 §3).
pub(crate) const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// What a 304 never changes: how the stored body is framed, coded and checked, the
/// validator by which it was chosen, and cookies, which are for the one who asked.
const KEPT_FROM_304: [HeaderName; 8] = [
    CONTENT_LENGTH,
    CONTENT_ENCODING,
    CONTENT_RANGE,
    CONTENT_TYPE,
    CONTENT_DIGEST,
    REPR_DIGEST,
    ETAG,
    SET_COOKIE,
];

/// The end of the year 9999, the last that a `Date` can say.
const LAST_DATE: Duration = Duration::from_secs(253_402_300_799);

/// The fields of a response that others may see.
///
/// `Age` goes where the age is `counted`, to be computed anew for each answer. That of
/// a response without a lifetime stays: caches further out may guess one (RFC 9111
/// §5.1). A `Date` is added where there is none (RFC 9110 §6.6.1).
/// `Set-Cookie` goes, unless the operator shares cookies: a response that has one is
/// either not shared at all, or the route asked for it to be stripped.
#[must_use]
pub fn end_to_end(
    headers: &HeaderMap,
    counted: bool,
    rules: &Rules,
    wall: SystemTime,
) -> HeaderMap {
    let mut kept = beyond_one_hop(headers);
    if counted {
        kept.remove(AGE);
    }
    if rules.set_cookie != SetCookie::Share {
        kept.remove(SET_COOKIE);
    }
    hide_tags(&mut kept, rules);
    copy_values(&mut kept);
    if dates(&kept, &DATE).next().is_none() {
        kept.insert(DATE, date_value(wall));
    }
    // A clone has no spare room.
    kept.clone()
}

/// Copies all values into one piece of memory of their own: they may be small windows on a
/// large read buffer, and would keep all of it alive, uncounted.
fn copy_values(headers: &mut HeaderMap) {
    let values: Vec<&[u8]> = headers.values().map(HeaderValue::as_bytes).collect();
    let mut rest = Bytes::from(values.concat());
    for value in headers.values_mut() {
        if let Ok(copy) = HeaderValue::from_maybe_shared(rest.split_to(value.len())) {
            *value = copy;
        }
    }
}

/// A head without the fields that are for one hop: those that always are, and those
/// that `Connection` nominates.
fn beyond_one_hop(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    for nominated in fields::list(headers, &CONNECTION) {
        let is_it = |name: &HeaderName| {
            let name = name.as_str().as_bytes();
            name.eq_ignore_ascii_case(nominated.text)
        };
        if let Ok(name) = std::str::from_utf8(nominated.text) {
            if !NEVER_FOR_ONE_HOP.iter().any(is_it) {
                kept.remove(name);
            }
        }
    }
    for name in &HOP_BY_HOP {
        kept.remove(name);
    }
    kept
}

/// Takes off the fields that are between the origin and its caches.
pub fn hide_tags(headers: &mut HeaderMap, rules: &Rules) {
    if !rules.forward_tags {
        for name in &tags::HIDDEN {
            headers.remove(name);
        }
    }
    if rules.surrogate_control {
        headers.remove(tags::SURROGATE_CONTROL);
    }
}

/// What counts against keeping a response even where `Connection` nominates it,
/// which no sender should do (RFC 9110 §7.6.1).
const NEVER_FOR_ONE_HOP: [HeaderName; 3] = [CACHE_CONTROL, EXPIRES, VARY];

/// A stored head with what a 304 for it says instead (RFC 9111 §3.2).
///
/// `Date` and `Age` are of the answer that says them: where the 304 has none,
/// the merged head has none, and its age is counted from now. Fields that the
/// 304's `Connection` nominates were for this hop alone.
#[must_use]
pub fn updated(stored: &HeaderMap, not_modified: &HeaderMap) -> HeaderMap {
    let mut merged = stored.clone();
    // When it was made, and how old it was, is of the answer that says so: left
    // in place, the old ones would make the renewed response old on arrival.
    merged.remove(DATE);
    merged.remove(AGE);
    let said = beyond_one_hop(not_modified);
    for name in said.keys().filter(|name| !KEPT_FROM_304.contains(name)) {
        merged.remove(name);
        for value in said.get_all(name) {
            merged.append(name, value.clone());
        }
    }
    merged
}

/// A clock that was never set may show a time that a `Date` cannot say: then it
/// says the nearest one that it can.
fn date_value(wall: SystemTime) -> HeaderValue {
    let said = wall.clamp(UNIX_EPOCH, UNIX_EPOCH + LAST_DATE);
    HeaderValue::try_from(httpdate::fmt_http_date(said)).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::super::fields::map;
    use super::*;

    #[test]
    fn what_is_between_two_hops_is_not_stored() {
        let head = map(&[
            ("connection", "close, X-Secret"),
            ("x-secret", "1"),
            ("keep-alive", "5"),
            ("age", "3"),
            ("set-cookie", "a=b"),
            ("surrogate-key", "a"),
            ("cache-groups", "\"a\""),
            ("x-kept", "1"),
        ]);
        let wall = UNIX_EPOCH + Duration::from_secs(784_111_777);
        let kept = end_to_end(&head, true, &Rules::default(), wall);
        let expected = map(&[
            ("cache-groups", "\"a\""),
            ("x-kept", "1"),
            ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ]);
        assert_eq!(kept, expected);
    }

    #[test]
    fn a_clock_that_was_never_set_has_a_date_all_the_same() {
        let decades = Duration::from_secs(60 * 365 * 86_400);
        for (wall, expected) in [
            (UNIX_EPOCH - decades, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (UNIX_EPOCH + 200 * decades, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            let kept = end_to_end(&HeaderMap::new(), true, &Rules::default(), wall);
            assert_eq!(kept, map(&[("date", expected)]));
        }
    }

    #[test]
    fn a_304_never_touches_framing_coding_digests_or_cookies() {
        let stored = map(&[
            ("content-length", "5"),
            ("content-type", "text/html"),
            ("content-digest", "sha-256=:AAAA:"),
            ("etag", "\"a\""),
            ("x-kept", "old"),
            ("cache-control", "max-age=1"),
        ]);
        let fresh = map(&[
            ("content-length", "0"),
            ("content-encoding", "br"),
            ("transfer-encoding", "chunked"),
            ("content-range", "bytes 0-0/1"),
            ("content-type", "text/plain"),
            ("content-digest", "sha-256=:BBBB:"),
            ("repr-digest", "sha-256=:BBBB:"),
            ("set-cookie", "sid=1"),
            ("connection", "close"),
            ("cache-control", "max-age=9"),
            ("cache-control", "public"),
            ("x-new", "1"),
        ]);
        let expected = map(&[
            ("content-length", "5"),
            ("content-type", "text/html"),
            ("content-digest", "sha-256=:AAAA:"),
            ("etag", "\"a\""),
            ("x-kept", "old"),
            ("cache-control", "max-age=9"),
            ("cache-control", "public"),
            ("x-new", "1"),
        ]);
        assert_eq!(updated(&stored, &fresh), expected);
    }
}
