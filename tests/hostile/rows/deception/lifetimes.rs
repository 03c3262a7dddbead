//! Who decides how long an answer lives: it says so itself, or it is not kept.

use super::{LOOKS, MARKS, USERS, account, all_blind, looked_for};
use crate::at_once::each;
use crate::case::Case;
use crate::client::Request;
use crate::origin::Recipe;
use crate::verdict::{Finding, control_with};

/// The lifetime that our proxy can be given for answers without one stands for a rule like
/// "keep /static/ for an hour"; the other flags are all else that an operator may loosen.
pub(super) async fn operator_lifetime(case: &Case) -> Finding {
    let keep = ["--default-fresh=1h", "--heuristics", "--cookies=ignore"];
    let more = [
        "--swr=1h",
        "--sie=1h",
        "--store-errors",
        "--ranges-fetch-whole",
    ];
    let (strict, loose) = match (
        case.with_flags(&keep).await,
        case.with_flags(&[&keep[..], &more].concat()).await,
    ) {
        (Ok(strict), Ok(loose)) => (strict, loose),
        (Err(finding), _) | (_, Err(finding)) => return finding,
    };
    let cookie = |request: Request| request.line(USERS[0]);
    let bare = control_with(&strict, account(""), cookie).await;
    let bare = bare.and(control_with(&loose, account(""), cookie).await);
    if !bare.is_safe() {
        return bare;
    }
    let restricting = MARKS.iter().filter(|mark| mark.contains("Cache-Control"));
    let restricting: Vec<&str> = restricting.chain(&NEVER_KEPT).copied().collect();
    let unstored = |case: Case, mark| async move {
        let found = looked_for(&case, "/static/{}/x.css", mark, USERS[0], &LOOKS).await;
        (mark.to_owned(), found)
    };
    // What is stale may be kept, and a client may ask for it.
    let unserved = |case: Case, mark| async move {
        let found = looked_for(&case, "/static/{}/x.css", mark, USERS[0], &LOOKS[..5]).await;
        (mark.to_owned(), found)
    };
    let mut tried = each(&loose, restricting, unstored).await;
    tried.append(each(&strict, EXPIRED.to_vec(), unserved).await);
    tried.sum()
}

/// Further answers that nobody may keep, whatever the operator has loosened.
const NEVER_KEPT: [&str; 6] = [
    "Cache-Control: no-store, private",
    "Cache-Control: private\r\nExpires: Fri, 01 Jan 2100 00:00:00 GMT",
    "CDN-Cache-Control: max-age=60\r\nCache-Control: no-store",
    "Cache-Control: x=\"unterminated, max-age=60",
    "Set-Cookie: sid={serial}",
    "Vary: *",
];

/// Answers with a lifetime of their own, which is over: the operator's must not replace it.
const EXPIRED: [&str; 8] = [
    "Cache-Control: no-cache",
    "Cache-Control: max-age=0",
    "Cache-Control: max-age=0, must-revalidate",
    "Cache-Control: s-maxage=0, max-age=60",
    "Cache-Control: max-age=junk",
    "Expires: 0",
    "Expires: Thu, 01 Jan 1970 00:00:00 GMT",
    "Age: 7200\r\nCache-Control: max-age=60",
];

pub(super) async fn type_armour(_: &Case) -> Finding {
    Finding::not_applicable(
        "there is no such switch: a page is kept for what its answer says, never for what its \
         name or its type looks like, which D01 tries",
    )
}

pub(super) async fn no_lifetime(case: &Case) -> Finding {
    const LONG_AGO: &str = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT";
    let page_like = [
        "",
        "Content-Type: text/html",
        "Content-Type: image/png",
        "Vary: Accept-Encoding",
        "Accept-Ranges: bytes",
        "Age: 1",
        "Cache-Control: ",
        "Cache-Control: immutable",
        "Cache-Control: stale-while-revalidate=600",
        "Cache-Control: stale-if-error=600",
        "Cache-Control: max-age",
        "Surrogate-Control: ",
        "X-Accel-Expires: ",
    ];
    // The kinds that RFC 9110, section 15.1, lets a cache guess about.
    let statuses = [
        200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 451, 501,
    ];
    let by_line = page_like.map(|line| (200, line));
    let by_status = statuses.map(|status| (status, "Location: /elsewhere"));
    let users = ["", USERS[0], USERS[1]];
    let kinds = by_line.into_iter().chain(by_status);
    let variants = kinds.flat_map(|(status, line)| users.map(|user| (status, line, user)));
    let variants = variants.collect();
    let attempt = |case: Case, (status, line, user): (u16, &'static str, &'static str)| async move {
        let page = case.page();
        let recipe = Recipe::fresh("").status(status).line(LONG_AGO).line(line);
        page.script(recipe.line("X-For: {nonce}"));
        let owner = case.get(page.with("/account")).line(user);
        case.ask(&owner).await;
        let finding = all_blind(&case, &page, &owner, &LOOKS).await;
        (format!("{status} {line} {user}"), finding)
    };
    each(case, variants, attempt).await.sum()
}
