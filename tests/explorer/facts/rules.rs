//! What an answer may be used for, by what it says (RFC 9111, RFC 5861) and by the
//! cache's own documentation.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Remembered, Verdict};
use crate::client::{Fields, Identity};
use crate::history::Head;
use crate::plan::Settings;
use crate::site::{Said, Vary};
use floodwall::simulate::SimulatedRuntime;

impl Head {
    /// The age when it came (RFC 9111 §4.2.3).
    pub(super) fn initial_age(&self) -> Duration {
        let Some(said) = self.said else {
            return Duration::ZERO;
        };
        let told = Duration::from_secs(said.age.unwrap_or_default());
        let apparent = said.date.map_or(Duration::ZERO, |skew| {
            let date = date_at(self.stamp.at, skew);
            let age = self.wall.duration_since(date).unwrap_or_default();
            Duration::from_secs(age.as_secs())
        });
        told.max(apparent)
    }
}

/// What a `Date` says that is wrong by so many seconds; it counts whole ones.
fn date_at(at: Duration, skew: i64) -> SystemTime {
    let right = (SimulatedRuntime::START + at).as_secs();
    UNIX_EPOCH + Duration::from_secs(right.saturating_add_signed(skew))
}

impl Said {
    /// What a 304 says, as part of what it renews: it brings no cookie, and the status
    /// is that of the stored response.
    pub(super) const fn renewing(mut self, status: u16) -> Self {
        self.set_cookie = false;
        self.status = status;
        self
    }

    /// The freshness lifetime (RFC 9111 §4.2.1).
    pub(crate) fn lifetime(&self) -> Option<Duration> {
        self.s_maxage.or(self.max_age).map(Duration::from_secs)
    }

    /// Whether it may never be served stale.
    pub(crate) const fn is_never_stale(&self) -> bool {
        self.must_revalidate || self.proxy_revalidate || self.s_maxage.is_some() || self.no_cache
    }

    /// How long it may be served stale: while it is refreshed, and when the handler
    /// fails.
    pub(crate) fn windows(&self, settings: &Settings) -> (Duration, Duration) {
        let window = |said: Option<u64>, given: Option<u64>| {
            let window = said.or(given).filter(|_| !self.is_never_stale());
            Duration::from_secs(window.unwrap_or_default())
        };
        (
            window(self.stale_while_revalidate, settings.stale_while_revalidate),
            window(self.stale_if_error, settings.stale_if_error),
        )
    }

    /// Whether it may be shared where one of those concerned shows who they are
    /// (RFC 9111 §3.5, and the same care for cookies).
    pub(crate) const fn permits(&self, identity: Identity) -> bool {
        let shares = self.public || self.s_maxage.is_some();
        match identity {
            Identity::Nobody => true,
            Identity::Cookie(_) => shares,
            Identity::Password(_) => shares || self.must_revalidate,
        }
    }

    /// Whether it is for one alone, whoever that is.
    pub(crate) fn is_private(&self) -> bool {
        self.no_store || self.private || self.set_cookie || self.vary == Vary::Star
    }

    pub(crate) const fn is_failure(&self) -> bool {
        matches!(self.status, 500 | 502 | 503 | 504)
    }

    /// Whether two requests select the same variant (RFC 9111 §4.1).
    pub(crate) fn selects(&self, one: Fields, other: Fields) -> bool {
        match self.vary {
            Vary::Nothing => true,
            Vary::Language => one.language == other.language,
            Vary::LanguageAndKind => one.language == other.language && one.kind == other.kind,
            Vary::Cookie => one.identity.cookie() == other.identity.cookie(),
            Vary::Star => false,
        }
    }

    /// What may be done with it, as the answer to `fields`.
    pub(super) fn verdict(&self, settings: &Settings, fields: Fields, head: &Head) -> Verdict {
        let remembered = if fields.identity.is_known() {
            Remembered::ForKnown
        } else {
            Remembered::ForAll
        };
        let too_large = head
            .told
            .is_some_and(|told| told > settings.max_object_size);
        if self.no_store || self.private || self.set_cookie || too_large {
            return Verdict::ForOne(remembered);
        }
        if self.is_about_the_request(settings) {
            return Verdict::ForOne(Remembered::Not);
        }
        if self.vary == Vary::Star {
            return Verdict::ForOne(remembered);
        }
        if !self.permits(fields.identity) {
            return Verdict::ForOne(Remembered::ForKnown);
        }
        let stored = self.is_stored(settings, head);
        let fresh = self
            .lifetime()
            .is_some_and(|lifetime| head.initial_age() < lifetime);
        if settings.strict_collapse && !(stored && fresh && !self.no_cache) {
            return Verdict::ForOne(Remembered::Not);
        }
        Verdict::Shared { stored }
    }

    /// Statuses that speak of one request more than of the page.
    pub(crate) fn is_about_the_request(&self, settings: &Settings) -> bool {
        let lasts = self.lifetime().is_some_and(|lifetime| !lifetime.is_zero());
        match self.status {
            206 => true,
            401 => !(settings.store_errors && lasts),
            _ => false,
        }
    }

    fn is_stored(&self, settings: &Settings, head: &Head) -> bool {
        let by_status = match self.status {
            200 | 302 => true,
            status => status >= 400 && settings.store_errors,
        };
        let can_wait = self.public || matches!(self.status, 200 | 204 | 404 | 410);
        let lifetime = self
            .lifetime()
            .or((self.no_cache && can_wait).then_some(Duration::ZERO));
        let (refreshing, failing) = self.windows(settings);
        let lasts = lifetime.is_some_and(|lifetime| {
            let spare = lifetime + refreshing.max(failing);
            self.tagged || (!self.no_cache && spare > head.initial_age())
        });
        by_status && lasts
    }
}

impl Identity {
    const fn cookie(self) -> Option<bool> {
        match self {
            Self::Cookie(which) => Some(which),
            _ => None,
        }
    }
}
