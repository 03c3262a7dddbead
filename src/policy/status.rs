//! What statuses mean to a cache.

use http::StatusCode;

/// Whether a status means that the origin failed, so that RFC 5861 §4 applies.
#[must_use]
pub fn is_failure(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504)
}

/// Whether a response of this status may be stored though it names no lifetime
/// (RFC 9110 §15.1).
pub(super) fn is_heuristically_cacheable(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200 | 203 | 204 | 206 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501
    )
}

/// Whether what caching asks of a status is known: it is one of RFC 9110's
/// (RFC 9111 §5.2.2.3).
pub(super) fn is_understood(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200..=206 | 300..=305 | 307 | 308 | 400..=417 | 421 | 422 | 426 | 500..=505
    )
}

/// Whether a status speaks of what one client did, and must not be stored
/// (RFC 6585 §§3 to 6).
pub(super) fn is_of_one_client(status: StatusCode) -> bool {
    matches!(status.as_u16(), 428 | 429 | 431 | 511)
}
