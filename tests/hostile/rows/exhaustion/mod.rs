//! X: memory, connections, time. A row is bounded if no limit that is published is broken, and a
//! visitor of a page that is stored hardly notices.
//!
//! Rows use a proxy of their own, so that what it holds is their doing. The evidence has the
//! figures.

mod bodies;
mod crowds;
mod floods;
mod gauge;
mod heads;
mod load;
mod probe;
mod storms;

use super::{Row, row};

pub(super) const ROWS: &[Row] = &[
    row!(
        X01,
        D,
        "G20, G25",
        "more targets than there is room for",
        floods::urls
    ),
    row!(
        X02,
        D,
        "G21",
        "more variants of one page than there is room for",
        floods::variants
    ),
    row!(
        X03,
        D,
        "G21",
        "answers that vary on what an attacker chose",
        heads::vary
    ),
    row!(X04, D, "G20", "answers that never end", bodies::endless),
    row!(
        X05,
        D,
        "G12, G21",
        "a crowd for one page that never comes",
        crowds::one_key
    ),
    row!(
        X06,
        D,
        "G21, G24, G25",
        "a crowd for many pages that never come",
        crowds::many_keys
    ),
    row!(
        X07,
        D,
        "G13, G20",
        "a first client that hardly reads",
        bodies::slow_leader
    ),
    row!(
        X09,
        D,
        "G4, G20",
        "many who hardly read what is replaced meanwhile",
        bodies::slow_readers
    ),
    row!(
        X11,
        D,
        "G22",
        "fields that take long to read",
        heads::parsers
    ),
    row!(
        X12,
        D,
        "G11, G24",
        "requests that want more than what is stored",
        crowds::bypass
    ),
    row!(
        X14,
        D,
        "G20, G24",
        "requests that are taken back, and frames that are none",
        storms::resets
    ),
    row!(
        X15,
        D,
        "G21, G25",
        "more tags and purges than anyone needs",
        storms::tags_and_purges
    ),
    row!(
        X16,
        D,
        "G20",
        "one pass over many pages while a few are hot",
        floods::scan
    ),
];
