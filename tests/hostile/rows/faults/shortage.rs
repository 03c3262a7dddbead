//! The process is short of something: descriptors, memory, someone who reads what it says.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::crowd::{NOISE, all_alike, eventually, in_time, millis};
use super::quiet::on;
use crate::case::Case;
use crate::client::{Answer, h1};
use crate::launch::Launch;
use crate::origin::Page;
use crate::verdict::{Finding, bound, wanted};

/// Descriptors that the process may have in rows where they are short.
const DESCRIPTORS: u32 = 64;

/// More connections than that.
const TOO_MANY: usize = 80;

/// More clients than the process has descriptors for.
pub(super) async fn descriptors(case: &Case) -> Finding {
    on(
        case,
        Launch::default().descriptors(DESCRIPTORS),
        async |case| {
            let page = case.page();
            let mut visitor = case.connect().await;
            let first = visitor.ask(&case.get(&page.path)).await;
            let crowd = exhausted(case).await;
            let (complaints, before) = (case.subject.complaints(), busy(case));
            let began = Instant::now();
            let mut hits = hits_for_a_second(case, &page, &mut visitor).await;
            let (wall, used) = (millis(began.elapsed()), busy(case) - before);
            let complaints = case.subject.complaints() - complaints;
            // It may get a connection to the origin or not, but it gets an answer.
            let miss = visitor.ask(&case.get(page.with("/other"))).await;
            drop(crowd);
            let after = case.ask(&case.get(&page.path)).await;
            let recovered = in_time(std::slice::from_ref(&after), Duration::from_secs(1));
            let served = in_time(&hits, NOISE);
            hits.extend([first, after]);
            let (told, after_miss) = (matches!(miss.status, 200 | 502 | 503), millis(miss.after));
            all_alike(&hits)
                .and(served)
                .and(bound(
                    "processor time in it",
                    millis(used),
                    wall / 2.0,
                    "ms",
                ))
                .and(bound("complaints", complaints as f64, wall / 25.0, "lines"))
                .and(Finding::of(
                    told,
                    format!("a miss: {} after {after_miss:.0} ms", miss.status),
                ))
                .and(recovered)
        },
    )
    .await
}

/// So many clients that the process has no descriptor left.
async fn exhausted(case: &Case) -> Vec<h1::Connection> {
    let crowd = join_all((0..TOO_MANY).map(|_| case.connect())).await;
    let full = || {
        let figures = case.figures();
        figures.is_none_or(|now| now.descriptors >= DESCRIPTORS as usize)
    };
    eventually("the shortage", full).await;
    crowd
}

fn busy(case: &Case) -> Duration {
    case.figures().map_or(Duration::ZERO, |now| now.busy)
}

/// Asks for the same page again and again.
async fn hits_for_a_second(case: &Case, page: &Page, visitor: &mut h1::Connection) -> Vec<Answer> {
    let mut hits = Vec::new();
    for _ in 0..50 {
        hits.push(visitor.ask(&case.get(&page.path)).await);
        case.let_pass(Duration::from_millis(20)).await;
    }
    hits
}

/// Nobody reads what the process prints, and there is no room for more of it.
pub(super) async fn unheard(case: &Case) -> Finding {
    // One thread serves everything: if that is held up, all are.
    let launch = Launch::default()
        .descriptors(DESCRIPTORS)
        .workers(1)
        .unheard();
    let case = match case.with(&launch).await {
        Ok(case) => &{ case },
        Err(finding) => return finding,
    };
    let page = case.page();
    let mut visitor = case.connect().await;
    let first = visitor.ask(&case.get(&page.path)).await;
    // Each makes it print: the counters, and that it can accept nobody.
    for _ in 0..100 {
        case.subject.signal("USR1").await;
    }
    let crowd = exhausted(case).await;
    let mut hits = hits_for_a_second(case, &page, &mut visitor).await;
    drop(crowd);
    let after = case.ask(&case.get(&page.path)).await;
    let miss = case.ask(&case.get(page.with("/other"))).await;
    let served = in_time(&hits, NOISE);
    hits.extend([first, after]);
    let fetched = wanted(&miss, &page.with("/other"));
    drop(visitor);
    case.subject.signal("TERM").await;
    let status = case.subject.end(Duration::from_secs(2)).await;
    let ended = status.is_some_and(|status| status.success());
    let finding = all_alike(&hits).and(served).and(fetched);
    let finding = finding.and(Finding::of(ended, "ends in order"));
    Finding::new(finding.kind, format!("with {launch}: {}", finding.evidence))
}
