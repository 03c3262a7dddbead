//! Users who are close to each other: on one connection, or waiting for one fetch.

use crate::at_once::own_while_held;
use crate::case::{Case, OVER};
use crate::client::{Answer, Request, h2};
use crate::origin::Recipe;
use crate::verdict::{Finding, Tried, own};

/// A proxy in front may send the requests of many users over one connection.
pub(super) async fn one_connection(case: &Case) -> Finding {
    let mut tried = Tried::default();
    for cache_control in [
        "max-age=60",
        "private, max-age=60",
        "no-store",
        "max-age=60, no-cache",
    ] {
        for header in ["Cookie: sid=", "Authorization: Bearer "] {
            let page = case.page();
            page.script(Recipe::fresh(cache_control));
            let users: Vec<Request> = (0..6)
                .map(|n| case.get(&page.path).line(format!("{header}{n}")))
                .collect();
            let what = format!("{cache_control}, {header}");
            tried.note(
                format!("one by one: {what}"),
                one_by_one(case, &users).await,
            );
            tried.note(format!("pipelined: {what}"), pipelined(case, &users).await);
            tried.note(
                format!("streams: {what}"),
                streams(case, &users, header).await,
            );
        }
    }
    tried.sum()
}

fn all_own(answers: &[Answer], users: &[Request]) -> Finding {
    let each = answers.iter().zip(users);
    let mut each = each.map(|(answer, user)| own(answer, user));
    let bad = each.find(|finding| !finding.is_safe());
    bad.unwrap_or_else(|| Finding::safe("each gets its own"))
}

async fn one_by_one(case: &Case, users: &[Request]) -> Finding {
    let mut connection = case.connect().await;
    let mut answers = Vec::new();
    for user in users {
        answers.push(connection.ask(user).await);
    }
    all_own(&answers, users)
}

async fn pipelined(case: &Case, users: &[Request]) -> Finding {
    let bytes: Vec<Vec<u8>> = users.iter().map(Request::bytes).collect();
    let mut connection = case.send(bytes.concat()).await;
    let mut answers = Vec::new();
    for user in users {
        answers.push(connection.answer(&user.method).await);
    }
    all_own(&answers, users)
}

async fn streams(case: &Case, users: &[Request], header: &str) -> Finding {
    if !case.subject.is_ours() {
        return Finding::not_applicable("cleartext HTTP/2 is not expected of others");
    }
    let mut connection = case.connect_h2().await;
    let (name, value) = header.split_once(": ").unwrap_or_default();
    let mut opened = Vec::new();
    for (n, user) in users.iter().enumerate() {
        let mut fields = h2::fields_of(user);
        let value = format!("{value}{n}").into_bytes();
        fields.push((name.to_ascii_lowercase().into_bytes(), value));
        opened.push(connection.request(&fields, true).await);
    }
    let mut answers = Vec::new();
    for stream in opened {
        answers.push(connection.answer(stream).await);
    }
    all_own(&answers, users)
}

/// A page that is stale, and may be served while it is refreshed. If the refresh carries someone's
/// credentials, what it brings is that one's.
pub(super) async fn refresh(case: &Case) -> Finding {
    let mut tried = Tried::default();
    let users = ["Cookie: sid=CANARY", "Authorization: Bearer CANARY"];
    let said = [
        "max-age=1, stale-while-revalidate=60",
        "max-age=0, stale-while-revalidate=60",
    ];
    let mut pages = Vec::new();
    for user in users {
        for cache_control in said {
            let page = case.page();
            page.script(Recipe::fresh(cache_control));
            case.ask(&case.get(&page.path)).await;
            pages.push((user, cache_control, page));
        }
    }
    case.let_pass(OVER).await;
    for (user, cache_control, page) in &pages {
        let known = case.get(&page.path).line(user);
        let of_their_own = own(&case.ask(&known).await, &known);
        let mut seen = Finding::safe("nobody else sees it");
        // The first may be served what is stale, the next ones what that one's refresh brought.
        for _ in 0..4 {
            let answer = case.ask(&case.get(&page.path)).await;
            if answer.shows("CANARY") || answer.made_for().as_ref() == Some(&known.nonce) {
                seen = Finding::bad(format!("another sees {}", answer.summary()));
            }
        }
        tried.note(format!("{cache_control}, {user}"), of_their_own.and(seen));
    }
    tried.sum()
}

/// Those who wait for a fetch must not be given what is not for them when it comes.
pub(super) async fn waiting(case: &Case) -> Finding {
    let mut tried = Tried::default();
    for line in [
        "Cache-Control: private",
        "Cache-Control: no-store",
        "Cache-Control: private, max-age=60",
        "Cache-Control: public, max-age=60, no-store",
        "Cache-Control: max-age=60\r\nCache-Control: private",
        "Cache-Control: max-age=60, private=\"x-secret\"",
        "Cache-Control: max-age=60, no-cache=\"x-secret\"\r\nX-Secret: {nonce}",
        "Cache-Control: max-age=60, PRIVATE",
        "Cache-Control: max-age=60, private=\"unterminated",
        "Cache-Control: max-age=60, ext=\"no-store",
        "Cache-Control: max-age=60; private",
        "Cache-Control: max-age=60\r\nSet-Cookie: sid={serial}",
        "Cache-Control: max-age=60\r\nVary: *",
        "Cache-Control: max-age=60\r\nVary: X-A, *",
        "Cache-Control: max-age=60\r\nVary: \u{e9}",
        "Cache-Control: max-age=60\r\nVary: X-Lab-Nonce",
        "Connection: cache-control\r\nCache-Control: private",
    ] {
        let page = case.page();
        let crowd: Vec<Request> = (0..5).map(|_| case.get(&page.path)).collect();
        let recipe = Recipe::fresh("").line(line);
        tried.note(line, own_while_held(case, &page, recipe, &crowd).await);
    }
    tried.sum()
}
