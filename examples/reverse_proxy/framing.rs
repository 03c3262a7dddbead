//! Where a message ends, where hyper leaves the question open.
//!
//! hyper already refuses a malformed or contradictory `Content-Length` in an HTTP/1 request and
//! lets `Transfer-Encoding` win over it. It lets through transfer codings other than `chunked`,
//! which it cannot undo, and in responses both fields side by side. A proxy that repeats either
//! to its neighbour invites request smuggling or response splitting (RFC 9112, section 11).

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue};

/// What is wrong with the framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// A coding other than `chunked`, or `chunked` more than once.
    Coding,
    /// `Content-Length` beside `Transfer-Encoding`.
    Both,
    /// Lengths that differ, or are no numbers.
    Length,
}

/// Checks both fields and leaves at most one line of `Content-Length`.
pub(crate) fn settle(headers: &mut HeaderMap) -> Result<(), Flaw> {
    if headers.contains_key(TRANSFER_ENCODING) {
        if !only_chunked(headers) {
            return Err(Flaw::Coding);
        }
        if headers.contains_key(CONTENT_LENGTH) {
            return Err(Flaw::Both);
        }
        return Ok(());
    }
    if let Some(length) = one_length(headers)? {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Ok(())
}

fn only_chunked(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(TRANSFER_ENCODING).iter();
    let chunked = lines.next().is_some_and(|line| {
        line.as_bytes()
            .trim_ascii()
            .eq_ignore_ascii_case(b"chunked")
    });
    chunked && lines.next().is_none()
}

/// The same number may be repeated (RFC 9110, section 8.6); two numbers may not.
fn one_length(headers: &HeaderMap) -> Result<Option<u64>, Flaw> {
    let mut length = None;
    for line in headers.get_all(CONTENT_LENGTH) {
        for item in line.to_str().map_err(|_| Flaw::Length)?.split(',') {
            let this = digits(item.trim()).ok_or(Flaw::Length)?;
            if *length.get_or_insert(this) != this {
                return Err(Flaw::Length);
            }
        }
    }
    Ok(length)
}

/// `u64::from_str` alone would also take `+5`.
fn digits(text: &str) -> Option<u64> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}
