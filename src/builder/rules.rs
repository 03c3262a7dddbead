//! What may be stored, shared and served: the operator's part in the rules.

use std::time::Duration;

use super::CacheBuilder;
use crate::policy::{Authorization, Cookies, SetCookie, Statuses};

/// How long answers are served stale by the book when the origin is gone; RFC 9111
/// §4.2.4 names no bound, and a page that is a day old is a page.
const STALE_BY_THE_BOOK: Duration = Duration::from_secs(24 * 60 * 60);

impl CacheBuilder {
    /// The freshness of responses that name none (RFC 9111 §4.2.1): no `max-age`,
    /// `s-maxage` or `Expires`. None by default: such responses are not stored.
    /// Overrides neither `no-store`, `private` nor any other word of a response.
    pub fn default_fresh_for(mut self, lifetime: Duration) -> Self {
        self.rules.default_fresh_for = Some(lifetime);
        self
    }

    /// Whether to guess the freshness of responses that name none from their
    /// `Last-Modified`: a tenth of the time since, at most a day (RFC 9111
    /// §4.2.2). Off by default.
    pub fn heuristics(mut self, on: bool) -> Self {
        self.rules.heuristics = on;
        self
    }

    /// How long after their freshness responses that do not say
    /// `stale-while-revalidate` may be served while they are refreshed (RFC 5861
    /// §3). None by default. Never applies to a response that says
    /// `must-revalidate`, `proxy-revalidate`, `s-maxage` or `no-cache`.
    pub fn stale_while_revalidate(mut self, window: Duration) -> Self {
        self.rules.stale_while_revalidate = Some(window);
        self
    }

    /// How long after their freshness responses that do not say `stale-if-error`
    /// may be served when the origin fails (RFC 5861 §4). None by default. The
    /// same responses are excepted.
    pub fn stale_if_error(mut self, window: Duration) -> Self {
        self.rules.stale_if_error = Some(window);
        self
    }

    /// The request fields that a response may vary on and still be stored or shared.
    /// Default 16, beside the two that the cache adds itself (`Accept-Encoding` and
    /// `Origin`, see [`VaryNames`](crate::policy::VaryNames)). One that names more goes to
    /// the one who asked, with `detail=vary-too-large`.
    pub fn max_vary_names(mut self, most: usize) -> Self {
        self.rules.max_vary_names = most;
        self
    }

    /// The bytes, of names and values, that a request may have in the fields that its
    /// response varies on. Default 8 KiB. Past it the response goes to the one who asked,
    /// with `detail=vary-too-large`.
    pub fn max_variant_bytes(mut self, most: usize) -> Self {
        self.rules.max_variant_bytes = most;
        self
    }

    /// The bytes of names and values that a stored head may have. Default 64 KiB. A
    /// response with a larger one is shared with those who wait for it and not stored,
    /// with `detail=head-too-large`.
    pub fn max_head_bytes(mut self, most: usize) -> Self {
        self.rules.max_head_bytes = most;
        self
    }

    /// The tags that a response may have and still be stored or shared. Default 256. One
    /// with more could not be purged by all that it says: it goes to the one who asked,
    /// with `detail=too-many-tags`.
    pub fn max_tags(mut self, most: usize) -> Self {
        self.rules.max_tags = most;
        self
    }

    /// The bytes that one tag may have. Default 1024. A response with a longer one is
    /// treated like one with too many.
    pub fn max_tag_bytes(mut self, most: usize) -> Self {
        self.rules.max_tag_bytes = most;
        self
    }

    /// The ranges that a request may ask for at once. Default 16. One that asks for more
    /// is answered with the whole, with `detail=too-many-ranges`; with none allowed, so is
    /// every one.
    pub fn max_ranges(mut self, most: usize) -> Self {
        self.rules.max_ranges = most;
        self
    }

    /// The bytes that the content of a QUERY (RFC 10008) may have and be a part of its key.
    /// Default 8 KiB; at most 64 KiB. A longer one passes, and so does one whose length is
    /// not known before it is read. None is cached unless the layer reads them: see
    /// [`CacheLayer::with_queries`](crate::CacheLayer::with_queries).
    pub fn max_query_bytes(mut self, most: usize) -> Self {
        self.rules.max_query_bytes = most;
        self
    }

    /// What to do with requests that carry a cookie.
    pub fn cookies(mut self, cookies: Cookies) -> Self {
        self.rules.cookies = cookies;
        self
    }

    /// What to do with requests that carry `Authorization`.
    pub fn authorization(mut self, authorization: Authorization) -> Self {
        self.rules.authorization = authorization;
        self
    }

    /// What to do with responses that set cookies.
    pub fn set_cookie(mut self, set_cookie: SetCookie) -> Self {
        self.rules.set_cookie = set_cookie;
        self
    }

    /// When `true`, a response that is not fresh on arrival answers only the
    /// request that caused it. Off by default: those who were already waiting
    /// asked before it was made, and may share it if it is neither private nor
    /// `no-store`.
    pub fn strict_collapse(mut self, strict: bool) -> Self {
        self.rules.strict_collapse = strict;
        self
    }

    /// What RFC 9111 permits a shared cache, in place of the safe defaults: every final
    /// status, guessed lifetimes ([`heuristics`](Self::heuristics)), errors that say how
    /// long they last, stale answers for a day when the origin is gone, variants compared
    /// by their meaning ([`normalise_vary`](Self::normalise_vary)), `CDN-Cache-Control`
    /// obeyed ([`targeted_fields`](Self::targeted_fields)); requests with cookies
    /// are like those without, and a stored `Set-Cookie` goes to everyone.
    /// `Authorization` still needs permission (RFC 9111 §3.5).
    ///
    /// For origins that say `private` or `no-store` wherever an answer is for one
    /// person: one that forgets to gives it to everyone. Settings that follow change
    /// single parts of it.
    ///
    /// ```
    /// let cache = floodwall::Cache::builder()
    ///     .by_the_book()
    ///     .set_cookie(floodwall::SetCookie::Refuse)
    ///     .build()?;
    /// # Ok::<_, floodwall::ConfigError>(())
    /// ```
    pub fn by_the_book(self) -> Self {
        self.statuses(Statuses::Any)
            .heuristics(true)
            .store_errors(true)
            .store_posts(true)
            .cookies(Cookies::Ignore)
            .set_cookie(SetCookie::Share)
            .normalise_vary(true)
            .targeted_fields(["cdn-cache-control"])
            .stale_if_error(STALE_BY_THE_BOOK)
    }

    /// Fields of responses that this cache obeys in the place of `Cache-Control` and
    /// `Expires`, the first one first (RFC 9213): `CDN-Cache-Control`, or one of your own,
    /// such as `Example-Cache-Control`. None by default, as a cache in an application is
    /// no CDN. A field that cannot be read is ignored; all are passed on unchanged.
    ///
    /// # Errors
    /// [`build`](Self::build) refuses what is no field name.
    pub fn targeted_fields<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.targets = names.into_iter().map(Into::into).collect();
        self
    }

    /// Whether `Surrogate-Control` (Edge Architecture Specification 1.0) is obeyed in the
    /// place of `Cache-Control` and `Expires`, and taken off what clients receive:
    /// `max-age=60`, `max-age=60+30` (the latter stale), `no-store`. Off by default; a
    /// [targeted field](Self::targeted_fields) goes before it, and `private` in
    /// `Cache-Control` holds all the same.
    pub fn surrogate_control(mut self, on: bool) -> Self {
        self.rules.surrogate_control = on;
        self
    }

    /// Which statuses may be stored. Default [`Statuses::Pages`].
    pub fn statuses(mut self, which: Statuses) -> Self {
        self.rules.statuses = which;
        self
    }

    /// Whether responses of status 400 and above may be stored if they have a
    /// lifetime. Off by default: one bad request must not become everyone's answer.
    pub fn store_errors(mut self, on: bool) -> Self {
        self.rules.store_errors = on;
        self
    }

    /// Whether the answer to a POST may be stored for later GETs and HEADs, if it names a
    /// lifetime and, in `Content-Location`, the very target of the POST (RFC 9110
    /// §9.3.3). It must say how long it is. One to a request with anything that the key
    /// leaves out (`drop_query`, `strict_forwarding`) is not stored, as the handler of a
    /// POST sees it. Off by default.
    pub fn store_posts(mut self, on: bool) -> Self {
        self.rules.store_posts = on;
        self
    }

    /// Whether a range of what is not stored fetches and stores the whole. Off by
    /// default: the request passes.
    pub fn fetch_whole_for_ranges(mut self, on: bool) -> Self {
        self.rules.fetch_whole_for_ranges = on;
        self
    }

    /// Whether `Surrogate-Key` and `Cache-Tag` are left on what clients receive,
    /// for a cache further out. Off by default.
    pub fn forward_tags(mut self, on: bool) -> Self {
        self.rules.forward_tags = on;
        self
    }

    /// Whether responses are believed that say, in `No-Vary-Search`, which parts of the
    /// query tell them from others: they then answer all equivalent URLs. On by default.
    /// The first answer tells what is to be left out of the keys of its path; what is known
    /// of paths takes a part of the [`capacity`](Self::capacity), and what is forgotten is
    /// learned again. See also [`KeyRules::no_vary_search`](crate::KeyRules::no_vary_search).
    pub fn no_vary_search(mut self, on: bool) -> Self {
        self.rules.no_vary_search = on;
        self
    }

    /// Whether, of the variants that exist, one is chosen that a request would not have been
    /// given for the same words (RFC 9111 §4.1): if it varies on `Accept-Language`, one whose
    /// `Content-Language` no other language is preferred to; if on `Accept-Encoding`, one
    /// whose `Content-Encoding` no other coding is preferred to. `fr;q=0.5, de` is then
    /// answered with the page in `de` that was made for `en, de`. Off by default, and beyond
    /// what RFC 9111 permits: for handlers that would choose the same. A variant in no
    /// coding, or in several languages, is for the same words alone.
    pub fn choose_variants(mut self, on: bool) -> Self {
        self.rules.choose_variants = on;
        self
    }

    /// Whether requests select the same variant (RFC 9111 §4.1) when the fields that
    /// `Vary` names mean the same: `Accept-Language` by languages and weights, in any
    /// order and letter case; of other lists the white space between members does not
    /// count. Off by default: bytes are compared. `Cookie` and `Authorization` are always
    /// compared by bytes, `Accept-Encoding` always by the codings that it accepts.
    ///
    /// Not for handlers that take the first of several languages, whatever they weigh.
    pub fn normalise_vary(mut self, on: bool) -> Self {
        self.rules.normalise_vary = on;
        self
    }
}
