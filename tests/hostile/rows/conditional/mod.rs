//! R: ranges, conditions and encodings.

mod encodings;
mod not_modified;
mod ranges;
mod unasked;

use std::future::Future;

use futures_util::future::join;

use super::{Row, row};
use crate::case::{Case, OVER};
use crate::client::Answer;
use crate::origin::{Page, Recipe, Seen};
use crate::verdict::{Finding, Tried};

pub(super) const ROWS: &[Row] = &[
    row!(
        R01,
        D,
        "G4",
        "a part that is stored as the whole",
        ranges::part_as_whole
    ),
    row!(
        R02,
        D,
        "G4 G8",
        "a part that nobody asked for",
        ranges::unasked_part
    ),
    row!(
        R06,
        I,
        "G4",
        "parts by a validator that does not stand for these very bytes",
        ranges::if_range
    ),
    row!(
        R07,
        D,
        "G7",
        "a 304 for one who has nothing",
        unasked::unasked
    ),
    row!(
        R08,
        C,
        "G7",
        "a 304 that speaks of another representation",
        not_modified::of_another
    ),
    row!(
        R09,
        I,
        "G7",
        "a 304 that says how the body is framed",
        not_modified::reframing
    ),
    row!(
        R10,
        C,
        "G1 G7",
        "a 304 that makes a page private",
        not_modified::turning_private
    ),
    row!(
        R12,
        D,
        "G20 G21",
        "304s that add to what is stored each time",
        not_modified::growing
    ),
    row!(
        R13,
        I,
        "G5",
        "a coding that depends on the request, without Vary",
        encodings::without_vary
    ),
    row!(
        R14,
        D,
        "G5 G21",
        "the grammar of Accept-Encoding, and junk in it",
        encodings::grammar
    ),
];

/// How a page that was stored comes to be asked about: because it must be each time, or because
/// it is stale, with or without leave to serve it meanwhile.
const KINDS: [&str; 3] = [
    "no-cache",
    "max-age=1",
    "max-age=1, stale-while-revalidate=60",
];

/// A page that the origin knows by the tag `"right"`.
fn tagged(cache_control: &str) -> Recipe {
    let tag = "ETag: \"right\"\r\nContent-Type: text/plain";
    Recipe::fresh(cache_control).without("ETag").line(tag)
}

/// Lets the page be stored with this `Cache-Control`, and grow stale.
async fn stored(case: &Case, page: &Page, recipe: Recipe, kind: &str) -> Answer {
    page.script(recipe);
    let first = case.ask(&case.get(&page.path)).await;
    if kind != KINDS[0] {
        case.let_pass(OVER).await;
    }
    first
}

fn is_conditional(seen: &Seen) -> bool {
    seen.header("if-none-match").is_some() || seen.header("if-modified-since").is_some()
}

/// What is tried, if pages are stored and validated at all.
async fn where_validated(case: &Case, trying: impl Future<Output = Tried>) -> Finding {
    let (control, tried) = join(validates(case), trying).await;
    if control.is_safe() {
        tried.sum()
    } else {
        control
    }
}

/// The control: pages are stored and validated. A subject that never does either is told so
/// instead of being called safe.
async fn validates(case: &Case) -> Finding {
    let page = case.page();
    page.script(Recipe::not_modified("\"right\"").when(is_conditional));
    let first = stored(case, &page, tagged("max-age=1"), "max-age=1").await;
    let second = case.ask(&case.get(&page.path)).await;
    let asked = page.last().is_some_and(|last| is_conditional(&last));
    if page.count() == 2 && asked && second.status == 200 && second.serial() == first.serial() {
        return Finding::safe("control: what is stale is validated");
    }
    let (calls, seen) = (page.count(), second.summary());
    Finding::no_control(format!(
        "control: a stale page was not validated: {calls} origin calls, then {seen}"
    ))
}
