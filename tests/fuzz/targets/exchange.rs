//! A conversation: requests, each with what the handler answers if it is asked.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use floodwall::Cache;
use http::request::Parts;
use http::{HeaderMap, Response, StatusCode};

use super::desk::{Desk, Told, asked};
use super::{cache_status, naive, text, vary};

pub(crate) const WORDS: &[&str] = &[
    "/a",
    "/b",
    "host: a",
    "cookie: a",
    "authorization: a",
    "range: bytes=0-1",
    "if-none-match: \"a\"",
    "cache-control: no-cache",
    "cache-control: max-stale",
    "x-wait: 5",
    "x-wait: 90",
    "accept-encoding: gzip",
    "200",
    "304",
    "404",
    "500",
    "cache-control: public, max-age=5",
    "cache-control: max-age=5, stale-while-revalidate=60",
    "cache-control: private",
    "etag: \"a\"",
    "vary: cookie",
    "vary: accept-encoding, x-v",
    "x-v: 1",
    "accept-encoding: br, gzip",
    "set-cookie: a",
    "age: 3",
    "content-encoding: gzip",
    "cache-status: x",
    "connection: x-a",
    "x-a: 1",
    "\n",
    "\n\n",
];

/// So many requests are asked at most.
const MOST: usize = 16;

/// What the handler said of a body, whose number it is, and to whom.
struct Said {
    asked: HeaderMap,
    headers: HeaderMap,
    status: StatusCode,
}

pub(crate) fn check(data: &[u8]) {
    let said = Arc::new(Mutex::new(Vec::<Said>::new()));
    let next = Arc::new(Mutex::new((StatusCode::OK, HeaderMap::new())));
    let (told, answer) = (Arc::clone(&said), Arc::clone(&next));
    let desk = Desk::new(
        Cache::builder(),
        Arc::new(move |request| {
            let (status, headers) = answer.lock().expect("no check panics here").clone();
            let mut said = told.lock().expect("no check panics here");
            let mut response = Response::new(Bytes::from(body(said.len(), status)));
            *response.status_mut() = status;
            *response.headers_mut() = headers.clone();
            said.push(Said {
                asked: request.headers().clone(),
                headers,
                status,
            });
            response
        }),
    );
    let mut blocks = text::blocks(data);
    for _ in 0..MOST {
        let (request, response) = (blocks.next(), blocks.next().unwrap_or_default());
        let Some(parts) = asked(request.unwrap_or_default(), |_| true) else {
            return;
        };
        let wait = parts
            .headers
            .get("x-wait")
            .and_then(|wait| wait.to_str().ok()?.parse().ok());
        desk.pass(wait.unwrap_or(0).min(1000));
        *next.lock().expect("no check panics here") = (status(response), head(response));
        let before = said.lock().expect("no check panics here").len();
        let told = desk.ask(&parts);
        let said = said.lock().expect("no check panics here");
        answered(&parts, &told, &said, before);
    }
}

fn status(block: &[u8]) -> StatusCode {
    let code = naive::text(text::lines(block).next().unwrap_or_default());
    let code = code
        .parse()
        .ok()
        .and_then(|code: u16| StatusCode::from_u16(code).ok());
    code.filter(|code| code.as_u16() >= 200)
        .unwrap_or(StatusCode::OK)
}

/// The handler's fields; what speaks of the length is left to the body.
fn head(block: &[u8]) -> HeaderMap {
    let mut head = text::head(block);
    head.remove("content-length");
    head
}

/// The body of the response with this number.
fn body(number: usize, status: StatusCode) -> String {
    match status {
        StatusCode::NOT_MODIFIED => String::new(),
        _ => format!("page {number} of the handler"),
    }
}

/// What came of a request, before which the handler had said so much.
fn answered(parts: &Parts, told: &Told, said: &[Said], before: usize) {
    let line = told.headers.get_all("cache-status").iter().next_back();
    cache_status::is_legal(
        line.expect("there is always a line").as_bytes(),
        "floodwall",
    );
    if told.passed {
        return;
    }
    let names = |name| parts.headers.contains_key(name);
    if told.status == StatusCode::NOT_MODIFIED {
        let of_client = names("if-none-match") || names("if-modified-since");
        assert!(of_client, "an unconditional request is never told 304");
        assert!(told.body.is_empty());
        return;
    }
    if told.status == StatusCode::PARTIAL_CONTENT {
        // A part that nobody asked for is the handler's, for the one who made it.
        assert!(names("range") || said.len() > before);
        return;
    }
    let body = String::from_utf8_lossy(&told.body);
    let mut bodies = said.iter().map(|said| said.status).enumerate();
    match bodies.position(|(number, status)| !body.is_empty() && body == self::body(number, status))
    {
        Some(number) if number < before => {
            let made = &said[number];
            assert_eq!(told.status, made.status, "{number}");
            assert!(!told.headers.contains_key("set-cookie"));
            let ages = text::values(&told.headers, "age").len();
            assert!(ages == 1 || ages == 0 && said.len() > before);
            is_for_others(made);
            selects(&parts.headers, made);
            let renewed = said
                .iter()
                .filter(|said| said.status == StatusCode::NOT_MODIFIED);
            has_leave(&parts.headers, renewed.chain([made]));
        }
        Some(_) => {}
        None => {
            // An error of the cache's own, or one that the handler said of nothing.
            let failed = told.status.is_client_error() || told.status.is_server_error();
            assert!(failed || body.is_empty(), "{body}");
        }
    }
}

fn is_for_others(made: &Said) {
    let lines = text::values(&made.headers, "cache-control").into_iter();
    let mut members = lines.filter_map(naive::members).flatten();
    assert!(!members.any(|member| ["private", "no-store"].contains(&member.as_str())));
    assert!(!made.headers.contains_key("set-cookie"));
}

/// Whatever a response varies on, both requests say the same of it.
fn selects(request: &HeaderMap, made: &Said) {
    let lines = text::values(&made.headers, "vary").into_iter();
    let mut names: Vec<String> = lines
        .flat_map(|line| naive::members(line).expect("it can be read to its end"))
        .collect();
    let coded = text::values(&made.headers, "content-encoding");
    if coded.iter().any(|line| !b"identity".starts_with(line)) {
        names.push("accept-encoding".to_owned());
    }
    // Of these the handler is told what the cache wants to know.
    names.retain(|name| !name.starts_with("if-") && name != "range");
    for name in names {
        assert!(!name.contains('*'));
        let same = vary::said(request, &name) == vary::said(&made.asked, &name);
        assert!(same, "{name}");
    }
}

/// Who says who they are has what is for everyone, as the response said, or a 304 since.
fn has_leave<'a>(request: &HeaderMap, said: impl Iterator<Item = &'a Said>) {
    let lines: Vec<String> = said
        .flat_map(|said| text::values(&said.headers, "cache-control"))
        .map(|line| naive::text(line).to_lowercase())
        .collect();
    let says = |word| lines.iter().any(|line| line.contains(word));
    let for_all = says("public") || says("s-maxage");
    assert!(for_all || !request.contains_key("cookie"));
    let for_known = for_all || says("must-revalidate");
    assert!(for_known || !request.contains_key("authorization"));
}
