//! Which host a request is for.
//!
//! The cache keys on the host and the origin routes by it, so both must see the same one:
//! when there is any doubt the request is refused rather than guessed at, for a wrong guess
//! stores one site's page under another site's name.

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Uri, Version};

use super::refusal::Refusal;

/// The one value for `Host` that the cache and the origin will both see.
pub(crate) fn of(
    uri: &Uri,
    version: Version,
    headers: &HeaderMap,
    fallback: &Authority,
) -> Result<HeaderValue, Refusal> {
    let field = field(headers)?;
    match (uri.authority(), field) {
        (Some(authority), Some(host)) => {
            let named = checked(authority.as_str().as_bytes())?;
            // RFC 9113, section 8.3.1: a Host that differs from :authority is malformed.
            // RFC 9112, section 3.2.2: in HTTP/1.1 the absolute target wins over Host.
            if version == Version::HTTP_2 && !same(named.as_bytes(), host.as_bytes()) {
                return Err(Refusal::bad(":authority and Host disagree"));
            }
            Ok(named)
        }
        (Some(authority), None) if version != Version::HTTP_11 => {
            checked(authority.as_str().as_bytes())
        }
        (None, Some(host)) => Ok(host.clone()),
        // HTTP/1.0 knew no Host; the origin is the only site it can mean.
        (None, None) if version == Version::HTTP_10 => checked(fallback.as_str().as_bytes()),
        // RFC 9112, section 3.2: even beside an absolute target, HTTP/1.1 must send it.
        (_, None) => Err(Refusal::bad("the request has no Host")),
    }
}

fn field(headers: &HeaderMap) -> Result<Option<&HeaderValue>, Refusal> {
    let mut lines = headers.get_all(HOST).iter();
    let first = lines.next();
    if lines.next().is_some() {
        return Err(Refusal::bad("the request has more than one Host"));
    }
    match first {
        Some(host) if !is_host(host.as_bytes()) => Err(Refusal::bad("the Host is not valid")),
        other => Ok(other),
    }
}

fn checked(host: &[u8]) -> Result<HeaderValue, Refusal> {
    let wrong = || Refusal::bad("the target's host is not valid");
    if is_host(host) {
        HeaderValue::from_bytes(host).map_err(|_| wrong())
    } else {
        Err(wrong())
    }
}

/// `name`, `name:port`, `[v6]` or `[v6]:port`, and not empty (RFC 9110, section 4.2.1).
///
/// Narrower than the grammar on purpose: a comma or a semicolon is legal in a registered name,
/// but no such name exists, while two hosts folded into one line do.
fn is_host(host: &[u8]) -> bool {
    let (name, port) = split_port(host);
    let name_is_good = match name {
        [b'[', inner @ .., b']'] => {
            !inner.is_empty()
                && inner
                    .iter()
                    .all(|b| b.is_ascii_hexdigit() || b":.".contains(b))
        }
        name => {
            !name.is_empty()
                && name
                    .iter()
                    .all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(b))
        }
    };
    // `host:` with no digits is legal and means the default port.
    let port_is_good = port.is_none_or(|port| {
        port.is_empty()
            || std::str::from_utf8(port)
                .is_ok_and(|p| p.bytes().all(|b| b.is_ascii_digit()) && p.parse::<u16>().is_ok())
    });
    name_is_good && port_is_good
}

/// Splits at the last colon that is not inside an IPv6 address.
fn split_port(host: &[u8]) -> (&[u8], Option<&[u8]>) {
    match host.iter().rposition(|&b| b == b':') {
        Some(at) if !host[at..].contains(&b']') => (&host[..at], Some(&host[at + 1..])),
        _ => (host, None),
    }
}

/// Equal but for case and a default port.
fn same(a: &[u8], b: &[u8]) -> bool {
    let plain = |host| match split_port(host) {
        (name, Some(b"" | b"80")) => (name, None),
        other => other,
    };
    let ((a, a_port), (b, b_port)) = (plain(a), plain(b));
    a.eq_ignore_ascii_case(b) && a_port == b_port
}
