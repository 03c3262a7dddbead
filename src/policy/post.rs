//! Answers to POST that are what a GET would bring (RFC 9110 §9.3.3).

use http::HeaderMap;
use http::header::{CONTENT_LOCATION, EXPIRES};

use super::directives::ResponseDirectives;
use super::fields;
use super::invalidate::resolve;
use super::rules::Rules;

/// Whether an answer says so: it names a lifetime, and in `Content-Location` the very
/// target, given as authority and path, that was posted to.
pub(crate) fn says_it_stands_for_get(
    headers: &HeaderMap,
    (authority, path): (&str, &str),
    rules: &Rules,
) -> bool {
    let said = ResponseDirectives::targeted(headers, rules);
    let lasts =
        said.s_maxage.or(said.max_age).is_some() || !said.targeted && headers.contains_key(EXPIRES);
    let located = fields::only(headers, &CONTENT_LOCATION)
        .and_then(|reference| reference.to_str().ok())
        .and_then(|reference| resolve(authority, path, reference.trim()));
    lasts && located.as_deref() == Some(path)
}
