//! E: cached errors. One client causes an error, and everyone else must go on getting the page.

mod cut;
mod redirects;
mod statuses;
mod triggers;

use super::{Row, row};
use crate::at_once::{Order, beside};
use crate::case::Case;
use crate::origin::{Page, Recipe};
use crate::verdict::{Checked, Finding, all_clean};

pub(super) const ROWS: &[Row] = &[
    row!(
        E03,
        D,
        "G8",
        "fields by which one client causes an error",
        triggers::negotiable
    ),
    row!(
        E04,
        D,
        "G8",
        "a page that is missing, and then published",
        statuses::published
    ),
    row!(
        E05,
        D,
        "G8",
        "an empty success in place of a page",
        statuses::empty
    ),
    row!(
        E06,
        D,
        "G1 G5",
        "two kinds of one page, asked for at once",
        redirects::two_kinds
    ),
    row!(
        E08,
        I,
        "G3 G6",
        "redirections that repeat what the request said, or lead nowhere",
        redirects::poison
    ),
    row!(
        E09,
        D,
        "G8",
        "refusals that are meant for one client",
        statuses::refusals
    ),
    row!(
        E10,
        I,
        "G4",
        "answers that end before their end, or have several",
        cut::incomplete
    ),
];

/// The lifetime that allows the most.
const LONG: &str = "Cache-Control: public, max-age=60, s-maxage=60, immutable";

/// What an origin may say of an error page's lifetime.
const LIFETIMES: [&str; 5] = [
    "",
    "Cache-Control: max-age=60",
    LONG,
    "Cache-Control: max-age=0, stale-while-revalidate=600, stale-if-error=600",
    "Expires: Fri, 01 Jan 2100 00:00:00 GMT",
];

/// What was there before: nothing, a fresh page, or one that is validated each time.
const BEFORE: [&str; 3] = ["", "max-age=60", "no-cache"];

fn error(status: u16, lifetime: &str) -> Recipe {
    let recipe = Recipe::fresh("").status(status);
    recipe.line(lifetime).line("X-Error: {nonce}")
}

/// A page, stored before if the row wants it so.
async fn page_with(case: &Case, kind: &str) -> Page {
    let page = case.page();
    if !kind.is_empty() {
        page.script(Recipe::fresh(kind));
        case.ask(&case.get(&page.path)).await;
    }
    page
}

/// The error with each lifetime, and with each page that may have been there before. Those who
/// wait for the same answer may share it if `shared`.
async fn in_every_way(
    case: &Case,
    line: &str,
    lifetimes: &[&str],
    shared: bool,
    recipe: impl Fn(&str) -> Recipe,
) -> Checked {
    for lifetime in lifetimes {
        for kind in BEFORE {
            // To those who wait it makes no difference how long the error lives.
            let shared = shared || !kind.is_empty() || *lifetime != LONG;
            let found = only_ones_own(case, kind, &recipe(lifetime), line, shared).await;
            Finding::from(found)
                .within(format!("{lifetime:?} {kind:?}"))
                .checked()?;
        }
    }
    Ok(Finding::safe("everyone else gets the page"))
}

/// The attacker's request is answered by `recipe`, whatever comes for it from the store; then,
/// and if it is `shared` by none who wait, meanwhile, others ask for the page and must get it.
async fn only_ones_own(
    case: &Case,
    kind: &str,
    recipe: &Recipe,
    line: &str,
    shared: bool,
) -> Checked {
    // What is fresh has to be got past for the origin to be asked at all.
    let push = if kind == BEFORE[1] {
        "Cache-Control: no-cache"
    } else {
        ""
    };
    let orders = if shared { 1 } else { 3 };
    let answered = std::slice::from_ref(recipe);
    for order in &Order::ALL[..orders] {
        let page = page_with(case, kind).await;
        let attack = case.get(&page.path).line(line).line(push);
        let others = [case.get(&page.path), case.get(&page.path)];
        let plain = Recipe::new();
        let served = beside(case, &page, *order, &attack, answered, &others, &plain).await;
        let marks = [&attack.nonce[..], "evil"];
        all_clean(&served, page.path.as_bytes(), &marks)?;
    }
    Ok(Finding::safe("everyone else gets the page"))
}
