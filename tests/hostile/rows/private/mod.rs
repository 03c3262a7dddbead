//! P: private data, and how the directives that protect it are read.

mod ageing;
mod credentials;
mod directives;
mod set_cookie;
mod shapes;
mod users;

use super::{Row, row};
use crate::case::Case;
use crate::origin::Recipe;
use crate::verdict::{Finding, Tried, not_stored};

pub(super) const ROWS: &[Row] = &[
    row!(
        P01,
        C,
        "G1",
        "answers to Authorization that are merely fresh",
        credentials::authorization
    ),
    row!(
        P02,
        C,
        "G1 G2",
        "directives that give no leave to share with Authorization",
        credentials::no_leave
    ),
    row!(
        P03,
        C,
        "G1",
        "answers to a cookie that are merely fresh",
        credentials::cookie
    ),
    row!(
        P04,
        C,
        "G1",
        "answers that set a cookie",
        set_cookie::stored
    ),
    row!(
        P05,
        C,
        "G1 G14",
        "fifty who wait while a cookie is minted",
        set_cookie::crowd
    ),
    row!(
        P06,
        C,
        "G7",
        "a 304 that sets a cookie",
        set_cookie::not_modified
    ),
    row!(
        P07,
        C,
        "G2",
        "directives in any letter case",
        directives::letter_case
    ),
    row!(
        P08,
        C,
        "G2",
        "directives on another line",
        directives::lines
    ),
    row!(
        P09,
        C,
        "G2",
        "private and no-cache with field names",
        directives::qualified
    ),
    row!(
        P10,
        C,
        "G2",
        "white space in and around field names",
        directives::spaces
    ),
    row!(
        P11,
        C,
        "G2",
        "field names that are none",
        directives::degenerate
    ),
    row!(
        P12,
        I,
        "G2",
        "commas and quotes inside quotes",
        directives::quotes
    ),
    row!(P13, I, "G2 G10", "numbers at the edge", ageing::numbers),
    row!(
        P14,
        I,
        "G10 G30",
        "ages and dates at the edge",
        ageing::dates
    ),
    row!(
        P15,
        C,
        "G10",
        "must-revalidate and its kin when the origin is down",
        ageing::must_revalidate
    ),
    row!(P17, I, "G2", "Pragma", directives::pragma),
    row!(
        P18,
        C,
        "G2",
        "answers put together from public and private parts",
        shapes::merged
    ),
    row!(P19, C, "G1 G4", "trailers", shapes::trailers),
    row!(
        P20,
        C,
        "G1",
        "fields that Connection names",
        shapes::nominated
    ),
    row!(
        P21,
        C,
        "G1",
        "what is derived from a private page",
        shapes::derived
    ),
    row!(
        P40,
        C,
        "G2",
        "restrictions with rubbish around them",
        directives::rubbish
    ),
    row!(
        P41,
        C,
        "G2",
        "other fields that speak of caching",
        directives::other_fields
    ),
    row!(
        P42,
        C,
        "G1",
        "two users on one connection",
        users::one_connection
    ),
    row!(
        P43,
        C,
        "G1 G16",
        "a refresh that is caused by one who is known",
        users::refresh
    ),
    row!(
        P44,
        C,
        "G1 G14",
        "private answers and those who wait for them",
        users::waiting
    ),
];

/// Origins that say this instead of `Cache-Control: max-age=60`: a second client must be answered
/// by the origin, and not with what the first one got.
async fn each_private(case: &Case, lines: &[impl AsRef<[u8]>]) -> Finding {
    let mut tried = Tried::default();
    for line in lines {
        tried.note(line, private(case, line.as_ref()).await);
    }
    tried.sum()
}

/// One of these. An answer that is no HTTP to the subject is a 502, and not stored either.
async fn private(case: &Case, line: &[u8]) -> Finding {
    let page = case.page();
    page.script(Recipe::fresh("").line(line));
    case.ask(&case.get(&page.path)).await;
    not_stored(case, &page, &case.get(&page.path)).await
}
