//! 304: what it may change, and who may see it.

use std::time::Duration;

use super::{KINDS, is_conditional, stored, tagged, where_validated};
use crate::at_once::{each, while_held};
use crate::case::Case;
use crate::client::{Answer, Request};
use crate::origin::{Page, Recipe};
use crate::verdict::{Checked, Finding, Tried, bound, clean, own, wanted};

/// How long a refresh that nobody waits for may take to show.
const SOON: Duration = Duration::from_secs(5);

/// A 304 for what is stored, with these lines.
fn renewed(line: &str) -> Recipe {
    Recipe::not_modified("\"right\"").line(line)
}

/// 304s that are not about what is stored, and say a lot about it.
const OTHERS: [&str; 12] = [
    "ETag: \"wrong\"",
    "ETag: W/\"wrong\"",
    "ETag: \"RIGHT\"",
    "ETag: \"right \"",
    "ETag: right",
    "ETag: ",
    "ETag: \"right\"\r\nETag: \"wrong\"",
    "ETag: \"wrong\"\r\nETag: \"right\"",
    "ETag: \"right\", \"wrong\"",
    "ETag: \"wrong\"\r\nLocation: http://evil.test/",
    "Last-Modified: Mon, 07 Nov 1994 08:49:37 GMT",
    "Last-Modified: junk",
];

pub(super) async fn of_another(case: &Case) -> Finding {
    let stale = [KINDS[0], KINDS[1]];
    let variants = OTHERS
        .iter()
        .flat_map(|&line| stale.map(|kind| (line, kind)));
    let attempt = |case: Case, (line, kind): (&'static str, &'static str)| async move {
        (
            format!("{line}, {kind}"),
            not_refreshed(&case, line, kind).await,
        )
    };
    let trying = async {
        let mut tried = each(case, variants.collect(), attempt).await;
        tried.note("the tag of another variant", other_variant(case).await);
        tried.note("a redirection elsewhere", redirected(case).await);
        tried
    };
    where_validated(case, trying).await
}

async fn not_refreshed(case: &Case, line: &str, kind: &str) -> Checked {
    let page = case.page();
    let dated = line.starts_with("Last-Modified");
    let recipe = if dated {
        let changed = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT";
        Recipe::fresh(kind).without("ETag").line(changed)
    } else {
        tagged(kind)
    };
    let first = stored(case, &page, recipe, kind).await;
    let evil = "Cache-Control: public, max-age=3600\r\nX-Evil: evil\r\nSet-Cookie: evil=1";
    let other = Recipe::not_modified("")
        .without("ETag")
        .line(line)
        .line(evil);
    page.script_first(other.when(is_conditional).times(1));
    for _ in 0..2 {
        let answer = case.ask(&case.get(&page.path)).await;
        clean(&answer, page.path.as_bytes(), &["evil"]).checked()?;
        if answer.serial() == first.serial() {
            let seen = answer.summary();
            return Err(Finding::bad(format!("refreshed by it: {seen}")));
        }
    }
    Ok(Finding::safe("fetched anew"))
}

/// Two variants are stored; the origin answers the question about one with the tag of the other.
async fn other_variant(case: &Case) -> Finding {
    let page = case.page();
    for user in ["one", "two"] {
        let tag = format!("ETag: \"{user}\"\r\nVary: X-User\r\nX-For: {user}");
        let recipe = Recipe::fresh("no-cache").without("ETag").line(tag);
        page.script(recipe.when(move |seen| seen.header("x-user").as_deref() == Some(user)));
    }
    let ask = |user: &str| case.get(&page.path).line(format!("X-User: {user}"));
    let (one, two) = (ask("one"), ask("two"));
    case.ask(&one).await;
    let theirs = case.ask(&two).await;
    page.script_first(
        Recipe::not_modified("\"two\"")
            .when(is_conditional)
            .times(1),
    );
    let answer = case.ask(&ask("one")).await;
    let crossed = answer.shows(&two.nonce) || answer.header("x-for").as_deref() != Some("one");
    let after = case.ask(&ask("two")).await;
    let kept = after.header("x-for") == theirs.header("x-for");
    let seen = answer.summary();
    Finding::of(
        !crossed && kept && answer.status == 200,
        if crossed { &seen } else { "kept apart" },
    )
}

/// A question about what is stored that is answered by another site's address is not followed.
async fn redirected(case: &Case) -> Finding {
    let page = case.page();
    stored(case, &page, tagged(KINDS[0]), KINDS[0]).await;
    let elsewhere = format!("Location: http://evil.test{}", page.path);
    let moved = Recipe::fresh("no-store").status(302).line(elsewhere);
    page.script_first(moved.when(is_conditional).times(1));
    let answer = case.ask(&case.get(&page.path)).await;
    let followed = page.seen().iter().any(|seen| {
        let host = seen.header("host").unwrap_or_default();
        host.contains("evil")
    });
    let after = case.ask(&case.get(&page.path)).await;
    let found = wanted(&after, page.path.as_bytes());
    if followed || answer.status == 304 {
        return Finding::bad(format!("followed: {}", answer.summary()));
    }
    found.and(Finding::safe("not followed"))
}

/// What a 304 may say of a body that it does not have.
const FRAMINGS: [&str; 14] = [
    "Content-Length: 0",
    "Content-Length: 5",
    "Content-Length: 99999",
    "Content-Encoding: br",
    "Content-Encoding: identity",
    "Content-Encoding: gzip\r\nContent-Length: 0",
    "Content-Range: bytes 0-0/1",
    "Content-Range: bytes 0-3/400\r\nContent-Length: 4",
    "Content-Type: text/evil",
    "Transfer-Encoding: chunked",
    "Trailer: X-Evil",
    "Connection: close, etag, content-type",
    "Connection: content-length\r\nContent-Length: 0",
    "Content-Length: 0\r\nContent-Encoding: br\r\nContent-Range: bytes 0-0/1",
];

pub(super) async fn reframing(case: &Case) -> Finding {
    let shapes = [
        ("plain", ""),
        ("coded", "Content-Encoding: gzip\r\nVary: Accept-Encoding"),
    ];
    let mut variants = Vec::new();
    for line in FRAMINGS {
        for kind in KINDS {
            variants.extend(shapes.map(|(shape, coding)| (line, kind, shape, coding)));
        }
    }
    type Variant = (&'static str, &'static str, &'static str, &'static str);
    let attempt = |case: Case, (line, kind, shape, coding): Variant| async move {
        let label = format!("{line} ({shape}, {kind})");
        (label, framed_as_before(&case, line, kind, coding).await)
    };
    where_validated(case, each(case, variants, attempt)).await
}

async fn framed_as_before(case: &Case, line: &str, kind: &str, coding: &str) -> Finding {
    let page = case.page();
    let first = stored(case, &page, tagged(kind).line(coding), kind).await;
    page.script_first(renewed(line).when(is_conditional));
    let same = |answer: &Answer| {
        let fields = ["content-encoding", "content-type", "content-range", "etag"];
        let alike = fields
            .iter()
            .all(|name| answer.lines.all(name) == first.lines.all(name));
        answer.status == 200 && answer.is_whole() && answer.body.bytes == first.body.bytes && alike
    };
    // One connection, so that wrong framing shows in the answer behind.
    let mut connection = case.connect().await;
    for _ in 0..3 {
        let answer = connection.ask(&case.get(&page.path)).await;
        if !same(&answer) || !answer.reusable {
            let (seen, lines) = (answer.summary(), &answer.lines);
            return Finding::bad(format!("{seen} {lines:?}"));
        }
    }
    let conditional = page
        .seen()
        .iter()
        .filter(|seen| is_conditional(seen))
        .count();
    if conditional == 0 {
        return Finding::no_control("nothing was validated");
    }
    Finding::safe("the body and its framing as before")
}

/// What ends a page's being for everyone.
const PRIVATE: [&str; 12] = [
    "Cache-Control: private",
    "Cache-Control: no-store",
    "Cache-Control: PRIVATE, max-age=60",
    "Cache-Control: max-age=60\r\nCache-Control: private",
    "Cache-Control: private=\"x-user\", max-age=60",
    "Cache-Control: max-age=60, x=\"unterminated, private",
    "Cache-Control: no-store;, max-age=60",
    "Cache-Control: public, max-age=60\r\nVary: *",
    "Cache-Control: public, max-age=60\r\nVary: Accept, *",
    "Cache-Control: public, max-age=60\r\nVary: Cookie",
    "Cache-Control: public, max-age=60\r\nVary: accept,,\tCOOKIE ,",
    "Cache-Control: private\r\nConnection: cache-control",
];

pub(super) async fn turning_private(case: &Case) -> Finding {
    let variants = PRIVATE
        .iter()
        .flat_map(|&line| KINDS.map(|kind| (line, kind)));
    let attempt = |case: Case, (line, kind): (&'static str, &'static str)| async move {
        (
            format!("{line}, {kind}"),
            ends_at_once(&case, line, kind).await,
        )
    };
    let trying = async {
        let mut tried = each(case, variants.collect(), attempt).await;
        for vary in [
            "Cache-Control: public, max-age=60\r\nVary: Accept",
            "Cache-Control: public, max-age=60\r\nVary: ",
            "Cache-Control: public, max-age=60\r\nVary: Accept-Encoding",
            "Cache-Control: public, max-age=60",
        ] {
            tried.note(format!("{vary}, after X-User"), narrowed(case, vary).await);
        }
        tried
    };
    where_validated(case, trying).await
}

/// The page is for everyone, with leave for cookies; then one user asks, and the origin says in a
/// 304 that it is so no longer. Those who wait for that, and those who come, get their own.
async fn ends_at_once(case: &Case, line: &str, kind: &str) -> Checked {
    let page = case.page();
    let first = stored(case, &page, tagged(&format!("public, {kind}")), kind).await;
    page.unscript();
    page.script(tagged("").line(line));
    let user = || stranger(case, &page);
    let (one, others) = (user(), [user(), user(), user()]);
    let answer = renewed(line).when(is_conditional);
    let (seen, meanwhile) = while_held(case, &page, &[answer], &one, &others).await;
    if kind == KINDS[2] {
        // The refresh is nobody's to wait for.
        return ended_soon(case, &page, &first).await.checked();
    }
    if seen.status != 200 {
        return Err(Finding::bad(format!("no page: {}", seen.summary())));
    }
    for (request, answer) in others.iter().zip(&meanwhile) {
        own(answer, request).checked()?;
    }
    for late in [user(), user(), user()] {
        own(&case.ask(&late).await, &late).checked()?;
    }
    let how = "everyone has an answer of their own, at once";
    Ok(Finding::safe(how))
}

/// A 304 that names fewer fields in `Vary` than the page did: what was made for one is still not
/// for those who say something else.
async fn narrowed(case: &Case, vary: &str) -> Checked {
    let page = case.page();
    page.script(
        Recipe::not_modified("\"right\"")
            .line(vary)
            .when(is_conditional),
    );
    page.script(tagged("public, no-cache").line("Vary: X-User, Accept"));
    let user = |name: &str| case.get(&page.path).line(format!("X-User: {name}"));
    let one = user("one");
    case.ask(&one).await;
    case.ask(&user("one")).await;
    page.unscript();
    page.script(tagged("public, max-age=60").line("Vary: X-User"));
    for other in [user("two"), case.get(&page.path), user("one, two")] {
        let answer = case.ask(&other).await;
        own(&answer, &other).checked()?;
    }
    Ok(Finding::safe("everyone has an answer of their own"))
}

/// Someone with a cookie that nobody else has.
fn stranger(case: &Case, page: &Page) -> Request {
    let cookie = format!("Cookie: sid={:x}", case.draw());
    case.get(&page.path).line(cookie)
}

/// The stale page goes on being served until the refresh has brought the news, and no longer.
async fn ended_soon(case: &Case, page: &Page, first: &Answer) -> Finding {
    let until = tokio::time::Instant::now() + SOON;
    loop {
        let user = stranger(case, page);
        let answer = case.ask(&user).await;
        if own(&answer, &user).is_safe() {
            return Finding::safe("everyone has an answer of their own, once it is known");
        }
        if answer.serial() != first.serial() || tokio::time::Instant::now() > until {
            return own(&answer, &user);
        }
    }
}

/// How many 304s, each with a kilobyte more.
const CYCLES: usize = 200;

pub(super) async fn growing(case: &Case) -> Finding {
    let kilobyte = "x".repeat(900);
    let lines = [
        ("fields", format!("X-Grow-{{serial}}: {kilobyte}")),
        ("names", format!("X-{{serial}}-{kilobyte}: 1")),
        ("tags", format!("Cache-Tag: t{{serial}}-{kilobyte}")),
        ("keys", format!("Surrogate-Key: k{{serial}} {kilobyte}")),
        (
            "groups",
            format!("Cache-Groups: \"g{{serial}}-{kilobyte}\""),
        ),
        ("names in Vary", format!("Vary: X-{{serial}}-{kilobyte}")),
    ];
    let trying = async {
        let mut tried = Tried::default();
        for (name, line) in &lines {
            tried.note(name, grown(case, line).await);
        }
        tried
    };
    where_validated(case, trying).await
}

async fn grown(case: &Case, line: &str) -> Checked {
    let page = case.page();
    stored(case, &page, tagged(KINDS[0]), KINDS[0]).await;
    page.script_first(renewed(line).when(is_conditional));
    let before = case.stat("stored_bytes").await;
    let (mut largest, mut most_stored) = (0, 0);
    for _ in 0..CYCLES {
        let answer = case.ask(&case.get(&page.path)).await;
        wanted(&answer, page.path.as_bytes()).checked()?;
        let lines = answer.lines.0.iter();
        let head: usize = lines.map(|(name, value)| name.len() + value.len()).sum();
        largest = largest.max(head);
    }
    if let (Some(before), Some(after)) = (before, case.stat("stored_bytes").await) {
        most_stored = after.saturating_sub(before);
    }
    let conditional = page
        .seen()
        .iter()
        .filter(|seen| is_conditional(seen))
        .count();
    if conditional < CYCLES / 10 {
        let why = format!("only {conditional} requests were conditional");
        return Err(Finding::no_control(why));
    }
    let head = bound("the largest head", largest as f64 / 1024.0, 100.0, "KB");
    // Variants of one page are a bound of their own.
    let stored = most_stored as f64 / 1024.0;
    head.and(bound("stored more by", stored, 400.0, "KB"))
        .checked()
}
