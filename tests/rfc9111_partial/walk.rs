//! Crowds that ask at random for parts and wholes of a page that changes, is purged and
//! breaks off. Whatever is stored, combined and completed of it, each answer is of one
//! version of the page: the right bytes of it, of the right language, and not too old.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use floodwall::Purge;
use http::{Request, Response};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::dice::Dice;
use crate::file::by_parts;
use crate::seeds;
use crate::support::{Answer, Call, Site, method, status, with, written};

/// How long an answer is fresh, and the longest that a handler takes over its head and body.
const FRESH: u64 = 20;
const SLOWEST: u64 = 8;
/// How long a walk goes on, and how many ask meanwhile.
const SPAN: u64 = 200;
const REQUESTS: usize = 150;

/// The page: when each of its versions came, in milliseconds, and which of them are purged.
struct Page {
    start: Instant,
    versions: Vec<u64>,
    /// The version that there was at the last purge.
    least: usize,
}

impl Page {
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).expect("a walk is short")
    }
}

/// A version of the page in a language: no two have the same bytes.
fn content(version: usize, language: &str) -> Bytes {
    let length = 24 + version % 3;
    let letters = (0..length).map(|at| {
        let mixed = at * 7 + version * 31 + language.len() * 13 + at * version;
        b"abcdefghijklmnopqrstuvwxyz0123456789"[mixed % 36]
    });
    letters.collect()
}

/// The handler: slow, and now and then without a good validator, or cut short.
async fn answer(call: Call, version: usize, mut dice: Dice) -> Response<Body> {
    let language = call.field("accept-language").unwrap_or_default().to_owned();
    let whole = content(version, &language);
    let tag = format!("\"{version}-{language}\"");
    let asked = call.field("range").map(str::to_owned);
    let same = call.field("if-range").is_none_or(|named| named == tag);
    sleep(Duration::from_millis(dice.number() % (SLOWEST * 400))).await;
    let place = asked
        .filter(|_| same)
        .map(|range| place(&range, whole.len()));
    let (code, bytes) = match &place {
        Some(place) if place.is_empty() => (416, Bytes::new()),
        Some(place) => (206, whole.slice(place.clone())),
        None => (200, whole.clone()),
    };
    let (pen, body) = written();
    let (version, length) = (version.to_string(), bytes.len().to_string());
    let mut fields = vec![
        ("cache-control", format!("max-age={FRESH}")),
        ("vary", "accept-language".to_owned()),
        ("x-version", version),
        ("content-length", length),
    ];
    match dice.below(10) {
        0 => fields.push(("etag", format!("W/{tag}"))),
        1 => {}
        _ => fields.push(("etag", tag)),
    }
    if let Some(place) = place.filter(|place| !place.is_empty()) {
        let range = format!("bytes {}-{}/{}", place.start, place.end - 1, whole.len());
        fields.push(("content-range", range));
    }
    let cut = dice.percent(10);
    tokio::spawn(async move {
        let middle = bytes.len() / 2;
        // Whoever asked may have gone.
        let _ = pen.send(Ok(bytes.slice(..middle)));
        sleep(Duration::from_millis(dice.number() % (SLOWEST * 400))).await;
        let _ = pen.send(match cut {
            true => Err(std::io::Error::other("cut")),
            false => Ok(bytes.slice(middle..)),
        });
    });
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, text)| (*name, &text[..]))
        .collect();
    status(code, &fields, body)
}

/// The bytes that a range names; none if there are none.
fn place(range: &str, total: usize) -> std::ops::Range<usize> {
    let spec = range.strip_prefix("bytes=").expect("bytes are asked for");
    let (first, last) = spec.split_once('-').expect("a range");
    let number = |text: &str| text.parse::<usize>().ok();
    let (start, end) = match (number(first), number(last)) {
        (None, Some(suffix)) => (total.saturating_sub(suffix), total),
        (Some(first), Some(last)) => (first, total.min(last + 1)),
        (Some(first), None) => (first, total),
        (None, None) => (0, 0),
    };
    start.min(total)..end.max(start.min(total))
}

/// A request at random, and the language that it asks for.
fn ask(dice: &mut Dice, now: usize) -> (Request<Body>, &'static str) {
    let language = *dice.pick(&["en", "en", "en", "deu"]);
    let verb = if dice.percent(5) { "HEAD" } else { "GET" };
    let mut request = with(method(verb, "/"), &[("accept-language", language)]);
    let (first, more) = (dice.below(25), dice.below(12));
    let range = match dice.below(8) {
        0 | 1 => return (request, language),
        2 => format!("bytes={first}-"),
        3 => format!("bytes=-{}", more + 1),
        _ => format!("bytes={first}-{}", first + more),
    };
    request = with(request, &[("range", &range)]);
    if dice.percent(20) {
        let named = format!("\"{}-{language}\"", now - dice.below(2).min(now));
        request = with(request, &[("if-range", &named)]);
    }
    (request, language)
}

/// What must be so of an answer to a request that was asked at `began`, when no version
/// before `least` could be had any more.
fn check(answer: &Answer, language: &str, page: &Page, began: u64, least: usize) {
    let code = answer.status.as_u16();
    if code == 503 {
        // A whole broke off, and the page is left alone for a while.
        assert!(answer.cache_status().contains("detail=pause"), "{answer:?}");
        return;
    }
    let version: usize = answer
        .field("x-version")
        .parse()
        .expect("each says its version");
    assert!(version >= least, "version {version} was purged: {answer:?}");
    let ended = page.versions.get(version + 1);
    let is_young = ended.is_none_or(|ended| ended + (FRESH + SLOWEST) * 1000 >= began);
    assert!(is_young, "{began}: {answer:?}");
    let whole = content(version, language);
    let expected = match code {
        200 => whole,
        206 => {
            let said = answer.field("content-range").strip_prefix("bytes ");
            let (range, total) = said.and_then(|said| said.split_once('/')).expect("a place");
            assert_eq!(total, whole.len().to_string(), "{answer:?}");
            whole.slice(place(&format!("bytes={range}"), whole.len()))
        }
        416 => return,
        code => panic!("{code}: {answer:?}"),
    };
    assert_eq!(answer.field("content-length"), expected.len().to_string());
    match &answer.body {
        Ok(body) => assert_eq!(body, &expected, "{answer:?}"),
        Err(begun) => assert!(expected.starts_with(begun), "{answer:?}"),
    }
}

/// Walks once; says how many answers came from the store, and how many of these were parts.
async fn walk(seed: u64) -> (usize, usize) {
    let mut dice = Dice::new(seed);
    let page = Arc::new(Mutex::new(Page {
        start: Instant::now(),
        versions: vec![0],
        least: 0,
    }));
    let seen = Arc::clone(&page);
    let site = Site::with(by_parts(), move |call| {
        let version = seen.lock().expect("nobody panics").versions.len() - 1;
        let dice = Dice::of_part(seed, call.number as u64);
        answer(call, version, dice)
    });
    let mut crowd = JoinSet::new();
    for _ in 0..REQUESTS {
        sleep(Duration::from_millis(
            dice.number() % (2 * SPAN * 1000 / REQUESTS as u64),
        ))
        .await;
        let (began, version, least) = {
            let mut page = page.lock().expect("nobody panics");
            let now = page.now();
            if dice.percent(4) {
                page.versions.push(now);
            }
            let version = page.versions.len() - 1;
            if dice.percent(4) {
                site.cache.purge(Purge::everything());
                page.least = version;
            }
            (now, version, page.least)
        };
        let (request, language) = ask(&mut dice, version);
        let is_head = request.method() == http::Method::HEAD;
        let (site, page) = (site.clone(), Arc::clone(&page));
        crowd.spawn(async move {
            let answer = site.send(request).await;
            if !is_head {
                let page = page.lock().expect("nobody panics");
                check(&answer, language, &page, began, least);
            }
            (answer.is_hit(), answer.status == 206)
        });
    }
    let answers = crowd.join_all().await;
    // A fetch goes on that nobody waits for.
    sleep(Duration::from_secs(SLOWEST)).await;
    site.until_quiet().await;
    site.until(|now| now.held_bytes == now.stored_bytes).await;
    let hits = answers.iter().filter(|(hit, _)| *hit).count();
    let parts = answers.iter().filter(|(hit, part)| *hit && *part).count();
    (hits, parts)
}

#[test]
fn every_answer_is_of_one_version() {
    let seed = seeds::seed("every_answer_is_of_one_version");
    let (mut hits, mut parts) = (0, 0);
    for case in 0..seeds::cases(100) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let seed = Dice::of_part(seed, case.into()).number();
        let (more_hits, more_parts) = runtime.block_on(walk(seed));
        (hits, parts) = (hits + more_hits, parts + more_parts);
    }
    assert!(hits > 0 && parts > 0 && parts < hits, "{parts} of {hits}");
}
