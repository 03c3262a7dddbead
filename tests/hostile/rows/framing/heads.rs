//! Heads that one reader takes for something else than another does.

use super::{SMUGGLED, one_answer, smuggled, tried, trouble_at_origin};
use crate::case::Case;
use crate::origin::{Recipe, Seen};
use crate::verdict::{Finding, Tried, refused, wanted};

/// S07. What comes behind a request for an upgrade is a request of its own, unless the origin
/// has agreed, which is not for a cache to arrange.
pub(super) async fn upgrades(case: &Case) -> Finding {
    let variants = UPGRADES.iter().flat_map(|lines| {
        answers_to_an_upgrade().map(|(what, recipe)| {
            let variant = (*lines, recipe);
            (format!("{lines}, answered {what}"), variant)
        })
    });
    tried(case, variants, upgrade).await.sum()
}

const UPGRADES: [&str; 8] = [
    "Upgrade: x\r\nConnection: upgrade",
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x",
    "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 999",
    "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk",
    "Upgrade: h2c\r\nConnection: Upgrade\r\nHTTP2-Settings: AAMAAABk",
    "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk",
    "Upgrade: TLS/1.0\r\nConnection: upgrade",
    "Upgrade: x\r\nUpgrade: y\r\nConnection: upgrade\r\nConnection: close, upgrade",
];

fn answers_to_an_upgrade() -> [(&'static str, Recipe); 4] {
    let agreed = Recipe::new()
        .status_line("HTTP/1.1 101 Switching Protocols")
        .line("Connection: upgrade\r\nUpgrade: x")
        .body("evil")
        .told();
    [
        ("200", Recipe::new()),
        ("200, no-store", Recipe::fresh("no-store")),
        ("426", Recipe::new().status(426).line("Upgrade: x")),
        ("101", agreed),
    ]
}

async fn upgrade(case: Case, (lines, recipe): (&str, Recipe)) -> Finding {
    let page = case.page();
    page.script(recipe.when(|seen| !seen.target_has("/next")));
    let next = page.with("/next");
    let request = case.get(&page.path).line(lines);
    let both = [request.bytes(), case.get(&next).bytes()].concat();
    let mut connection = case.send(both).await;
    let first = connection.answer("GET").await;
    if first.status == 101 || first.shows("evil") {
        return Finding::bad(format!("upgraded: {}", first.summary()));
    }
    let upgraded =
        |seen: &Seen| seen.header("upgrade").is_some() || seen.lines.lists("connection", "upgrade");
    if page.seen().iter().any(|seen| upgraded(seen)) {
        return Finding::bad("the origin was asked for an upgrade");
    }
    if !first.reusable {
        return Finding::of(connection.is_closed().await, "closed");
    }
    let second = connection.answer("GET").await;
    wanted(&second, &next).and(Finding::safe("what came behind is a request"))
}

/// S09.
pub(super) async fn syntax(case: &Case) -> Finding {
    let fields = LINES.map(|line| {
        let head = format!("GET PATH HTTP/1.1\r\nHost: good.test\r\n{line}\r\n\r\n");
        (line.to_owned(), head)
    });
    let first_lines = FIRST_LINES.map(|line| {
        let head = format!("{line}\r\nHost: good.test\r\n\r\n");
        (line.to_owned(), head)
    });
    let heads = HEADS.map(|head| (head.to_owned(), head.to_owned()));
    let odd = fields.into_iter().chain(first_lines).chain(heads);
    let all = tried(case, odd, two_in_one).await;
    all.sum().and(large(case).await).and(forms(case).await)
}

async fn large(case: &Case) -> Finding {
    let long = "x".repeat(1 << 20);
    let mut all = Tried::default();
    for (label, target, lines) in [
        ("a field of 1 MB", "", format!("X: {long}")),
        ("a name of 1 MB", "", format!("{long}: x")),
        ("50,000 fields", "", "X: y\r\n".repeat(50_000) + "X: y"),
        ("200 fields", "", "X: y\r\n".repeat(200) + "X: y"),
        ("a target of 70 KB", &long[..70_000], String::new()),
        ("a target of 1 MB", &long, String::new()),
    ] {
        let page = case.page();
        let request = case.get(page.with(target)).line(lines);
        all.note(label, refused(case, &page, &request.bytes(), true).await);
    }
    all.sum()
}

/// Field lines that are none, or end where they should not.
const LINES: [&str; 28] = [
    "Foo : x",
    "Foo\t: x",
    " Foo: x",
    "\tFoo: x",
    "Foo: x\r\n folded",
    "Foo: x\r\n\tfolded",
    "Foo: x\r\n ",
    ": x",
    " : x",
    ":",
    "Foo",
    "Foo x",
    "Foo bar: x",
    "Foo\0: x",
    "Foo: x\0y",
    "Foo: \0",
    "Foo: x\ry",
    "Foo: x\r",
    "Foo: x\r\rBar: y",
    "\rFoo: x",
    "Foo\r: x",
    "Foo(: x",
    "Foo@: x",
    "Foo\x7f: x",
    "Foo: x\x7fy",
    "Foo: x\x01y",
    "Fo\u{f6}: x",
    "Foo: x\nBar: y",
];

/// Heads that are wrong as a whole; `PATH` is where the page is.
const HEADS: [&str; 8] = [
    "GET PATH HTTP/1.1\nHost: good.test\n\n",
    "GET PATH HTTP/1.1\r\nHost: good.test\n\r\n",
    "GET PATH HTTP/1.1\r\nHost: good.test\r\n\n",
    "GET PATH HTTP/1.1\nHost: good.test\r\n\r\n",
    "GET PATH HTTP/1.1\r\nHost: good.test\n\n",
    "GET PATH HTTP/1.1\rHost: good.test\r\r",
    "GET PATH HTTP/1.1\r\n Host: good.test\r\nHost: evil.test\r\n\r\n",
    "GET PATH HTTP/1.1\r\nHost: good.test\r\nHost : evil.test\r\n\r\n",
];

const FIRST_LINES: [&str; 28] = [
    "GET PATH",
    "GET PATH ",
    "GET  PATH HTTP/1.1",
    "GET PATH  HTTP/1.1",
    "GET PATH HTTP/1.1 ",
    "GET\tPATH\tHTTP/1.1",
    " GET PATH HTTP/1.1",
    "GET PATH HTTP/1.1 x",
    "GET PATH HTTP/0.9",
    "GET PATH HTTP/1",
    "GET PATH HTTP/1.",
    "GET PATH HTTP/1.2",
    "GET PATH HTTP/1.10",
    "GET PATH HTTP/01.1",
    "GET PATH HTTP/2.0",
    "GET PATH HTTP/3.0",
    "GET PATH http/1.1",
    "GET PATH HTTPS/1.1",
    "GET PATH HTTP /1.1",
    "GET PATH\rHTTP/1.1",
    "GET PATH x HTTP/1.1",
    "GET PATH HTTP/1.1\r",
    "G\0T PATH HTTP/1.1",
    "GE{T} PATH HTTP/1.1",
    "\"GET\" PATH HTTP/1.1",
    "GET: PATH HTTP/1.1",
    " PATH HTTP/1.1",
    "HTTP/1.1 200 OK",
];

/// A head that is wrong, and a request behind it: neither reaches the origin.
async fn two_in_one(case: Case, head: String) -> Finding {
    let page = case.page();
    let bytes = format!("{}{}", head.replace("PATH", &page.path), smuggled(&page));
    let (answer, closed) = one_answer(&case, bytes.as_bytes()).await;
    if let Some(trouble) = trouble_at_origin(&page) {
        return Finding::bad(trouble);
    }
    match (page.count(), answer.status, closed) {
        (0, 0, Ok(())) => Finding::safe("hung up on"),
        (0, 400..=499 | 501 | 505, Ok(())) => Finding::safe("refused, and closed"),
        (calls, _, closed) => Finding::bad(format!(
            "{calls} calls of the origin; {}; then {closed:?}",
            answer.summary()
        )),
    }
}

/// Targets in the forms that are not a path. What reaches the origin must be a path, under the
/// host that the target names.
async fn forms(case: &Case) -> Finding {
    let mut all = tried(case, NO_TARGETS.map(|line| (line, line)), no_target).await;
    for target in [
        "//",
        "/x#fragment",
        "/x//..//%2e%2e/",
        "/x?a?b#c",
        "/x;y|z\"{}^`<>[]\\",
    ] {
        all.note(target, as_it_is(case, target).await);
    }
    all.note("an absolute target", absolute(case).await);
    all.note("OPTIONS *", options(case).await);
    all.note("HTTP/1.0", version_0(case).await);
    all.sum()
}

/// `HOST` is where the page is.
const NO_TARGETS: [&str; 23] = [
    "GET HOST:80",
    "GET HOST/x",
    "GET *",
    "GET x",
    "GET ?x",
    "GET http:/x",
    "GET http:/HOST/x",
    "GET http:///x",
    "GET http://@HOST/x",
    "GET http://u:p@HOST/x",
    "GET http://HOST:99999/x",
    "GET http://HOST evil.test/x",
    "GET http://HOST,evil.test/x",
    "GET http://[::1/x",
    "GET ftp://HOST/x",
    "GET javascript:x",
    "GET file:///x",
    "GET \\x",
    "GET ",
    "CONNECT HOST:443",
    "CONNECT /x",
    "CONNECT http://HOST/x",
    "CONNECT *",
];

/// Refused, whatever it may mean.
async fn no_target(case: Case, line: &str) -> Finding {
    let page = case.page();
    let line = line.replace("HOST", &page.host);
    let host = &page.host;
    let request = format!("{line} HTTP/1.1\r\nHost: {host}\r\n\r\n{}", smuggled(&page));
    refused(&case, &page, request.as_bytes(), true).await
}

/// Legal or nearly so: refused, or forwarded as it was keyed. A fragment is not part of either.
async fn as_it_is(case: &Case, target: &str) -> Finding {
    let page = case.page();
    let answer = case.ask(&case.get(target).host(&page.host)).await;
    let Some(seen) = page.last() else {
        return Finding::of((400..=499).contains(&answer.status), answer.summary());
    };
    let plain = target.split('#').next().unwrap_or_default();
    let twin = case.ask(&case.get(plain).host(&page.host)).await;
    let kept = seen.target == target.as_bytes() && twin.serial() != answer.serial();
    let dropped = seen.target == plain.as_bytes() && twin.serial() == answer.serial();
    let whole = plain == target && seen.target == plain.as_bytes();
    let told = format!("keyed and forwarded as {}", seen.target.escape_ascii());
    Finding::of(kept || dropped || whole, told)
}

/// The authority of the target wins over the field (RFC 9112, section 3.2.2), in what is asked
/// and in what is stored.
async fn absolute(case: &Case) -> Finding {
    let (page, other) = (case.page(), case.page());
    let target = format!("http://{}/x", page.host);
    let answer = case.ask(&case.get(&target).host(&other.host)).await;
    if page.count() + other.count() == 0 {
        return Finding::of((400..=499).contains(&answer.status), "refused");
    }
    let right = page.count() == 1 && page.last().is_some_and(|seen| seen.target == b"/x");
    let plain = case.ask(&case.get("/x").host(&other.host)).await;
    let apart = other.count() == 1 && plain.serial() != answer.serial();
    if right && apart {
        return Finding::safe("under the host of the target");
    }
    Finding::bad(format!("{} / {}", answer.summary(), plain.summary()))
}

/// Not for any page, and never in its place.
async fn options(case: &Case) -> Finding {
    let page = case.page();
    let star = case.get("*").method("OPTIONS").host(&page.host);
    case.ask(&star).await;
    let targets: Vec<Vec<u8>> = page.seen().iter().map(|seen| seen.target.clone()).collect();
    if targets
        .iter()
        .any(|target| target != b"*" && target != b"/")
    {
        return Finding::bad(format!("the origin got {targets:?}"));
    }
    let before = page.count();
    let root = case.ask(&case.get("/").host(&page.host)).await;
    let own = root.status == 200 && page.count() == before + 1;
    Finding::of(own, "OPTIONS * is no page")
}

/// Without `Host` there is but one site; with `keep-alive` the connection may live on, and
/// without it must not.
async fn version_0(case: &Case) -> Finding {
    let page = case.page();
    let request = format!("GET {} HTTP/1.0\r\n\r\n{}", page.path, smuggled(&page));
    let (answer, closed) = one_answer(case, request.as_bytes()).await;
    if let Err(more) = closed {
        return Finding::bad(format!("{}, then {more}", answer.summary()));
    }
    let seen = page.seen();
    if seen.iter().any(|seen| seen.target_has(SMUGGLED)) {
        return Finding::bad("a request behind one of HTTP/1.0 was answered");
    }
    let known = matches!(answer.status, 200 | 400..=499 | 505);
    Finding::of(
        known && !answer.lines.lists("transfer-encoding", "chunked"),
        "closed behind it",
    )
}
