//! How much a head permits, so that two heads can be compared part by part.

use std::fmt;
use std::sync::LazyLock;

use floodwall::policy::{
    Lifetime, Ranges, RequestDirectives, ResponseFacts, Reuse, Rules, Shareable, if_range_holds,
    is_not_modified, validates,
};
use http::{HeaderMap, Request, StatusCode};

use super::rows::{Line, head, life, request};
use super::{date, facts_of, judged, moment, secs, shared};

/// Which of a row of things are permitted.
#[derive(Clone, Copy, Default, PartialEq)]
pub(crate) struct Set(u64);

impl Set {
    pub(crate) fn of(permitted: impl IntoIterator<Item = bool>) -> Self {
        let bits = permitted.into_iter().enumerate();
        Self(bits.fold(0, |set, (at, yes)| set | u64::from(yes) << at))
    }

    const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }
}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = (0..64).filter(|at| self.0 >> at & 1 == 1);
        f.debug_set().entries(members).finish()
    }
}

/// How much a response permits; more is more permissive.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Leave {
    /// Which of the askers may cause it and have it shared.
    shared: Set,
    /// Which of them may have what which of them caused, pair by pair.
    had: Set,
    /// Which of the clients that name a copy are told that they have it.
    known: Set,
    /// Which of those who continue a copy are sent the rest alone.
    continued: Set,
    /// Which 304s of the origin are taken for it.
    renewed: Set,
    /// Which purges by tag leave it alone.
    kept: Set,
    /// Whether it answers anything later without the origin's word. A stored
    /// response that is validated before each use permits nothing by itself.
    useful: bool,
    /// Seconds of freshness, and the ends of the two windows.
    until: [u64; 3],
    /// Stale use on request.
    may_be_stale: bool,
}

impl Leave {
    /// What a response with this head permits.
    pub(crate) fn of(status: StatusCode, headers: &HeaderMap, rules: &Rules) -> Self {
        let caused: Vec<_> = ASKERS
            .iter()
            .map(|asker| {
                let asked = facts_of(asker, rules)?;
                shared(judged(asker, &asked, status, headers, rules))
            })
            .collect();
        let mut leave = Self {
            shared: Set::of(caused.iter().map(Option::is_some)),
            had: Set::of(caused.iter().flat_map(|facts| had(facts.as_ref(), rules))),
            ..Self::default()
        };
        if let Some((facts, stored)) = &caused[0] {
            leave.note_conditions(headers);
            leave.kept = Set::of(
                TAGS.iter()
                    .map(|tag| facts.tags.iter().all(|one| one != *tag)),
            );
            let kept = facts
                .lifetime
                .filter(|life| *stored && !life.validate_always);
            kept.iter().for_each(|life| leave.note_life(life));
        }
        leave
    }

    fn note_conditions(&mut self, headers: &HeaderMap) {
        let known = COPIES.iter().map(|copy| is_not_modified(copy, headers));
        self.known = Set::of(known);
        let continued = REST.iter().map(|rest| if_range_holds(rest, headers));
        self.continued = Set::of(continued);
        let renewed = NOT_MODIFIED.iter().map(|said| validates(said, headers));
        self.renewed = Set::of(renewed);
    }

    fn note_life(&mut self, life: &Lifetime) {
        let ends = [secs(0), life.stale_while_revalidate, life.stale_if_error];
        self.until = ends.map(|window| {
            let left = (life.fresh_for + window).saturating_sub(life.initial_age);
            left.as_secs()
        });
        self.useful = self.until.iter().any(|left| *left > 0);
        self.may_be_stale = self.useful && !life.never_stale;
    }

    /// Whether this permits nothing that `other` does not.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        let sets = |leave: &Self| {
            [
                leave.shared,
                leave.had,
                leave.known,
                leave.continued,
                leave.renewed,
                leave.kept,
            ]
        };
        let mut pairs = sets(self).into_iter().zip(sets(other));
        pairs.all(|(ours, theirs)| ours.is_within(theirs))
            && self.useful <= other.useful
            && self.until.iter().zip(&other.until).all(|(a, b)| a <= b)
            && self.may_be_stale <= other.may_be_stale
    }
}

/// Which of the askers may have a response.
fn had(facts: Option<&(ResponseFacts, bool)>, rules: &Rules) -> Vec<bool> {
    let may_have = |asker: &Request<()>| {
        let (Some((facts, _)), Some(asked)) = (facts, facts_of(asker, rules)) else {
            return false;
        };
        Shareable::prove(facts, asker.into(), &asked).is_ok()
    };
    ASKERS.iter().map(may_have).collect()
}

/// How much a request permits: what it may be answered with instead of the whole
/// of what the origin says now.
#[derive(Debug, PartialEq)]
pub(crate) struct Asked {
    /// Which stored heads answer it with a 304.
    known: Set,
    /// Which stored heads answer it with the rest of a copy.
    continued: Set,
    /// Which bytes it wants.
    ranges: Ranges,
    /// Which stored responses answer it without a word of the origin.
    served: Set,
    /// Which stored responses answer it in the place of an error.
    excused: Set,
    /// Whether its answer may be stored.
    stored: bool,
}

impl Asked {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let directives = RequestDirectives::read(headers);
        let aged = LIVES.iter().flat_map(|life| {
            let ages = [0, 9, 30, 61, 100].into_iter();
            ages.map(move |age| (life, moment(age)))
        });
        let excused = aged.clone();
        let served = aged.map(|(life, now)| life.reuse(&directives, now, None));
        let excused = excused.map(|(life, now)| life.serves_on_error(&directives, now, None));
        Self {
            known: Set::of(STORED.iter().map(|stored| is_not_modified(headers, stored))),
            continued: Set::of(STORED.iter().map(|stored| if_range_holds(headers, stored))),
            ranges: Ranges::read(headers, 100, 3),
            served: Set::of(served.map(|reuse| !matches!(reuse, Reuse::Validate(_)))),
            excused: Set::of(excused),
            stored: !directives.no_store,
        }
    }

    /// Whether this permits nothing that `other` does not.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.known.is_within(other.known)
            && self.continued.is_within(other.continued)
            && (self.ranges == Ranges::Whole || self.ranges == other.ranges)
            && self.served.is_within(other.served)
            && self.excused.is_within(other.excused)
            && self.stored <= other.stored
    }
}

/// Those who ask: without credentials and with, and for one variant and another.
static ASKERS: LazyLock<Vec<Request<()>>> = LazyLock::new(|| {
    let rows: [&[Line<'_>]; 7] = [
        &[],
        &[("cookie", b"sid=1")],
        &[("authorization", b"Bearer a")],
        &[("accept-language", b"en")],
        &[("accept-language", b"fr")],
        &[("x-v", b"")],
        &[("accept-encoding", b"gzip")],
    ];
    rows.map(request).into()
});

/// What clients say of their copies, and origins in a 304.
fn validators(tag: &'static str, date_of: &'static str) -> Vec<HeaderMap> {
    let tags: [&[u8]; 4] = [b"\"a\"", b"W/\"a\"", b"\"b\"", b"\"\""];
    let dates = [-3600, -600, -60, 0].map(date);
    let by_tag = tags.map(|value| head(&[(tag, value)]));
    let by_date = dates.map(|value| head(&[(date_of, value.as_bytes())]));
    by_tag.into_iter().chain(by_date).collect()
}

static COPIES: LazyLock<Vec<HeaderMap>> =
    LazyLock::new(|| validators("if-none-match", "if-modified-since"));

static REST: LazyLock<Vec<HeaderMap>> = LazyLock::new(|| validators("if-range", "if-range"));

static NOT_MODIFIED: LazyLock<Vec<HeaderMap>> = LazyLock::new(|| {
    let mut heads = validators("etag", "last-modified");
    heads.push(HeaderMap::new());
    heads
});

const TAGS: [&[u8]; 3] = [b"one", b"two", b"three"];

/// What is stored, by its validators.
static STORED: LazyLock<Vec<HeaderMap>> = LazyLock::new(|| {
    let (old, new) = (date(-600), date(0));
    let rows: [&[Line<'_>]; 6] = [
        &[("etag", b"\"a\"")],
        &[("etag", b"W/\"a\"")],
        &[("etag", b"\"b\"")],
        &[("etag", b"\",\"")],
        &[("last-modified", old.as_bytes()), ("date", new.as_bytes())],
        &[("date", old.as_bytes())],
    ];
    rows.map(head).into()
});

/// What is stored, by its lifetime. Nothing immutable: there `max-age=0` is a reload
/// that need not ask, and so permits more than `max-age=1` (RFC 8246 §2).
static LIVES: LazyLock<[Lifetime; 2]> = LazyLock::new(|| {
    let windows = &b"max-age=60, stale-while-revalidate=30"[..];
    [b"max-age=60", windows].map(|said| life(&[("cache-control", said)]))
});
