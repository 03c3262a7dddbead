//! Request fields that change what an origin answers.

use crate::case::Case;
use crate::client::{Request, h2};
use crate::origin::{Page, Recipe, Seen};
use crate::verdict::{Finding, Tried, clean, control, poison, wanted};

/// Fields by which a front says which host was asked for.
const HOSTS: [&str; 16] = [
    "X_Forwarded_Host: evil.test",
    "X-Forwarded_Host: evil.test",
    "X-Forwarded-Host: evil.test",
    "X-Forwarded-Host: good.test, evil.test",
    "X-Forwarded-Host: good.test\r\nX-Forwarded-Host: evil.test",
    "x-forwarded-HOST:evil.test",
    "X-Forwarded-Host:",
    "Forwarded: host=evil.test",
    "Forwarded: for=1.1.1.1;host=\"evil.test\"",
    "X-Host: evil.test",
    "X-Original-Host: evil.test",
    "X-Forwarded-Server: evil.test",
    "X-HTTP-Host-Override: evil.test",
    "X-Host-Override: evil.test",
    "X-Backend-Host: evil.test",
    "X-Forwarded-Hostname: evil.test",
];

const PREFIXES: [&str; 7] = [
    "X-Forwarded-Prefix: /evil",
    "X-Forwarded-Prefix: /a, /evil",
    "X-Forwarded-Path: /evil",
    "X-Forwarded-Pathbase: /evil",
    "X-Forwarded-Context: /evil",
    "X-Script-Name: /evil",
    "X-Ingress-Path: /evil",
];

const ROUTES: [&str; 18] = [
    "X_Original_URL: /admin",
    "X-Invoke-Path: /admin",
    "X-Invoke-Status: 888",
    "X-Matched-Path: /admin",
    "X-Now-Route-Matches: 1",
    "X-Middleware-Prefetch: 1",
    "X-Original-URL: /admin",
    "X-Rewrite-URL: /admin",
    "X-Original-URI: /admin",
    "X-Forwarded-URI: /admin",
    "X-Forwarded-URL: /admin",
    "X-Override-URL: /admin",
    "X-Original-Path: /admin",
    "X-Rewrite-URI: /admin",
    "X-Envoy-Original-Path: /admin",
    "X-HTTP-DestinationURL: /admin",
    "X-Proxy-URL: /admin",
    "x-original-url:/admin",
];

const METHODS: [&str; 9] = [
    "X-HTTP-Method-Override: POST",
    "X-HTTP-Method-Override: HEAD",
    "X-HTTP-Method: DELETE",
    "X-Method-Override: HEAD",
    "X-Method: DELETE",
    "X-Forwarded-Method: POST",
    "X-Original-Method: POST",
    "X-HTTP-Method-Override: PURGE\r\nX-HTTP-Method: HEAD",
    "x-http-method-override:POST",
];

const SCHEMES: [&str; 13] = [
    "X-Forwarded-Proto: https",
    "X-Forwarded-Proto: http\r\nX-Forwarded-Proto: https",
    "X-Forwarded-Scheme: https",
    "X-Forwarded-Protocol: https",
    "X-Forwarded-Ssl: on",
    "X-Forwarded-Port: 443",
    "X-Url-Scheme: https",
    "X-Scheme: https",
    "Front-End-Https: on",
    "Forwarded: proto=https",
    "CloudFront-Forwarded-Proto: https",
    "X-Arr-Ssl: evil",
    "X-Forwarded-Proto: evil",
];

/// Fields that nobody can know to change an answer.
const UNKNOWN: [&str; 10] = [
    "X-Evil: 1",
    "X-Real-IP: 6.6.6.6",
    "X-Forwarded-For: 6.6.6.6",
    "True-Client-IP: 6.6.6.6",
    "CF-IPCountry: XX",
    "Referer: http://evil.test/",
    "Save-Data: on",
    "X-Client-Scheme: https",
    "Accept-Charset: x",
    "Prefer: evil",
];

/// Fields by which a script asks for another form of the page.
const FORMS: [&str; 8] = [
    "X-Requested-With: XMLHttpRequest",
    "HX-Request: true",
    "Turbo-Frame: evil",
    "X-PJAX: true",
    "X-Inertia: true",
    "RSC: 1",
    "X-Nextjs-Data: 1",
    "Origin: https://evil.test",
];

/// One field at a time, over both protocols. The default answer repeats the request, so that a
/// field which the origin saw and the key did not cover shows in what the victim is served.
async fn each_line(case: &Case, lines: &[&str], recipe: impl Fn() -> Recipe) -> Finding {
    let mut tried = Tried::default();
    for line in lines {
        let page = case.page();
        page.script(recipe());
        let attack = case.get(&page.path).line(line);
        let victim = case.get(&page.path);
        let name = line.split(':').next().unwrap_or_default();
        let name = name.to_ascii_lowercase();
        let marks = [name.as_str()];
        tried.note(line, poison(case, &page, &attack, &victim, &marks).await);
        let page = case.page();
        page.script(recipe());
        tried.note(
            format!("h2 {line}"),
            over_h2(case, &page, line, &marks).await,
        );
    }
    tried.sum()
}

async fn over_h2(case: &Case, page: &Page, line: &str, marks: &[&str]) -> Finding {
    if !case.subject.is_ours() {
        return Finding::not_applicable("cleartext HTTP/2 is not expected of others");
    }
    let mut connection = case.connect_h2().await;
    let mut fields = h2::fields("GET", &page.path, "attacker");
    for one in line.split("\r\n") {
        let (name, value) = one.split_once(':').unwrap_or((one, ""));
        let name = name.to_ascii_lowercase().into_bytes();
        fields.push((name, value.trim().as_bytes().to_vec()));
    }
    connection.ask(&fields).await;
    let victim = case.get(&page.path);
    clean(&case.ask(&victim).await, &victim.target, marks)
        .and(Finding::safe("attacked over HTTP/2"))
}

pub(super) async fn host(case: &Case) -> Finding {
    each_line(case, &HOSTS, || {
        Recipe::new().reflect(|seen| {
            let named = seen.header("x-forwarded-host").unwrap_or_default();
            format!("Link: <http://{named}/app.js>; rel=preload").into_bytes()
        })
    })
    .await
}

pub(super) async fn prefix(case: &Case) -> Finding {
    each_line(case, &PREFIXES, Recipe::new).await
}

/// Nothing reaches the origin that the key does not cover, in the mode that promises it.
pub(super) async fn strict(case: &Case) -> Finding {
    let strict = match case.with_flags(&["--strict-forwarding"]).await {
        Ok(strict) => strict,
        Err(finding) => return finding,
    };
    each_line(&strict, &UNKNOWN, Recipe::new).await
}

/// HTTP/2 may send a cookie in pieces. Whoever speaks HTTP/1 must be given the whole in one line
/// (RFC 9113, section 8.2.3): an origin that reads one line would read a part for the whole.
pub(super) async fn crumbs(case: &Case) -> Finding {
    if !case.subject.is_ours() {
        return Finding::not_applicable("cleartext HTTP/2 is not expected of others");
    }
    let mut tried = Tried::default();
    for crumbs in [
        &["a=1", "sid=x"][..],
        &["a=1", "b=2", "c=3"],
        &["a=1; b=2", "c=3"],
        &["", "a=1"],
    ] {
        let page = case.page();
        let mut fields = h2::fields("GET", &page.path, "crumbs");
        for crumb in crumbs {
            fields.push((b"cookie".to_vec(), crumb.as_bytes().to_vec()));
        }
        case.connect_h2().await.ask(&fields).await;
        let heard = page
            .last()
            .map(|seen| seen.lines.all("cookie"))
            .unwrap_or_default();
        let whole = heard == [crumbs.join("; ")];
        tried.note(
            crumbs.join(" / "),
            Finding::of(whole, format!("the origin heard {heard:?}")),
        );
    }
    tried.sum()
}

/// The origin answers a script in a form of its own, and says no `Vary`.
pub(super) async fn form(case: &Case) -> Finding {
    let recipe = || {
        Recipe::new().reflect(|seen| match seen.header("origin") {
            Some(origin) => format!("Access-Control-Allow-Origin: {origin}").into_bytes(),
            None => Vec::new(),
        })
    };
    each_line(case, &FORMS, recipe).await
}

pub(super) async fn routing(case: &Case) -> Finding {
    each_line(case, &ROUTES, Recipe::new).await
}

/// An origin that answers without TLS by a redirect, and an attacker who says which it was.
pub(super) async fn scheme(case: &Case) -> Finding {
    let fields = each_line(case, &SCHEMES, Recipe::new).await;
    let mut tried = Tried::default();
    for target in ["https://good.test", "HTTPS://good.test", "http://good.test"] {
        let page = case.page();
        let attack = case.get(format!("{target}{}", page.path));
        let victim = case.get(&page.path);
        let finding = poison(case, &page, &attack, &victim, &["https"]).await;
        tried.note(format!("GET {target}/p"), finding);
    }
    fields.and(tried.sum())
}

/// The origin obeys the override: what it answers is no page.
pub(super) async fn method(case: &Case) -> Finding {
    let overridden = |seen: &Seen| {
        let names = seen
            .lines
            .0
            .iter()
            .map(|(name, _)| name.to_ascii_lowercase());
        let mut names = names.filter_map(|name| String::from_utf8(name).ok());
        names.any(|name| name.contains("method")) || seen.target_has("_method")
    };
    let recipe = move || Recipe::new().when(overridden).status(200).body("");
    let fields = each_line(case, &METHODS, recipe).await;
    let mut tried = Tried::default();
    for query in [
        "?_method=PURGE",
        "?_method=DELETE",
        "?X-HTTP-Method-Override=HEAD",
    ] {
        let page = case.page();
        page.script(recipe());
        let (attack, victim) = (case.get(page.with(query)), case.get(&page.path));
        let finding = poison(case, &page, &attack, &victim, &[query]).await;
        tried.note(query, finding);
    }
    fields.and(tried.sum())
}

/// Methods that are not GET must neither be answered from what a GET has stored, nor store what a
/// GET is answered with.
pub(super) async fn odd_methods(case: &Case) -> Finding {
    let control = control(case, |request| request.method("GET")).await;
    let mut tried = Tried::default();
    for method in [
        "get", "Get", "gET", "GETT", "GE", "G", "QUERY", "PROPFIND", "REPORT", "SEARCH", "OPTIONS",
        "TRACE", "head", "Head", "COPY", "VIEW", "FETCH", "GET1", "XGET", "0", "M-SEARCH",
    ] {
        tried.note(method, odd_method(case, method).await);
    }
    control.and(tried.sum())
}

async fn odd_method(case: &Case, method: &str) -> Finding {
    let page = case.page();
    let odd = |page: &Page| case.get(&page.path).method(method);
    // First the odd one: a GET must not be answered with what it brought.
    let attack = odd(&page);
    let brought = case.ask(&attack).await;
    let victim = case.get(&page.path);
    let answer = case.ask(&victim).await;
    if answer.made_for().is_none_or(|nonce| nonce != victim.nonce) {
        return Finding::bad(format!("a GET after it gets {}", answer.summary()));
    }
    // Then a GET: the odd one must not be answered with what that brought.
    let page = case.page();
    let first = case.get(&page.path);
    case.ask(&first).await;
    let before = page.count();
    let second = case.ask(&odd(&page)).await;
    if page.count() == before && !matches!(second.status, 0 | 400..) {
        return Finding::bad(format!(
            "answered from the entry of GET: {}",
            second.summary()
        ));
    }
    let last = case.get(&page.path);
    let forwarded = if brought.status >= 400 {
        "refused"
    } else {
        "passed"
    };
    wanted_by_get(&case.ask(&last).await, &last).and(Finding::safe(forwarded))
}

fn wanted_by_get(answer: &crate::client::Answer, request: &Request) -> Finding {
    let asked = answer.asked_for().unwrap_or_default();
    if asked.starts_with("GET ") {
        return wanted(answer, &request.target);
    }
    Finding::bad(format!(
        "GET is served the answer to another: {}",
        answer.summary()
    ))
}
