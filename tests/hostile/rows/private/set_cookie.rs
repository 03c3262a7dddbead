//! Answers that set a cookie.

use std::time::Duration;

use tokio::time::Instant;

use crate::case::{Case, OVER};
use crate::origin::{Gate, Recipe};
use crate::verdict::{Finding, Tried, not_stored};

pub(super) async fn stored(case: &Case) -> Finding {
    let mut tried = Tried::default();
    for (cache_control, cookie) in [
        ("max-age=60", "Set-Cookie: sid={serial}"),
        ("public, max-age=60", "Set-Cookie: sid={serial}"),
        (
            "s-maxage=60",
            "Set-Cookie: sid={serial}; Max-Age=60; Path=/",
        ),
        ("public, max-age=60, immutable", "set-cookie:sid={serial}"),
        (
            "max-age=60, no-cache=\"set-cookie\"",
            "Set-Cookie: sid={serial}",
        ),
        (
            "public, max-age=60",
            "Set-Cookie: a=b\r\nSet-Cookie: sid={serial}",
        ),
        (
            "public, max-age=60",
            "Set-Cookie:\r\nSet-Cookie: sid={serial}",
        ),
        (
            "public, max-age=60",
            "Set-Cookie: sid={serial}\r\nConnection: set-cookie",
        ),
        ("public, max-age=60", "SET-COOKIE: {serial}"),
        ("public, max-age=60", "Set-Cookie:"),
    ] {
        for status in [200, 301, 404] {
            let page = case.page();
            let recipe = Recipe::fresh(cache_control).line(cookie).status(status);
            page.script(recipe.line("Location: /next"));
            case.ask(&case.get(&page.path)).await;
            let again = case.get(&page.path);
            let finding = not_stored(case, &page, &again).await;
            tried.note(format!("{status} {cache_control}, {cookie}"), finding);
        }
    }
    tried.sum()
}

/// Fifty clients at once, and an origin that takes a moment to mint each cookie. All fifty must
/// get their own, and those who waited for the first must not queue up behind each other.
pub(super) async fn crowd(case: &Case) -> Finding {
    const CROWD: usize = 50;
    const LATENCY: Duration = Duration::from_millis(300);
    // For the machine, which runs other rows as well.
    const SPARE: Duration = Duration::from_millis(900);
    let page = case.page();
    let minted = Recipe::new().line("Set-Cookie: sid={serial}");
    page.script(minted.delay(LATENCY));
    let requests: Vec<_> = (0..CROWD).map(|_| case.get(&page.path)).collect();
    let begin = Instant::now();
    let answers = case.ask_all(&requests).await;
    let took = begin.elapsed();
    let mut cookies: Vec<_> = answers.iter().map(|a| a.header("set-cookie")).collect();
    cookies.sort();
    cookies.dedup();
    let different = cookies.iter().flatten().count();
    let calls = page.count();
    let most = page.most_at_once(page.path.as_bytes());
    let parallel = most as usize >= CROWD - 1 && took <= 2 * LATENCY + SPARE;
    let all = different == CROWD && calls == CROWD as u64;
    Finding::of(
        all && parallel,
        format!("{different} cookies, {calls} origin calls, {most} at once, in {took:.1?}"),
    )
}

/// What is stored is refreshed by a 304 with a cookie: nobody else may get that.
pub(super) async fn not_modified(case: &Case) -> Finding {
    let mut tried = Tried::default();
    let variants = [
        "Set-Cookie: sid=U1",
        "set-cookie: sid=U1; Path=/",
        "Set-Cookie: sid=U1\r\nSet-Cookie: x=y",
    ];
    let pages = variants.map(|cookie| {
        let page = case.page();
        page.script(
            Recipe::fresh("max-age=1")
                .without("ETag")
                .line("ETag: \"v\"")
                .times(1),
        );
        let again = Recipe::not_modified("\"v\"").line("Cache-Control: max-age=60");
        page.script(again.line(cookie).when_header("if-none-match", "v"));
        page
    });
    for page in &pages {
        case.ask(&case.get(&page.path)).await;
    }
    case.let_pass(OVER).await;
    for (page, cookie) in pages.iter().zip(variants) {
        case.ask(&case.get(&page.path)).await;
        let asked = page.count();
        let other = case.ask(&case.get(&page.path)).await;
        let finding = if other.shows("sid=U1") {
            Finding::bad(format!("another gets the cookie: {}", other.summary()))
        } else if asked == 2 && page.count() == 2 {
            Finding::safe("refreshed, and the cookie given to nobody else")
        } else {
            Finding::safe("not refreshed by it")
        };
        tried.note(cookie, finding);
    }
    tried.note("for those who wait", for_waiters(case).await);
    tried.sum()
}

/// Five who wait for the 304 that one of them caused.
async fn for_waiters(case: &Case) -> Finding {
    let page = case.page();
    let gate = Gate::shut();
    page.script(
        Recipe::fresh("max-age=0")
            .without("ETag")
            .line("ETag: \"v\"")
            .times(1),
    );
    page.script(
        Recipe::not_modified("\"v\"")
            .line("Set-Cookie: sid={serial}")
            .when_header("if-none-match", "v")
            .gate(&gate),
    );
    case.ask(&case.get(&page.path)).await;
    let crowd: Vec<_> = (0..5).map(|_| case.get(&page.path)).collect();
    let (answers, ()) = tokio::join!(case.ask_all(&crowd), async {
        page.arrived(2).await;
        gate.open();
    });
    let mut cookies: Vec<_> = answers
        .iter()
        .filter_map(|a| a.header("set-cookie"))
        .collect();
    let given = cookies.len();
    cookies.sort();
    cookies.dedup();
    Finding::of(
        cookies.len() == given,
        format!("{given} cookies, {} of them different", cookies.len()),
    )
}
