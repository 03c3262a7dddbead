//! Connections to the origin that are not what they seem.

use std::time::Duration;

use super::crowd::{Crowd, NOISE, all_alike, all_got, all_wait, asked, eventually, in_time};
use super::quiet::{on, quietly};
use crate::case::Case;
use crate::launch::Launch;
use crate::origin::{Cut, Failing, Gate, Recipe};
use crate::verdict::{Finding, Tried, clean, wanted};

/// The kernel makes connections, and nobody reads them.
pub(super) async fn nobody_reads(case: &Case) -> Finding {
    let launch = Launch::with(&["--fetch-deadline", "1s"]);
    on(case, launch, async |case| {
        let page = case.page();
        let outage = case.origin.fail(Failing::Deaf).await;
        let requests = (0..51).map(|_| case.get(&page.path)).collect();
        let mut crowd = Crowd::at_once(case, requests).await;
        all_wait(case, 51).await;
        let answers = crowd.answers().await;
        drop(outage);
        let next = case.ask(&case.get(&page.path)).await;
        all_got(&answers, 504)
            .and(in_time(&answers, Duration::from_secs(1) + NOISE))
            .and(all_alike(&[next]))
    })
    .await
}

/// The origin closes a connection just when it is used again.
pub(super) async fn closed_at_reuse(case: &Case) -> Finding {
    quietly(case, async |case| {
        let mut tried = Tried::default();
        for (how, cut) in [("closed", Cut::Close), ("reset", Cut::Reset)] {
            tried.note(format!("{how} at a GET"), got_again(case, cut).await);
            tried.note(format!("{how} at a POST"), posted_once(case, cut).await);
        }
        tried.note("closed behind each answer", closed_behind(case).await);
        tried.sum()
    })
    .await
}

/// A request that changes nothing is sent once more, and nobody notices.
async fn got_again(case: &Case, cut: Cut) -> Finding {
    let (page, gate) = (case.page(), Gate::shut());
    page.script(Recipe::new().gate(&gate).cut_before_head(cut).times(1));
    warm_up(case).await;
    let mut crowd = Crowd::of(case, &page).await;
    gate.open();
    all_alike(&crowd.answers().await).and(asked(&page, 2, 1))
}

/// A request that may have changed something is not.
async fn posted_once(case: &Case, cut: Cut) -> Finding {
    let page = case.page();
    page.script(Recipe::new().cut_before_head(cut).times(1));
    warm_up(case).await;
    let answer = case
        .ask(&case.get(&page.path).method("POST").body("x"))
        .await;
    all_got(&[answer], 502).and(asked(&page, 1, 1))
}

/// Leaves the subject with an idle connection to the origin.
async fn warm_up(case: &Case) {
    let page = case.page();
    let answer = case.ask(&case.get(&page.path)).await;
    assert!(
        wanted(&answer, page.path.as_bytes()).is_safe(),
        "the origin is well"
    );
}

/// Each connection ends with its first answer, without a word in advance.
async fn closed_behind(case: &Case) -> Finding {
    const BODY: &str = "a page";
    let page = case.page();
    page.script(
        Recipe::new()
            .body(BODY)
            .cut_at(BODY.len() as u64, Cut::Close),
    );
    let mut answers = Vec::new();
    for n in 0..20 {
        answers.push(case.ask(&case.get(page.with(format!("/{n}")))).await);
    }
    all_alike(&answers)
}

/// What nobody asked for, and nobody must get.
const STRAY: &str =
    "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 12\r\n\r\nserial=stray";

/// More comes on a connection than was asked for.
pub(super) async fn extra_bytes(case: &Case) -> Finding {
    quietly(case, async |case| {
        let mut tried = Tried::default();
        let told = |status: u16, line: &str, body: &str| {
            let recipe = Recipe::new().status(status).line(line);
            recipe.body(format!("{body}{STRAY}")).told()
        };
        for (name, recipe) in [
            ("behind a length", told(200, "Content-Length: 6", "a page")),
            (
                "behind the last chunk",
                told(
                    200,
                    "Transfer-Encoding: chunked",
                    "6\r\na page\r\n0\r\n\r\n",
                ),
            ),
            ("behind a 204", told(204, "", "")),
            (
                "behind a length of zero",
                told(200, "Content-Length: 0", ""),
            ),
        ] {
            tried.note(name, strayed(case, recipe, &Gate::shut()).await);
        }
        let later = Gate::shut();
        let idle = told(200, "Content-Length: 6", "a page").gate_at(6, &later);
        let finding = strayed(case, idle, &later).await;
        tried.note("on a connection at rest", finding);
        tried.sum()
    })
    .await
}

/// Whoever asks afterwards gets what the origin made for them.
async fn strayed(case: &Case, recipe: Recipe, gate: &Gate) -> Finding {
    let page = case.page();
    page.script(recipe.times(1));
    let first = case.ask(&case.get(&page.path)).await;
    gate.open();
    eventually("the stray answer", || page.under_way() == 0).await;
    if first.shows("stray") {
        return Finding::bad(format!("handed on: {}", first.summary()));
    }
    for n in 0..10 {
        let target = page.with(format!("/{n}"));
        let answer = case.ask(&case.get(&target)).await;
        let judged = clean(&answer, &target, &["stray"]);
        if !judged.is_safe() {
            return judged;
        }
    }
    Finding::safe("nobody gets it")
}
