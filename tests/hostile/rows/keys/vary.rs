//! How `Vary` itself is read.

use super::variants::{same_again, varying};
use crate::at_once::own_while_held;
use crate::case::Case;
use crate::origin::Recipe;
use crate::verdict::{Finding, Tried, not_stored, own, split};

/// Ways of saying that a page depends on the cookie, tidy or not. Each must keep two cookies
/// apart: by varying on it, or by not storing the answer at all.
const UNTIDY: [&[u8]; 30] = [
    b"Vary: Cookie",
    b"Vary:  cookie ",
    b"Vary:\tCOOKIE\t",
    b"Vary:cookie",
    b"Vary: Accept,,\tCOOKIE ,",
    b"Vary: ,,,Cookie",
    b"Vary: , , cookie , ,",
    b"Vary: Accept\r\nVary: Cookie",
    b"Vary: Accept-Encoding\r\nvary: X-A\r\nVARY: cookie",
    b"Vary:\r\nVary: Cookie",
    b"Vary: Cookie\r\nVary:",
    b"Vary: Cookie\r\nX-Y: z\r\nVary: Accept",
    b"Vary: \xe9, Cookie",
    b"Vary: Cookie, \xff",
    b"Vary: Cookie\xa0",
    b"Vary: \xe9\r\nVary: Cookie",
    b"Vary: \"Cookie\"",
    b"Vary: Cookie;q=1",
    b"Vary: Accept Cookie",
    b"Vary: Accept; Cookie",
    b"Vary: Cookie:",
    b"Vary: Accept,Cookie,Accept,Cookie",
    b"Vary: (Cookie)",
    b"Vary: Cookie\x0b",
    b"Vary: Accept,\x0cCookie",
    b"Vary: Accept, \"a, Cookie\"",
    b"Vary: \"Accept, Cookie",
    b"Vary: Accept\\, Cookie",
    b"Vary: [Cookie]",
    b"vARY: cOOKIE",
];

pub(super) async fn untidy(case: &Case) -> Finding {
    let mut tried = Tried::default();
    for line in UNTIDY {
        let page = case.page();
        page.script(Recipe::fresh("public, max-age=60").line(line));
        let first = case.get(&page.path).line("Cookie: sid=a");
        let second = case.get(&page.path).line("Cookie: sid=b");
        case.ask(&first).await;
        tried.note(line, kept_from(case, &page, &second).await);
    }
    let long = format!("Vary: {}Cookie", "X-Filler, ".repeat(500));
    let page = case.page();
    page.script(Recipe::fresh("public, max-age=60").line(long));
    case.ask(&case.get(&page.path).line("Cookie: sid=a")).await;
    let second = case.get(&page.path).line("Cookie: sid=b");
    tried.note(
        "Cookie after 500 others",
        kept_from(case, &page, &second).await,
    );
    same_again(case, varying("Cookie"), "Cookie: sid=a")
        .await
        .and(tried.sum())
}

/// The answer is the client's own, or the subject found the origin's answer to be no HTTP.
async fn kept_from(
    case: &Case,
    page: &crate::origin::Page,
    request: &crate::client::Request,
) -> Finding {
    let before = page.count();
    let answer = case.ask(request).await;
    if answer.status == 502 && page.count() > before {
        return Finding::safe("not HTTP: 502");
    }
    own(&answer, request)
}

pub(super) async fn asterisk(case: &Case) -> Finding {
    let mut tried = Tried::default();
    let lines: [&[u8]; 14] = [
        b"Vary: *",
        b"Vary: Foo, *",
        b"Vary: *, Foo",
        b"Vary: Foo\r\nVary: *",
        b"Vary: *\r\nVary: Foo",
        b"Vary: ,*",
        b"Vary: *,",
        b"Vary:  * ",
        b"Vary:\t*\t",
        b"Vary: Foo,*,Bar",
        b"Vary: **",
        b"Vary: \"*\"",
        b"Vary: *;q=0",
        b"Vary:\r\nVary: *",
    ];
    for line in lines {
        let recipe = || Recipe::fresh("public, max-age=60").line(line);
        let page = case.page();
        page.script(recipe());
        case.ask(&case.get(&page.path)).await;
        let again = not_stored(case, &page, &case.get(&page.path)).await;
        let page = case.page();
        let crowd: Vec<_> = (0..5).map(|_| case.get(&page.path)).collect();
        let waiters = own_while_held(case, &page, recipe(), &crowd).await;
        tried.note(line, again.and(waiters));
    }
    tried.sum()
}

/// Each answer nominates other fields. What was stored under the old ones must not be served to
/// those whom the new ones tell apart, nor the other way round.
pub(super) async fn changing(case: &Case) -> Finding {
    let mut tried = Tried::default();
    for (first, second) in [("X-A", "X-B"), ("X-A", "X-A, X-B"), ("X-A, X-B", "X-B")] {
        let page = case.page();
        page.script(varying(first).times(1)).script(varying(second));
        let ask = |lines: &str| case.get(&page.path).line(lines);
        let one = ask("X-A: 1\r\nX-B: 1");
        let two = ask("X-A: 2\r\nX-B: 1");
        let three = ask("X-A: 2\r\nX-B: 2");
        let apart = split(case, &page, &one, &two).await;
        let third = own(&case.ask(&three).await, &three);
        tried.note(format!("{first} then {second}"), apart.and(third));
    }
    for tail in ["", "private", "no-store"] {
        let page = case.page();
        page.script(varying("X-A").times(1));
        page.script(Recipe::fresh(tail).line("Vary: *"));
        let one = case.get(&page.path).line("X-A: 1");
        let two = case.get(&page.path).line("X-A: 2");
        let three = case.get(&page.path).line("X-A: 2");
        let apart = split(case, &page, &one, &two).await;
        tried.note(
            format!("X-A then * {tail}"),
            apart.and(own(&case.ask(&three).await, &three)),
        );
    }
    tried.sum()
}
