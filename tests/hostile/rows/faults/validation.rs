//! Validation that goes wrong.

use super::crowd::{Crowd, all_alike, all_got, asked};
use super::quiet::{on, quietly};
use crate::case::Case;
use crate::client::Answer;
use crate::launch::Launch;
use crate::origin::{Cut, Gate, Page, Recipe};
use crate::verdict::{Finding, Tried};

/// Stale as it comes, with a tag that is always the same.
fn stale() -> Recipe {
    tagged("max-age=60").line("Age: 61")
}

fn tagged(cache_control: &str) -> Recipe {
    Recipe::fresh(cache_control)
        .without("ETag")
        .line("ETag: \"a\"")
}

/// A 304 comes when there is nothing any more that it could be about.
pub(super) async fn nothing_to_refresh(case: &Case) -> Finding {
    let small = ["--capacity", "1MiB", "--max-object-size", "256k"];
    on(case, Launch::with(&small), async |case| {
        let mut tried = Tried::default();
        tried.note("changed by a POST meanwhile", changed(case).await);
        tried.note("crowded out meanwhile", crowded_out(case).await);
        tried.note("a 304 for another tag", other_tag(case).await);
        tried.note("a 304 that nobody asked for", unasked(case).await);
        tried.sum()
    })
    .await
}

/// Stores a stale answer, and leaves a crowd that waits for its validation.
async fn validating(case: &Case, page: &Page, gate: &Gate, body: usize) -> (Answer, Crowd) {
    page.script(stale().padded(body).times(1).when_method("GET"));
    let not_modified = Recipe::not_modified("\"a\"").gate(gate);
    page.script(not_modified.when_header("if-none-match", "a"));
    let first = case.ask(&case.get(&page.path)).await;
    (first, Crowd::of(case, page).await)
}

async fn changed(case: &Case) -> Finding {
    let (page, gate) = (case.page(), Gate::shut());
    let (_, mut crowd) = validating(case, &page, &gate, 0).await;
    let change = case.get(&page.path).method("POST").body("new");
    let change = case.ask(&change).await;
    gate.open();
    let answers = crowd.answers().await;
    let newer = answers
        .iter()
        .all(|answer| answer.serial() > change.serial());
    let last = page.last().and_then(|seen| seen.header("if-none-match"));
    all_alike(&answers)
        .and(Finding::of(newer, "made after the change"))
        .and(Finding::of(last.is_none(), "asked without a condition"))
        .and(asked(&page, 4, 2))
}

/// Only as much is stored as two of these pages take.
async fn crowded_out(case: &Case) -> Finding {
    const BODY: usize = 200_000;
    let (page, gate) = (case.page(), Gate::shut());
    let (first, mut crowd) = validating(case, &page, &gate, BODY).await;
    let others = case.page();
    others.script(Recipe::new().padded(BODY));
    for n in 0..8 {
        for _ in 0..10 {
            case.ask(&case.get(others.with(format!("/{n}")))).await;
        }
    }
    gate.open();
    let mut answers = crowd.answers().await;
    answers.push(first);
    all_alike(&answers).and(asked(&page, 2, 1))
}

async fn other_tag(case: &Case) -> Finding {
    let page = case.page();
    page.script(stale().times(1));
    page.script(Recipe::not_modified("\"b\"").when_header("if-none-match", "a"));
    let first = case.ask(&case.get(&page.path)).await;
    let next = case.ask(&case.get(&page.path)).await;
    let newer = next.serial() > first.serial();
    all_alike(&[next])
        .and(Finding::of(newer, "another answer"))
        .and(asked(&page, 3, 1))
}

async fn unasked(case: &Case) -> Finding {
    let (page, gate) = (case.page(), Gate::shut());
    page.script(Recipe::not_modified("\"a\"").gate(&gate));
    let mut crowd = Crowd::of(case, &page).await;
    gate.open();
    all_got(&crowd.answers().await, 502).and(asked(&page, 1, 1))
}

/// The origin fails at the validation of what is stored.
pub(super) async fn fails(case: &Case) -> Finding {
    quietly(case, async |case| {
        let mut tried = Tried::default();
        for status in [500, 502, 503, 504] {
            let failure = Recipe::new().status(status);
            let inside = inside_window(case, failure.clone()).await;
            tried.note(format!("{status} inside of stale-if-error"), inside);
            let outside = outside_window(case, failure, status).await;
            tried.note(format!("{status} outside of stale-if-error"), outside);
        }
        let gone = Recipe::new().cut_before_head(Cut::Close);
        let inside = inside_window(case, gone.clone()).await;
        tried.note("no answer inside of stale-if-error", inside);
        let outside = outside_window(case, gone, 502).await;
        tried.note("no answer outside of stale-if-error", outside);
        tried.sum()
    })
    .await
}

/// Stored as it comes, after so many seconds at the origin.
fn aged(seconds: u32) -> Recipe {
    tagged("max-age=60, stale-if-error=60").line(format!("Age: {seconds}"))
}

async fn inside_window(case: &Case, failure: Recipe) -> Finding {
    let page = case.page();
    page.script(aged(61).times(1)).script(failure);
    let mut answers = vec![case.ask(&case.get(&page.path)).await];
    answers.push(case.ask(&case.get(&page.path)).await);
    let calls = page.count();
    // Now the failure is known, and nobody needs to find it out again.
    for _ in 0..10 {
        answers.push(case.ask(&case.get(&page.path)).await);
    }
    let more = page.count() - calls;
    all_alike(&answers).and(Finding::of(
        more <= 1,
        format!("{more} more calls for ten more"),
    ))
}

/// The failure is told, and what is stored can still be validated afterwards.
async fn outside_window(case: &Case, failure: Recipe, status: u16) -> Finding {
    let page = case.page();
    page.script(aged(121).times(1)).script(failure.times(2));
    page.script(Recipe::not_modified("\"a\"").when_header("if-none-match", "a"));
    let first = case.ask(&case.get(&page.path)).await;
    let second = case.ask(&case.get(&page.path)).await;
    let mut third = case.ask(&case.get(&page.path)).await;
    if third.status == status {
        third = case.ask(&case.get(&page.path)).await;
    }
    let kept = all_alike(&[first, third]);
    all_got(&[second], status).and(kept)
}
