//! Which stored response a request selects.

use crate::at_once::while_held;
use crate::case::Case;
use crate::client::Request;
use crate::origin::{Page, Recipe};
use crate::verdict::{Finding, Tried, own, split};

/// An answer that anyone may share who sends the same for these fields.
pub(super) fn varying(vary: &str) -> Recipe {
    Recipe::fresh("public, max-age=60").line(format!("Vary: {vary}"))
}

/// The control for variants: the first request, sent again, must be a hit.
pub(super) async fn same_again(case: &Case, recipe: Recipe, lines: &str) -> Finding {
    crate::verdict::control_with(case, recipe, |request| request.line(lines)).await
}

/// Two clients whose lines differ, for an origin that varies on them.
async fn apart(case: &Case, vary: &str, one: &str, two: &str) -> Finding {
    let page = case.page();
    page.script(varying(vary));
    let first = case.get(&page.path).line(one);
    let second = case.get(&page.path).line(two);
    split(case, &page, &first, &second).await
}

pub(super) async fn collision(case: &Case) -> Finding {
    let mut tried = Tried::default();
    // The crc32 of the tokens, combined by exclusive or, is 0x3ae95cf2 for both.
    for (attack, victim) in [
        ("br,gzip,xxx,jdcqiab", "gzip"),
        ("br, gzip", "gzip"),
        ("br", "gzip"),
        ("br;q=1", "br;q=0"),
    ] {
        let page = case.page();
        page.script(compressed("br", |accepted| {
            accepted.contains("br") && !accepted.contains("q=0")
        }));
        page.script(compressed("gzip", |accepted| accepted.contains("gzip")));
        let accept = |value: &str| {
            case.get(&page.path)
                .line(format!("Accept-Encoding: {value}"))
        };
        case.ask(&accept(attack)).await;
        let request = accept(victim);
        let answer = case.ask(&request).await;
        let finding = own(&answer, &request).and(Finding::safe("split"));
        tried.note(format!("{attack} / {victim}"), finding);
    }
    // Parts that run together, or change places.
    for (vary, one, two) in [
        ("X-A, X-B", "X-A: ab\r\nX-B: c", "X-A: a\r\nX-B: bc"),
        ("X-A, X-B", "X-A: 1\r\nX-B: 2", "X-A: 2\r\nX-B: 1"),
        ("X-A, X-B", "X-A: x", "X-B: x"),
        ("X-A, X-B", "X-A: b, x-b: c", "X-A: b\r\nX-B: c"),
        ("X-A, X-B", "X-A: \r\nX-B: x", "X-A: x\r\nX-B: "),
        ("X-A", "X-A: a", "X-A: A"),
        ("X-A", "X-A: a", "X-A: \"a\""),
        ("X-A", "X-A: a;b", "X-A: b;a"),
        ("X-A", "X-A: a\u{e9}", "X-A: a\u{e8}"),
        ("User-Agent", "User-Agent: Mozilla", "User-Agent: mozilla"),
        (
            "Accept-Language",
            "Accept-Language: en",
            "Accept-Language: en-GB",
        ),
        ("Origin", "Origin: https://a.test", "Origin: https://b.test"),
    ] {
        tried.note(format!("{one} / {two}"), apart(case, vary, one, two).await);
    }
    same_again(case, varying("X-A"), "X-A: a")
        .await
        .and(tried.sum())
}

/// What an origin answers to those who accept a coding.
fn compressed(coding: &'static str, accepts: fn(&str) -> bool) -> Recipe {
    varying("Accept-Encoding")
        .line(format!("Content-Encoding: {coding}"))
        .when(move |seen| accepts(&seen.header("accept-encoding").unwrap_or_default()))
}

pub(super) async fn absent(case: &Case) -> Finding {
    let mut tried = Tried::default();
    for (vary, one, two) in [
        ("X-User", "", "X-User:"),
        ("X-User", "X-User:", ""),
        ("X-User", "", "X-User: \t"),
        ("X-User", "X-User: ,", "X-User:"),
        ("X-User", "", "X-User: null"),
        ("X-User", "", "X-User: undefined"),
        ("X-User", "X-User: -", ""),
        ("X-User, X-B", "X-B: b", "X-User:\r\nX-B: b"),
        ("Accept-Language", "", "Accept-Language:"),
        ("Authorization", "", "Authorization: Basic"),
    ] {
        tried.note(format!("{one} / {two}"), apart(case, vary, one, two).await);
    }
    let control = same_again(case, varying("X-User"), "X-User:").await;
    control.and(tried.sum())
}

pub(super) async fn lines(case: &Case) -> Finding {
    let mut tried = Tried::default();
    for (one, two) in [
        ("X-V: a\r\nX-V: b", "X-V: a\r\nX-V: c"),
        ("X-V: a\r\nX-V: b", "X-V: b\r\nX-V: a"),
        ("X-V: a\r\nX-V: b", "X-V: a"),
        ("X-V: a\r\nX-V: b", "X-V: b"),
        ("X-V: a\r\nX-V: b\r\nX-V: c", "X-V: a\r\nX-V: b"),
        ("X-V: a\r\nX-V: a", "X-V: a"),
        ("X-V: a\r\nX-V:", "X-V: a"),
        ("X-V: a\r\nX-W: q\r\nX-V: b", "X-V: a\r\nX-W: q\r\nX-V: c"),
        ("X-V: a, b", "X-V: b, a"),
        ("X-V: a\r\nx-v: b", "X-V: a\r\nx-v: c"),
    ] {
        tried.note(format!("{one} / {two}"), apart(case, "X-V", one, two).await);
    }
    let control = same_again(case, varying("X-V"), "X-V: a\r\nX-V: b").await;
    control.and(tried.sum())
}

/// One cookie for all, and a page for each: `Vary: Cookie` alone is no leave to share.
pub(super) async fn cookie(case: &Case) -> Finding {
    let mut tried = Tried::default();
    for (cache_control, one, two) in [
        ("max-age=60", "Cookie: theme=dark", "Cookie: theme=dark"),
        (
            "max-age=60",
            "Cookie: sid=a; theme=dark",
            "Cookie: theme=dark; sid=a",
        ),
        (
            "max-age=60",
            "Cookie: theme=dark; sid=a",
            "Cookie: theme=dark; sid=b",
        ),
        ("max-age=60", "Cookie: theme=dark", ""),
        ("max-age=60", "Cookie:", "Cookie:"),
        (
            "max-age=60",
            "Cookie: a=1\r\nCookie: sid=a",
            "Cookie: a=1\r\nCookie: sid=b",
        ),
        // Here the origin gives leave, and the whole field tells variants apart.
        (
            "public, max-age=60",
            "Cookie: theme=dark; sid=a",
            "Cookie: theme=dark; sid=b",
        ),
        (
            "public, max-age=60",
            "Cookie: a=1\r\nCookie: sid=a",
            "Cookie: a=1\r\nCookie: sid=b",
        ),
        ("public, max-age=60", "Cookie: sid=a", ""),
        ("public, max-age=60", "", "Cookie: sid=a"),
        ("public, max-age=60", "Cookie: sid=A", "Cookie: sid=a"),
    ] {
        let page = case.page();
        page.script(Recipe::fresh(cache_control).line("Vary: Cookie"));
        let (first, second) = (user(case, &page, one), user(case, &page, two));
        let finding = split(case, &page, &first, &second).await;
        tried.note(format!("{cache_control}: {one} / {two}"), finding);
    }
    let leave = same_again(case, varying("Cookie"), "Cookie: theme=dark").await;
    leave.and(tried.sum())
}

fn user(case: &Case, page: &Page, cookie: &str) -> Request {
    case.get(&page.path).line(cookie)
}

/// All ask while the first one's answer is held back. Those who sent something else for what the
/// answer varies on must not be given it.
pub(super) async fn crowd(case: &Case) -> Finding {
    let mut tried = Tried::default();
    for (vary, shapes) in [
        ("Vary: X-V", ["X-V: a", "X-V: b", "X-V: c", ""]),
        ("Vary: X-V", ["", "X-V:", "X-V: b", "X-V: a, b"]),
        (
            "Vary: Cookie",
            ["Cookie: sid=a", "Cookie: sid=b", "Cookie: sid=ab", ""],
        ),
        (
            "Vary: Authorization",
            [
                "Authorization: a",
                "Authorization: b",
                "Authorization: B",
                "",
            ],
        ),
        (
            "Vary: Accept-Language",
            [
                "Accept-Language: en",
                "Accept-Language: fr",
                "Accept-Language: de",
                "",
            ],
        ),
        (
            "Content-Encoding: br",
            [
                "Accept-Encoding: br",
                "Accept-Encoding: gzip",
                "Accept-Encoding: x",
                "",
            ],
        ),
        (
            "Access-Control-Allow-Origin: https://a.test",
            [
                "Origin: https://a.test",
                "Origin: https://b.test",
                "Origin: null",
                "",
            ],
        ),
    ] {
        let page = case.page();
        let recipe = Recipe::fresh("public, max-age=60").line(vary);
        page.script(recipe.clone());
        let asked = shapes.map(|line| case.get(&page.path).line(line));
        let (first, others) = while_held(case, &page, &[recipe], &asked[0], &asked[1..]).await;
        let answers = std::iter::once(&first).chain(&others);
        let mut each = answers
            .zip(&asked)
            .map(|(answer, request)| own(answer, request));
        let bad = each.find(|finding| !finding.is_safe());
        let finding = bad.unwrap_or_else(|| Finding::safe("each gets its own variant"));
        tried.note(format!("{vary}: {}", shapes.join(" / ")), finding);
    }
    tried.sum()
}
