//! What one call of the handler does, drawn at random.

use std::time::Duration;

use super::said::Said;
use crate::client::{Ask, Fields, Identity};
use crate::plan::Rates;
use floodwall::simulate::Random;

/// What one call of the handler does.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// How often it lets others go first,
    pub(super) yields: u64,
    /// and how long it takes.
    pub(super) takes: Duration,
    /// What it asks the cache for before it answers.
    pub(super) asks: Option<Ask>,
    pub(super) does: Does,
}

#[derive(Clone, Debug)]
pub(super) enum Does {
    Answer(Said, BodyScript),
    /// A 304, about what it was asked or about something else, with rules or
    /// without any.
    Confirm {
        said: Option<Said>,
        honest: bool,
    },
    Fail {
        timed_out: bool,
    },
    Panic,
    Hang,
}

/// How a body comes.
#[derive(Clone, Debug)]
pub(super) struct BodyScript {
    pub(super) length: u64,
    /// How many bytes come at once,
    pub(super) piece: u64,
    /// and what time is between.
    pub(super) delay: Duration,
    pub(super) told: Told,
    pub(super) ends: Ends,
    /// What it asks the cache for in the middle.
    pub(super) asks: Option<Ask>,
    pub(super) trailers: bool,
    /// It tells with its last piece that it is the last.
    pub(super) foretells: bool,
    /// It panics when it is dropped.
    pub(super) explodes: bool,
}

/// How the length is made known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Field,
    /// The body knows it.
    Hint,
    Not,
}

/// How a body ends: well, or in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    Whole,
    Breaks(u64),
    /// Cleanly, but without the bytes that were promised.
    Short(u64),
    /// Past the length that was promised.
    Long,
    Stalls(u64),
    Panics(u64),
}

/// What the call is about.
pub(super) struct Occasion {
    pub(super) page: usize,
    pub(super) pages: usize,
    pub(super) fields: Fields,
    pub(super) is_conditional: bool,
    /// How many calls of the handler this one is inside of.
    pub(super) depth: usize,
    pub(super) grain: Duration,
}

impl Script {
    /// What a handler does in which nothing goes wrong.
    pub(super) fn healthy(said: Said) -> Self {
        Self {
            yields: 0,
            takes: Duration::ZERO,
            asks: None,
            does: Does::Answer(said, BodyScript::plain(100)),
        }
    }

    pub(super) fn drawn(random: &mut Random, rates: &Rates, said: Said, now: &Occasion) -> Self {
        let asks = random.percent(rates.asks) && now.depth < 3;
        Self {
            yields: random.pick(&[0, 0, 1, 3]),
            takes: now.grain * random.pick(&[0, 0, 0, 1, 1, 2, 5]),
            asks: asks.then(|| inner(random, now)),
            does: Does::drawn(random, rates, said, now),
        }
    }
}

/// What a handler asks for: another page, or its own.
fn inner(random: &mut Random, now: &Occasion) -> Ask {
    let own = random.percent(40);
    let page = if own {
        now.page
    } else {
        random.index(now.pages)
    };
    let mut fields = now.fields;
    if random.percent(50) {
        fields.identity = Identity::Nobody;
    }
    Ask::page(page, fields)
}

impl Does {
    fn drawn(random: &mut Random, rates: &Rates, said: Said, now: &Occasion) -> Self {
        if random.percent(rates.fail) {
            let timed_out = random.percent(30);
            return Self::Fail { timed_out };
        }
        if random.percent(rates.panic) {
            return Self::Panic;
        }
        if random.percent(rates.hang) {
            return Self::Hang;
        }
        let honest = now.is_conditional && !random.percent(rates.lie);
        let confirms = if now.is_conditional {
            60
        } else {
            rates.lie / 4
        };
        if random.percent(confirms) {
            let said = random.percent(60).then_some(said);
            return Self::Confirm { said, honest };
        }
        Self::Answer(said, BodyScript::drawn(random, rates, said, now))
    }
}

impl BodyScript {
    fn plain(length: u64) -> Self {
        Self {
            length,
            piece: length.max(1),
            delay: Duration::ZERO,
            told: Told::Field,
            ends: Ends::Whole,
            asks: None,
            trailers: false,
            foretells: false,
            explodes: false,
        }
    }

    fn drawn(random: &mut Random, rates: &Rates, said: Said, now: &Occasion) -> Self {
        if matches!(said.status, 204 | 304) {
            return Self::plain(0);
        }
        let length = match random.below(20) {
            0 => 0,
            1..=12 => 1 + random.below(200),
            _ if random.percent(rates.large) => 200_000 + random.below(500_000),
            _ => 200 + random.below(3_000),
        };
        let mut script = Self::plain(length);
        let pieces = random.pick(&[1, 1, 2, 3, 5]);
        script.piece = (length / pieces).max(1);
        script.delay = now.grain * random.pick(&[0, 0, 0, 1, 2]);
        script.told = random.pick(&[Told::Field, Told::Field, Told::Hint, Told::Not]);
        script.trailers = random.percent(5);
        script.foretells = random.percent(50);
        script.explodes = random.percent(rates.panic / 4);
        if random.percent(rates.cut) {
            script.ends = script.broken(random);
        }
        if random.percent(rates.asks / 4) && now.depth < 3 {
            script.asks = Some(inner(random, now));
        }
        script
    }

    fn broken(&self, random: &mut Random) -> Ends {
        let at = random.below(self.length + 1);
        let can_be_short = self.told != Told::Not && at < self.length;
        match random.below(6) {
            0 | 1 => Ends::Breaks(at),
            2 if can_be_short => Ends::Short(at),
            3 if self.told != Told::Not => Ends::Long,
            4 => Ends::Panics(at),
            _ => Ends::Stalls(at),
        }
    }

    /// How many bytes come before it ends in its way.
    pub(super) fn sends(&self) -> u64 {
        match self.ends {
            Ends::Whole => self.length,
            Ends::Long => self.length + 7,
            Ends::Breaks(at) | Ends::Short(at) | Ends::Stalls(at) | Ends::Panics(at) => at,
        }
    }
}
