//! `Max-Forwards`: a TRACE or OPTIONS that ends here (RFC 9110, section 7.6.2).

use axum::body::Body;
use http::header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, COOKIE, MAX_FORWARDS};
use http::{HeaderValue, Method, Request, Response};
use http_body::Body as _;

use super::refusal::Refusal;

/// Counts one hop down. At zero the answer is ours to give.
pub(crate) fn settle(request: &mut Request<Body>) -> Result<Option<Response<Body>>, Refusal> {
    let trace = request.method() == Method::TRACE;
    if !trace && request.method() != Method::OPTIONS {
        return Ok(None);
    }
    // RFC 9110, section 9.3.8: a TRACE has no content.
    if trace && !request.body().is_end_stream() {
        return Err(Refusal::bad("a TRACE has no body"));
    }
    let Some(hops) = request.headers().get(MAX_FORWARDS) else {
        return Ok(None);
    };
    let hops: u32 = hops
        .to_str()
        .ok()
        .and_then(|hops| hops.parse().ok())
        .ok_or_else(|| Refusal::bad("Max-Forwards is not a number"))?;
    match hops.checked_sub(1) {
        None if trace => Ok(Some(reflect(request))),
        None => Ok(Some(options())),
        Some(left) => {
            let headers = request.headers_mut();
            headers.insert(MAX_FORWARDS, HeaderValue::from(left));
            Ok(None)
        }
    }
}

/// The request as it would have gone on, without what identifies a person.
fn reflect(request: &Request<Body>) -> Response<Body> {
    let mut text = format!("TRACE {} HTTP/1.1\r\n", request.uri()).into_bytes();
    for (name, value) in request.headers() {
        if name != AUTHORIZATION && name != COOKIE {
            text.extend_from_slice(name.as_str().as_bytes());
            text.extend_from_slice(b": ");
            text.extend_from_slice(value.as_bytes());
            text.extend_from_slice(b"\r\n");
        }
    }
    text.extend_from_slice(b"\r\n");
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("message/http"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What the gateway itself passes on; the origin may allow less.
fn options() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let methods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE";
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static(methods));
    response
}
