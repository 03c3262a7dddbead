//! Requests whose content is a part of the question (RFC 10008).

use bytes::Bytes;
use http::header::{
    CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE, EXPECT, TRAILER,
};
use http::{Extensions, HeaderName, Method};

use super::request::RequestHead;
use super::rules::Rules;

/// What is said about the content of a request, beside its length (RFC 9110 §8): a part of
/// the key as the content is.
const METADATA: [HeaderName; 4] = [
    CONTENT_TYPE,
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_LOCATION,
];

/// The whole content of a QUERY, for the cache to know what is asked.
///
/// A shell that has read it puts it into the extensions of the request, and finds it there
/// again in what an [`Origin`](crate::engine::Origin) is asked: that is to be sent with it.
/// Without it a QUERY passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryContent(pub Bytes);

impl QueryContent {
    /// That of a request with this method, if it has been read.
    pub(super) fn of<'a>(method: &Method, extensions: &'a Extensions) -> Option<&'a Bytes> {
        if !is_query(method) {
            return None;
        }
        extensions.get::<Self>().map(|content| &content.0)
    }
}

/// Whether a method is QUERY.
pub(crate) fn is_query(method: &Method) -> bool {
    // Nearly all are GET, which is told by one comparison.
    *method != Method::GET && method.as_str() == "QUERY"
}

/// Whether a field tells QUERY requests apart.
pub(crate) fn is_metadata(name: &HeaderName) -> bool {
    METADATA.contains(name)
}

/// Whether the content of a request, of this length where that is known, may be a part of
/// its key: then it is to be read before anything is looked up.
///
/// A QUERY without a media type is for its origin to refuse (RFC 10008 §2). Trailers could
/// not be handed on with what was read.
#[must_use]
pub fn content_is_keyed(request: RequestHead<'_>, length: Option<u64>, rules: &Rules) -> bool {
    let headers = request.headers;
    let fits = length.is_some_and(|length| length <= rules.max_query_bytes as u64);
    is_query(request.method)
        && fits
        && headers.contains_key(CONTENT_TYPE)
        && !headers.contains_key(TRAILER)
        && !headers.contains_key(EXPECT)
}
