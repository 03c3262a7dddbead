//! The proof that a response may be given to a request that did not cause it.

use super::reason::Reason;
use super::request::{RequestFacts, RequestHead};
use super::response::ResponseFacts;

/// Leave to hand one response to one request.
///
/// Only [`Shareable::prove`] makes one, from facts that exist only for responses
/// that are not private to whoever asked. No byte of a flight can be read
/// without it, so a leak through the coalescing window does not compile.
#[derive(Debug)]
pub struct Shareable(());

impl Shareable {
    /// Proves that `response` may answer `request`: the response permits it for
    /// the credentials that the request carries (RFC 9111 §3.5), it is the
    /// variant that the request selects (§4.1), and its URL is the request's or, by its
    /// own word, equivalent (No-Vary-Search).
    ///
    /// # Errors
    /// Why it may not.
    pub fn prove(
        response: &ResponseFacts,
        head: RequestHead<'_>,
        request: &RequestFacts,
    ) -> Result<Self, Reason> {
        response.permission.covers(request)?;
        if !response.variant.matches(head.headers) {
            return Err(Reason::OtherVariant);
        }
        let equivalent = response.equivalent.as_deref();
        if equivalent.is_some_and(|equivalent| !equivalent.covers(head.uri)) {
            return Err(Reason::OtherUrl);
        }
        Ok(Self(()))
    }

    /// The proof that tests of the flight alone need: they have no HTTP.
    #[cfg(test)]
    pub(crate) const fn for_test() -> Self {
        Self(())
    }
}

/// Which credentials a response may be shared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Permission {
    /// It may answer requests that carry `Authorization`.
    pub authorization: bool,
    /// It may answer requests that carry a cookie.
    pub cookie: bool,
}

impl Permission {
    /// Whether it extends to what `request` carries.
    ///
    /// # Errors
    /// The first credential that it does not extend to.
    pub const fn covers(&self, request: &RequestFacts) -> Result<(), Reason> {
        if request.authorization && !self.authorization {
            return Err(Reason::AuthorizationNeedsPermission);
        }
        if request.cookie && !self.cookie {
            return Err(Reason::CookieNeedsPermission);
        }
        Ok(())
    }
}
