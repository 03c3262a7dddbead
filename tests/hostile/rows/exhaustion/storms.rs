//! Much ado over few connections: resets, frames without a request, purges.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use futures_util::future::join_all;

use super::gauge::{Allowed, Gauge};
use super::load::flood;
use crate::case::Case;
use crate::client::h2::{
    Connection, DATA, PING, RST_STREAM, SETTINGS, WINDOW_UPDATE, fields, frame,
};
use crate::origin::{Page, Recipe, Seen};
use crate::verdict::{Finding, Tried, control_with};

/// What a few busy connections cost the subject, generously.
const CONNECTIONS: Allowed = Allowed::and(6 << 20, "the row's connections");
/// What fetches cost it that are never taken back: a connection to the origin for each.
const STORM: Allowed = Allowed::and(
    (AT_ORIGIN + 200) * (64 << 10),
    "connections to the origin, 64 KiB each",
);
/// Connections that storm at once.
const AT_ONCE: u64 = 8;
/// Resets in one write.
const BATCH: u64 = 50;
/// The default of `origin_limit`.
const AT_ORIGIN: u64 = 1024;

/// X14.
pub(super) async fn resets(case: &Case) -> Finding {
    let count = if case.full { 100_000 } else { 10_000 };
    let mut tried = Tried::default();
    let takes = std::time::Duration::from_millis(50);
    let unstored = STORM.nothing_stored();
    for (label, cache_control, allowed) in [
        ("misses", "max-age=60", STORM),
        ("what is not stored", "no-store", unstored),
    ] {
        for when in [When::AtOnce, When::Begun] {
            let recipe = Recipe::fresh(cache_control).padded(2048).delay(takes);
            let finding = storm(case, recipe, count, when, allowed).await;
            tried.note(format!("{count} resets of {label}, {when:?}"), finding);
        }
    }
    let frames = if case.full { 1_000_000 } else { 100_000 };
    for (label, bytes) in [
        ("PING", frame(PING, 0, 0, b"12345678")),
        ("SETTINGS", frame(SETTINGS, 0, 0, b"\0\x04\0\0\xff\xff")),
        ("WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("PRIORITY", frame(2, 0, 1, &[0, 0, 0, 3, 7])),
        ("empty DATA", frame(DATA, 0, 1, b"")),
        ("unknown frames", frame(0xee, 0, 0, b"x")),
    ] {
        tried.note(
            format!("{frames} frames: {label}"),
            frames_of(case, &bytes, frames).await,
        );
    }
    tried.sum()
}

/// Each opens a stream for a page of its own and resets it at once.
async fn storm(case: &Case, recipe: Recipe, count: u64, when: When, allowed: Allowed) -> Finding {
    let case = &case.alone(&[]).await;
    let page = case.page();
    page.script(recipe);
    let gauge = Gauge::start(case).await;
    let (next, connections) = (AtomicU64::new(0), AtomicU64::new(0));
    let attackers = (0..AT_ONCE).map(|_| async {
        while next.load(Relaxed) < count {
            connections.fetch_add(1, Relaxed);
            let mut connection = case.connect_h2().await;
            resets_over(
                &mut connection,
                &page,
                when,
                || next.fetch_add(BATCH, Relaxed),
                count,
            )
            .await;
        }
    });
    join_all(attackers).await;
    let most = gauge.most();
    let at_once = page.most_at_once_in_all();
    let told = format!(
        "{} connections, {} fetches, {at_once} at once, {} flights at most",
        connections.into_inner(),
        page.count(),
        most.flights
    );
    let capped = Finding::of(at_once <= AT_ORIGIN, told);
    let quiet = gauge.quiet().await;
    gauge.finish(allowed).await.and(capped).and(quiet)
}

/// When a stream is reset.
#[derive(Clone, Copy, Debug)]
enum When {
    /// In one write with the request.
    AtOnce,
    /// Once the subject has read the request.
    Begun,
}

/// Goes on until the subject has enough of this connection.
async fn resets_over(
    connection: &mut Connection,
    page: &Page,
    when: When,
    batch: impl Fn() -> u64,
    count: u64,
) {
    const CANCEL: [u8; 4] = 8_u32.to_be_bytes();
    // A PING is answered once all before it was read, or the connection is over.
    let ping = frame(PING, 0, 0, b"12345678");
    loop {
        let first = batch();
        if first >= count {
            return;
        }
        let (mut requests, mut resets) = (Vec::new(), Vec::new());
        for number in first..first + BATCH {
            let target = page.with(format!("/{number}"));
            let (stream, request) = connection.prepare(&fields("GET", target, "n"), true);
            requests.extend(request);
            resets.extend(frame(RST_STREAM, 0, stream, &CANCEL));
        }
        if matches!(when, When::Begun) {
            requests.extend_from_slice(&ping);
            if !connection.send_bytes(&requests).await || !ponged(connection).await {
                return;
            }
            requests.clear();
        }
        let rest = [requests, resets, ping.clone()].concat();
        if !connection.send_bytes(&rest).await || !ponged(connection).await {
            return;
        }
    }
}

async fn ponged(connection: &mut Connection) -> bool {
    while let Ok(frame) = connection.step().await {
        if frame.kind == PING {
            return true;
        }
    }
    false
}

/// Frames that ask for nothing, and for answers that nobody reads.
async fn frames_of(case: &Case, frame: &[u8], count: usize) -> Finding {
    let case = &case.alone(&[]).await;
    let gauge = Gauge::start(case).await;
    let page = case.page();
    let mut connection = case.connect_h2().await;
    connection
        .request(&fields("POST", &page.path, "n"), false)
        .await;
    let batch = frame.repeat(1000);
    let mut sent = 0;
    while sent < count && connection.send_bytes(&batch).await {
        sent += 1000;
    }
    let told = if sent < count {
        "ended by the subject"
    } else {
        "taken"
    };
    drop(connection);
    let quiet = gauge.quiet().await;
    let bounded = gauge.finish(CONNECTIONS.nothing_stored()).await;
    bounded.and(Finding::safe(told)).and(quiet)
}

/// X15.
pub(super) async fn tags_and_purges(case: &Case) -> Finding {
    let mut tried = Tried::default();
    let tag = "t".repeat(1_000);
    let few = Recipe::fresh("max-age=60").line(format!("Surrogate-Key: {tag} {tag}"));
    let control = control_with(case, few, |request| request).await;
    if !control.is_safe() {
        return control;
    }
    for (label, name, tags, between) in [
        ("300 tags of 1 KB", "Surrogate-Key", 300, " "),
        ("10,000 tags of 1 KB", "Surrogate-Key", 10_000, " "),
        ("300 tags of 1 KB", "Cache-Tag", 300, ","),
    ] {
        let line = format!("{name}: {}", vec![tag.as_str(); tags].join(between));
        tried.note(format!("{label} in {name}"), over_the_cap(case, line).await);
    }
    let purges = if case.full { 200_000 } else { 8_000 };
    for method in ["POST", "DELETE"] {
        tried.note(
            format!("{purges} times {method}"),
            purged(case, method, purges).await,
        );
    }
    tried.sum()
}

/// What could not be purged by a tag that it has is not kept.
async fn over_the_cap(case: &Case, line: String) -> Finding {
    let page = case.page();
    page.script(Recipe::fresh("max-age=60").line(line));
    for asked in 1..=2 {
        let answer = case.ask(&case.get(&page.path)).await;
        let known = matches!(answer.status, 200 | 502);
        if !known || page.count() < asked {
            return Finding::bad(format!("{}, {} fetches", answer.summary(), page.count()));
        }
    }
    Finding::safe("not stored")
}

/// Everyone may change what they may reach. It must not grow, and must not cost those much who
/// read other pages: the visitor's is asked for again now and then at most.
async fn purged(case: &Case, method: &str, count: u64) -> Finding {
    let case = &case.alone(&[]).await;
    let page = case.page();
    let named = |seen: &Seen| {
        let target = String::from_utf8_lossy(&seen.target).into_owned();
        format!("Location: {target}/a\r\nContent-Location: {target}/b").into_bytes()
    };
    page.script(
        Recipe::fresh("no-store")
            .status(201)
            .reflect(named)
            .body("x"),
    );
    let gauge = Gauge::start_for_flood(case).await;
    let change = |n: u64| {
        case.get(page.with(format!("/{n}")))
            .method(method)
            .body("x")
    };
    let tally = flood(case, count, change).await;
    let again = gauge.probe.refetched();
    let told = format!(
        "{}; the visitor's page was fetched again {again} times",
        tally.told()
    );
    let kept = Finding::of(tally.of(201) == count && again <= 20, told);
    gauge.finish(CONNECTIONS.nothing_stored()).await.and(kept)
}
