//! What a crowd waited for turns out to be no answer for a crowd.

use std::time::Duration;

use super::crowd::{
    Crowd, FOLLOWERS, NOISE, NOMINAL, all_alike, all_cut, all_got, asked, in_time, millis, slowest,
};
use super::quiet::{on, quietly};
use crate::case::Case;
use crate::client::{Answer, Request};
use crate::launch::Launch;
use crate::origin::{Cut, Gate, Page, Recipe};
use crate::verdict::{Finding, Tried, bound, own};

/// The origin hangs for longer than a fetch may take.
pub(super) async fn hangs(case: &Case) -> Finding {
    let flags = ["--fetch-deadline", "1s", "--body-idle-deadline", "1s"];
    on(case, Launch::with(&flags), async |case| {
        let mut tried = Tried::default();
        let nothing = Recipe::new().gate(&Gate::shut());
        tried.note("before the head", hung(case, nothing, Some(504)).await);
        let half = Recipe::new().padded(2000).gate_at(1000, &Gate::shut());
        tried.note("in the body", hung(case, half, None).await);
        tried.sum()
    })
    .await
}

/// All are told once, in time; whoever comes next starts another fetch.
async fn hung(case: &Case, recipe: Recipe, status: Option<u16>) -> Finding {
    let page = case.page();
    page.script(recipe.times(1));
    let answers = Crowd::of(case, &page).await.answers().await;
    let told = match status {
        Some(status) => all_got(&answers, status),
        None => all_cut(&answers),
    };
    let next = case.ask(&case.get(&page.path)).await;
    let limit = millis(Duration::from_secs(1) + NOISE);
    told.and(bound("after", slowest(&answers), limit, "ms"))
        .and(all_alike(&[next]))
        .and(asked(&page, 2, 2))
}

/// The answer may not be shared: everyone asks for themselves, at the same time.
pub(super) async fn uncacheable(case: &Case) -> Finding {
    quietly(case, async |case| {
        let mut tried = Tried::default();
        for (name, recipe) in [
            ("no-store", Recipe::fresh("no-store")),
            ("private", Recipe::fresh("private, max-age=60")),
            ("a cookie", Recipe::new().line("Set-Cookie: sid={serial}")),
            ("Vary: *", Recipe::new().line("Vary: *")),
        ] {
            let page = case.page();
            let requests = (0..=FOLLOWERS).map(|_| case.get(&page.path)).collect();
            let finding = released(case, &page, recipe.clone(), requests).await;
            let next = next_burst(case, &page, recipe).await;
            tried.note(name, finding.and(next));
        }
        let page = case.page();
        let of_its_own = |n| case.get(&page.path).line(format!("X-Own: {n}"));
        let requests = (0..=FOLLOWERS).map(of_its_own).collect();
        let recipe = Recipe::new().line("Vary: X-Own");
        let finding = released(case, &page, recipe, requests).await;
        tried.note("another variant for each", finding);
        tried.note("in time", total_time(case).await);
        tried.sum()
    })
    .await
}

/// None of the answers is given before all have been asked for: they are in parallel.
async fn released(case: &Case, page: &Page, recipe: Recipe, requests: Vec<Request>) -> Finding {
    let (first, others) = (Gate::shut(), Gate::shut());
    page.script(recipe.clone().gate(&first).times(1));
    page.script(recipe.gate(&others));
    let everyone = requests.len() as u64;
    let mut crowd = Crowd::behind_one(case, page, requests).await;
    first.open();
    if !page.arrived(everyone).await {
        let calls = page.count();
        return Finding::bad(format!("one by one: {calls} calls for {everyone}"));
    }
    others.open();
    let answers = crowd.answers().await;
    let calls = Finding::of(page.count() == everyone, format!("{} calls", page.count()));
    all_got(&answers, 200)
        .and(all_own(&answers, &crowd.requests))
        .and(calls)
}

fn all_own(answers: &[Answer], requests: &[Request]) -> Finding {
    let mut pairs = answers
        .iter()
        .zip(requests)
        .map(|(answer, request)| own(answer, request));
    pairs
        .find(|finding| !finding.is_safe())
        .unwrap_or(Finding::safe("each its own"))
}

/// The page is remembered: the next ones do not wait for each other.
async fn next_burst(case: &Case, page: &Page, recipe: Recipe) -> Finding {
    let (before, gate) = (page.count(), Gate::shut());
    page.unscript();
    page.script(recipe.gate(&gate));
    let requests: Vec<Request> = (0..10).map(|_| case.get(&page.path)).collect();
    let mut crowd = Crowd::at_once(case, requests).await;
    let parallel = page.arrived(before + 10).await;
    gate.open();
    let answers = crowd.answers().await;
    Finding::of(parallel, "ten more are not held up").and(all_own(&answers, &crowd.requests))
}

/// In all it takes no longer than two answers of the origin.
async fn total_time(case: &Case) -> Finding {
    let page = case.page();
    page.script(Recipe::fresh("no-store").delay(NOMINAL));
    let requests = (0..=FOLLOWERS).map(|_| case.get(&page.path)).collect();
    let answers = Crowd::at_once(case, requests).await.answers().await;
    let (measured, limit) = (slowest(&answers), millis(2 * NOMINAL + NOISE));
    bound("the last of all after", measured, limit, "ms")
}

/// The origin fails: one attempt is enough for all.
pub(super) async fn fails(case: &Case) -> Finding {
    quietly(case, async |case| {
        let mut tried = Tried::default();
        for status in [500, 502, 503, 504] {
            let plain = Recipe::new().status(status);
            tried.note(format!("{status}"), failed(case, plain, status).await);
        }
        let unshared = Recipe::fresh("no-store").status(500);
        tried.note("500, no-store", failed(case, unshared, 500).await);
        let later = Recipe::fresh("").status(503).line("Retry-After: 9");
        tried.note("503, Retry-After", failed(case, later, 503).await);
        for (name, cut) in [("reset", Cut::Reset), ("closed", Cut::Close)] {
            let gone = Recipe::new().cut_before_head(cut);
            tried.note(name, failed(case, gone, 502).await);
        }
        tried.note("500, with a stale copy", covered(case).await);
        tried.sum()
    })
    .await
}

async fn failed(case: &Case, recipe: Recipe, status: u16) -> Finding {
    let (page, gate) = (case.page(), Gate::shut());
    page.script(recipe.gate(&gate));
    let mut crowd = Crowd::of(case, &page).await;
    gate.open();
    let answers = crowd.answers().await;
    // A request on a connection that was used before, and ends without a word, is sent again.
    let calls = if status == 502 {
        page.count().min(2)
    } else {
        1
    };
    all_got(&answers, status)
        .and(asked(&page, calls, 1))
        .and(in_time(&answers, Duration::from_millis(50) + NOISE))
}

async fn covered(case: &Case) -> Finding {
    let (page, gate) = (case.page(), Gate::shut());
    page.script(stale_but_useful().times(1));
    page.script(Recipe::new().status(500).gate(&gate));
    let first = case.ask(&case.get(&page.path)).await;
    let mut crowd = Crowd::of(case, &page).await;
    gate.open();
    let mut answers = crowd.answers().await;
    let in_time = in_time(&answers, Duration::from_millis(50) + NOISE);
    answers.push(first);
    all_alike(&answers).and(asked(&page, 2, 1)).and(in_time)
}

/// Stale as it comes, and good in place of an error for a minute.
fn stale_but_useful() -> Recipe {
    Recipe::fresh("max-age=60, stale-if-error=60").line("Age: 61")
}

/// Two fetches of one page, with a change in between: the older one must not win by being slow.
pub(super) async fn older_ends_last(case: &Case) -> Finding {
    quietly(case, async |case| {
        let mut tried = Tried::default();
        for method in ["POST", "PUT", "DELETE"] {
            for (name, in_body) in [("without a head yet", false), ("in its body", true)] {
                let finding = overtaken(case, method, in_body).await;
                tried.note(format!("{method}, the older {name}"), finding);
            }
        }
        tried.sum()
    })
    .await
}

async fn overtaken(case: &Case, method: &'static str, in_body: bool) -> Finding {
    let (page, gate) = (case.page(), Gate::shut());
    let slow = Recipe::new().padded(2000).when_method("GET").times(1);
    page.script(if in_body {
        slow.gate_at(1000, &gate)
    } else {
        slow.gate(&gate)
    });
    let mut older = case.send(case.get(&page.path).bytes()).await;
    let under_way = page.arrived(1).await && (!in_body || older.begins().await);
    assert!(under_way, "the origin's answer reaches nobody");
    let change = case.get(&page.path).method(method).body("new");
    let changed = case.ask(&change).await;
    let newer = case.ask(&case.get(&page.path)).await;
    if newer.serial() <= changed.serial() {
        return Finding::bad(format!("from before the change: {}", newer.summary()));
    }
    gate.open();
    let older = older.answer("GET").await;
    let last = case.ask(&case.get(&page.path)).await;
    all_got(&[older], 200)
        .and(all_alike(&[newer, last]))
        .and(asked(&page, 3, 2))
}
