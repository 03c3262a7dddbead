//! Answers that stop, or come in drops.

use std::time::Duration;

use super::crowd::{Crowd, NOISE, all_alike, all_got, asked, in_time, tally};
use super::quiet::{on, quietly};
use crate::case::Case;
use crate::client::{Answer, h2};
use crate::launch::Launch;
use crate::origin::{Cut, Gate, Recipe};
use crate::verdict::{Finding, Tried};

const BODY: usize = 2000;

/// Where a body with a length is cut.
const BYTES: [(&str, u64); 3] = [
    ("at once", 0),
    ("half way", 1000),
    ("one byte early", BODY as u64 - 1),
];

/// A chunk of 500 bytes with its size and line ends.
const CHUNK: u64 = 507;

/// Where a body in chunks is cut.
const CHUNKS: [(&str, u64); 5] = [
    ("in a chunk's size", 2),
    ("in a chunk", 300),
    ("between chunks", CHUNK),
    ("before the last chunk", 4 * CHUNK),
    ("in the last chunk", 4 * CHUNK + 3),
];

const ENDS: [(&str, Cut); 2] = [("closed", Cut::Close), ("reset", Cut::Reset)];

/// An answer that is cut in its body is cut for everyone, and not stored.
pub(super) async fn in_the_body(case: &Case) -> Finding {
    quietly(case, async |case| {
        let body = Recipe::new().padded(BODY);
        let mut tried = Tried::default();
        for (how, cut) in ENDS {
            for (place, bytes) in BYTES {
                let finding = cut_for_all(case, body.clone().cut_at(bytes, cut)).await;
                tried.note(format!("{how} {place}"), finding);
            }
            for (place, bytes) in CHUNKS {
                let recipe = body.clone().chunked(500).cut_at(bytes, cut);
                tried.note(format!("{how} {place}"), cut_for_all(case, recipe).await);
            }
        }
        let unframed = body.until_close().cut_at(1000, Cut::Reset);
        let finding = cut_for_all(case, unframed).await;
        tried.note("reset, where the end of the connection is the end", finding);
        tried.note("told over HTTP/2", cut_over_h2(case).await);
        tried.sum()
    })
    .await
}

async fn cut_for_all(case: &Case, recipe: Recipe) -> Finding {
    let (page, gate) = (case.page(), Gate::shut());
    page.script(recipe.gate(&gate).times(1));
    let mut crowd = Crowd::of(case, &page).await;
    gate.open();
    let answers = crowd.answers().await;
    let next = case.ask(&case.get(&page.path)).await;
    all_failed(&answers)
        .and(asked(&page, 2, 1))
        .and(all_alike(&[next]))
}

/// All were told that something is wrong: by a cut, or by an error where the head was lost too.
fn all_failed(answers: &[Answer]) -> Finding {
    let told = |answer: &Answer| !answer.is_whole() || answer.status == 502;
    let good = answers.iter().all(told);
    Finding::of(
        good,
        if good {
            "told to all".to_owned()
        } else {
            tally(answers)
        },
    )
}

async fn cut_over_h2(case: &Case) -> Finding {
    let (page, gate) = (case.page(), Gate::shut());
    page.script(
        Recipe::new()
            .padded(BODY)
            .cut_at(1000, Cut::Close)
            .gate(&gate)
            .times(1),
    );
    let mut client = case.connect_h2().await;
    let fields = h2::fields("GET", &page.path, "leader");
    let stream = client.request(&fields, true).await;
    assert!(page.arrived(1).await, "the origin is not asked");
    gate.open();
    let cut = client.answer(stream).await;
    let again = client.ask(&fields).await;
    all_failed(&[cut])
        .and(asked(&page, 2, 1))
        .and(all_alike(&[again]))
}

/// Half a head, and then nothing.
pub(super) async fn in_the_head(case: &Case) -> Finding {
    // Over a connection that was used before, a GET would be sent again.
    let flags = ["--fetch-deadline", "1s", "--origin-idle", "0"];
    on(case, Launch::with(&flags), async |case| {
        let mut tried = Tried::default();
        for (place, bytes) in [
            ("in the status line", 7),
            ("in a field", 40),
            ("between lines", 17),
        ] {
            for (how, cut) in ENDS {
                let recipe = Recipe::new().cut_in_head(bytes, cut);
                let finding = headless(case, recipe, 502, Duration::ZERO).await;
                tried.note(format!("{how} {place}"), finding);
            }
        }
        let silent = Recipe::new().cut_in_head(40, Cut::Hang);
        let deadline = Duration::from_secs(1);
        tried.note(
            "silent in a field",
            headless(case, silent, 504, deadline).await,
        );
        let dripping = Recipe::new().drip(1, Duration::from_millis(30));
        let finding = headless(case, dripping, 504, deadline).await;
        tried.note("a byte every 30 ms, which is too slow", finding);
        tried.sum()
    })
    .await
}

/// All are told at the same time, and the page is well again with the next fetch.
async fn headless(case: &Case, recipe: Recipe, status: u16, after: Duration) -> Finding {
    let (page, gate) = (case.page(), Gate::shut());
    page.script(recipe.gate(&gate).times(1));
    let mut crowd = Crowd::of(case, &page).await;
    gate.open();
    let answers = crowd.answers().await;
    let next = case.ask(&case.get(&page.path)).await;
    all_got(&answers, status)
        .and(in_time(&answers, after + NOISE))
        .and(all_alike(&[next]))
}

/// An answer in drops is still an answer, for those who come in the middle too.
pub(super) async fn drips(case: &Case) -> Finding {
    let launch = Launch::with(&["--store-deadline", "500ms"]);
    on(case, launch, async |case| {
        let mut tried = Tried::default();
        tried.note("within the time for storing", dripped(case, 4, 1).await);
        tried.note("past the time for storing", dripped(case, 20, 2).await);
        tried.sum()
    })
    .await
}

/// Twenty drops with a pause between them; `calls` says whether it is stored.
async fn dripped(case: &Case, pause: u64, calls: u64) -> Finding {
    let page = case.page();
    let pause = Duration::from_millis(pause);
    page.script(Recipe::new().padded(BODY).drip(BODY / 40, pause));
    let mut crowd = Crowd::of(case, &page).await;
    assert!(crowd.clients[0].begins().await, "the answer begins");
    let late = (0..10).map(|_| case.get(&page.path)).collect();
    let mut late = Crowd::at_once(case, late).await;
    let (mut answers, late) = tokio::join!(crowd.answers(), late.answers());
    answers.extend(late);
    let one = asked(&page, 1, 1);
    let next = case.ask(&case.get(&page.path)).await;
    let finding = all_alike(&answers).and(one).and(all_got(&[next], 200));
    finding.and(asked(&page, calls, 1))
}
