//! What is held for many clients at once.

use std::time::Duration;

use futures_util::future::join_all;

use super::crowd::{NOISE, all_alike, asked, eventually, in_time, millis, until};
use super::quiet::on;
use crate::case::Case;
use crate::client::{Request, h1};
use crate::launch::Launch;
use crate::origin::{Page, Recipe};
use crate::verdict::{Finding, Tried, bound};
use crate::wire::End;

/// How many read a page while it is evicted.
const READERS: usize = 100;

/// How many of them read at a time, so that the lab need not hold all they get.
const AT_ONCE: usize = 10;

/// What is stored in all, and the page: more than the socket buffers of a connection take.
const ROOM: [&str; 4] = ["--capacity", "16MiB", "--max-object-size", "4MiB"];
const CAPACITY_BYTES: f64 = (16 << 20) as f64;
const PAGE: usize = 4 << 20;

/// What a process may hold beyond what is stored: code, threads, buffers of connections.
const BESIDE: f64 = (32 << 20) as f64;

/// A stored page goes while many clients read it, and others want its room.
pub(super) async fn evicted_under_readers(case: &Case) -> Finding {
    let mut tried = Tried::default();
    let change = |request: Request| request.method("POST").body("new");
    let finding = on(case, Launch::with(&ROOM), async |case| {
        evicted(case, change).await
    })
    .await;
    tried.note("made invalid by a POST", finding);
    let renew = |request: Request| request.line("Cache-Control: no-cache");
    let finding = on(case, Launch::with(&ROOM), async |case| {
        evicted(case, renew).await
    })
    .await;
    tried.note("replaced by a newer one", finding);
    tried.sum()
}

async fn evicted(case: &Case, by: impl Fn(Request) -> Request) -> Finding {
    let page = case.page();
    page.script(Recipe::new().padded(PAGE).when_method("GET"));
    let first = case.ask(&case.get(&page.path)).await;
    let requests: Vec<Request> = (0..READERS).map(|_| case.get(&page.path)).collect();
    let mut readers = join_all(requests.iter().map(|request| case.send(request.bytes()))).await;
    for reader in &mut readers {
        assert!(reader.begins().await, "a hit begins");
    }
    let only_one = asked(&page, 1, 1);
    case.ask(&by(case.get(&page.path))).await;
    let again = case.ask(&case.get(&page.path)).await;
    let gone = Finding::of(again.serial() != first.serial(), "it is another page now");
    crowd_out(case).await;
    let stored = case.stat("stored_bytes").await.unwrap_or(0);
    let alike = all_read(readers, &first.body.bytes).await;
    until(case, "waiting", |now| now == 0).await;
    let resident = case.figures().map_or(0, |now| now.resident);
    only_one
        .and(gone)
        .and(alike)
        .and(bound("stored", stored as f64, CAPACITY_BYTES, "bytes"))
        .and(bound(
            "resident afterwards",
            resident as f64,
            1.25 * CAPACITY_BYTES + BESIDE,
            "bytes",
        ))
}

/// Has other pages stored, several times what there is room for, each wanted more than once.
async fn crowd_out(case: &Case) {
    let others = case.page();
    others.script(Recipe::new().padded(PAGE / 2));
    for n in 0..16 {
        for _ in 0..4 {
            case.ask(&case.get(others.with(format!("/{n}")))).await;
        }
    }
}

/// All of them read to the end, and get the bytes that the first one got.
async fn all_read(mut readers: Vec<h1::Connection>, expected: &[u8]) -> Finding {
    let mut wrong = 0;
    while !readers.is_empty() {
        let mut some = readers.split_off(readers.len().saturating_sub(AT_ONCE));
        let answers = join_all(some.iter_mut().map(|reader| reader.answer("GET"))).await;
        let other = answers
            .iter()
            .filter(|answer| answer.body.bytes != expected);
        wrong += other.count();
    }
    Finding::of(wrong == 0, format!("{wrong} of {READERS} bodies differ"))
}

/// Connections that do nothing.
const IDLE: usize = 1000;

/// What one of them may take in the process, buffers of the runtime included.
const EACH: f64 = (16 << 10) as f64;

/// A thousand connections on which nothing comes.
pub(super) async fn idle_connections(case: &Case) -> Finding {
    let finding = on(case, Launch::default(), crowded_by_idlers).await;
    let impatient = Launch::with(&["--header-timeout", "1s"]);
    finding.and(on(case, impatient, turned_out).await)
}

/// They cost little, and hold nobody up.
async fn crowded_by_idlers(case: &Case) -> Finding {
    let page = case.page();
    let mut hits = vec![case.ask(&case.get(&page.path)).await];
    let Some(before) = case.figures() else {
        return Finding::not_applicable("needs the figures of its process");
    };
    let many = affordable(IDLE);
    let idlers = join_all((0..many).map(|_| case.connect())).await;
    // The few descriptors of its own aside.
    let taken = || case.figures().is_none_or(|now| now.descriptors >= many);
    eventually("that many connections", taken).await;
    let mut visitor = case.connect().await;
    for _ in 0..50 {
        hits.push(visitor.ask(&case.get(&page.path)).await);
    }
    let now = case.figures().unwrap_or(before);
    drop(idlers);
    let more = now.resident.saturating_sub(before.resident) as f64;
    let used = millis(now.busy.saturating_sub(before.busy));
    all_alike(&hits)
        .and(in_time(&hits, NOISE))
        .and(bound(
            &format!("each of {many}"),
            more / many as f64,
            EACH,
            "bytes",
        ))
        .and(bound("processor time in all", used, 1000.0, "ms"))
}

/// Those that take too long over a request are closed, whether they have begun one or not.
async fn turned_out(case: &Case) -> Finding {
    let page: Page = case.page();
    let whole = case.get(&page.path).bytes();
    let mut idlers = Vec::new();
    for n in 0..200 {
        let begun = if n % 2 == 0 { 0 } else { whole.len() / 2 };
        idlers.push(case.send(&whole[..begun]).await);
    }
    for idler in &mut idlers {
        idler.patience(Duration::from_secs(1) + NOISE);
    }
    let ends = join_all(idlers.iter_mut().map(|idler| idler.rest())).await;
    let closed = ends
        .iter()
        .filter(|(_, end)| matches!(end, End::Cut | End::Reset));
    let closed = closed.count();
    let all = ends.len();
    Finding::of(
        closed == all,
        format!("{closed} of {all} are closed in time"),
    )
}

/// So many, or as many as this process may open besides its own.
fn affordable(most: usize) -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok());
    let soft: usize = soft.unwrap_or(1024);
    most.min(soft.saturating_sub(200))
}
