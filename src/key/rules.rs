//! What keys are made of, and how they are made.

use std::borrow::Cow;
use std::sync::Arc;

use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_LENGTH, COOKIE, HOST,
    USER_AGENT,
};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};

use smallvec::SmallVec;

use super::{KeyBuf, VARIED};
use crate::error::ConfigError;
use crate::policy::{
    Reason, RequestHead, Role, Rules, UrlVariation, fields, is_metadata, is_query, without,
};

/// The most bytes that a key may have; a request with a longer one passes.
const LONGEST: usize = 16 << 10;

/// What a key is made of, beside namespace, scheme, authority, path and query.
///
/// The path and the query are taken byte by byte as they were sent; only the
/// authority is folded to lower case and loses its default port, for the key and
/// for the handler alike. Fields from which handlers build answers without saying
/// so are always part of the key where they are present: `Forwarded` and
/// `X-Forwarded-*` (but not `-For`), `X-Host`, keys and tokens such as `X-Api-Key`, and
/// what asks for a part of a page, such as `X-Requested-With`, `RSC` or `HX-Request`.
/// In all names an underscore is a hyphen, as it is to a CGI program.
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
    variation: Option<String>,
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

    /// Which parts of the query tell pages apart, where the response does not say it with a
    /// `No-Vary-Search` field of its own; written like that field: `key-order`,
    /// `params=("utm_source")`, `except=("id")`. By default every byte counts.
    ///
    /// Unlike what is [dropped](Self::drop_query), all of the query goes to the handler: of
    /// the requests for one page it is that of the one that caused the fetch.
    #[must_use]
    pub fn no_vary_search(mut self, variation: impl Into<String>) -> Self {
        self.variation = Some(variation.into());
        self
    }

    /// When `true`, a handler that is asked on behalf of the cache sees only the
    /// request fields that the key covers, plus `Host`, `Accept`, `Accept-Encoding`,
    /// `Accept-Language`, `User-Agent`, `Cookie` and `Authorization`. Off by
    /// default.
    ///
    /// A field that no answer can depend on cannot poison one. A handler that
    /// needs another field behaves as if clients had not sent it.
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
        let mut covered = Vec::new();
        for given in &self.fields {
            let name = HeaderName::try_from(given.as_str())
                .map_err(|_| bad("key field", given, "it is not a field name"))?;
            covered.push(fields::spoken(&name).into_owned());
        }
        for given in &self.dropped {
            if given.is_empty() || given.contains(['&', '=', '#', '?']) {
                return Err(bad("drop_query", given, "it is not a parameter's name"));
            }
        }
        let variation = self.variation.as_deref().unwrap_or_default();
        let compiled = UrlVariation::parse(variation.as_bytes());
        if self.variation.is_some() && compiled.is_default() {
            let why = "it is no No-Vary-Search value that leaves anything out";
            return Err(bad("no_vary_search", variation, why));
        }
        Ok(KeyMaker {
            variation: compiled,
            namespace: namespace.as_bytes().into(),
            fields: covered.into(),
            dropped: self.dropped.clone().into(),
            strict: self.strict,
        })
    }
}

/// [`KeyRules`], checked and ready.
#[derive(Clone, Debug)]
pub(crate) struct KeyMaker {
    namespace: Box<[u8]>,
    fields: Box<[String]>,
    dropped: Arc<[String]>,
    variation: UrlVariation,
    strict: bool,
}

/// What of a query is part of a page.
#[derive(Clone, Copy)]
enum Query<'a> {
    Whole(Option<&'a str>),
    /// Pages of one path whose queries are told apart by less, all together.
    Any,
}

impl KeyMaker {
    /// Tells the rules what the operator leaves out of queries.
    pub(crate) fn instruct(&self, rules: &mut Rules) {
        rules.dropped_parameters = Arc::clone(&self.dropped);
        rules.url_variation = self.variation.clone();
    }

    /// The key of a request, or why it can have none. Of its query counts what `variation`
    /// leaves.
    pub(crate) fn key(
        &self,
        request: RequestHead<'_>,
        variation: &UrlVariation,
    ) -> Result<KeyBuf, Reason> {
        let uri = request.uri;
        // Of such a page nothing could be purged.
        if !uri.path().starts_with('/') {
            return Err(Reason::Target);
        }
        let scheme = scheme(uri);
        let authority = authority(uri, request.headers)?;
        let query = match variation.is_default() {
            true => Query::Whole(uri.query()),
            false => Query::Any,
        };
        let mut key = self.page(scheme, &authority, uri.path(), query);
        key.part(scheme.as_bytes());
        if !variation.is_default() {
            let covered = self.covered(uri.query());
            let significant = variation.significant(covered.as_deref());
            key.0.push(3);
            key.part(variation.label().as_bytes());
            key.part(significant.unwrap_or_default().as_bytes());
        }
        for name in self.keyed(request) {
            key.0.push(1);
            key.part(name.as_str().as_bytes());
            for line in request.headers.get_all(name) {
                key.0.push(2);
                key.part(line.as_bytes());
            }
        }
        if key.0.len() > LONGEST {
            return Err(Reason::KeyTooLarge);
        }
        if let Some(content) = request.content {
            key.0.push(4);
            key.0.extend_from_slice(content);
        }
        Ok(key)
    }

    /// What all pages of a path have in common: by this it is known what of its queries
    /// counts.
    pub(crate) fn path(&self, request: RequestHead<'_>) -> Result<KeyBuf, Reason> {
        let uri = request.uri;
        let authority = authority(uri, request.headers)?;
        Ok(self.page(scheme(uri), &authority, uri.path(), Query::Any))
    }

    /// The fields of a request that are part of its key, in an order that does not
    /// depend on the request's.
    fn keyed<'a>(&self, request: RequestHead<'a>) -> SmallVec<[&'a HeaderName; 4]> {
        let names = request.headers.keys();
        let is_query = request.content.is_some();
        let mut keyed: SmallVec<[&HeaderName; 4]> =
            names.filter(|name| self.covers(name, is_query)).collect();
        keyed.sort_unstable_by_key(|name| name.as_str());
        keyed
    }

    fn covers(&self, name: &HeaderName, is_query: bool) -> bool {
        if is_query && is_metadata(name) {
            return true;
        }
        let name = fields::spoken(name);
        Role::of_spoken(&name) == Role::Keyed || self.fields.iter().any(|it| *it == name)
    }

    /// The bytes of a page: a path, and what of the query tells it from others.
    fn page(&self, scheme: &str, authority: &str, path: &str, query: Query<'_>) -> KeyBuf {
        let mut key = KeyBuf::default();
        self.start_page(&mut key, authority, scheme);
        key.0.extend_from_slice(path.as_bytes());
        match query {
            Query::Whole(query) => {
                if let Some(query) = self.covered(query) {
                    key.0.push(b'?');
                    key.0.extend_from_slice(query.as_bytes());
                }
            }
            Query::Any => key.0.extend_from_slice(VARIED),
        }
        key.0.push(0);
        key
    }

    /// Namespace and authority, folded.
    fn start_page(&self, key: &mut KeyBuf, authority: &str, scheme: &str) {
        key.part(&self.namespace);
        let start = key.0.len();
        key.part(without_port(authority, scheme).as_bytes());
        key.0[start..].make_ascii_lowercase();
    }

    /// The bytes of a group of one origin; see [`group_of`](super::group_of).
    pub(crate) fn purge_group(&self, scheme: &str, authority: &str, name: &[u8]) -> Vec<u8> {
        let mut key = KeyBuf::default();
        self.start_page(&mut key, authority, scheme);
        super::group_of(&key.0, name)
    }

    /// The page bytes of a purge: of one authority, or (with an empty one) of
    /// the path whatever the authority.
    pub(crate) fn purge_page(&self, scheme: &str, authority: &str, target: &str) -> Vec<u8> {
        let (path, query) = split(target);
        let page = self.page(scheme, authority, path, Query::Whole(query));
        page.0.into_vec()
    }

    /// The same, of the pages of that path of which parts of the query do not count.
    pub(crate) fn purge_varied(&self, scheme: &str, authority: &str, target: &str) -> Vec<u8> {
        let (path, _) = split(target);
        self.page(scheme, authority, path, Query::Any).0.into_vec()
    }

    /// The query that the key covers and the handler sees.
    fn covered<'a>(&self, query: Option<&'a str>) -> Option<Cow<'a, str>> {
        without(query, &self.dropped)
    }

    /// The URI with the dropped parameters taken off.
    pub(crate) fn covered_uri(&self, uri: &Uri) -> Uri {
        if self.dropped.is_empty() || uri.query().is_none() {
            return uri.clone();
        }
        let target = match self.covered(uri.query()) {
            Some(query) => format!("{}?{query}", uri.path()),
            None => uri.path().to_owned(),
        };
        let mut parts = uri.clone().into_parts();
        // Leaving parameters out of a legal query leaves it legal.
        parts.path_and_query = target.parse().ok();
        Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
    }

    /// Makes a request that is about to be sent on behalf of many the one that the
    /// key stands for: the authority as it is folded there, and nothing that strict
    /// forwarding hides.
    pub(crate) fn cover(&self, request: &mut Request<()>) {
        fold_authority(request);
        if self.strict {
            let is_query = is_query(request.method());
            self.hide(request.headers_mut(), is_query);
        }
    }

    fn hide(&self, headers: &mut HeaderMap, is_query: bool) {
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
            .filter(|name| !always.contains(name) && !self.covers(name, is_query))
            .filter(|name| !(is_query && *name == CONTENT_LENGTH))
            .cloned()
            .collect();
        for name in hidden {
            headers.remove(name);
        }
    }
}

fn scheme(uri: &Uri) -> &str {
    uri.scheme_str().unwrap_or("http")
}

/// The path and the query of a target.
fn split(target: &str) -> (&str, Option<&str>) {
    match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    }
}

/// `good.test` for `good.test:80`.
fn without_port<'a>(authority: &'a str, scheme: &str) -> &'a str {
    let port = if scheme.eq_ignore_ascii_case("https") {
        ":443"
    } else {
        ":80"
    };
    authority.strip_suffix(port).unwrap_or(authority)
}

/// Writes the authority as the key has it. A handler that repeats it, or is
/// confused by it, would otherwise answer everyone for the one who wrote it oddly.
fn fold_authority(request: &mut Request<()>) {
    let scheme = request.uri().scheme_str().unwrap_or("http").to_owned();
    let fold = |written: &str| {
        let folded = without_port(written, &scheme).to_ascii_lowercase();
        (folded != written).then_some(folded)
    };
    let host = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok());
    if let Some(host) = host.and_then(fold) {
        // A part of a legal value is legal.
        if let Ok(host) = HeaderValue::try_from(host) {
            request.headers_mut().insert(HOST, host);
        }
    }
    let authority = request.uri().authority().map(Authority::as_str);
    if let Some(folded) = authority.and_then(fold) {
        let mut parts = request.uri().clone().into_parts();
        parts.authority = folded.parse().ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
}

/// The path and the query of a URI. Not [`Uri::path_and_query`], which leaves out the
/// path of `http://host?query`.
pub(crate) fn target(uri: &Uri) -> String {
    match uri.query() {
        Some(query) => format!("{}?{query}", uri.path()),
        None => uri.path().to_owned(),
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
