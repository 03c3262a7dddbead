//! Answers that depend on the request: where they lead, and of which kind they are.

use super::{BEFORE, LIFETIMES, error, in_every_way};
use crate::at_once::{Order, beside, each, while_held};
use crate::case::Case;
use crate::client::{Answer, Request};
use crate::origin::{Recipe, Seen};
use crate::verdict::{Finding, Tried, own};

const MOVED: [u16; 6] = [300, 301, 302, 303, 307, 308];

/// Fields from which applications build addresses.
const ADDRESSING: [(&str, &str); 26] = [
    ("X-Forwarded-Host", "evil.test"),
    ("X-Forwarded-Host", "good.test, evil.test"),
    ("X-Forwarded-Proto", "evil"),
    ("X-Forwarded-Scheme", "evil"),
    ("X-Forwarded-Port", "31337"),
    ("X-Forwarded-Prefix", "/evil"),
    ("X-Forwarded-Uri", "/evil"),
    ("X-Forwarded-Server", "evil.test"),
    ("X-Forwarded-SSL", "evil"),
    ("X-Forwarded-Path", "/evil"),
    ("X-Host", "evil.test"),
    ("X-Original-Host", "evil.test"),
    ("X-HTTP-Host-Override", "evil.test"),
    ("X-URL-Scheme", "evil"),
    ("Front-End-Https", "evil"),
    ("X_Forwarded_Host", "evil.test"),
    ("Forwarded", "host=evil.test;proto=evil"),
    ("X-Original-URL", "/evil"),
    ("X-Original-URI", "/evil"),
    ("X-Rewrite-URL", "/evil"),
    ("X-Override-URL", "/evil"),
    ("X-HTTP-Method-Override", "EVIL"),
    ("Authorization", "Bearer evil"),
    ("Cookie", "lang=evil"),
    ("Host", "evil.test"),
    ("Host", "good.test:31337"),
];

pub(super) async fn poison(case: &Case) -> Finding {
    let mut variants = Vec::new();
    for (name, value) in ADDRESSING {
        variants.extend(MOVED.map(|status| (status, name, value)));
    }
    type Variant = (u16, &'static str, &'static str);
    let attempt = |case: Case, (status, name, value): Variant| async move {
        let label = format!("{status} {name}: {value}");
        (label, by_field(&case, status, name, value).await)
    };
    let mut tried = each(case, variants, attempt).await;
    tried.append(by_query(case).await);
    tried.append(leading_nowhere(case).await);
    tried.sum()
}

/// A redirection that lives for a minute and repeats a field.
fn repeating(status: u16, name: &'static str) -> Recipe {
    let location = move |seen: &Seen| {
        let value = seen.header(name).unwrap_or_default();
        format!("Location: http://good.test/{value}").into_bytes()
    };
    Recipe::fresh("max-age=60").status(status).reflect(location)
}

/// The attacker's field comes before, first of several, and among several; nobody else is led
/// where it says.
async fn by_field(case: &Case, status: u16, name: &'static str, value: &str) -> Finding {
    for order in Order::ALL {
        let page = case.page();
        page.script(repeating(status, name));
        let attack = case.get(&page.path);
        let attack = match name {
            "Host" => attack.host(value),
            _ => attack.line(format!("{name}: {value}")),
        };
        let others = [case.get(&page.path), case.get(&page.path)];
        let repeat = repeating(status, name);
        let held = std::slice::from_ref(&repeat);
        let served = beside(case, &page, order, &attack, held, &others, &repeat).await;
        let led = |answer: &&Answer| {
            answer.shows(value) || answer.shows(&attack.nonce) || answer.status != status
        };
        if let Some(bad) = served.iter().find(led) {
            let location = bad.header("location");
            return Finding::bad(format!("led to {location:?}: {}", bad.summary()));
        }
    }
    Finding::safe("nobody else is led there")
}

/// Queries that differ in what an origin repeats, however little.
async fn by_query(case: &Case) -> Tried {
    let mut tried = Tried::default();
    for (evil, good) in [
        ("?next=//evil.test", ""),
        ("?next=//evil.test", "?next=/home"),
        ("?next=/home&next=//evil.test", "?next=/home"),
        ("?next=/home;next=//evil.test", "?next=/home"),
        ("?NEXT=//evil.test", "?next=//evil.test/x"),
        ("?next=%2f%2fevil.test", "?next=%2F%2Fevil.test"),
        ("?next=/home%0d%0aX-Evil:1", "?next=/home"),
        ("?next=/home%00evil", "?next=/home"),
        ("??next=//evil.test", "?next=//evil.test"),
        ("/?next=//evil.test", "?next=//evil.test"),
        ("?utm_source=evil", ""),
    ] {
        for status in MOVED {
            let page = case.page();
            let repeat = Recipe::fresh("max-age=60").status(status);
            page.script(repeat.line("Location: {target}"));
            let (attack, victim) = (case.get(page.with(evil)), case.get(page.with(good)));
            case.ask(&attack).await;
            let answer = case.ask(&victim).await;
            let location = answer.header("location").unwrap_or_default();
            let right = location.as_bytes() == victim.target;
            let seen = format!("led to {location}");
            let found = own(&answer, &victim).and(Finding::of(right, seen));
            let found = if found.is_safe() {
                Finding::safe("kept apart")
            } else {
                found
            };
            tried.note(format!("{status} {evil} / {good}"), found);
        }
    }
    tried
}

/// 3xx that lead nowhere, or that nobody knows, are not kept.
async fn leading_nowhere(case: &Case) -> Tried {
    let bare = [301, 302, 303, 305, 306, 307, 308, 310, 350, 399];
    let mut variants: Vec<(u16, &'static str)> = bare.map(|status| (status, "")).to_vec();
    let unknown = [305, 306, 309, 399];
    variants.extend(unknown.map(|status| (status, "Location: http://evil.test/")));
    let attempt = |case: Case, (status, line): (u16, &'static str)| async move {
        let recipe = |lifetime: &str| error(status, lifetime).line(line);
        let found = in_every_way(&case, "", &LIFETIMES, true, recipe).await;
        (format!("{status} to nowhere {line}"), found)
    };
    each(case, variants, attempt).await
}

/// What tells two kinds of one page apart.
const KINDS: [(&str, &str, &str); 13] = [
    ("Accept", "text/html", "application/json"),
    ("Accept", "*/*", "text/x-component"),
    ("Accept-Language", "en", "de"),
    ("Accept-Encoding", "gzip", "br"),
    ("RSC", "1", ""),
    ("Next-Router-State-Tree", "a", "b"),
    ("X-Requested-With", "XMLHttpRequest", ""),
    ("X-Inertia", "true", ""),
    ("HX-Request", "true", ""),
    ("Sec-Fetch-Dest", "document", "empty"),
    ("Origin", "http://good.test", "http://evil.test"),
    ("User-Agent", "mobile", "desktop"),
    ("X-Kind", "a,b", "a, b"),
];

pub(super) async fn two_kinds(case: &Case) -> Finding {
    let attempt = |case: Case, (name, one, two): (&'static str, &'static str, &'static str)| async move {
        (
            format!("{name}: {one} / {two}"),
            kept_apart(&case, name, [one, two]).await,
        )
    };
    each(case, KINDS.to_vec(), attempt).await.sum()
}

/// Twelve requests of three kinds (the third has no such field), at once, on a page that is not
/// stored, one that is, and one that is validated; each kind leads once.
async fn kept_apart(case: &Case, name: &'static str, values: [&str; 2]) -> Finding {
    for kind in BEFORE {
        for leader in 0..3 {
            let page = case.page();
            let lifetime = if kind.is_empty() { "max-age=60" } else { kind };
            let recipe = || {
                let told = move |seen: &Seen| format!("X-Said: {}", said(seen, name)).into_bytes();
                let recipe = Recipe::fresh(lifetime).line(format!("Vary: {name}"));
                recipe.reflect(told)
            };
            page.script(recipe());
            let mut requests: Vec<(Request, String)> = Vec::new();
            for n in 0..12 {
                let request = case.get(&page.path);
                requests.push(match values.get((n + leader) % 3) {
                    Some(value) if !value.is_empty() => (
                        request.line(format!("{name}: {value}")),
                        format!("[\"{value}\"]"),
                    ),
                    _ => (request, "[]".to_owned()),
                });
            }
            if !kind.is_empty() {
                case.ask(&requests[1].0).await;
            }
            let asked: Vec<Request> = requests
                .iter()
                .map(|(request, _)| request.clone())
                .collect();
            let (first, others) =
                while_held(case, &page, &[recipe()], &asked[0], &asked[1..]).await;
            let answers = std::iter::once(&first).chain(&others);
            for ((_, wanted), answer) in requests.iter().zip(answers) {
                if answer.header("x-said").as_ref() != Some(wanted) || answer.status != 200 {
                    let seen = answer.summary();
                    return Finding::bad(format!("{wanted} was answered {seen}"));
                }
            }
        }
    }
    Finding::safe("each has its own kind")
}

/// All lines of a field, so that an absent one is not an empty one.
fn said(seen: &Seen, name: &str) -> String {
    format!("{:?}", seen.lines.all(name))
}
