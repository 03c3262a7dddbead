//! Fields that belong to one connection and must not travel further.
//!
//! On a request they are removed before the cache looks, so that what it keys on is what the
//! origin gets. On a response they are removed before the cache sees it, with one exception:
//! a field that restricts caching or describes the body stays even when `Connection` names it.
//! Removing `Cache-Control: private` because the origin nominated it would publish the page.

use http::header::{
    AGE, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    DATE, ETAG, EXPIRES, HOST, LAST_MODIFIED, PRAGMA, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION,
    SET_COOKIE, TE, TRANSFER_ENCODING, UPGRADE, VARY,
};
use http::{HeaderMap, HeaderName};

/// Always bound to one connection (RFC 9110, section 7.6.1).
static HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// What a client may not nominate away: the routing, the framing, and its own demands on caches.
static KEPT_IN_REQUESTS: [HeaderName; 4] = [HOST, CONTENT_LENGTH, CACHE_CONTROL, PRAGMA];

/// What an origin may not nominate away.
static KEPT_IN_RESPONSES: [HeaderName; 15] = [
    AGE,
    CACHE_CONTROL,
    HeaderName::from_static("cdn-cache-control"),
    HeaderName::from_static("surrogate-control"),
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    CONTENT_TYPE,
    DATE,
    ETAG,
    EXPIRES,
    LAST_MODIFIED,
    PRAGMA,
    SET_COOKIE,
    VARY,
];

pub(crate) fn clean_request(headers: &mut HeaderMap) {
    clean(headers, &KEPT_IN_REQUESTS);
}

pub(crate) fn clean_response(headers: &mut HeaderMap) {
    clean(headers, &KEPT_IN_RESPONSES);
}

fn clean(headers: &mut HeaderMap, kept: &[HeaderName]) {
    for name in nominated(headers) {
        if !kept.contains(&name) {
            headers.remove(name);
        }
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

/// The field names listed in every `Connection` line.
fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|line| line.as_bytes().split(|&b| b == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect()
}
