//! Clients that speak oddly, but within their rights; and an origin that is one of them.

use std::time::Duration;

use super::crowd::{NOISE, all_alike, all_got, asked, in_time, millis};
use super::quiet::{on, quietly};
use crate::case::Case;
use crate::client::{Answer, Request};
use crate::launch::Launch;
use crate::origin::{Cut, Gate, Page, Recipe};
use crate::verdict::{Finding, Tried};

/// A client closes its sending side behind the request, and waits.
pub(super) async fn half_close(case: &Case) -> Finding {
    quietly(case, async |case| {
        let (page, gate) = (case.page(), Gate::shut());
        page.script(Recipe::new().gate(&gate));
        let mut client = case.send(case.get(&page.path).bytes()).await;
        client.finish().await;
        assert!(page.arrived(1).await, "the origin is not asked");
        gate.open();
        let fetched = client.answer("GET").await;
        let mut client = case.send(case.get(&page.path).bytes()).await;
        client.finish().await;
        let hit = client.answer("GET").await;
        let closed = client.is_closed().await;
        all_alike(&[fetched, hit])
            .and(asked(&page, 1, 1))
            .and(Finding::of(closed, "closed behind the answer"))
    })
    .await
}

/// A request comes byte by byte, once as a miss and once as a hit.
pub(super) async fn byte_by_byte(case: &Case) -> Finding {
    quietly(case, async |case| {
        let page = case.page();
        let mut answers = Vec::new();
        let mut client = case.connect().await;
        for _ in 0..2 {
            let request = case.get(&page.path);
            for byte in request.bytes() {
                client.send([byte]).await;
                tokio::task::yield_now().await;
            }
            answers.push(client.answer("GET").await);
        }
        all_alike(&answers).and(asked(&page, 1, 1))
    })
    .await
}

/// The origin answers before it has the request's body, of which the client has more to send.
pub(super) async fn early_answer(case: &Case) -> Finding {
    quietly(case, async |case| {
        let mut tried = Tried::default();
        let refusal = Recipe::new().status(413).early();
        tried.note("413", answered_early(case, refusal.clone(), 413).await);
        // The rest of the request then meets a closed port, and is answered with a RST.
        let last = refusal.line("Connection: close").body(REFUSAL);
        let last = last.cut_at(REFUSAL.len() as u64, Cut::Close);
        let finding = answered_early(case, last, 413).await;
        tried.note("413 and the end of the connection", finding);
        let fine = Recipe::new().early();
        tried.note("200", answered_early(case, fine, 200).await);
        tried.sum()
    })
    .await
}

const REFUSAL: &str = "too large";

async fn answered_early(case: &Case, recipe: Recipe, status: u16) -> Finding {
    const PART: &[u8] = &[b'x'; 1000];
    let page = case.page();
    page.script(recipe.times(1));
    let upload = case
        .get(&page.path)
        .method("POST")
        .line("Content-Length: 3000");
    let mut client = case.send(upload.bytes()).await;
    client.send(PART).await;
    let answer = client.answer("POST").await;
    // The rest is sent after the answer, whether anyone wants it or not.
    client.send(PART).await;
    client.send(PART).await;
    let next = case.ask(&case.get(&page.path)).await;
    let answers = [answer];
    all_got(&answers, status)
        .and(in_time(&answers, NOISE))
        .and(all_alike(&[next]))
}

/// The origin asks the subject for the very page that it is making.
pub(super) async fn recursion(case: &Case) -> Finding {
    let launch = Launch::with(&["--fetch-deadline", "1s"]);
    on(case, launch, async |case| {
        let mut tried = Tried::default();
        let page = case.page();
        tried.note("/a asks for /a", circle(case, &page, &["/a"]).await);
        let page = case.page();
        tried.note(
            "/a asks for /b, which asks for /a",
            circle(case, &page, &["/a", "/b"]).await,
        );
        tried.sum()
    })
    .await
}

/// Each page is made with the help of the next one, and the last with that of the first.
async fn circle(case: &Case, page: &Page, parts: &[&str]) -> Finding {
    let gate = Gate::shut();
    page.script(Recipe::new().gate(&gate).times(parts.len() as u32));
    let mut clients = Vec::new();
    let mut via = String::new();
    for part in parts {
        let request = asking_for(case, page, part, &via);
        clients.push(case.send(request.bytes()).await);
        assert!(
            page.arrived(clients.len() as u64).await,
            "the origin is not asked"
        );
        via = page
            .last()
            .and_then(|seen| seen.header("via"))
            .unwrap_or_default();
    }
    let inner = case.ask(&asking_for(case, page, parts[0], &via)).await;
    // Now the origin can go on, with whatever it got.
    gate.open();
    let mut outer: Vec<Answer> = Vec::new();
    for client in &mut clients {
        outer.push(client.answer("GET").await);
    }
    let next = case.ask(&case.get(page.with(parts[0]))).await;
    let (status, after) = (inner.status, millis(inner.after));
    let seen = format!("the innermost request got {status} after {after:.0} ms");
    let ended = Finding::of(inner.is_whole(), seen);
    ended
        .and(in_time(&[inner], Duration::from_secs(1) + NOISE))
        .and(in_time(&outer, Duration::from_secs(1) + NOISE))
        .and(all_alike(&[next]))
}

/// What a server sends that passes on where a request has been.
fn asking_for(case: &Case, page: &Page, part: &str, via: &str) -> Request {
    let request = case.get(page.with(part));
    if via.is_empty() {
        return request;
    }
    request.line(format!("Via: {via}"))
}
