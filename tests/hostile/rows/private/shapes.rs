//! Where else private data may hide: trailers, nominated fields, parts, derived answers.

use super::each_private;
use crate::case::Case;
use crate::client::Answer;
use crate::origin::Recipe;
use crate::verdict::{Finding, Tried, not_stored};

/// One answer made of a public and a private part: the subject puts none together, but an origin
/// that does may send the lines of both.
pub(super) async fn merged(case: &Case) -> Finding {
    let several = each_private(
        case,
        &[
            "Cache-Control: public, max-age=600\r\nCache-Control: private",
            "Cache-Control: private\r\nCache-Control: public, max-age=600",
            "Cache-Control: public, s-maxage=600\r\nCache-Control: no-store",
            "Cache-Control: public, max-age=600\r\nCache-Control: max-age=0",
            "Cache-Control: s-maxage=600\r\nCache-Control: s-maxage=0",
            "Cache-Control: public, max-age=600\r\nCache-Control: no-cache",
            "Cache-Control: public, max-age=600\r\nVary: Accept\r\nVary: *",
            "Expires: Fri, 01 Jan 2100 00:00:00 GMT\r\nExpires: 0",
        ],
    )
    .await;
    several.and(Finding::safe(
        "a proxy puts no answers together; lines of several parts are taken at their strictest",
    ))
}

pub(super) async fn trailers(case: &Case) -> Finding {
    let mut tried = Tried::default();
    for lines in [
        &["Set-Cookie: sid={serial}"][..],
        &["Cache-Control: no-store"],
        &["Cache-Control: private", "Vary: *"],
        &["X-Secret: {nonce}"],
        &["Content-Length: 5", "Transfer-Encoding: chunked"],
        &["Age: 0", "Expires: 0", "ETag: \"other\""],
        &["Location: /evil", "Content-Encoding: br"],
    ] {
        let page = case.page();
        let declared = format!("Trailer: {}", names(lines).join(", "));
        page.script(Recipe::new().trailers(lines).line(declared));
        let first = case.ask(&case.get(&page.path)).await;
        let again = case.get(&page.path);
        let second = case.ask(&again).await;
        let finding = not_promoted(&first, lines).and(not_promoted(&second, lines));
        let own = second.made_for().is_some_and(|nonce| nonce == again.nonce);
        let kept = names(lines)
            .iter()
            .any(|name| !second.body.trailers.all(name).is_empty());
        tried.note(
            lines.join(", "),
            finding.and(Finding::of(own || !kept, "not served from the store")),
        );
    }
    tried.sum()
}

fn names<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let name = |line: &&'a str| line.split(':').next().unwrap_or_default();
    lines.iter().map(name).collect()
}

/// A trailer must not turn up among the fields of the head. Those that the subject may write
/// there itself must not have the trailer's value.
fn not_promoted(answer: &Answer, lines: &[&str]) -> Finding {
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap_or((line, ""));
        let said = answer.lines.all(name);
        let own = [
            "age",
            "etag",
            "transfer-encoding",
            "content-length",
            "cache-control",
        ];
        let promoted = if own.contains(&name.to_ascii_lowercase().as_str()) {
            said.iter()
                .any(|said| said == value && value != "chunked" && value != "0")
        } else {
            !said.is_empty()
        };
        if promoted || !answer.is_whole() {
            return Finding::bad(format!("{line} in the head: {}", answer.summary()));
        }
    }
    Finding::safe("not in the head")
}

pub(super) async fn nominated(case: &Case) -> Finding {
    let mut tried = Tried::default();
    // A restriction counts even if Connection names its field.
    for lines in [
        "Connection: cache-control\r\nCache-Control: private, max-age=60",
        "Connection: x-secret, Cache-Control\r\nCache-Control: no-store",
        "Connection: cache-control\r\nCache-Control: max-age=60\r\nCache-Control: no-cache",
        "Connection: vary\r\nCache-Control: max-age=60\r\nVary: *",
        "Connection: set-cookie\r\nCache-Control: max-age=60\r\nSet-Cookie: sid={serial}",
        "Connection: expires\r\nExpires: 0",
        "Connection: age\r\nCache-Control: max-age=60\r\nAge: 60",
        "Connection: keep-alive, CACHE-CONTROL\r\nCache-Control: no-store",
        "Connection: x\r\nConnection: cache-control\r\nCache-Control: private, max-age=60",
    ] {
        let page = case.page();
        page.script(Recipe::fresh("").line(lines));
        case.ask(&case.get(&page.path)).await;
        let finding = not_stored(case, &page, &case.get(&page.path)).await;
        tried.note(lines, finding);
    }
    // And what it names goes to nobody.
    for connection in [
        "x-secret",
        "close, X-SECRET",
        "x-a,x-secret,x-b",
        "x-a\r\nConnection: x-secret",
    ] {
        let page = case.page();
        let lines = format!("Connection: {connection}\r\nX-Secret: {{nonce}}");
        page.script(Recipe::new().line(lines));
        case.ask(&case.get(&page.path)).await;
        let answer = case.ask(&case.get(&page.path)).await;
        let shows = answer.header("x-secret");
        tried.note(
            format!("Connection: {connection}"),
            Finding::of(shows.is_none(), "the field is not stored"),
        );
    }
    tried.sum()
}

/// Answers that a cache makes itself from a stored one: a part, a head, a 304. From a page that
/// depends on the cookie nothing of the kind may be made for others.
pub(super) async fn derived(case: &Case) -> Finding {
    let mut tried = Tried::default();
    for cache_control in ["max-age=60", "private, max-age=60"] {
        for (how, method, line) in [
            ("HEAD", "HEAD", ""),
            ("a part", "GET", "Range: bytes=0-9"),
            ("the end", "GET", "Range: bytes=-5"),
            ("a 304 by tag", "GET", "If-None-Match: *"),
            (
                "a 304 by date",
                "GET",
                "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT",
            ),
            (
                "a part by tag",
                "GET",
                "Range: bytes=0-9\r\nIf-Range: \"v\"",
            ),
            ("another coding", "GET", "Accept-Encoding: gzip, br"),
            ("what is stored", "GET", "Cache-Control: only-if-cached"),
            ("what is stale", "GET", "Cache-Control: max-stale"),
        ] {
            let page = case.page();
            let recipe = Recipe::fresh(cache_control)
                .without("ETag")
                .line("ETag: \"v\"");
            page.script(recipe.line("Accept-Ranges: bytes"));
            case.ask(&case.get(&page.path).line("Cookie: sid=a")).await;
            for cookie in ["Cookie: sid=b", ""] {
                let other = case.get(&page.path).method(method).line(line).line(cookie);
                let before = page.count();
                let answer = case.ask(&other).await;
                let asked = page.count() > before || answer.status == 504;
                tried.note(
                    format!("{cache_control}: {how} for {cookie:?}"),
                    Finding::of(
                        asked,
                        if asked {
                            "not made".to_owned()
                        } else {
                            answer.summary()
                        },
                    ),
                );
            }
        }
    }
    tried.sum().and(Finding::safe(
        "the subject makes no other derived objects: no resizing, no ESI, no compression",
    ))
}
