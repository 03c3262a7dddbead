//! The checks between the client and the cache.
//!
//! Everything that decides what the origin will get happens here, before the cache makes its
//! key: otherwise two requests could share a key and still be different requests. hyper has
//! refused what is not HTTP by the time we look; what remains is HTTP that a gateway must not
//! pass on.

use axum::body::Body;
use http::header::{COOKIE, EXPECT, HOST, VIA};
use http::uri::{Authority, Parts, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version};

use super::framing::{self, Flaw};
use super::refusal::{Close, Refusal};
use super::{hops, host};

/// Turns a request as received into the request that the cache keys and the origin gets:
/// origin form, one `Host`, HTTP/1.1, nothing hop-by-hop.
pub(crate) fn vet(
    mut request: Request<Body>,
    fallback: &Authority,
) -> Result<Request<Body>, Refusal> {
    let version = request.version();
    check_target(request.method(), request.uri(), version)?;
    let host = host::of(request.uri(), version, request.headers(), fallback)?;
    let target = origin_form(request.uri(), version)?;

    let headers = request.headers_mut();
    check_framing(headers)?;
    take_expectation(headers)?;
    hops::clean_request(headers);
    join_crumbs(headers);
    add_via(headers, version);
    put_host(headers, host);

    *request.uri_mut() = target;
    *request.version_mut() = Version::HTTP_11;
    Ok(request)
}

fn check_target(method: &Method, uri: &Uri, version: Version) -> Result<(), Refusal> {
    if method == Method::CONNECT {
        return Err(Refusal::new(
            StatusCode::NOT_IMPLEMENTED,
            "this is a gateway to one origin, not a tunnel",
            Close::Yes,
        ));
    }
    // Some caches take these for orders from their operator. An origin that says yes to everything
    // would have us drop what is stored, for whoever asks.
    if ["PURGE", "BAN"].contains(&method.as_str()) {
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "nothing can be purged from here",
            Close::Yes,
        ));
    }
    match uri.scheme() {
        // `GET example.org:80 HTTP/1.1` parses, but the form is reserved for CONNECT
        // (RFC 9112, section 3.2.3).
        None if uri.authority().is_some() && version != Version::HTTP_2 => {
            return Err(Refusal::bad("the target has no path"));
        }
        // https arrives from a front that ended TLS and speaks h2c to us.
        Some(scheme) if *scheme != Scheme::HTTP && *scheme != Scheme::HTTPS => {
            return Err(Refusal::bad("the target's scheme is not http"));
        }
        _ => {}
    }
    // RFC 3986, section 2: what is not ASCII is percent-encoded. The parser is lenient here, and
    // an origin might decode such bytes in a way of its own.
    if uri
        .path_and_query()
        .is_some_and(|target| !target.as_str().is_ascii())
    {
        return Err(Refusal::bad("the target has bytes that are not ASCII"));
    }
    if uri.path() == "*" && method != Method::OPTIONS {
        return Err(Refusal::bad("only OPTIONS may ask for *"));
    }
    Ok(())
}

/// The path and query alone, since `Host` carries the rest.
fn origin_form(uri: &Uri, version: Version) -> Result<Uri, Refusal> {
    let wrong = || Refusal::bad("the target is not valid");
    let path = match uri.path_and_query() {
        None => PathAndQuery::from_static("/"),
        // RFC 9113, section 8.3.1: `:path` begins with a slash.
        Some(path) if version == Version::HTTP_2 && path.as_str().starts_with('?') => {
            return Err(Refusal::bad("the target has no path"));
        }
        // `http://host?q` has an empty path, which goes out as `/` (RFC 9112, section 3.2.1).
        Some(path) if path.as_str().starts_with('?') => {
            PathAndQuery::try_from(format!("/{}", path.as_str())).map_err(|_| wrong())?
        }
        Some(path) => path.clone(),
    };
    let mut parts = Parts::default();
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).map_err(|_| wrong())
}

fn check_framing(headers: &mut HeaderMap) -> Result<(), Refusal> {
    framing::settle(headers).map_err(|flaw| match flaw {
        // RFC 9112, section 6.1.
        Flaw::Coding => Refusal::new(
            StatusCode::NOT_IMPLEMENTED,
            "only the chunked transfer coding is understood",
            Close::Yes,
        ),
        Flaw::Both => Refusal::bad("both Content-Length and Transfer-Encoding"),
        Flaw::Length => Refusal::bad("the Content-Length is not one number"),
    })
}

/// `100-continue` is met here: hyper sends the interim answer when the origin's connection
/// begins to read the body. The origin is not asked again, so that the client can't be left
/// waiting for an origin that never heard of it. Other expectations nobody defined.
fn take_expectation(headers: &mut HeaderMap) -> Result<(), Refusal> {
    let known = headers
        .get_all(EXPECT)
        .iter()
        .all(|line| line.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    if !known {
        return Err(Refusal::new(
            StatusCode::EXPECTATION_FAILED,
            "only 100-continue can be expected",
            Close::Yes,
        ));
    }
    headers.remove(EXPECT);
    Ok(())
}

/// HTTP/2 may send a cookie in several fields, HTTP/1.1 has one (RFC 9113, section 8.2.3). An
/// origin that reads only the first would take a part of it for the whole.
fn join_crumbs(headers: &mut HeaderMap) {
    if headers.get_all(COOKIE).iter().nth(1).is_none() {
        return;
    }
    let crumbs: Vec<&[u8]> = headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    // What was legal in parts is legal as a whole.
    if let Ok(cookie) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
        headers.insert(COOKIE, cookie);
    }
}

/// Replaces the field where it stands, and puts a new one first, where servers look for it
/// (RFC 9110, section 7.2).
fn put_host(headers: &mut HeaderMap, host: HeaderValue) {
    if let Some(place) = headers.get_mut(HOST) {
        *place = host;
        return;
    }
    let rest = std::mem::take(headers);
    headers.insert(HOST, host);
    headers.extend(rest);
}

/// A gateway must say that it stood in between (RFC 9110, section 7.6.3).
fn add_via(headers: &mut HeaderMap, version: Version) {
    let hop = match version {
        Version::HTTP_2 => "2.0 floodwall",
        Version::HTTP_10 => "1.0 floodwall",
        _ => "1.1 floodwall",
    };
    headers.append(VIA, HeaderValue::from_static(hop));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_is_only_a_query_is_one_of_absolute_form() {
        let mut parts = Parts::default();
        parts.path_and_query = PathAndQuery::try_from("?x").ok();
        let uri = Uri::from_parts(parts).expect("it can be read");
        let of = |version| origin_form(&uri, version).map(|uri| uri.to_string());
        assert_eq!(of(Version::HTTP_11).ok(), Some("/?x".to_owned()));
        assert!(of(Version::HTTP_2).is_err());
    }
}
