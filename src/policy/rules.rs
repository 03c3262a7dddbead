//! What the operator allows: the settings that the rules read.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;

use super::url_variation::UrlVariation;

/// What to do with requests that carry a `Cookie`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cookies {
    /// Answer them from the cache, and share their answers, only if the
    /// response gives leave with `public` or `s-maxage`. The default.
    #[default]
    RequirePermission,
    /// Treat them like requests without cookies. Only for routes whose answers
    /// do not depend on cookies.
    Ignore,
    /// Hand them to the handler, always.
    Pass,
}

/// What to do with requests that carry `Authorization` (RFC 9111 §3.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Authorization {
    /// Answer them from the cache, and share their answers, only if the
    /// response gives leave with `public`, `s-maxage` or `must-revalidate`.
    /// The default.
    #[default]
    RequirePermission,
    /// Hand them to the handler, always.
    Pass,
}

/// What to do with responses that set cookies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetCookie {
    /// Never store or share them. The default.
    #[default]
    Refuse,
    /// Take `Set-Cookie` off what is stored or shared and treat the rest like any
    /// other response: nobody receives the cookie with it, not even the client that
    /// caused the fetch. Answers that pass, or are for one request alone, keep theirs.
    Strip,
    /// Treat them like any other response, and hand the cookie to everyone who is
    /// answered with it. RFC 9111 §7.3 leaves it to the response to say `no-store` or
    /// `private`; most that set a cookie say neither.
    Share,
}

/// Which statuses may be stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Statuses {
    /// 200, 203, 300, and redirections that say where to; and, if errors are stored,
    /// 400 to 599. The default.
    #[default]
    Pages,
    /// Every final status (RFC 9111 §3): those that name a lifetime, and without one
    /// those of RFC 9110 §15.1 and any that says `public`. Not 206 and 304, which are
    /// parts of something. `must-understand` allows what `no-store` beside it forbids,
    /// for statuses of RFC 9110 (RFC 9111 §5.2.2.3).
    Any,
}

/// The operator's part in what may be stored, shared and served.
///
/// Nothing here overrides `no-store` or `private` in a response.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rules {
    /// See [`Cookies`].
    pub cookies: Cookies,
    /// See [`Authorization`].
    pub authorization: Authorization,
    /// See [`SetCookie`].
    pub set_cookie: SetCookie,
    /// The lifetime of responses that name none; none by default.
    pub default_fresh_for: Option<Duration>,
    /// Whether to guess a lifetime from `Last-Modified` (RFC 9111 §4.2.2).
    pub heuristics: bool,
    /// The window for responses that name none (RFC 5861 §3).
    pub stale_while_revalidate: Option<Duration>,
    /// The window for responses that name none (RFC 5861 §4).
    pub stale_if_error: Option<Duration>,
    /// The fields that are obeyed in the place of `Cache-Control`, the first one first
    /// (RFC 9213).
    pub targets: Vec<HeaderName>,
    /// Whether `Surrogate-Control` is obeyed, and taken off.
    pub surrogate_control: bool,
    /// See [`Statuses`].
    pub statuses: Statuses,
    /// Whether answers of status 400 and above may be stored when they say so.
    pub store_errors: bool,
    /// Whether an answer to POST may be stored for later GETs (RFC 9110 §9.3.3).
    pub store_posts: bool,
    /// Whether a zero-lifetime answer is kept from those who already wait.
    pub strict_collapse: bool,
    /// Whether a range of what is not stored fetches the whole.
    pub fetch_whole_for_ranges: bool,
    /// Whether tag fields are left on what clients receive.
    pub forward_tags: bool,
    /// Whether values of fields that `Vary` names are compared by their meaning.
    pub normalise_vary: bool,
    /// Whether a stored response also answers requests that want its language or coding
    /// most.
    pub choose_variants: bool,
    /// Whether `No-Vary-Search` is obeyed.
    pub no_vary_search: bool,
    /// What holds for responses that do not have that field.
    pub url_variation: UrlVariation,
    /// The query parameters that are left out of every key.
    pub(crate) dropped_parameters: Arc<[String]>,
    /// The most bytes that the content of a QUERY may have and be part of a key.
    pub max_query_bytes: usize,
    /// The most bytes of body that are stored or held for others.
    pub max_object_size: u64,
    /// The most fields that a stored response may vary on.
    pub max_vary_names: usize,
    /// The most bytes of request fields that a variant may be told by.
    pub max_variant_bytes: usize,
    /// The most bytes of names and values in a stored head.
    pub max_head_bytes: usize,
    /// The most tags on a stored response.
    pub max_tags: usize,
    /// The most bytes in one tag.
    pub max_tag_bytes: usize,
    /// The most ranges answered in one response; more are answered whole.
    pub max_ranges: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            cookies: Cookies::default(),
            authorization: Authorization::default(),
            set_cookie: SetCookie::default(),
            default_fresh_for: None,
            heuristics: false,
            stale_while_revalidate: None,
            stale_if_error: None,
            targets: Vec::new(),
            surrogate_control: false,
            statuses: Statuses::default(),
            store_errors: false,
            store_posts: false,
            strict_collapse: false,
            fetch_whole_for_ranges: false,
            forward_tags: false,
            normalise_vary: false,
            choose_variants: false,
            no_vary_search: true,
            url_variation: UrlVariation::default(),
            dropped_parameters: Arc::default(),
            max_query_bytes: 8 << 10,
            max_object_size: 8 << 20,
            max_vary_names: 16,
            max_variant_bytes: 8 << 10,
            max_head_bytes: 64 << 10,
            max_tags: 256,
            max_tag_bytes: 1024,
            max_ranges: 16,
        }
    }
}
