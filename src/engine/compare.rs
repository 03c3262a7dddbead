//! What the answer to a HEAD that passed tells of a stored response (RFC 9111 §4.3.5).

use std::sync::Arc;

use http::{HeaderMap, Method, StatusCode};

use super::Engine;
use crate::entry::Entry;
use crate::policy::{Reason, RequestFacts, RequestHead, Shareable, Verdict, describes};

/// A stored response that a HEAD would have been answered from, had it had no precondition.
///
/// Other HEADs need none of this: what is stored answers them, or a GET that validates it,
/// or it is not for them.
#[derive(Debug)]
pub(super) struct Compared {
    entry: Arc<Entry>,
    facts: RequestFacts,
}

impl Compared {
    pub(super) fn of(
        engine: &Engine,
        request: RequestHead<'_>,
        reason: Reason,
    ) -> Option<Box<Self>> {
        if reason != Reason::Precondition || *request.method != Method::HEAD {
            return None;
        }
        let rules = &engine.settings.rules;
        let facts = RequestFacts::unconditional(request, false, rules).ok()?;
        if facts.directives.no_store {
            return None;
        }
        let (key, _) = engine.key_of(request).ok()?;
        let slot = engine.store.look(key.as_bytes())?;
        let entry = engine.usable(&key, &slot, request)?;
        Shareable::prove(&entry.head.facts, request, &facts).ok()?;
        Some(Box::new(Self { entry, facts }))
    }

    /// Makes the stored response stale if the answer speaks of another. One that is not
    /// for everyone says nothing of what everyone gets.
    ///
    /// Nothing is taken over from an answer that does speak of the stored one: the handler
    /// was shown the request as it came, with what the key leaves out, and may have made
    /// the answer for that. So all that a HEAD can bring about is one more validation.
    pub(super) fn note(&self, engine: &Engine, status: StatusCode, headers: &HeaderMap) {
        let (stored, length) = (&self.entry.head, self.entry.body.length());
        let same = stored.status == status && describes(headers, &stored.headers, length);
        if same || status != StatusCode::OK {
            return;
        }
        if let Verdict::Shareable { .. } = engine.judge_passed(&self.facts, status, headers) {
            self.entry.mark_stale(engine.runtime.0.now());
        }
    }
}
