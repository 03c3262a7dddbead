//! What a stored response is found by.
//!
//! A key is one run of bytes: its parts, in a fixed order, each closed by a byte
//! that no part can contain. Two requests have the same key only if every part
//! is the same, so a lookup is one hash and one comparison, and needs no
//! allocation while the key is short.
//!
//! ```text
//! namespace 0 authority 0 path?query 0 scheme 0 (1 name 0 (2 value 0)*)*
//! ```
//!
//! Everything up to the third zero is the *page*: what a purge by URI names,
//! whatever the scheme and the other fields were.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::sync::Arc;

use http::header::{FORWARDED, HOST};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, Uri};
use smallvec::SmallVec;

use crate::error::ConfigError;
use crate::policy::{Reason, RequestHead};

/// Fields by which a proxy in front tells how the client reached it. Handlers
/// build links and redirections from them, so each is part of the key when it
/// is present.
const FORWARDING: [HeaderName; 6] = [
    FORWARDED,
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-forwarded-scheme"),
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-prefix"),
];

/// The most bytes that a key may have; a request with a longer one passes.
const LONGEST: usize = 16 << 10;

/// The key of a stored response, owned; cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key(Arc<[u8]>);

impl Key {
    /// The bytes of the key.
    #[must_use]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A key of one part, for tests that have no requests.
    #[cfg(test)]
    pub(crate) fn for_test(bytes: &str) -> Self {
        Self(Arc::from(bytes.as_bytes()))
    }

    /// The bytes up to and with the third zero: namespace, authority, path.
    pub(crate) fn page(&self) -> &[u8] {
        let mut zeros = 0;
        let end = self.0.iter().position(|byte| {
            zeros += usize::from(*byte == 0);
            zeros == 3
        });
        end.map_or(&self.0[..], |end| &self.0[..=end])
    }
}

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key(\"{}\")", self.0.escape_ascii())
    }
}

/// A key that was built for one lookup and need not outlive it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyBuf(SmallVec<[u8; 192]>);

impl KeyBuf {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn to_key(&self) -> Key {
        Key(Arc::from(&self.0[..]))
    }

    fn part(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        self.0.push(0);
    }
}

/// What a key is made of, beside namespace, scheme, authority, path and query.
///
/// The path and the query are taken byte by byte as they were sent; only the
/// authority is folded to lower case and loses its default port. The fields
/// `Forwarded` and `X-Forwarded-{Host,Proto,Scheme,Port,Prefix}` are always part
/// of the key where they are present, because handlers build answers from them.
///
/// ```
/// use floodwall::{Cache, KeyRules};
///
/// let key = KeyRules::new().field("x-tenant").drop_query("utm_source");
/// let cache = Cache::builder().key(key).build()?;
/// # Ok::<(), floodwall::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct KeyRules {
    fields: Vec<String>,
    dropped: Vec<String>,
    strict: bool,
}

impl KeyRules {
    /// The default: nothing added, nothing dropped.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a request field part of the key.
    ///
    /// An unlike value, an absent field and an empty one are different keys. Use
    /// it for what selects a *site* (a tenant); for what selects a *form* of a
    /// page let the response say `Vary`.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>) -> Self {
        self.fields.push(name.into());
        self
    }

    /// Leaves a query parameter out of the key, and takes it off before the
    /// handler sees the request, so that it cannot change the stored answer.
    ///
    /// The name is compared byte by byte with what stands before the first `=`
    /// between two `&`. Requests that are not answered by the cache are handed
    /// on whole.
    #[must_use]
    pub fn drop_query(mut self, parameter: impl Into<String>) -> Self {
        self.dropped.push(parameter.into());
        self
    }

    /// When `true`, a handler that is asked on behalf of the cache sees only the
    /// request fields that the key covers, plus `Accept`, `Accept-Encoding`,
    /// `Accept-Language`, `User-Agent`, `Cookie` and `Authorization`. Off by
    /// default.
    ///
    /// A field that no answer can depend on cannot poison one. A handler that
    /// needs another field and does not name it in `Vary` will behave as if
    /// clients had not sent it.
    #[must_use]
    pub fn strict_forwarding(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    pub(crate) fn compile(&self, namespace: &str) -> Result<KeyMaker, ConfigError> {
        let bad = |setting, given: &str, why| ConfigError::Name {
            setting,
            given: given.to_owned(),
            why,
        };
        if namespace.bytes().any(|byte| byte < 3) {
            return Err(bad("namespace", namespace, "it has a control character"));
        }
        let mut fields = FORWARDING.to_vec();
        for given in &self.fields {
            let name = HeaderName::try_from(given.as_str())
                .map_err(|_| bad("key field", given, "it is not a field name"))?;
            if !fields.contains(&name) {
                fields.push(name);
            }
        }
        for given in &self.dropped {
            if given.is_empty() || given.contains(['&', '=', '#', '?']) {
                return Err(bad("drop_query", given, "it is not a parameter's name"));
            }
        }
        Ok(KeyMaker {
            namespace: namespace.as_bytes().into(),
            fields: fields.into(),
            dropped: self.dropped.clone().into(),
            strict: self.strict,
        })
    }
}

/// [`KeyRules`], checked and ready.
#[derive(Clone, Debug)]
pub(crate) struct KeyMaker {
    namespace: Box<[u8]>,
    fields: Box<[HeaderName]>,
    dropped: Box<[String]>,
    strict: bool,
}

impl KeyMaker {
    /// The key of a request, or why it can have none.
    pub(crate) fn key(&self, request: RequestHead<'_>) -> Result<KeyBuf, Reason> {
        let scheme = request.uri.scheme_str().unwrap_or("http");
        let authority = authority(request.uri, request.headers)?;
        let mut key = self.page(&authority, scheme, request.uri);
        key.part(scheme.as_bytes());
        for name in &self.fields {
            let mut lines = request.headers.get_all(name).iter().peekable();
            if lines.peek().is_none() {
                continue;
            }
            key.0.push(1);
            key.part(name.as_str().as_bytes());
            for line in lines {
                key.0.push(2);
                key.part(line.as_bytes());
            }
        }
        if key.0.len() > LONGEST {
            return Err(Reason::KeyTooLarge);
        }
        Ok(key)
    }

    fn page(&self, authority: &str, scheme: &str, uri: &Uri) -> KeyBuf {
        let mut key = KeyBuf::default();
        self.start_page(&mut key, authority, scheme);
        key.0.extend_from_slice(uri.path().as_bytes());
        if let Some(query) = self.query(uri) {
            key.0.push(b'?');
            key.0.extend_from_slice(query.as_bytes());
        }
        key.0.push(0);
        key
    }

    /// Namespace and authority, folded.
    fn start_page(&self, key: &mut KeyBuf, authority: &str, scheme: &str) {
        key.part(&self.namespace);
        let start = key.0.len();
        let port = if scheme.eq_ignore_ascii_case("https") {
            ":443"
        } else {
            ":80"
        };
        key.part(authority.strip_suffix(port).unwrap_or(authority).as_bytes());
        key.0[start..].make_ascii_lowercase();
    }

    /// The page bytes of a purge: of one authority, or (with an empty one) of
    /// the path whatever the authority.
    pub(crate) fn purge_page(&self, scheme: &str, authority: &str, path: &str) -> Vec<u8> {
        let mut key = KeyBuf::default();
        self.start_page(&mut key, authority, scheme);
        key.part(path.as_bytes());
        key.0.into_vec()
    }

    /// The query that the key covers and the handler sees; nothing if there is
    /// none, which is not the same as an empty one.
    fn query<'a>(&self, uri: &'a Uri) -> Option<Cow<'a, str>> {
        let query = uri.query()?;
        if self.dropped.is_empty() {
            return Some(Cow::Borrowed(query));
        }
        let kept: Vec<&str> = query
            .split('&')
            .filter(|parameter| {
                let name = parameter.split('=').next().unwrap_or_default();
                !self.dropped.iter().any(|dropped| dropped == name)
            })
            .collect();
        (!kept.is_empty()).then(|| Cow::Owned(kept.join("&")))
    }

    /// The URI with the dropped parameters taken off.
    pub(crate) fn covered_uri(&self, uri: &Uri) -> Uri {
        if self.dropped.is_empty() || uri.query().is_none() {
            return uri.clone();
        }
        let target = match self.query(uri) {
            Some(query) => format!("{}?{query}", uri.path()),
            None => uri.path().to_owned(),
        };
        let mut parts = uri.clone().into_parts();
        // Leaving parameters out of a legal query leaves it legal.
        parts.path_and_query = target.parse().ok();
        Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
    }

    /// Takes off what strict forwarding hides from the handler.
    pub(crate) fn restrict(&self, headers: &mut HeaderMap) {
        use http::header::{
            ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, COOKIE, USER_AGENT,
        };
        if !self.strict {
            return;
        }
        let always = [
            HOST,
            ACCEPT,
            ACCEPT_ENCODING,
            ACCEPT_LANGUAGE,
            USER_AGENT,
            COOKIE,
            AUTHORIZATION,
        ];
        let hidden: Vec<HeaderName> = headers
            .keys()
            .filter(|name| !always.contains(name) && !self.fields.contains(name))
            .cloned()
            .collect();
        for name in hidden {
            headers.remove(name);
        }
    }
}

/// Who the request is for: the authority of its URI (RFC 9112 §3.2.2 gives it
/// precedence), else its `Host`. Both must not disagree.
pub(crate) fn authority<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Result<Cow<'a, str>, Reason> {
    let host = match headers.get(HOST) {
        None => None,
        Some(host) => Some(legal_authority(host.as_bytes()).ok_or(Reason::Host)?),
    };
    match (uri.authority(), host) {
        (Some(named), Some(host)) if !named.as_str().eq_ignore_ascii_case(host) => {
            Err(Reason::Host)
        }
        (Some(named), _) if named.as_str().contains('@') => Err(Reason::Host),
        (Some(named), _) => Ok(Cow::Borrowed(named.as_str())),
        (None, Some(host)) => Ok(Cow::Borrowed(host)),
        (None, None) => Ok(Cow::Borrowed("")),
    }
}

/// A `Host` that is an authority without user information.
fn legal_authority(host: &[u8]) -> Option<&str> {
    let host = std::str::from_utf8(host).ok()?;
    let parsed: Authority = host.parse().ok()?;
    (parsed.as_str() == host && !host.contains('@')).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn maker(rules: &KeyRules) -> KeyMaker {
        rules.compile("").expect("legal rules")
    }

    fn key_of(maker: &KeyMaker, uri: &str, fields: &[(&str, &str)]) -> Result<KeyBuf, Reason> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.body(()).expect("a legal request");
        maker.key((&request).into())
    }

    #[test]
    fn different_requests_have_different_keys() {
        let maker = maker(&KeyRules::new().field("x-tenant"));
        let host = ("host", "good.test");
        let requests: Vec<(&str, Vec<(&str, &str)>)> = vec![
            ("/p", vec![host]),
            ("/p?", vec![host]),
            ("/p?id=1", vec![host]),
            ("/p?id=2", vec![host]),
            ("/P", vec![host]),
            ("/p/", vec![host]),
            ("/%70", vec![host]),
            ("/j?a=1?utm_content=x&cb=evil", vec![host]),
            ("/j?a=1%26cb=evil", vec![host]),
            ("/j?a%3d1", vec![host]),
            ("/?/_payload.json", vec![host]),
            ("/", vec![host]),
            ("/p", vec![("host", "good.test:1337")]),
            ("/p", vec![("host", "bad.test")]),
            ("https://good.test/p", vec![]),
            ("/p", vec![host, ("x-forwarded-host", "evil.test")]),
            ("/p", vec![host, ("x-forwarded-prefix", "evil.test")]),
            ("/p", vec![host, ("x-tenant", "")]),
            ("/p", vec![host, ("x-tenant", "a")]),
            ("/p", vec![host, ("x-tenant", "a"), ("x-tenant", "")]),
        ];
        let keys: Vec<KeyBuf> = requests
            .iter()
            .map(|(uri, fields)| key_of(&maker, uri, fields).expect("keyed"))
            .collect();
        for (at, key) in keys.iter().enumerate() {
            for (other, another) in keys.iter().enumerate() {
                assert_eq!(
                    key == another,
                    at == other,
                    "{:?}, {:?}",
                    requests[at],
                    requests[other]
                );
            }
        }
    }

    #[test]
    fn the_authority_is_folded() {
        let maker = maker(&KeyRules::new());
        let plain = key_of(&maker, "/p", &[("host", "good.test")]);
        assert_eq!(key_of(&maker, "/p", &[("host", "Good.TEST:80")]), plain);
        assert_eq!(key_of(&maker, "http://good.test/p", &[]), plain);
        let named = key_of(&maker, "http://good.test/p", &[("host", "good.test")]);
        assert_eq!(named, plain);
    }

    #[test]
    fn a_host_in_doubt_has_no_key() {
        let maker = maker(&KeyRules::new());
        for host in [
            "good.test evil",
            "good.test@evil.test",
            "good.test/x",
            "",
            "a,b/",
        ] {
            let key = key_of(&maker, "/p", &[("host", host)]);
            assert_eq!(key, Err(Reason::Host), "{host:?}");
        }
        let torn = key_of(&maker, "http://a.test/", &[("host", "b.test")]);
        assert_eq!(torn, Err(Reason::Host));
    }

    #[test]
    fn a_dropped_parameter_is_dropped_for_the_handler_too() {
        let maker = maker(&KeyRules::new().drop_query("utm_content"));
        let host = ("host", "good.test");
        let plain = key_of(&maker, "/j?cb=ok", &[host]);
        assert_eq!(
            key_of(&maker, "/j?cb=ok&utm_content=x;cb=evil", &[host]),
            plain
        );
        assert_eq!(key_of(&maker, "/j?utm_content&cb=ok", &[host]), plain);
        assert_ne!(key_of(&maker, "/j?a=1?utm_content=x&cb=ok", &[host]), plain);
        for (uri, seen) in [
            ("/j?cb=ok&utm_content=x;cb=evil", "/j?cb=ok"),
            ("/j?utm_content=x", "/j"),
            (
                "http://good.test/j?utm_content&a=1",
                "http://good.test/j?a=1",
            ),
            ("/j?", "/j?"),
        ] {
            let uri: Uri = uri.parse().expect("a URI");
            assert_eq!(maker.covered_uri(&uri).to_string(), seen);
        }
    }

    #[test]
    fn the_page_is_what_a_purge_names() {
        let maker = maker(&KeyRules::new());
        let fields = [("host", "good.test"), ("x-forwarded-proto", "https")];
        let key = key_of(&maker, "/p?q=1", &fields).expect("keyed").to_key();
        assert_eq!(
            key.page(),
            maker.purge_page("https", "GOOD.test:443", "/p?q=1")
        );
    }

    #[test]
    fn strict_forwarding_hides_what_is_not_covered() {
        let maker = maker(&KeyRules::new().field("x-tenant").strict_forwarding(true));
        let mut headers = HeaderMap::new();
        for name in ["host", "x-tenant", "x-evil", "accept", "x-forwarded-host"] {
            headers.insert(name, http::HeaderValue::from_static("v"));
        }
        maker.restrict(&mut headers);
        assert!(!headers.contains_key("x-evil"));
        assert_eq!(headers.len(), 4);
    }

    #[test]
    fn wrong_rules_are_named() {
        let error = KeyRules::new().field("a b").compile("").map(drop);
        assert!(matches!(
            error,
            Err(ConfigError::Name {
                setting: "key field",
                ..
            })
        ));
        let error = KeyRules::new().drop_query("a=b").compile("").map(drop);
        assert!(matches!(
            error,
            Err(ConfigError::Name {
                setting: "drop_query",
                ..
            })
        ));
        let error = KeyRules::new().compile("a\0b").map(drop);
        assert!(matches!(
            error,
            Err(ConfigError::Name {
                setting: "namespace",
                ..
            })
        ));
    }
}
