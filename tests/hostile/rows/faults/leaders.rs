//! Clients that leave, or never read: nobody else is to notice.

use std::time::Duration;

use super::crowd::{Crowd, NOMINAL, all_alike, asked, eventually, in_time, millis, slowest, until};
use super::quiet::{on, quietly};
use crate::case::Case;
use crate::client::{self, Answer};
use crate::launch::Launch;
use crate::origin::{Gate, Page, Recipe};
use crate::verdict::{Finding, Tried, bound};
use crate::wire::End;

/// More than the socket buffers between two processes take, and little enough to be stored.
const LARGE: usize = 7 << 20;

/// More than is stored by default, so that it is read at the pace of its readers.
const TOO_LARGE: u64 = 12 << 20;

/// Followers where bodies are that large.
const FEW: usize = 4;

/// The leader connects, sends its request, and never reads a byte.
pub(super) async fn never_reads(case: &Case) -> Finding {
    quietly(case, async |case| {
        let mut tried = Tried::default();
        let stored = Recipe::new().padded(LARGE);
        tried.note("7 MiB, stored", deaf_leader(case, stored).await);
        let passing = Recipe::new().endless(TOO_LARGE).chunked(64 << 10);
        tried.note("12 MiB, not stored", deaf_leader(case, passing).await);
        tried.sum()
    })
    .await
}

async fn deaf_leader(case: &Case, recipe: Recipe) -> Finding {
    let (page, gate) = (case.page(), Gate::shut());
    page.script(recipe.gate(&gate));
    let requests = (0..=FEW).map(|_| case.get(&page.path)).collect();
    let mut crowd = Crowd::behind_one(case, &page, requests).await;
    let leader = crowd.part();
    gate.open();
    let answers = crowd.answers().await;
    drop(leader);
    // If the leader set the pace they would never be done; the rest is the machine's doing.
    let limit = millis(client::PATIENCE);
    all_alike(&answers).and(asked(&page, 1, 1)).and(bound(
        "the last answer after",
        slowest(&answers),
        limit,
        "ms",
    ))
}

/// Everyone leaves while the origin is still at it.
pub(super) async fn all_leave(case: &Case) -> Finding {
    let launch = Launch::with(&["--fetch-deadline", "1s"]);
    on(case, launch, async |case| {
        let mut tried = Tried::default();
        for (name, by_reset) in [("all reset", true), ("all close", false)] {
            tried.note(name, deserted(case, by_reset).await);
        }
        let page = case.page();
        page.script(Recipe::new().gate(&Gate::shut()));
        Crowd::of(case, &page).await.leave(true);
        until(case, "waiting", |now| now == 0).await;
        tried.note("the origin stays silent", asked(&page, 1, 1));
        tried.sum()
    })
    .await
}

/// The fetch goes on, and whoever comes next finds what it brought.
async fn deserted(case: &Case, by_reset: bool) -> Finding {
    let (page, gate) = (case.page(), Gate::shut());
    page.script(Recipe::new().gate(&gate));
    Crowd::of(case, &page).await.leave(by_reset);
    gate.open();
    eventually("the end of the fetch", || page.under_way() == 0).await;
    let next = case.ask(&case.get(&page.path)).await;
    all_alike(&[next]).and(asked(&page, 1, 1))
}

impl Crowd {
    /// All clients go, with a RST or in order.
    fn leave(self, by_reset: bool) {
        for client in self.clients {
            if by_reset {
                client.reset();
            }
        }
    }
}

/// The leader goes, and so do followers whose own deadlines pass first: one fetch, one answer.
pub(super) async fn impatient(case: &Case) -> Finding {
    quietly(case, async |case| {
        let (page, gate) = (case.page(), Gate::shut());
        page.script(Recipe::new().gate(&gate));
        let requests = (0..4).map(|_| case.get(&page.path)).collect();
        let mut crowd = Crowd::behind_one(case, &page, requests).await;
        crowd.part().reset();
        for deadline in [20, 60] {
            let mut follower = crowd.part();
            follower.patience(Duration::from_millis(deadline));
            let answer = follower.answer("GET").await;
            if answer.end != End::Silent {
                return Finding::bad(format!("before the origin: {}", answer.summary()));
            }
            follower.reset();
        }
        gate.open();
        let answers = crowd.answers().await;
        all_alike(&answers)
            .and(asked(&page, 1, 1))
            .and(in_time(&answers, NOMINAL))
    })
    .await
}

/// The leader goes at each point of the answer.
pub(super) async fn leader_leaves(case: &Case) -> Finding {
    quietly(case, async |case| {
        let mut tried = Tried::default();
        for by_reset in [true, false] {
            let how = if by_reset { "reset" } else { "close" };
            for (point, place) in [
                ("before the head", At::Head(0)),
                ("in the head", At::Head(20)),
                ("behind the head", At::Body(0)),
                ("in the body", At::Body(30_000)),
            ] {
                let finding = without_leader(case, place, by_reset).await;
                tried.note(format!("{how} {point}"), finding);
            }
        }
        tried.sum()
    })
    .await
}

/// Where the origin's answer stops until the leader has gone.
#[derive(Clone, Copy)]
enum At {
    Head(u64),
    Body(u64),
}

async fn without_leader(case: &Case, place: At, by_reset: bool) -> Finding {
    let (page, gate) = (case.page(), Gate::shut());
    let recipe = Recipe::new().padded(60_000);
    page.script(match place {
        At::Head(bytes) => recipe.gate_in_head(bytes, &gate),
        At::Body(bytes) => recipe.gate_at(bytes, &gate),
    });
    let mut crowd = Crowd::of(case, &page).await;
    let mut leader = crowd.part();
    if let At::Body(1..) = place {
        // It has begun to read when it goes.
        assert!(leader.begins().await, "the answer has begun");
    }
    if by_reset {
        leader.reset();
    } else {
        drop(leader);
    }
    gate.open();
    let answers = crowd.answers().await;
    all_alike(&answers)
        .and(asked(&page, 1, 1))
        .and(in_time(&answers, Duration::from_secs(1)))
}

/// The one whose request began a refresh goes before that is done.
pub(super) async fn refresher_leaves(case: &Case) -> Finding {
    quietly(case, async |case| {
        let mut tried = Tried::default();
        tried.note("with the answer unread", refreshed(case, false).await);
        tried.note("behind the answer", refreshed(case, true).await);
        tried.sum()
    })
    .await
}

async fn refreshed(case: &Case, reads: bool) -> Finding {
    let (page, gate) = (case.page(), Gate::shut());
    // Stale as it comes, but useful for a minute.
    let stale = Recipe::fresh("max-age=60, stale-while-revalidate=60").line("Age: 61");
    page.script(stale.times(1))
        .script(Recipe::new().gate(&gate));
    let first = case.ask(&case.get(&page.path)).await;
    let request = case.get(&page.path);
    let mut client = case.send(request.bytes()).await;
    let mut served = None;
    if reads {
        served = Some(client.answer("GET").await);
    }
    if !page.arrived(2).await {
        return Finding::bad("no refresh reaches the origin");
    }
    client.reset();
    gate.open();
    if let Some(served) = served.filter(|served| served.serial() != first.serial()) {
        return Finding::bad(format!("not the stale copy: {}", served.summary()));
    }
    renewed(case, &page, &first).await
}

/// The refresh is done: a new answer is served without the origin.
async fn renewed(case: &Case, page: &Page, first: &Answer) -> Finding {
    eventually("the end of the refresh", || page.under_way() == 0).await;
    until(case, "flights", |now| now == 0).await;
    let next = case.ask(&case.get(&page.path)).await;
    let new = next.serial() > first.serial();
    let seen = format!("{} after {:.0} ms", next.summary(), millis(next.after));
    if !new {
        return Finding::bad(seen);
    }
    all_alike(&[next]).and(asked(page, 2, 1))
}
