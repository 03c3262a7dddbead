//! Bodies without an end, and readers who take for ever.

use std::time::Duration;

use super::gauge::{Allowed, Gauge};
use crate::case::Case;
use crate::client::{Answer, h1, h2};
use crate::origin::{Gate, Page, Recipe};
use crate::verdict::{Finding, Tried};
use crate::wire::End;

/// The largest object that is stored, unless told otherwise.
const OBJECT: u64 = 8 << 20;

/// What someone who reads slowly makes the subject hold: what was read ahead of the origin for
/// them, and what is written ahead to them.
const READER: u64 = 256 << 10;

/// X04. An answer that may be stored and never ends.
pub(super) async fn endless(case: &Case) -> Finding {
    let long: u64 = if case.full { 10 << 30 } else { 150 << 20 };
    let mut tried = Tried::default();
    for (label, length, shape) in [
        ("in chunks", long, chunked as fn(Recipe) -> Recipe),
        ("in small chunks", long / 10, |recipe| recipe.chunked(100)),
        ("until the connection ends", long, Recipe::until_close),
        ("of a length that is told", long, |recipe| recipe),
    ] {
        let recipe = shape(Recipe::fresh("max-age=600").endless(length));
        tried.note(
            format!("{} MiB {label}", length >> 20),
            through(case, recipe).await,
        );
    }
    tried.note("forty at once, read a little", unread(case).await);
    for (label, recipe) in endless_heads() {
        tried.note(label, head(case, recipe).await);
    }
    tried.sum()
}

fn chunked(recipe: Recipe) -> Recipe {
    recipe.chunked(64 << 10)
}

/// All of it arrives, little of it is held, and none of it stays.
async fn through(case: &Case, recipe: Recipe) -> Finding {
    let case = &case.alone(&[]).await;
    let page = case.page();
    page.script(recipe);
    let gauge = Gauge::start(case).await;
    let mut connection = case.connect().await;
    connection.keep(0);
    let answer = connection.ask(&case.get(&page.path)).await;
    let whole = Finding::of(answer.is_whole(), format!("{:?}", answer.end));
    let quiet = gauge.quiet().await;
    let kept = case.stat("stored_keys").await;
    let dropped = Finding::of(
        kept.is_none_or(|kept| kept == 1),
        "only the visitor's page is stored",
    );
    let fetched = Finding::of(page.count() == 1, "one fetch");
    // What is in flight until it has grown too large, with what lies around its pieces.
    let allowed = Allowed::and(8 << 20, "one transfer").storing(OBJECT + (1 << 20));
    let bounded = gauge.finish(allowed).await;
    bounded.and(whole).and(quiet).and(dropped).and(fetched)
}

/// Answers of which the beginning is read, and then no more for a while.
async fn unread(case: &Case) -> Finding {
    let case = &case.alone(&[]).await;
    let page = case.page();
    page.script(
        Recipe::fresh("max-age=600")
            .endless(64 << 20)
            .chunked(16 << 10),
    );
    let gauge = Gauge::start(case).await;
    let mut readers = Vec::new();
    for n in 0..40 {
        let mut reader = h1::Connection::open_narrow(case.subject.address).await;
        reader
            .send(case.get(page.with(format!("/{n}"))).bytes())
            .await;
        reader.sip(1000).await.expect("the beginning of an answer");
        readers.push(reader);
    }
    gauge.settled().await;
    drop(readers);
    let quiet = gauge.quiet().await;
    let allowed = Allowed::and(40 * READER, "forty readers, 256 KiB each");
    gauge.finish(allowed).await.and(quiet)
}

/// Answers that do not get as far as a body.
fn endless_heads() -> [(&'static str, Recipe); 4] {
    let new = || Recipe::fresh("max-age=600");
    let early = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".repeat(50_000);
    let extension = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(8 << 20));
    let trailers = format!("5\r\nhello\r\n0\r\n{}\r\n", "X: y\r\n".repeat(1 << 20));
    [
        (
            "a head of 16 MB",
            new().line("X: y\r\n".repeat(2_700_000) + "X: y"),
        ),
        (
            "50,000 interim answers",
            new().status_line(early + "HTTP/1.1 200 OK"),
        ),
        (
            "a chunk with 8 MB of extension",
            new()
                .line("Transfer-Encoding: chunked")
                .body(extension)
                .told(),
        ),
        (
            "6 MB of trailers",
            new()
                .line("Transfer-Encoding: chunked")
                .body(trailers)
                .told(),
        ),
    ]
}

async fn head(case: &Case, recipe: Recipe) -> Finding {
    let case = &case.alone(&[]).await;
    let page = case.page();
    page.script(recipe);
    let gauge = Gauge::start(case).await;
    let answer = case.ask(&case.get(&page.path)).await;
    let ended = answer.end != End::Silent;
    let quiet = gauge.quiet().await;
    let told = format!("{} {:?}", answer.status, answer.end);
    let allowed = Allowed::and(8 << 20, "one head").nothing_stored();
    let bounded = gauge.finish(allowed).await;
    bounded.and(Finding::of(ended, told)).and(quiet)
}

/// X07. The first who asks takes for ever to read; the next must not.
pub(super) async fn slow_leader(case: &Case) -> Finding {
    let case = &case.alone(&[]).await;
    let gauge = Gauge::start(case).await;
    let mut tried = Tried::default();
    let five = || Recipe::fresh("max-age=600").endless(5 << 20);
    for (label, recipe) in [
        ("5 MB", five()),
        ("5 MB in chunks", five().chunked(16 << 10)),
        ("5 MB until the connection ends", five().until_close()),
        (
            "5 MB of no lifetime",
            Recipe::fresh("max-age=0").endless(5 << 20),
        ),
        (
            "20 MB in chunks",
            Recipe::fresh("max-age=600")
                .endless(20 << 20)
                .chunked(64 << 10),
        ),
    ] {
        tried.note(
            format!("{label}, over HTTP/1"),
            beside_h1(case, recipe.clone()).await,
        );
        tried.note(
            format!("{label}, over HTTP/2"),
            beside_h2(case, recipe).await,
        );
    }
    tried.note("a leader that does not send its body", unsent(case).await);
    tried.note("twenty of them, each with 7 MB", many(case).await);
    let allowed = Allowed::and(30 * READER, "thirty readers, 256 KiB each");
    tried
        .sum()
        .and(gauge.quiet().await)
        .and(gauge.finish(allowed).await)
}

/// The victim joins while the answer is still coming, unless nobody may join.
async fn beside_h1(case: &Case, recipe: Recipe) -> Finding {
    let (page, gate) = held(case, recipe);
    let mut leader = h1::Connection::open_narrow(case.subject.address).await;
    leader.send(case.get(&page.path).bytes()).await;
    let judged = victim(case, &page, &gate).await;
    judged.and(Finding::of(
        leader.sip(1).await.is_ok(),
        "the leader goes on",
    ))
}

async fn beside_h2(case: &Case, recipe: Recipe) -> Finding {
    let (page, gate) = held(case, recipe);
    let mut leader = case.connect_h2().await;
    // INITIAL_WINDOW_SIZE 1.
    leader.send(h2::SETTINGS, 0, 0, b"\0\x04\0\0\0\x01").await;
    leader.reading = false;
    leader
        .request(&h2::fields("GET", &page.path, "leader"), true)
        .await;
    victim(case, &page, &gate).await
}

/// A page whose answer stops after 100 KB until the gate is opened.
fn held(case: &Case, recipe: Recipe) -> (Page, Gate) {
    let (page, gate) = (case.page(), Gate::shut());
    page.script(recipe.gate_at(100_000, &gate));
    (page, gate)
}

async fn victim(case: &Case, page: &Page, gate: &Gate) -> Finding {
    page.arrived(1).await;
    let mut connection = case.connect().await;
    connection.keep(0);
    connection.send(case.get(&page.path).bytes()).await;
    // Joined, or asked the origin for itself: either way the rest is let go.
    gate.open();
    let answer = connection.answer("GET").await;
    fast(&answer)
}

/// At the origin's speed, which is that of this machine: far faster than its reader's.
fn fast(answer: &Answer) -> Finding {
    let whole = answer.is_whole() && answer.status == 200;
    let told = format!(
        "{} {:?} {} bytes",
        answer.status, answer.end, answer.body.length
    );
    Finding::of(
        whole,
        if whole {
            "whole at the origin's speed".to_owned()
        } else {
            told
        },
    )
}

/// A GET whose body never comes is nobody's leader.
async fn unsent(case: &Case) -> Finding {
    let page = case.page();
    let leader = case.get(&page.path).line("Content-Length: 1000");
    let _leader = case.send(leader.bytes()).await;
    fast(&case.ask(&case.get(&page.path)).await)
}

/// Everything that may be held is held for them; whoever comes is answered all the same.
async fn many(case: &Case) -> Finding {
    let page = case.page();
    page.script(
        Recipe::fresh("max-age=600")
            .endless(7 << 20)
            .when_target("/large"),
    );
    let mut leaders = Vec::new();
    for n in 0..20 {
        let mut leader = h1::Connection::open_narrow(case.subject.address).await;
        leader
            .send(case.get(page.with(format!("/large{n}"))).bytes())
            .await;
        leader.sip(100).await.expect("the beginning of an answer");
        leaders.push(leader);
    }
    let (first, second) = (case.get(page.with("/new")), case.get(page.with("/new")));
    let one = case.ask(&first).await;
    let two = case.ask(&second).await;
    let stored = one.serial() == two.serial();
    let told = if stored {
        "a new page is stored beside"
    } else {
        "a new page is not stored beside"
    };
    fast(&one).and(fast(&two)).and(Finding::safe(told))
}

/// X09. Many read a large page slowly, while it is replaced again and again.
///
/// In the small size the last generations find no room any more. In the large one the kernel's
/// buffers would not do for that: two megabytes for each reader, and as much for a fetch of its own.
pub(super) async fn slow_readers(case: &Case) -> Finding {
    const LARGE: u64 = 7 << 20;
    let (readers, generations) = if case.full { (500, 9) } else { (300, 12) };
    let case = &case.alone(&[]).await;
    let page = case.page();
    page.script(
        Recipe::fresh("max-age=600")
            .endless(LARGE)
            .when_method("GET"),
    );
    let gauge = Gauge::start(case).await;
    let mut slow = Vec::new();
    for _ in 0..generations {
        for _ in 0..readers / generations {
            let mut reader = h1::Connection::open_narrow(case.subject.address).await;
            reader.send(case.get(&page.path).bytes()).await;
            reader.sip(100).await.expect("the beginning of an answer");
            slow.push(reader);
        }
        // What is stored is no longer valid: the next one brings another.
        case.ask(&case.get(&page.path).method("POST").body("x"))
            .await;
    }
    gauge.settled().await;
    let mut last = Finding::safe("no reader");
    if let Some(mut reader) = slow.pop() {
        last = finishes(&mut reader, LARGE).await;
    }
    drop(slow);
    let quiet = gauge.quiet().await;
    let allowed = Allowed::and(readers as u64 * READER, "the readers, 256 KiB each");
    gauge.finish(allowed).await.and(quiet).and(last)
}

/// A reader that goes on gets the rest, or is told that it was cut off.
async fn finishes(reader: &mut h1::Connection, length: u64) -> Finding {
    reader.patience(Duration::from_secs(5));
    let mut read = 0;
    while read < length {
        match reader.sip(1 << 20).await {
            Ok(bytes) => read += bytes.len() as u64,
            Err(End::Cut | End::Reset) => return Finding::safe("cut off, and told so"),
            Err(end) => return Finding::bad(format!("{end:?} after {read} bytes")),
        }
    }
    Finding::safe("the last reader got all of it")
}
