//! Request fields that change an answer although HTTP does not say so.
//!
//! A handler that builds a link from `X-Forwarded-Host`, checks an `X-Api-Key` or
//! answers `HX-Request` with half a page ought to say `Vary`, and mostly does not. If
//! such a field were neither part of the key nor a reason to pass, one client's answer
//! would become everyone's.

use http::HeaderName;

use super::fields;

/// What a request field has to do with the stored response that may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Nothing, unless the response says `Vary`.
    Ordinary,
    /// It is part of the key where it is present.
    Keyed,
    /// It says another method or URL than the request line does. What that does to
    /// an answer cannot be known here, so the request passes.
    Override,
}

impl Role {
    pub(crate) fn of(name: &HeaderName) -> Self {
        Self::of_spoken(&fields::spoken(name))
    }

    /// Of a name in which underscores are hyphens.
    pub(crate) fn of_spoken(name: &str) -> Self {
        // Names are in lower case, and most requests have none with this start.
        match name.strip_prefix("x-") {
            Some(rest) => Self::of_extension(rest),
            None if KEYED.contains(&name) || name.starts_with("next-") => Self::Keyed,
            None => Self::Ordinary,
        }
    }

    /// Of a field `X-...`, by what follows.
    fn of_extension(rest: &str) -> Self {
        let starts_with = |prefixes: &[&str]| prefixes.iter().any(|it| rest.starts_with(it));
        if OVERRIDES.contains(&rest) || starts_with(&OVERRIDE_PREFIXES) {
            return Self::Override;
        }
        if rest.ends_with("-override") {
            return Self::Override;
        }
        // The address of the client tells nothing of the page that it is to have, and
        // would make every client's key its own.
        if ["forwarded-for", "original-forwarded-for"].contains(&rest) {
            return Self::Ordinary;
        }
        if KEYED_EXTENSIONS.contains(&rest) || starts_with(&KEYED_PREFIXES) {
            return Self::Keyed;
        }
        Self::Ordinary
    }
}

/// After `x-`: another method, or another URL.
const OVERRIDES: [&str; 11] = [
    "http-method",
    "method",
    "original-method",
    "forwarded-method",
    "original-url",
    "original-uri",
    "original-path",
    "forwarded-uri",
    "proxy-url",
    "http-destinationurl",
    "matched-path",
];
/// The last are what a framework's router tells its own renderer, and believes from
/// anyone.
const OVERRIDE_PREFIXES: [&str; 5] = [
    "rewrite-",
    "override-",
    "middleware-",
    "invoke-",
    "now-route-",
];

/// How the client reached the proxy in front; who asks, where it is neither a cookie nor
/// `Authorization`; and the part of a page that a script asks for.
const KEYED: [&str; 13] = [
    "forwarded",
    "cloudfront-forwarded-proto",
    "front-end-https",
    "api-key",
    "apikey",
    "proxy-authorization",
    "remote-user",
    "rsc",
    "turbo-frame",
    "hx-request",
    "hx-boosted",
    "hx-target",
    "hx-history-restore-request",
];
/// After `x-`.
const KEYED_EXTENSIONS: [&str; 26] = [
    "forwarded",
    "host",
    "http-host",
    "backend-host",
    "scheme",
    "url-scheme",
    "proto",
    "ssl",
    "arr-ssl",
    "ingress-path",
    "script-name",
    "api-key",
    "apikey",
    "auth",
    "auth-token",
    "access-token",
    "session-token",
    "token",
    "authorization",
    "remote-user",
    "tenant",
    "tenant-id",
    "requested-with",
    "nextjs-data",
    "pjax",
    "livewire",
];
const KEYED_PREFIXES: [&str; 7] = [
    "forwarded-",
    "original-",
    "envoy-original-",
    "authenticated-",
    "inertia",
    "pjax-",
    "livewire-",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_an_answer_is_keyed_or_passes() {
        let rows = [
            (Role::Keyed, "forwarded"),
            (Role::Keyed, "x-forwarded-host"),
            (Role::Keyed, "x-forwarded-proto"),
            (Role::Keyed, "x-forwarded-prefix"),
            (Role::Keyed, "x-forwarded-server"),
            (Role::Keyed, "x-forwarded-user"),
            (Role::Keyed, "x-original-host"),
            (Role::Keyed, "x-envoy-original-path"),
            (Role::Keyed, "x_forwarded_host"),
            (Role::Keyed, "x-host"),
            (Role::Keyed, "front-end-https"),
            (Role::Keyed, "x-api-key"),
            (Role::Keyed, "x-auth-token"),
            (Role::Keyed, "x-requested-with"),
            (Role::Keyed, "rsc"),
            (Role::Keyed, "next-router-prefetch"),
            (Role::Keyed, "hx-request"),
            (Role::Ordinary, "hx-current-url"),
            (Role::Keyed, "x-inertia-version"),
            (Role::Override, "x-http-method-override"),
            (Role::Override, "x-http-method"),
            (Role::Override, "x-method-override"),
            (Role::Override, "x-http-host-override"),
            (Role::Override, "x-original-url"),
            (Role::Override, "x-original-uri"),
            (Role::Override, "x_original-url"),
            (Role::Override, "x-rewrite-uri"),
            (Role::Override, "x-rewrite-url"),
            (Role::Override, "x-forwarded-uri"),
            (Role::Override, "x-override-url"),
            (Role::Override, "x-middleware-prefetch"),
            (Role::Override, "x-invoke-status"),
            (Role::Ordinary, "x-forwarded-for"),
            (Role::Ordinary, "x-original-forwarded-for"),
            (Role::Ordinary, "x-real-ip"),
            (Role::Ordinary, "x-request-id"),
            (Role::Ordinary, "host"),
            (Role::Ordinary, "accept-language"),
            (Role::Ordinary, "user-agent"),
            (Role::Ordinary, "traceparent"),
        ];
        for (role, name) in rows {
            let given = HeaderName::from_static(name);
            assert_eq!(Role::of(&given), role, "{name}");
        }
    }
}
