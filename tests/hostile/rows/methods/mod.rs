//! M: methods other than GET, and requests with bodies.

mod heads;

use super::{Row, row};
use crate::at_once::{each, while_held};
use crate::case::Case;
use crate::client::{Request, h2};
use crate::origin::{Page, Recipe};
use crate::verdict::{Checked, Finding, Tried, clean, own, poison, wanted};

pub(super) const ROWS: &[Row] = &[
    row!(
        M01,
        D,
        "G4",
        "a HEAD that comes before the GET, or beside it",
        heads::head_fills_get
    ),
    row!(
        M02,
        I,
        "G4",
        "a HEAD that is answered from what a GET stored",
        heads::get_then_head
    ),
    row!(
        M03,
        D,
        "G8",
        "a HEAD whose answer differs from what is stored",
        heads::head_lies
    ),
    row!(
        M04,
        I,
        "G1 G6 G8",
        "other methods and requests with bodies, and what they make invalid",
        other_methods
    ),
];

const METHODS: [&str; 22] = [
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "PROPFIND",
    "PROPPATCH",
    "REPORT",
    "SEARCH",
    "QUERY",
    "MKCOL",
    "LOCK",
    "PURGE",
    "BAN",
    "INVALIDATE",
    "get",
    "Get",
    "GETT",
    "FOO",
    "POST\t",
    "CONNECT",
];

async fn other_methods(case: &Case) -> Finding {
    let bodies = ["", "x=evil"];
    let variants = METHODS
        .iter()
        .flat_map(|&method| bodies.map(|body| (method, body)));
    let attempt = |case: Case, (method, body): (&'static str, &'static str)| async move {
        let found = never_a_get(&case, method, body).await;
        (format!("{} {body}", method.trim_end()), found)
    };
    let mut tried = each(case, variants.collect(), attempt).await;
    tried.append(gets_with_bodies(case).await);
    tried.note("a GET with a body over HTTP/2", body_over_h2(case).await);
    tried.note(
        "Content-Location: another page",
        in_others_names(case).await,
    );
    tried.append(invalidations(case).await);
    tried.sum()
}

/// A method is never answered from what is stored, with or without a GET before it, nor beside
/// one, and what it gets is never a GET's answer.
async fn never_a_get(case: &Case, method: &str, body: &str) -> Checked {
    let open = Recipe::fresh("public, max-age=60, s-maxage=60").line("Content-Location: {target}");
    let page = case.page();
    page.script(open.clone());
    let with_body = |request: Request| match body {
        "" => request,
        body => request.body(body),
    };
    let other = || with_body(case.get(&page.path).method(method));
    let get = || case.get(&page.path);
    let mut attackers = Vec::new();
    for _ in 0..2 {
        let request = other();
        answered_alone(case, &page, &request).await.checked()?;
        attackers.push(request.nonce);
    }
    let marks: Vec<&str> = attackers.iter().map(String::as_str).collect();
    let victim = case.ask(&get()).await;
    clean(&victim, page.path.as_bytes(), &marks).checked()?;
    answered_alone(case, &page, &other()).await.checked()?;
    let again = case.ask(&get()).await;
    wanted(&again, page.path.as_bytes()).checked()?;
    let page = case.page();
    page.script(open.clone());
    let get = case.get(&page.path);
    let beside = with_body(case.get(&page.path).method(method));
    let (one, others) = while_held(case, &page, &[open], &get, std::slice::from_ref(&beside)).await;
    let crossed = one.shows(&beside.nonce) || others[0].shows(&get.nonce);
    Finding::of(!crossed, "reaches the origin each time, or is refused").checked()
}

/// The origin answers it, or nobody does.
async fn answered_alone(case: &Case, page: &Page, request: &Request) -> Finding {
    let before = page.count();
    let answer = case.ask(request).await;
    match (page.count() - before, answer.status) {
        (0, 0 | 400..) => Finding::safe("refused"),
        (1, 200) if answer.body.length > 0 => own(&answer, request),
        (1, _) => Finding::safe("reached the origin"),
        (calls, _) => Finding::bad(format!("{calls} origin calls: {}", answer.summary())),
    }
}

/// A GET may carry a body, which the key does not cover.
async fn gets_with_bodies(case: &Case) -> Tried {
    let bodies = [
        "Content-Length: 6\r\n\r\nx=evil",
        "Content-Length: 00006\r\n\r\nx=evil",
        "Transfer-Encoding: chunked\r\n\r\n6\r\nx=evil\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n0\r\nX-Evil: x=evil\r\n\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 6\r\n\r\nx=evil",
        "X-HTTP-Method-Override: POST\r\nContent-Length: 6\r\n\r\nx=evil",
    ];
    let mut tried = Tried::default();
    for body in bodies {
        for method in ["GET", "HEAD"] {
            let page = case.page();
            // What follows the last line is the body, as the line ends in an empty one.
            let fat = case.get(&page.path).method(method).line(body);
            let victim = case.get(&page.path);
            let found = poison(case, &page, &fat, &victim, &["evil", &fat.nonce]).await;
            let page = case.page();
            let fat = case.get(&page.path).method(method).line(body);
            let plain = [case.get(&page.path)];
            let (_, others) = while_held(case, &page, &[Recipe::new()], &fat, &plain).await;
            let beside = clean(&others[0], page.path.as_bytes(), &["evil", &fat.nonce]);
            tried.note(format!("{method} {body}"), found.and(beside));
        }
    }
    tried
}

/// In HTTP/2 a body needs no field that announces it.
async fn body_over_h2(case: &Case) -> Checked {
    for body in ["x=evil", ""] {
        let page = case.page();
        let fat = case.get(&page.path);
        let mut connection = case.connect_h2().await;
        let stream = connection.request(&h2::fields_of(&fat), false).await;
        connection.data(stream, body.as_bytes(), true).await;
        connection.answer(stream).await;
        let victim = case.ask(&case.get(&page.path)).await;
        clean(&victim, page.path.as_bytes(), &["evil"]).checked()?;
    }
    Ok(Finding::safe("the victim's answer is clean"))
}

/// An answer that says it is another page is not kept as that page.
async fn in_others_names(case: &Case) -> Checked {
    let page = case.page();
    for (at, method) in ["GET", "HEAD", "POST", "PUT"].into_iter().enumerate() {
        let target = page.with(format!("/{at}"));
        let named = String::from_utf8_lossy(&target);
        let line = format!("Content-Location: {named}\r\nLocation: {named}");
        let recipe = Recipe::fresh("public, max-age=60").line(line);
        let attack = case.get(page.with("/evil")).method(method);
        page.script(recipe.when_nonce(&attack.nonce));
        let victim = case.get(&target);
        poison(case, &page, &attack, &victim, &[&attack.nonce])
            .await
            .checked()?;
    }
    Ok(Finding::safe("kept under its own name"))
}

/// Whose pages an answer to an unsafe method may make invalid: nobody else's.
async fn invalidations(case: &Case) -> Tried {
    let references = [
        "http://good.test{}",
        "//good.test{}",
        "https://good.test{}",
        "HTTP://GOOD.TEST:80{}",
        "http://evil.test@good.test{}",
        "http://evil.test:80@good.test{}",
        "//evil.test\\@good.test{}",
        "http:\\\\good.test{}",
        "http://good.test:443{}",
        "http:/{}",
    ];
    let mut tried = Tried::default();
    for reference in references {
        for field in ["Location", "Content-Location"] {
            let page = case.page();
            let own_page = page.with("/evil");
            let line = format!("{field}: {}", reference.replace("{}", &page.path));
            let named = Recipe::new().status(201).line(line).when_method("POST");
            page.script(named);
            let victim = || case.get(&page.path);
            let attack = case.get(&own_page).host("evil.test").method("POST");
            let found = still_hits(case, &page, &victim, &attack.body("x")).await;
            tried.note(format!("evil.test names {field}: {reference}"), found);
        }
    }
    for (method, status) in [
        ("POST", 400),
        ("POST", 403),
        ("PUT", 404),
        ("DELETE", 405),
        ("PURGE", 405),
        ("POST", 500),
        ("FOO", 501),
        ("OPTIONS", 200),
        ("TRACE", 200),
    ] {
        let page = case.page();
        page.script(Recipe::new().status(status).when_method(method));
        let victim = || case.get(&page.path);
        let attack = case.get(&page.path).method(method);
        let found = still_hits(case, &page, &victim, &attack).await;
        tried.note(format!("{method} that is answered {status}"), found);
    }
    tried
}

/// The victim's page is stored, and still served after the attack.
async fn still_hits(
    case: &Case,
    page: &Page,
    victim: &impl Fn() -> Request,
    attack: &Request,
) -> Finding {
    let first = case.ask(&victim()).await;
    let attacked = case.ask(attack).await;
    let before = page.count();
    let second = case.ask(&victim()).await;
    let hit = page.count() == before && second.serial() == first.serial();
    if !hit {
        let (seen, after) = (attacked.summary(), second.summary());
        return Finding::bad(format!("no longer stored: {seen}, then {after}"));
    }
    Finding::safe("still a hit")
}
