//! Statuses that must not take the place of a page.

use super::triggers::OF_THE_PAGE;
use super::{LIFETIMES, LONG, error, in_every_way, only_ones_own};
use crate::at_once::each;
use crate::case::{Case, OVER};
use crate::origin::Recipe;
use crate::verdict::{Checked, Finding, Tried, clean, wanted};

/// Statuses by which a page is said not to be there, or not yet.
const MISSING: [u16; 13] = [
    404, 410, 403, 405, 409, 414, 421, 425, 451, 500, 501, 503, 508,
];

pub(super) async fn published(case: &Case) -> Finding {
    let attempt = |case: Case, status: u16| async move {
        (status.to_string(), visible_at_once(&case, status).await)
    };
    let mut tried = each(case, MISSING.to_vec(), attempt).await;
    match case.with_flags(&["--store-errors"]).await {
        Ok(storing) => tried.append(within_its_lifetime(&storing).await),
        Err(finding) => tried.note("storing errors", finding),
    }
    tried.sum()
}

/// An attacker asks for what is not there, in all ways that might be kept; then it is.
async fn visible_at_once(case: &Case, status: u16) -> Checked {
    let shapes = [
        "",
        "",
        "Range: bytes=0-0",
        "If-None-Match: *",
        "Cache-Control: no-cache",
        "",
    ];
    for lifetime in LIFETIMES {
        for kind in ["", "no-cache"] {
            let page = super::page_with(case, kind).await;
            page.unscript();
            page.script(error(status, lifetime));
            for (at, line) in shapes.iter().enumerate() {
                let method = if at == 1 { "HEAD" } else { "GET" };
                let early = case.get(&page.path).method(method).line(line);
                let early = case.ask(&early).await;
                let missed = early.status >= 400;
                let seen = early.summary();
                let what = format!("{lifetime:?} {kind:?}: not missed");
                Finding::of(missed, seen).within(what).checked()?;
            }
            page.unscript();
            let published = case.ask(&case.get(&page.path)).await;
            let found = wanted(&published, page.path.as_bytes());
            found.within(format!("{lifetime:?} {kind:?}")).checked()?;
        }
    }
    Ok(Finding::safe("visible as soon as it is there"))
}

/// With errors stored, one lives for as long as it says, and one that says nothing does not.
async fn within_its_lifetime(case: &Case) -> Tried {
    let mut tried = Tried::default();
    for (lifetime, wait, kept) in [
        ("Cache-Control: max-age=60", false, true),
        ("Cache-Control: max-age=1", true, false),
        ("", false, false),
        ("Cache-Control: no-store", false, false),
        ("Cache-Control: private, max-age=60", false, false),
        ("Cache-Control: max-age=0", false, false),
        ("Cache-Control: max-age=junk", false, false),
        ("Expires: 0", false, false),
    ] {
        let page = case.page();
        page.script(error(404, lifetime));
        case.ask(&case.get(&page.path)).await;
        page.unscript();
        if wait {
            case.let_pass(OVER).await;
        }
        let answer = case.ask(&case.get(&page.path)).await;
        let found = if kept {
            let seen = answer.summary();
            match answer.status {
                404 => Finding::safe("control: stored as the flag says"),
                _ => Finding::no_control(format!("the flag stores nothing: {seen}")),
            }
        } else {
            wanted(&answer, page.path.as_bytes())
        };
        tried.note(format!("storing errors, 404 {lifetime}"), found);
    }
    tried
}

/// Successes without the page in them.
const EMPTY: [u16; 9] = [201, 202, 204, 205, 207, 208, 226, 250, 299];

pub(super) async fn empty(case: &Case) -> Finding {
    let attempt = |case: Case, status: u16| async move {
        (status.to_string(), never_in_place(&case, status).await)
    };
    let mut tried = each(case, EMPTY.to_vec(), attempt).await;
    // What follows a 204 is not its body, and not the next answer either.
    for status in [204, 205] {
        for behind in [
            "evil",
            "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 4\r\n\r\nevil",
        ] {
            let line = format!("Content-Length: 4\r\n\r\n{behind}");
            let recipe = Recipe::fresh("s-maxage=60")
                .status(status)
                .line(line)
                .told();
            let found = only_ones_own(case, "", &recipe, "", true).await;
            tried.note(format!("{status} with {behind} behind it"), found);
        }
    }
    tried.sum()
}

async fn never_in_place(case: &Case, status: u16) -> Checked {
    let lifetimes = ["Cache-Control: s-maxage=60", LONG];
    // A 204 has no body, and only a 204 needs no framing.
    let shapes: &[fn(Recipe) -> Recipe] = match status {
        204 => &[|recipe| recipe.told().body("")],
        _ => &[
            |recipe| recipe.body(""),
            |recipe| recipe.chunked(16).body(""),
            |recipe| recipe.body("{nonce}"),
        ],
    };
    for shape in shapes {
        let recipe = |lifetime: &str| shape(error(status, lifetime));
        in_every_way(case, "", &lifetimes, true, recipe).await?;
    }
    Ok(Finding::safe("everyone else gets the page"))
}

/// By which one client is turned away: by rate, by kind, by place, by means.
const REFUSALS: [(u16, &str); 22] = [
    (429, "Retry-After: 60"),
    (429, ""),
    (503, "Retry-After: 60"),
    (503, "Retry-After: Fri, 01 Jan 2100 00:00:00 GMT"),
    (403, "Server: bot-wall"),
    (403, "Set-Cookie: challenge=evil"),
    (451, "Link: <https://evil.test>; rel=\"blocked-by\""),
    (401, "WWW-Authenticate: Basic realm=\"evil\""),
    (402, ""),
    (407, "Proxy-Authenticate: Basic realm=\"evil\""),
    (420, ""),
    (423, ""),
    (425, ""),
    (428, ""),
    (430, ""),
    (444, ""),
    (460, ""),
    (498, ""),
    (499, ""),
    (509, "Retry-After: 60"),
    (529, "Retry-After: 60"),
    (999, ""),
];

pub(super) async fn refusals(case: &Case) -> Finding {
    let attempt = |case: Case, (status, line): (u16, &'static str)| async move {
        let shared = OF_THE_PAGE.contains(&status);
        let recipe = |lifetime: &str| error(status, lifetime).line(line);
        let bot = "User-Agent: bot";
        let found = in_every_way(&case, bot, &LIFETIMES, shared, recipe).await;
        (format!("{status} {line}"), found)
    };
    let mut tried = each(case, REFUSALS.to_vec(), attempt).await;
    tried.note("429 for one, again and again", limited(case).await);
    tried.sum()
}

/// A limiter that knows its client by a field, and one client who goes on.
async fn limited(case: &Case) -> Checked {
    for status in [429, 503] {
        let page = case.page();
        let limit = error(status, LONG).line("Retry-After: 60");
        page.script(limit.when_header("user-agent", "bot"));
        page.script(Recipe::fresh("no-cache"));
        for _ in 0..20 {
            for _ in 0..3 {
                case.ask(&case.get(&page.path).line("User-Agent: bot"))
                    .await;
            }
            let victim = case.ask(&case.get(&page.path)).await;
            clean(&victim, page.path.as_bytes(), &["bot"]).checked()?;
        }
    }
    Ok(Finding::safe("everyone else gets the page"))
}
