//! What a client asks for.

use http::header::{
    ACCEPT_LANGUAGE, AUTHORIZATION, CACHE_CONTROL, COOKIE, HOST, IF_NONE_MATCH, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request};

use crate::history::Serial;
use crate::site::etag;

const X_KIND: HeaderName = HeaderName::from_static("x-kind");
const LANGUAGES: [&str; 3] = ["", "en", "fr"];

/// One request, as it was meant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) page: usize,
    pub(crate) method: Method,
    pub(crate) fields: Fields,
    pub(crate) directive: Option<Directive>,
    pub(crate) range: Option<(u64, u64)>,
    /// Whose body the client has and asks about.
    pub(crate) knows: Option<Serial>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Method {
    #[default]
    Get,
    Head,
    Post,
}

/// The fields that may select an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields {
    pub(crate) identity: Identity,
    pub(crate) language: usize,
    pub(crate) kind: bool,
}

/// Who asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Identity {
    #[default]
    Nobody,
    /// Two clients with a cookie,
    Cookie(bool),
    /// and two with a password.
    Password(bool),
}

impl Identity {
    /// What must not be seen by another.
    pub(crate) const fn canary(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Cookie(false) => "sid=anna",
            Self::Cookie(true) => "sid=bert",
            Self::Password(false) => "Basic anna",
            Self::Password(true) => "Basic bert",
        }
    }

    pub(crate) const ALL: [Self; 5] = [
        Self::Nobody,
        Self::Cookie(false),
        Self::Cookie(true),
        Self::Password(false),
        Self::Password(true),
    ];

    pub(crate) const fn is_known(self) -> bool {
        !matches!(self, Self::Nobody)
    }
}

/// What a client asks of the caches on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Directive {
    NoCache,
    NoStore,
    OnlyIfCached,
    MaxAge(u64),
    MinFresh(u64),
    MaxStale(u64),
}

impl Directive {
    fn text(self) -> String {
        match self {
            Self::NoCache => "no-cache".to_owned(),
            Self::NoStore => "no-store".to_owned(),
            Self::OnlyIfCached => "only-if-cached".to_owned(),
            Self::MaxAge(seconds) => format!("max-age={seconds}"),
            Self::MinFresh(seconds) => format!("min-fresh={seconds}"),
            Self::MaxStale(seconds) => format!("max-stale={seconds}"),
        }
    }
}

impl Ask {
    /// A plain GET.
    pub(crate) const fn page(page: usize, fields: Fields) -> Self {
        Self {
            page,
            method: Method::Get,
            fields,
            directive: None,
            range: None,
            knows: None,
        }
    }

    /// The request as it goes over the line.
    pub(crate) fn request(&self) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = match self.method {
            Method::Get => http::Method::GET,
            Method::Head => http::Method::HEAD,
            Method::Post => http::Method::POST,
        };
        *request.uri_mut() = path(self.page).parse().expect("a legal path");
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::from_static("good.test"));
        self.fields.write(headers);
        let mut set = |name: HeaderName, text: String| {
            headers.insert(name, text.parse().expect("a legal value"));
        };
        if let Some(directive) = self.directive {
            set(CACHE_CONTROL, directive.text());
        }
        if let Some((first, last)) = self.range {
            set(RANGE, format!("bytes={first}-{last}"));
        }
        if let Some(known) = self.knows {
            set(IF_NONE_MATCH, etag(known));
        }
        request
    }
}

/// The path of a page.
pub(crate) fn path(page: usize) -> String {
    format!("/{page}")
}

impl Fields {
    fn write(self, headers: &mut HeaderMap) {
        let mut set = |name: HeaderName, text: &'static str| {
            headers.insert(name, HeaderValue::from_static(text));
        };
        match self.identity {
            Identity::Nobody => {}
            Identity::Cookie(_) => set(COOKIE, self.identity.canary()),
            Identity::Password(_) => set(AUTHORIZATION, self.identity.canary()),
        }
        if self.language > 0 {
            set(ACCEPT_LANGUAGE, LANGUAGES[self.language]);
        }
        if self.kind {
            set(X_KIND, "1");
        }
    }

    /// What a handler sees of them.
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let said = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let shown = said(COOKIE).or_else(|| said(AUTHORIZATION));
        let is_shown = |identity: &&Identity| Some(identity.canary()) == shown;
        let language = said(ACCEPT_LANGUAGE).unwrap_or_default();
        Self {
            identity: Identity::ALL
                .iter()
                .find(is_shown)
                .copied()
                .unwrap_or_default(),
            language: LANGUAGES
                .iter()
                .position(|known| *known == language)
                .unwrap_or_default(),
            kind: headers.contains_key(X_KIND),
        }
    }
}
