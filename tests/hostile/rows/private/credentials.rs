//! Clients who say who they are.

use crate::at_once::own_while_held;
use crate::case::Case;
use crate::client::Request;
use crate::origin::{Page, Recipe};
use crate::verdict::{Finding, Tried, control_with, not_stored, split};

/// Several ways of saying who one is; the second client is another, or nobody.
const AUTHORIZED: [(&str, &str); 9] = [
    ("Authorization: Bearer a", ""),
    ("Authorization: Bearer a", "Authorization: Bearer b"),
    ("Authorization: Bearer a", "Authorization: Bearer a"),
    ("authorization: Basic YTph", "Authorization: Basic YjpiCg=="),
    ("AUTHORIZATION:Digest username=a", ""),
    ("Authorization:", ""),
    (
        "Authorization: Bearer a\r\nAuthorization: Bearer c",
        "Authorization: Bearer a",
    ),
    ("Authorization: Bearer a\r\nCookie: sid=a", "Cookie: sid=a"),
    ("Authorization: x\u{e9}", ""),
];

const COOKIES: [(&str, &str); 7] = [
    ("Cookie: sid=a", "Cookie: sid=b"),
    ("Cookie: sid=a", ""),
    ("Cookie: sid=a", "Cookie: sid=a"),
    ("cookie:sid=a", "Cookie: sid=b"),
    (
        "Cookie: theme=x\r\nCookie: sid=a",
        "Cookie: theme=x\r\nCookie: sid=b",
    ),
    ("Cookie:", "Cookie: sid=b"),
    ("Cookie: $Version=1; sid=\"a\"", ""),
];

/// Two users one after the other, and then at once with others.
async fn apart(case: &Case, recipe: impl Fn() -> Recipe, users: &[(&str, &str)]) -> Finding {
    let mut tried = Tried::default();
    for (one, two) in users {
        let page = case.page();
        page.script(recipe());
        let user = |page: &Page, lines: &str| -> Request { case.get(&page.path).line(lines) };
        let (first, second) = (user(&page, one), user(&page, two));
        let finding = split(case, &page, &first, &second).await;
        let page = case.page();
        let crowd = [one, two, &"", one, two].map(|lines| user(&page, lines));
        let crowd = own_among_credentials(case, &page, recipe(), &crowd).await;
        tried.note(format!("{one} / {two}"), finding.and(crowd));
    }
    tried.sum()
}

/// All who ask at once get their own, but for those without credentials, who may share.
async fn own_among_credentials(
    case: &Case,
    page: &Page,
    recipe: Recipe,
    crowd: &[Request],
) -> Finding {
    let named: Vec<Request> = crowd
        .iter()
        .filter(|request| request.has_credentials())
        .cloned()
        .collect();
    own_while_held(case, page, recipe, &named).await
}

pub(super) async fn authorization(case: &Case) -> Finding {
    apart(case, || Recipe::fresh("max-age=60"), &AUTHORIZED).await
}

pub(super) async fn cookie(case: &Case) -> Finding {
    let mut tried = Tried::default();
    for cache_control in [
        "max-age=60",
        "max-age=60, immutable",
        "max-age=60, must-revalidate",
        "max-age=60, proxy-revalidate",
        "max-age=60, stale-while-revalidate=60",
        "max-age=60, public=\"x\"",
        "max-age=60, s-maxage",
    ] {
        let finding = apart(case, || Recipe::fresh(cache_control), &COOKIES).await;
        tried.note(cache_control, finding);
    }
    tried.sum()
}

/// Everything that is not `public`, `s-maxage` or `must-revalidate`, written well.
const NO_LEAVE: [&str; 31] = [
    "max-age=60, proxy-revalidate",
    "max-age=60, immutable",
    "max-age=60, no-cache",
    "max-age=60, stale-while-revalidate=60",
    "max-age=60, stale-if-error=60",
    "max-age=60, no-transform",
    "max-age=60, must-understand",
    "max-age=60, public=\"x\"",
    "max-age=60, public=1",
    "max-age=60, public=",
    "max-age=60, \"public\"",
    "max-age=60, publicly",
    "max-age=60, x-public",
    "max-age=60, public x",
    "max-age=60; public",
    "max-age=60 public",
    "max-age=60, ext=\"public\"",
    "max-age=60, ext=\"a, public, b\"",
    "max-age=60, ext=\"a, public",
    "max-age=60, s-maxage",
    "max-age=60, s-maxage=",
    "max-age=60, s-maxage=-1",
    "max-age=60, s-maxage=\"60",
    "max-age=60, s-maxage=60.0",
    "max-age=60, s-maxage =60",
    "max-age=60, s-maxage= 60",
    "max-age=60, s-max-age=60",
    "max-age=60, must-revalidate=1",
    "max-age=60, must revalidate",
    "max-age=60, mustrevalidate",
    "max-age=60, public, private",
];

pub(super) async fn no_leave(case: &Case) -> Finding {
    let mut tried = Tried::default();
    let alone = NO_LEAVE.map(|said| format!("Cache-Control: {said}"));
    let others = [
        "Expires: Fri, 01 Jan 2100 00:00:00 GMT",
        "Cache-Control: max-age=60\r\nExpires: Fri, 01 Jan 2100 00:00:00 GMT",
        "Cache-Control: max-age=60\r\nPragma: public",
        "Cache-Control: max-age=60\r\nCDN-Cache-Control: max-age=60",
        "Cache-Control: max-age=60\r\nSurrogate-Control: max-age=60",
        "Cache-Control: max-age=60\r\nX-Cache-Control: public",
        "Cache-Control: max-age=60\r\nAccess-Control-Allow-Credentials: true",
    ];
    for lines in alone.iter().map(String::as_str).chain(others) {
        let page = case.page();
        page.script(Recipe::fresh("").line(lines));
        let user = case.get(&page.path).line("Authorization: Bearer a");
        case.ask(&user).await;
        tried.note(lines, not_stored(case, &page, &case.get(&page.path)).await);
    }
    tried.note("leave", leave(case).await);
    tried.sum()
}

/// The three that do open the door. A cache need not go through it.
async fn leave(case: &Case) -> Finding {
    let mut opened = Vec::new();
    for said in [
        "public, max-age=60",
        "s-maxage=60",
        "max-age=60, must-revalidate",
    ] {
        let shape = |request: Request| request.line("Authorization: Bearer a");
        if control_with(case, Recipe::fresh(said), shape)
            .await
            .is_safe()
        {
            opened.push(said);
        }
    }
    Finding::safe(format!("leave is taken from {opened:?}"))
}
