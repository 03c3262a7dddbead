//! S11. Several requests in one write: as many answers, in their order, each of its own length.

use super::smuggled;
use crate::case::Case;
use crate::client::{Answer, Request};
use crate::origin::{Page, Recipe};
use crate::verdict::{Finding, Tried, wanted};

pub(super) async fn mixed(case: &Case) -> Finding {
    let mut tried = Tried::default();
    tried.note("HEAD hit, GET hit, GET miss, GET hit", four(case).await);
    tried.note(
        "what has no body, before and behind hits",
        bodiless(case).await,
    );
    tried.note("two hundred, hits and misses", many(case).await);
    tried.note("bodies between", bodies(case).await);
    tried.note("slow before fast", slow_first(case).await);
    for error in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: good.test\r\nContent-Length: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: good.test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "CONNECT good.test:443 HTTP/1.1\r\nHost: good.test:443\r\n\r\n",
        "garbage\r\n\r\n",
        "\0",
        "PUT / HTTP/1.1\r\nHost: good.test\r\nExpect: x\r\nContent-Length: 9\r\n\r\n",
    ] {
        tried.note(error, behind_an_error(case, error).await);
    }
    tried.note(
        "behind an error of the origin",
        behind_a_bad_answer(case).await,
    );
    tried.note("behind Connection: close", behind_close(case).await);
    tried.sum()
}

/// Sends them in one write and reads as many answers.
async fn pipelined(case: &Case, requests: &[Request]) -> Vec<Answer> {
    let bytes: Vec<u8> = requests.iter().flat_map(Request::bytes).collect();
    let mut connection = case.send(bytes).await;
    let mut answers = Vec::new();
    for request in requests {
        answers.push(connection.answer(&request.method).await);
    }
    answers
}

/// A page that is stored, and its serial number.
async fn stored(case: &Case, page: &Page, rest: &str) -> Option<u64> {
    case.ask(&case.get(page.with(rest))).await.serial()
}

async fn four(case: &Case) -> Finding {
    let page = case.page();
    let hit = stored(case, &page, "/hit").await;
    let get = |rest: &str| case.get(page.with(rest));
    let requests = [
        get("/hit").method("HEAD"),
        get("/hit"),
        get("/miss"),
        get("/hit"),
    ];
    let answers = pipelined(case, &requests).await;
    let head = &answers[0];
    if head.status != 200 || head.header("content-length").is_none() {
        return Finding::bad(format!("HEAD: {}", head.summary()));
    }
    for (answer, request) in answers.iter().zip(&requests).skip(1) {
        let judged = wanted(answer, &request.target);
        if !judged.is_safe() {
            return judged;
        }
    }
    let hits = answers[1].serial() == hit && answers[3].serial() == hit;
    Finding::of(hits && page.count() == 2, "each its own")
}

/// 304, 204, 206, 416 and HEAD have bodies of other lengths than their pages, or none.
async fn bodiless(case: &Case) -> Finding {
    let page = case.page();
    page.script(
        Recipe::fresh("no-store")
            .status(204)
            .body("")
            .told()
            .when_target("/none"),
    );
    page.script(
        Recipe::new()
            .line("Last-Modified: Thu, 01 Jan 2015 00:00:00 GMT")
            .chunked(10),
    );
    let tag = case.ask(&case.get(page.with("/hit"))).await.header("etag");
    let get = |rest: &str| case.get(page.with(rest));
    let requests = [
        get("/hit").line(format!("If-None-Match: {}", tag.unwrap_or_default())),
        get("/hit").line("Range: bytes=0-3"),
        get("/hit").line("Range: bytes=0-1,3-4"),
        get("/hit").line("Range: bytes=999999-"),
        get("/hit").line("If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT"),
        get("/none"),
        get("/hit").method("HEAD").line("Range: bytes=0-3"),
        get("/miss").method("HEAD"),
        get("/none").method("HEAD"),
        get("/last"),
    ];
    let answers = pipelined(case, &requests).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    let whole = answers.iter().all(Answer::is_whole);
    let last = wanted(
        &answers[answers.len() - 1],
        &requests[requests.len() - 1].target,
    );
    if !whole || !last.is_safe() {
        return Finding::bad(format!("{statuses:?}, the last: {}", last.evidence));
    }
    Finding::safe("each of its own length")
}

async fn many(case: &Case) -> Finding {
    let page = case.page();
    stored(case, &page, "/hit").await;
    let requests: Vec<Request> = (0..200)
        .map(|_| match case.draw() % 4 {
            0 => case.get(page.with(format!("/{}", case.draw()))),
            1 => case.get(page.with("/hit")).line("Cache-Control: no-cache"),
            _ => case.get(page.with("/hit")),
        })
        .collect();
    let answers = pipelined(case, &requests).await;
    let judged = answers
        .iter()
        .zip(&requests)
        .map(|(answer, request)| wanted(answer, &request.target));
    judged.fold(Finding::safe("all in order"), |sum, next| {
        match sum.is_safe() {
            true if next.is_safe() => sum,
            true => next,
            false => sum,
        }
    })
}

/// What is inside a body is not a request.
async fn bodies(case: &Case) -> Finding {
    let page = case.page();
    stored(case, &page, "/hit").await;
    let inside = smuggled(&page);
    let post = |rest: &str| case.get(page.with(rest)).method("POST");
    let chunked = format!("{:x}\r\n{inside}\r\n0\r\n\r\n", inside.len());
    let mut bytes = post("/a").body(&inside).bytes();
    bytes.extend(case.get(page.with("/hit")).bytes());
    bytes.extend(post("/b").line("Transfer-Encoding: chunked").bytes());
    bytes.extend(chunked.bytes());
    // A GET with a body is rare and legal.
    bytes.extend(case.get(page.with("/hit")).body(&inside).bytes());
    bytes.extend(case.get(page.with("/hit")).bytes());
    let mut connection = case.send(bytes).await;
    for target in ["/a", "/hit", "/b", "/hit", "/hit"] {
        let answer = connection.answer("POST").await;
        let judged = wanted(&answer, &page.with(target));
        if !judged.is_safe() {
            return judged;
        }
    }
    let reached = page
        .seen()
        .iter()
        .any(|seen| seen.target_has(super::SMUGGLED));
    Finding::of(!reached, "bodies are no requests")
}

/// An answer that is ready must wait for the one before it.
async fn slow_first(case: &Case) -> Finding {
    let page = case.page();
    stored(case, &page, "/hit").await;
    let gate = crate::origin::Gate::shut();
    page.script(Recipe::new().gate(&gate).when_target("/slow"));
    let requests = [case.get(page.with("/slow")), case.get(page.with("/hit"))];
    let bytes: Vec<u8> = requests.iter().flat_map(Request::bytes).collect();
    let mut connection = case.send(bytes).await;
    page.arrived(2).await;
    gate.open();
    let first = connection.answer("GET").await;
    let second = connection.answer("GET").await;
    wanted(&first, &requests[0].target).and(wanted(&second, &requests[1].target))
}

/// Behind what is refused nothing is read: what looks like the next request may be its body.
async fn behind_an_error(case: &Case, error: &str) -> Finding {
    let page = case.page();
    stored(case, &page, "/hit").await;
    let before = case.get(page.with("/hit"));
    let bytes = [before.bytes(), error.into(), smuggled(&page).into()].concat();
    let mut connection = case.send(bytes).await;
    let first = connection.answer("GET").await;
    let judged = wanted(&first, &before.target);
    if !judged.is_safe() {
        return judged;
    }
    let second = connection.answer("GET").await;
    let refused = matches!(second.status, 0 | 400..=499 | 501);
    let (rest, _) = connection.rest().await;
    let reached = page
        .seen()
        .iter()
        .any(|seen| seen.target_has(super::SMUGGLED));
    if !refused || !rest.is_empty() || reached {
        let rest = crate::wire::readable(&rest);
        return Finding::bad(format!("{}, then {rest:?}", second.summary()));
    }
    Finding::safe("nothing behind it is read")
}

/// A cut body cannot be followed by another answer: its client could not tell where it begins.
async fn behind_a_bad_answer(case: &Case) -> Finding {
    let page = case.page();
    let cut = Recipe::new()
        .padded(1000)
        .cut_at(500, crate::origin::Cut::Close);
    page.script(cut.when_target("/cut"));
    let requests = [case.get(page.with("/cut")), case.get(page.with("/next"))];
    let bytes: Vec<u8> = requests.iter().flat_map(Request::bytes).collect();
    let mut connection = case.send(bytes).await;
    let first = connection.answer("GET").await;
    if first.is_whole() && first.status == 200 {
        return Finding::bad(format!("the cut one looks whole: {}", first.summary()));
    }
    let second = connection.answer("GET").await;
    if first.status >= 500 {
        return wanted(&second, &requests[1].target);
    }
    let nothing = second.status == 0 && second.body.length == 0;
    let told = format!("{}, then {}", first.summary(), second.summary());
    Finding::of(
        nothing,
        if nothing {
            "cut, and nothing behind it"
        } else {
            &told
        },
    )
}

async fn behind_close(case: &Case) -> Finding {
    let page = case.page();
    stored(case, &page, "/hit").await;
    let last = case.get(page.with("/hit")).line("Connection: close");
    let bytes = [last.bytes(), smuggled(&page).into()].concat();
    let mut connection = case.send(bytes).await;
    let answer = connection.answer("GET").await;
    let closed = connection.is_closed().await;
    let reached = page
        .seen()
        .iter()
        .any(|seen| seen.target_has(super::SMUGGLED));
    wanted(&answer, &last.target).and(Finding::of(closed && !reached, "closed"))
}
