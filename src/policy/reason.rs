//! Why a request or a response was treated as it was.

use std::fmt;

/// Every reason that a decision can have.
///
/// The same value is read by Cache-Status (as its `detail`), by
/// [`Cache::explain`](crate::Cache::explain), by the counters and by the tests;
/// [`as_str`](Reason::as_str) is stable and fit for a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The method is not one that a stored GET can answer.
    Method,
    /// The request has a body.
    RequestBody,
    /// The request asks for another protocol, or for a tunnel.
    Upgrade,
    /// A field overrides the method or the URL (`X-HTTP-Method-Override`, ...).
    Override,
    /// The host is malformed, repeated, or not what the URI says.
    Host,
    /// The target has no path (`*`, or an authority alone).
    Target,
    /// The key would be larger than a key may be.
    KeyTooLarge,
    /// `If-Match` or `If-Unmodified-Since`: for the origin to judge.
    Precondition,
    /// `no-store` in the request.
    RequestNoStore,
    /// `only-if-cached` in the request, and nothing fit to answer it.
    OnlyIfCached,
    /// A HEAD request finds nothing stored.
    HeadMiss,
    /// A range is asked of what is not stored.
    RangeMiss,
    /// Of what is asked for only a part is stored.
    PartMiss,
    /// The request carries a cookie, and the route passes those.
    CookiePasses,
    /// The request carries credentials, and the route passes those.
    AuthorizationPasses,
    /// The request carries a cookie, and the response gives no leave to share.
    CookieNeedsPermission,
    /// The request carries credentials, and the response gives no leave to share.
    AuthorizationNeedsPermission,
    /// Nothing is stored for this URI.
    UriMiss,
    /// Something is stored for this URI, but not this variant.
    VaryMiss,
    /// What is stored is fresh.
    Fresh,
    /// What is stored is stale.
    Stale,
    /// What is stored must be validated before each use (`no-cache`).
    NoCache,
    /// The request asks for validation (`no-cache`, `max-age`, `min-fresh`).
    RequestDirective,
    /// Stale, and served while a fetch refreshes it.
    StaleWhileRevalidate,
    /// Stale, and served while a fetch refreshes it, because a crowd is there.
    Crowd,
    /// Stale, and served because the origin failed.
    StaleIfError,
    /// Stale, and the request accepts that (`max-stale`).
    MaxStale,
    /// `no-store` in the response.
    NoStore,
    /// `private` in the response.
    Private,
    /// `Cache-Control` cannot be read to its end.
    Malformed,
    /// The response sets a cookie.
    SetCookie,
    /// `Vary: *`.
    VaryStar,
    /// `Vary` cannot be read.
    VaryUnreadable,
    /// `Vary` names more fields, or larger ones, than are kept.
    VaryTooLarge,
    /// The key has as many variants as a key may have.
    VariantsFull,
    /// The response is one of a kind that never ends.
    EventStream,
    /// The response is part of one, though the whole was asked for.
    Partial,
    /// The status is not one that may be stored here.
    Status,
    /// A redirection that does not say where to.
    NoLocation,
    /// The response names no lifetime, and the route gives none.
    NoLifetime,
    /// The lifetime is over on arrival, and nothing makes it useful later.
    NoUse,
    /// The response is larger than an object may be.
    TooLarge,
    /// The response's head is larger than a head may be.
    HeadTooLarge,
    /// The cache has no room for the response at this moment.
    NoRoom,
    /// The response has more tags, or larger ones, than are kept.
    TooManyTags,
    /// The request asks for more ranges than are answered in parts.
    TooManyRanges,
    /// A short while ago the answer for this key could not be shared.
    KnownUnshareable,
    /// The answer turned out not to be for others.
    NotShared,
    /// The response varies, and this request is another variant.
    OtherVariant,
    /// What others waited for answers another URL, by its own word (No-Vary-Search).
    OtherUrl,
    /// A purge came between the fetch and its answer.
    Purged,
    /// The handler asks the cache for the page that it is making.
    Recursion,
    /// The fetch took longer than its deadline.
    Deadline,
    /// The handler failed, or could not be reached.
    Unreachable,
    /// The handler answered with a server error.
    OriginError,
    /// The handler answered what no handler may answer.
    BadOrigin,
    /// The fetch was lost: its runtime ended or its handler panicked.
    Lost,
    /// The last tries failed, and the next one is not due.
    Pause,
    /// Too many fetches wait for the origin.
    GateFull,
    /// Too many requests wait for the fetches of one key.
    WaitersFull,
    /// Too many fetches are in flight.
    FlightsFull,
}

impl Reason {
    /// A short name, stable across releases: lower case, hyphenated.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::RequestBody => "request-body",
            Self::Upgrade => "upgrade",
            Self::Override => "override",
            Self::Host => "host",
            Self::Target => "target",
            Self::KeyTooLarge => "key-too-large",
            Self::Precondition => "precondition",
            Self::RequestNoStore => "request-no-store",
            Self::OnlyIfCached => "only-if-cached",
            Self::HeadMiss => "head-miss",
            Self::RangeMiss => "range-miss",
            Self::PartMiss => "part-miss",
            Self::CookiePasses => "cookie-passes",
            Self::AuthorizationPasses => "authorization-passes",
            Self::CookieNeedsPermission => "cookie-needs-permission",
            Self::AuthorizationNeedsPermission => "authorization-needs-permission",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::NoCache => "no-cache",
            Self::RequestDirective => "request-directive",
            Self::StaleWhileRevalidate => "stale-while-revalidate",
            Self::Crowd => "crowd",
            Self::StaleIfError => "stale-if-error",
            Self::MaxStale => "max-stale",
            Self::NoStore => "no-store",
            Self::Private => "private",
            Self::Malformed => "malformed",
            Self::SetCookie => "set-cookie",
            Self::VaryStar => "vary-star",
            Self::VaryUnreadable => "vary-unreadable",
            Self::VaryTooLarge => "vary-too-large",
            Self::VariantsFull => "variants-full",
            Self::EventStream => "event-stream",
            Self::Partial => "partial",
            Self::Status => "status",
            Self::NoLocation => "no-location",
            Self::NoLifetime => "no-lifetime",
            Self::NoUse => "no-use",
            Self::TooLarge => "too-large",
            Self::HeadTooLarge => "head-too-large",
            Self::NoRoom => "no-room",
            Self::TooManyTags => "too-many-tags",
            Self::TooManyRanges => "too-many-ranges",
            Self::KnownUnshareable => "known-unshareable",
            Self::NotShared => "not-shared",
            Self::OtherVariant => "other-variant",
            Self::OtherUrl => "other-url",
            Self::Purged => "purged",
            Self::Recursion => "recursion",
            Self::Deadline => "deadline",
            Self::Unreachable => "unreachable",
            Self::OriginError => "origin-error",
            Self::BadOrigin => "bad-origin",
            Self::Lost => "lost",
            Self::Pause => "pause",
            Self::GateFull => "gate-full",
            Self::WaitersFull => "waiters-full",
            Self::FlightsFull => "flights-full",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
