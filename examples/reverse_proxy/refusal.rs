//! The answers the proxy gives by itself: one line of plain text that no cache may keep.

use axum::body::Body;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};

/// Whether the client's connection ends with this answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Close {
    Yes,
    No,
}

/// A request that is answered here and never reaches the cache.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    reason: &'static str,
    close: Close,
}

impl Refusal {
    /// 400, and the connection closed: a client that is wrong about one message may be wrong
    /// about where the next one begins (RFC 9112, section 11.2).
    pub(crate) fn bad(reason: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason, Close::Yes)
    }

    pub(crate) fn new(status: StatusCode, reason: &'static str, close: Close) -> Self {
        Self {
            status,
            reason,
            close,
        }
    }

    pub(crate) fn to_response(&self) -> Response<Body> {
        plain(self.status, self.reason, self.close)
    }
}

/// `502 Bad Gateway: the origin cannot be reached`, and a newline for those who use curl.
pub(crate) fn plain(status: StatusCode, reason: &str, close: Close) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{status}: {reason}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if close == Close::Yes {
        // Over HTTP/2 hyper drops this field: there a stream ends alone.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
