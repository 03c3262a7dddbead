//! 304 for those who have nothing that could be unmodified.

use super::{KINDS, is_conditional, stored, tagged, where_validated};
use crate::at_once::{Order, beside, each};
use crate::case::Case;
use crate::origin::Recipe;
use crate::verdict::{Checked, Finding, all_clean};

/// The 304s that an origin may send to one who has nothing to compare.
const UNASKED: [(&str, &str); 9] = [
    ("right", "ETag: \"right\""),
    ("weak", "ETag: W/\"right\""),
    ("another tag", "ETag: \"wrong\""),
    ("no validator", ""),
    ("a date", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT"),
    ("a length", "ETag: \"right\"\r\nContent-Length: 100"),
    ("chunked", "ETag: \"right\"\r\nTransfer-Encoding: chunked"),
    ("a body", "Content-Length: 4\r\n\r\nevil"),
    (
        "another answer behind it",
        "ETag: \"right\"\r\n\r\nHTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n\
         Content-Length: 4\r\n\r\nevil",
    ),
];

pub(super) async fn unasked(case: &Case) -> Finding {
    let to_all = [false, true];
    let kinds = ["", KINDS[0], KINDS[1], KINDS[2]];
    let mut variants = Vec::new();
    for (name, line) in UNASKED {
        for kind in kinds {
            variants.extend(to_all.map(|to_all| (name, line, kind, to_all)));
        }
    }
    type Variant = (&'static str, &'static str, &'static str, bool);
    let attempt = |case: Case, (name, line, kind, to_all): Variant| async move {
        let whom = if to_all { "everyone" } else { "conditions" };
        let what = if kind.is_empty() { "not stored" } else { kind };
        let label = format!("304 ({name}) to {whom}, {what}");
        (label, never_a_304(&case, line, kind, to_all).await)
    };
    let trying = async {
        let mut tried = each(case, variants, attempt).await;
        tried.append(each(case, CONDITIONS.to_vec(), another_condition).await);
        tried
    };
    where_validated(case, trying).await
}

/// Clients without a condition, in several shapes; the origin answers 304 to conditions, or to
/// everyone once the page is stored.
async fn never_a_304(case: &Case, line: &str, kind: &str, to_all: bool) -> Finding {
    let page = case.page();
    if !kind.is_empty() {
        stored(case, &page, tagged(kind), kind).await;
    }
    let answer = Recipe::not_modified("").without("ETag").line(line);
    page.script_first(answer.when(move |seen| to_all || is_conditional(seen)));
    for (method, line) in [
        ("GET", ""),
        ("HEAD", ""),
        ("GET", "Range: bytes=0-3"),
        ("GET", "Accept-Encoding: gzip"),
        ("GET", "Cache-Control: no-cache"),
        ("GET", ""),
    ] {
        let answer = case
            .ask(&case.get(&page.path).method(method).line(line))
            .await;
        let served = match method {
            "GET" => answer.body.length > 0 && !answer.shows("evil"),
            _ => answer.body.length == 0,
        };
        let good = matches!(answer.status, 200 | 206) && served && answer.is_whole();
        // Nobody can make a page of 304s alone; that it is said so is all there is to ask.
        let excused = to_all && (500..=504).contains(&answer.status);
        if !good && !excused {
            return Finding::bad(format!("{method} {line:?}: {}", answer.summary()));
        }
    }
    Finding::safe("a whole answer, or an honest error")
}

/// What a client may claim to have.
const CONDITIONS: [&str; 8] = [
    "If-None-Match: *",
    "If-None-Match: \"right\"",
    "If-None-Match: W/\"right\", \"x\"",
    "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT",
    "If-None-Match: \"x\"\r\nIf-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT",
    "If-Match: \"x\"",
    "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT",
    "If-None-Match: *\r\nRange: bytes=0-0\r\nIf-Range: \"right\"",
];

/// An attacker's condition, which the origin meets with a 304 or a 412, is nobody else's: before,
/// first of several, and among several.
async fn another_condition(case: Case, line: &'static str) -> (String, Checked) {
    (
        format!("{line} beside others"),
        unconditional(&case, line).await,
    )
}

async fn unconditional(case: &Case, line: &str) -> Checked {
    for kind in ["max-age=60", KINDS[0]] {
        for order in Order::ALL {
            let page = case.page();
            page.script(tagged(kind));
            let failed = |name| Recipe::new().status(412).when_header(name, "");
            let answered = [
                Recipe::not_modified("\"right\"").when(is_conditional),
                failed("if-match"),
                failed("if-unmodified-since"),
                tagged(kind),
            ];
            let attack = case.get(&page.path).line(line);
            let others = [case.get(&page.path), case.get(&page.path)];
            let served = beside(
                case,
                &page,
                order,
                &attack,
                &answered,
                &others,
                &tagged(kind),
            )
            .await;
            let found = all_clean(&served, page.path.as_bytes(), &[]);
            let found = Finding::from(found).within(format!("{order:?}, {kind}"));
            found.checked()?;
        }
    }
    Ok(Finding::safe("who has no condition gets the page"))
}
