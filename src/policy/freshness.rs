//! How long a response stays fresh, how old it is, and what may be done with it
//! afterwards (RFC 9111 §4.2, RFC 5861, RFC 8246).

use std::time::{Duration, SystemTime};

use http::header::{AGE, DATE, EXPIRES, LAST_MODIFIED};
use http::{HeaderMap, HeaderName, StatusCode};

use super::date::parse_date;
use super::directives::{RequestDirectives, ResponseDirectives};
use super::fields;
use super::reason::Reason;
use super::rules::{Rules, Statuses};
use super::status::is_heuristically_cacheable;
use crate::clock::Moment;

/// A guessed lifetime is this share of the time since the last change, as
/// RFC 9111 §4.2.2 suggests,
const HEURISTIC_SHARE: u32 = 10;
/// and never more than this.
const HEURISTIC_MOST: Duration = Duration::from_secs(24 * 60 * 60);

/// How a stored response ages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lifetime {
    /// The freshness lifetime (RFC 9111 §4.2.1).
    pub fresh_for: Duration,
    /// The age on arrival: the larger of `Age` and what `Date` tells
    /// (RFC 9111 §4.2.3).
    pub initial_age: Duration,
    /// When it arrived.
    pub received: Moment,
    /// How long after its lifetime it may be served while it is refreshed.
    pub stale_while_revalidate: Duration,
    /// How long after its lifetime it may be served when the origin fails.
    pub stale_if_error: Duration,
    /// It must be validated before every use (`no-cache`).
    pub validate_always: bool,
    /// It may never be served stale (`must-revalidate`, `proxy-revalidate`,
    /// `s-maxage`, `no-cache`, or a lifetime that cannot be read).
    pub never_stale: bool,
    /// It will not change while it is fresh (RFC 8246).
    pub immutable: bool,
}

/// Where a stored response stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Fresh, for so much longer.
    Fresh(Duration),
    /// Stale, since so long ago.
    Stale(Duration),
}

/// What may be done with a stored response for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// Serve it.
    Fresh,
    /// Serve it, and refresh it behind.
    StaleWhileRevalidate,
    /// Serve it: the request accepts one this stale.
    MaxStale,
    /// Ask the origin first.
    Validate(Reason),
}

impl Lifetime {
    /// The lifetime that a response's head and the operator's rules give, or
    /// nothing if neither names one.
    #[must_use]
    pub fn read(
        status: StatusCode,
        headers: &HeaderMap,
        said: &ResponseDirectives,
        rules: &Rules,
        received: Moment,
        wall: SystemTime,
    ) -> Option<Self> {
        let named = named_lifetime(headers, said, wall);
        // A response that must be validated each time needs no lifetime, if it
        // is of a kind that may be stored without one (RFC 9111 §3).
        let validated = said.no_cache && (said.public || is_heuristically_cacheable(status));
        let fresh_for = named
            .or_else(|| validated.then_some(Duration::ZERO))
            .or_else(|| {
                let kind = is_heuristically_cacheable(status)
                    || said.public && rules.statuses == Statuses::Any;
                kind.then(|| unnamed_lifetime(headers, rules, wall))?
            })?;
        let never_stale = said.must_revalidate
            || said.proxy_revalidate
            || said.s_maxage.is_some()
            || said.no_cache
            || ends_unreadably(headers, said);
        let window = |said: Option<Duration>, given: Option<Duration>| {
            if never_stale {
                Duration::ZERO
            } else {
                said.or(given).unwrap_or_default()
            }
        };
        Some(Self {
            fresh_for,
            initial_age: initial_age(headers, wall),
            received,
            stale_while_revalidate: window(
                said.stale_while_revalidate,
                rules.stale_while_revalidate,
            ),
            stale_if_error: window(said.stale_if_error, rules.stale_if_error),
            validate_always: said.no_cache,
            never_stale,
            immutable: said.immutable,
        })
    }

    /// The age at `now` (RFC 9111 §4.2.3).
    #[must_use]
    pub const fn age(&self, now: Moment) -> Duration {
        self.initial_age.saturating_add(now.since(self.received))
    }

    /// Where the response stands at `now`; `stale_since` is when a soft purge
    /// ended its freshness, if one did.
    #[must_use]
    pub fn standing(&self, now: Moment, stale_since: Option<Moment>) -> Standing {
        let age = self.age(now);
        let by_age = age.checked_sub(self.fresh_for);
        let by_purge = stale_since.map(|since| now.since(since));
        match (by_age, by_purge) {
            (None, None) => Standing::Fresh(self.fresh_for - age),
            // A response that reaches its lifetime to the instant is stale:
            // RFC 9111 §4.2 wants the lifetime greater than the age.
            (by_age, by_purge) => Standing::Stale(by_age.max(by_purge).unwrap_or_default()),
        }
    }

    /// Whether the response may be served to `request` without asking.
    #[must_use]
    pub fn reuse(
        &self,
        asked: &RequestDirectives,
        now: Moment,
        stale_since: Option<Moment>,
    ) -> Reuse {
        self.reuse_within(asked, now, stale_since, Duration::ZERO)
    }

    /// The same where the operator lets a stale response be used for `longer` than it says
    /// itself, unless it says that it must never be (RFC 9111 §4.2.4).
    pub(crate) fn reuse_within(
        &self,
        asked: &RequestDirectives,
        now: Moment,
        stale_since: Option<Moment>,
        longer: Duration,
    ) -> Reuse {
        if self.validate_always {
            return Reuse::Validate(Reason::NoCache);
        }
        if asked.no_cache || self.is_too_old_for(asked, now) {
            return Reuse::Validate(Reason::RequestDirective);
        }
        match self.standing(now, stale_since) {
            Standing::Fresh(left) if left >= asked.min_fresh.unwrap_or_default() => Reuse::Fresh,
            Standing::Fresh(_) => Reuse::Validate(Reason::RequestDirective),
            Standing::Stale(_) if self.never_stale => Reuse::Validate(Reason::Stale),
            // What is stale is not fresh for any longer, even if `max-stale`
            // stands beside `min-fresh`.
            Standing::Stale(_) if asked.min_fresh.is_some() => Reuse::Validate(Reason::Stale),
            Standing::Stale(by) if asked.max_stale.is_some_and(|most| by <= most) => {
                Reuse::MaxStale
            }
            // Whoever names a lifetime in the request wants it kept.
            Standing::Stale(_) if asked.max_age.is_some() => Reuse::Validate(Reason::Stale),
            Standing::Stale(by) if by < self.stale_while_revalidate.max(longer) => {
                Reuse::StaleWhileRevalidate
            }
            Standing::Stale(_) => Reuse::Validate(Reason::Stale),
        }
    }

    /// RFC 8246 §2: a reload (`max-age=0`) need not ask for what will not
    /// change; `no-cache` is the client's way to insist.
    fn is_too_old_for(&self, asked: &RequestDirectives, now: Moment) -> bool {
        match asked.max_age {
            Some(most) if most.is_zero() => !self.immutable,
            Some(most) => self.age(now) > most,
            None => false,
        }
    }

    /// Whether the response may be served because the origin failed
    /// (RFC 5861 §4): inside of its own window, or of the one that the request opens. A
    /// fresh one may: the failure changes nothing about it.
    #[must_use]
    pub fn serves_on_error(
        &self,
        asked: &RequestDirectives,
        now: Moment,
        stale_since: Option<Moment>,
    ) -> bool {
        match self.standing(now, stale_since) {
            Standing::Fresh(_) => !self.validate_always,
            Standing::Stale(by) => {
                let window = asked.stale_if_error.unwrap_or_default();
                !self.never_stale && by < self.stale_if_error.max(window)
            }
        }
    }

    /// Whether the response can ever be of use when it cannot be validated.
    #[must_use]
    pub fn is_useful(&self) -> bool {
        let windows = self.stale_while_revalidate.max(self.stale_if_error);
        let spare = self.fresh_for.saturating_add(windows);
        !self.validate_always && spare > self.initial_age
    }
}

/// RFC 9111 §4.2.1: `s-maxage`, else `max-age`, else `Expires` less `Date`.
fn named_lifetime(
    headers: &HeaderMap,
    said: &ResponseDirectives,
    wall: SystemTime,
) -> Option<Duration> {
    if let Some(lifetime) = said.s_maxage.or(said.max_age) {
        return Some(lifetime);
    }
    if said.targeted || !headers.contains_key(EXPIRES) {
        return None;
    }
    // Of two dates the later one leaves less.
    let date = dates(headers, &DATE).max().unwrap_or(wall);
    Some(
        expires(headers)
            .and_then(|expires| expires.duration_since(date).ok())
            .unwrap_or_default()
            .min(fields::FOREVER),
    )
}

/// What `Expires` says; anything but one readable date means that the response has
/// expired (RFC 9111 §5.3).
fn expires(headers: &HeaderMap) -> Option<SystemTime> {
    parse_date(fields::only(headers, &EXPIRES)?.as_bytes())
}

/// Whether the lifetime is in an `Expires` that cannot be read. No window that the
/// operator gives to others is meant for that.
fn ends_unreadably(headers: &HeaderMap, said: &ResponseDirectives) -> bool {
    let named = said.targeted || said.s_maxage.or(said.max_age).is_some();
    !named && headers.contains_key(EXPIRES) && expires(headers).is_none()
}

/// The route's own lifetime, or the guess of RFC 9111 §4.2.2.
fn unnamed_lifetime(headers: &HeaderMap, rules: &Rules, wall: SystemTime) -> Option<Duration> {
    if rules.heuristics {
        // Of two dates the one counts that makes the guess smaller.
        let date = dates(headers, &DATE).min().unwrap_or(wall);
        if let Some(changed) = dates(headers, &LAST_MODIFIED).max() {
            // What changes in the future has not been left alone at all.
            let unchanged = date.duration_since(changed).unwrap_or_default();
            return Some((unchanged / HEURISTIC_SHARE).min(HEURISTIC_MOST));
        }
    }
    rules.default_fresh_for
}

/// RFC 9111 §4.2.3, up to `corrected_initial_age`; the delay of the request is
/// left out, as an origin in the same process answers as of when it answers.
fn initial_age(headers: &HeaderMap, wall: SystemTime) -> Duration {
    let apparent = dates(headers, &DATE)
        .min()
        .and_then(|date| wall.duration_since(date).ok())
        // `Date` counts whole seconds; less than one is no age.
        .map_or(Duration::ZERO, |age| Duration::from_secs(age.as_secs()));
    // §5.1: the first member, and none that is junk.
    let told = headers
        .get_all(AGE)
        .into_iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .find_map(|age| fields::seconds(age.trim_ascii()))
        .unwrap_or_default();
    apparent.max(told)
}

/// The dates that the lines of a field say; there should be one, and junk is none.
pub(crate) fn dates<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = SystemTime> + use<'a> {
    let lines = headers.get_all(name).into_iter();
    lines.filter_map(|line| parse_date(line.as_bytes()))
}
