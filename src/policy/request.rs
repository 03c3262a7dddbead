//! What the rules need to know of a request.

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_LENGTH, COOKIE, HOST, IF_MATCH, IF_UNMODIFIED_SINCE, RANGE,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, Method, Request, Uri, request};

use super::directives::RequestDirectives;
use super::query::{QueryContent, content_is_keyed, is_query};
use super::reason::Reason;
use super::role::Role;
use super::rules::{Authorization, Cookies, Rules};

/// A request's head, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a Method,
    /// The target, in any of its forms.
    pub uri: &'a Uri,
    /// The fields.
    pub headers: &'a HeaderMap,
    /// The content of a QUERY, if it has been read: see [`QueryContent`].
    pub content: Option<&'a Bytes>,
}

impl<'a> From<&'a request::Parts> for RequestHead<'a> {
    fn from(parts: &'a request::Parts) -> Self {
        Self {
            method: &parts.method,
            uri: &parts.uri,
            headers: &parts.headers,
            content: QueryContent::of(&parts.method, &parts.extensions),
        }
    }
}

impl<'a, B> From<&'a Request<B>> for RequestHead<'a> {
    fn from(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            content: QueryContent::of(request.method(), request.extensions()),
        }
    }
}

/// What the rules read of a request that a stored response might answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestFacts {
    /// The method is HEAD, not GET.
    pub head: bool,
    /// The request carries a cookie that the route does not ignore.
    pub cookie: bool,
    /// The request carries `Authorization`.
    pub authorization: bool,
    /// The request asks for ranges.
    pub range: bool,
    /// The key leaves parts of the query out, as answers for this path have said
    /// (No-Vary-Search): what others asked for may be another URL.
    pub by_variation: bool,
    /// What `Cache-Control` or `Pragma` asks.
    pub directives: RequestDirectives,
}

impl RequestFacts {
    /// Reads a request, or says why it is not one for a cache.
    ///
    /// `has_body` is whether the request's body is anything but empty, as far
    /// as the framework can tell, and has not been read.
    ///
    /// # Errors
    /// The reason to pass the request to the handler untouched.
    pub fn read(request: RequestHead<'_>, has_body: bool, rules: &Rules) -> Result<Self, Reason> {
        let headers = request.headers;
        let facts = Self::unconditional(request, has_body, rules)?;
        if headers.contains_key(IF_MATCH) || headers.contains_key(IF_UNMODIFIED_SINCE) {
            return Err(Reason::Precondition);
        }
        Ok(facts)
    }

    /// The same, of a request that may have a precondition.
    pub(crate) fn unconditional(
        request: RequestHead<'_>,
        has_body: bool,
        rules: &Rules,
    ) -> Result<Self, Reason> {
        let headers = request.headers;
        let head = match *request.method {
            Method::GET => false,
            Method::HEAD => true,
            ref method if is_query(method) => {
                let length = request.content.map(|content| content.len() as u64);
                if !content_is_keyed(request, length, rules) {
                    return Err(Reason::Method);
                }
                false
            }
            _ => return Err(Reason::Method),
        };
        if request.content.is_none() && (has_body || announces_body(headers)) {
            return Err(Reason::RequestBody);
        }
        if headers.contains_key(UPGRADE) {
            return Err(Reason::Upgrade);
        }
        if headers.keys().any(|name| Role::of(name) == Role::Override) {
            return Err(Reason::Override);
        }
        if headers.get_all(HOST).iter().nth(1).is_some() {
            return Err(Reason::Host);
        }
        let cookie = headers.contains_key(COOKIE) && rules.cookies != Cookies::Ignore;
        if cookie && rules.cookies == Cookies::Pass {
            return Err(Reason::CookiePasses);
        }
        let authorization = headers.contains_key(AUTHORIZATION);
        if authorization && rules.authorization == Authorization::Pass {
            return Err(Reason::AuthorizationPasses);
        }
        Ok(Self {
            head,
            cookie,
            authorization,
            range: headers.contains_key(RANGE),
            by_variation: false,
            directives: RequestDirectives::read(headers),
        })
    }

    /// Whether the request carries anything that tells who asks.
    #[must_use]
    pub const fn has_credentials(&self) -> bool {
        self.cookie || self.authorization
    }
}

/// Whether the fields announce a body, whatever the framework made of it.
fn announces_body(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING)
        || headers
            .get_all(CONTENT_LENGTH)
            .iter()
            .any(|length| length.as_bytes() != b"0")
}

/// Whether a method changes nothing at the origin (RFC 9110 §9.2.1 and the
/// registry). One that nobody knows may change anything.
#[must_use]
pub fn is_safe(method: &Method) -> bool {
    matches!(
        method.as_str(),
        "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PROPFIND" | "REPORT" | "SEARCH" | "QUERY"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(request: &Request<()>) -> Result<RequestFacts, Reason> {
        RequestFacts::read(request.into(), false, &Rules::default())
    }

    #[test]
    fn requests_that_are_not_for_a_cache_say_why() {
        let rows: [(&str, &str, &str, Reason); 9] = [
            ("POST", "x-a", "1", Reason::Method),
            ("GET", "content-length", "5", Reason::RequestBody),
            ("GET", "transfer-encoding", "chunked", Reason::RequestBody),
            ("GET", "upgrade", "websocket", Reason::Upgrade),
            ("GET", "x-http-method-override", "POST", Reason::Override),
            ("GET", "X-Original-URL", "/admin", Reason::Override),
            ("GET", "if-match", "\"x\"", Reason::Precondition),
            ("GET", "if-unmodified-since", "x", Reason::Precondition),
            ("PURGE", "x-a", "1", Reason::Method),
        ];
        for (method, name, value, reason) in rows {
            let request = Request::builder()
                .method(method)
                .header(name, value)
                .body(())
                .expect("the rows are legal requests");
            assert_eq!(read(&request), Err(reason), "{method} {name}");
        }
        let two_hosts = Request::builder()
            .header(HOST, "a")
            .header(HOST, "b")
            .body(())
            .expect("legal as far as the type goes");
        assert_eq!(read(&two_hosts), Err(Reason::Host));
    }

    #[test]
    fn an_empty_announced_body_is_no_body() {
        let request = Request::builder()
            .header(CONTENT_LENGTH, "0")
            .body(())
            .expect("a legal request");
        assert!(read(&request).is_ok());
        let facts = RequestFacts::read((&request).into(), true, &Rules::default());
        assert_eq!(facts, Err(Reason::RequestBody));
    }

    #[test]
    fn unknown_methods_are_not_safe() {
        assert!(is_safe(&Method::GET));
        for name in ["POST", "M-SEARCH", "get", "FOO"] {
            let method = Method::from_bytes(name.as_bytes()).expect("a token");
            assert!(!is_safe(&method), "{name}");
        }
    }
}
