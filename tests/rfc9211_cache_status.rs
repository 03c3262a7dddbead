//! RFC 9211, the Cache-Status field: its own examples (§3) and parameters (§2), over real
//! sockets. Lines are compared as what they are, Lists of RFC 9651, not as text.

mod support;
#[path = "support/wire.rs"]
mod wire;

use std::sync::Arc;

use floodwall::Cache;
use sfv::{BareItem, Item, List, ListEntry, Parser};
use support::{Answer, Site, all, status};
use tokio::sync::Semaphore;
use wire::{HandClock, serve, told};

type Fields = &'static [(&'static str, &'static str)];
/// What the origin says to one call.
type Said = (u16, Fields);
/// After so many seconds, a request, and what Cache-Status says of it.
type Step = (u64, &'static str, Fields, &'static str);

const NONE: Fields = &[];

fn list(text: &str) -> List {
    let parsed = Parser::new(text).parse();
    parsed.unwrap_or_else(|error| panic!("{text:?} is no List: {error}"))
}

/// What all lines of an answer say.
fn members(answer: &Answer) -> List {
    let lines = answer.headers.get_all("cache-status").into_iter();
    let lines: Vec<&str> = lines.map(|line| line.to_str().expect("text")).collect();
    let all = list(&lines.join(", "));
    all.iter().for_each(is_legal);
    all
}

/// §2: a cache's name, and parameters of the types that they must have.
fn is_legal(member: &ListEntry) {
    let ListEntry::Item(Item { bare_item, params }) = member else {
        panic!("{member:?} is no Item");
    };
    assert!(matches!(
        bare_item,
        BareItem::Token(_) | BareItem::String(_)
    ));
    for (name, value) in params {
        let fits = match name.as_str() {
            "hit" | "stored" | "collapsed" => matches!(value, BareItem::Boolean(_)),
            "fwd" => matches!(value, BareItem::Token(_)),
            "fwd-status" | "ttl" => matches!(value, BareItem::Integer(_)),
            "detail" => matches!(value, BareItem::Token(_) | BareItem::String(_)),
            _ => false,
        };
        assert!(fits, "{name:?} in {member:?}");
    }
    // §2.2: a hit does not go forward.
    assert!(!(params.contains_key("hit") && params.contains_key("fwd")));
}

/// A site under the name of the examples, whose origin says these things one after the
/// other, the last one again and again, each when it is its turn.
fn site(clock: &HandClock, said: &'static [Said]) -> (Site, Arc<Semaphore>) {
    let turns = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&turns);
    let builder = Cache::builder().cache_status_name("ExampleCache");
    let site = Site::on(builder.runtime(clock.clone()), move |call| {
        let held = Arc::clone(&held);
        let (code, fields) = said[call.number.min(said.len() - 1)];
        async move {
            held.acquire().await.expect("open").forget();
            let body = if code == 304 { "" } else { "0123456789" };
            status(code, fields, body)
        }
    });
    (site, turns)
}

/// Takes the steps, each answer read to its end and whatever it left behind done.
async fn take(said: &'static [Said], steps: &[Step]) {
    let clock = HandClock::default();
    let (site, turns) = site(&clock, said);
    turns.add_permits(steps.len() * 2);
    let address = serve(&site).await;
    for (number, (after, method, fields, expected)) in steps.iter().enumerate() {
        clock.pass(*after);
        let answer = told(address, method, "/", fields).await;
        site.until_quiet().await;
        assert_eq!(members(&answer), list(expected), "{steps:?}, step {number}");
    }
}

const LASTS: (&str, &str) = ("cache-control", "max-age=600");
const TAG: (&str, &str) = ("etag", "\"a\"");
const FRESH: &[Said] = &[(200, &[LASTS])];
const FRESH_TAGGED: &[Said] = &[(200, &[LASTS, TAG])];
const MISS: Step = get("ExampleCache; fwd=uri-miss; fwd-status=200; ttl=600; stored");

const fn get(expected: &'static str) -> Step {
    after(0, expected)
}

const fn after(seconds: u64, expected: &'static str) -> Step {
    (seconds, "GET", NONE, expected)
}

const fn with(fields: Fields, expected: &'static str) -> Step {
    (0, "GET", fields, expected)
}

/// §3: "the most minimal cache hit", and a politer one; what goes out in another form is a
/// hit as well (§2).
#[tokio::test]
async fn section_3_a_hit() {
    let hit = after(224, "ExampleCache; hit; ttl=376");
    take(FRESH, &[MISS, hit]).await;
    const HIT: &str = "ExampleCache; hit; ttl=600";
    let forms = [
        MISS,
        (0, "HEAD", NONE, HIT),
        with(&[("range", "bytes=0-1")], HIT),
        with(&[("range", "bytes=10-")], HIT),
        with(&[("if-none-match", "\"a\"")], HIT),
    ];
    take(FRESH_TAGGED, &forms).await;
}

/// §3: "a stale hit just has negative freshness" (§2.4).
#[tokio::test]
async fn section_3_a_stale_hit() {
    const WINDOW: &[Said] = &[(
        200,
        &[("cache-control", "max-age=600, stale-while-revalidate=600")],
    )];
    let stale = "ExampleCache; hit; ttl=-412; detail=stale-while-revalidate";
    take(WINDOW, &[MISS, after(1012, stale)]).await;
    let stale = "ExampleCache; hit; ttl=-412; detail=max-stale";
    let steps = [
        MISS,
        (1012, "GET", &[("cache-control", "max-stale")], stale),
    ];
    take(FRESH, &steps).await;
}

/// §3: "a complete miss", and why there is no hit after it (§2.8).
#[tokio::test]
async fn section_3_a_miss() {
    let rows: [(&[Said], &str); 5] = [
        (&[(200, NONE)], "fwd-status=200; detail=no-lifetime"),
        (&[(404, NONE)], "fwd-status=404; detail=status"),
        (&[(404, &[LASTS])], "fwd-status=404; ttl=600; detail=status"),
        (
            &[(200, &[("cache-control", "private")])],
            "fwd-status=200; detail=private",
        ),
        (
            &[(200, &[LASTS, ("set-cookie", "a=1")])],
            "fwd-status=200; detail=set-cookie",
        ),
    ];
    for (said, rest) in rows {
        let miss = format!("ExampleCache; fwd=uri-miss; {rest}").leak();
        let again = match rest.ends_with("private") || rest.ends_with("set-cookie") {
            true => "ExampleCache; fwd=bypass; fwd-status=200; detail=known-unshareable",
            false => &*miss,
        };
        take(said, &[get(miss), get(again)]).await;
    }
}

/// §3: "a miss that successfully validated on the back-end server" (§2.3).
#[tokio::test]
async fn section_3_a_validated_miss() {
    const SAME: &[Said] = &[(200, &[LASTS, TAG]), (304, &[LASTS, TAG])];
    let same = "ExampleCache; fwd=stale; fwd-status=304; ttl=600; stored";
    take(SAME, &[MISS, after(600, same)]).await;
    let changed = "ExampleCache; fwd=stale; fwd-status=200; ttl=600; stored";
    take(FRESH_TAGGED, &[MISS, after(600, changed)]).await;
}

/// §2.2: the other words for why a request went forward.
#[tokio::test]
async fn section_2_2_why_a_request_went_forward() {
    const SAME: &[Said] = &[(200, &[LASTS, TAG]), (304, &[TAG])];
    const LANGUAGES: &[Said] = &[(200, &[LASTS, ("vary", "accept-language")])];
    let rows: [(&[Said], Step); 7] = [
        (
            FRESH,
            with(
                &[("cookie", "a=b")],
                "fwd=bypass; fwd-status=200; detail=cookie-needs-permission",
            ),
        ),
        (
            FRESH,
            (0, "POST", NONE, "fwd=method; fwd-status=200; detail=method"),
        ),
        (
            LANGUAGES,
            with(
                &[("accept-language", "fr")],
                "fwd=vary-miss; fwd-status=200; ttl=600; stored",
            ),
        ),
        (
            FRESH,
            with(
                &[("cache-control", "no-cache")],
                "fwd=request; fwd-status=200; ttl=600; stored",
            ),
        ),
        (
            SAME,
            with(
                &[("cache-control", "max-age=0")],
                "fwd=request; fwd-status=304; ttl=600; stored",
            ),
        ),
        (
            &[(200, &[LASTS]), (412, NONE)],
            with(
                &[("if-match", "\"b\"")],
                "fwd=request; fwd-status=412; detail=precondition",
            ),
        ),
        (
            FRESH,
            after(600, "fwd=stale; fwd-status=200; ttl=600; stored"),
        ),
    ];
    for (said, (seconds, method, fields, why)) in rows {
        let why = format!("ExampleCache; {why}").leak();
        let steps = [MISS, (seconds, method, fields, why)];
        take(said, &steps).await;
    }
    let head = "ExampleCache; fwd=uri-miss; fwd-status=200; detail=head-miss";
    take(FRESH, &[(0, "HEAD", NONE, head)]).await;
}

/// §2.3, §2.8: a failure that a stale response covers; and errors of the cache's own, which
/// say where they come from, though §2 would rather have them say nothing.
#[tokio::test]
async fn section_2_8_failures() {
    const WINDOW: (&str, &str) = ("cache-control", "max-age=600, stale-if-error=600");
    const BROKEN: &[Said] = &[(200, &[WINDOW]), (502, NONE)];
    let covered = "ExampleCache; fwd=stale; fwd-status=502; ttl=-1; detail=stale-if-error";
    take(BROKEN, &[MISS, after(601, covered)]).await;
    let only = with(
        &[("cache-control", "only-if-cached")],
        "ExampleCache; detail=only-if-cached",
    );
    take(FRESH, &[only]).await;
    let unasked = get("ExampleCache; fwd=uri-miss; detail=bad-origin");
    take(&[(304, NONE)], &[unasked]).await;
}

/// What many who ask at once are told, once all of them wait.
async fn crowd(many: usize, said: &'static [Said]) -> Vec<List> {
    let (site, turns) = site(&HandClock::default(), said);
    let address = serve(&site).await;
    let ask = |_| tokio::spawn(told(address, "GET", "/", NONE));
    let asked: Vec<_> = (0..many).map(ask).collect();
    site.until(|now| now.waiting == many as u64).await;
    turns.add_permits(many);
    let answers = all(asked).await;
    answers.iter().map(members).collect()
}

/// §3: "a miss that was collapsed with another request" (§2.6), and one "that the cache
/// attempted to collapse, but couldn't".
#[tokio::test]
async fn section_3_collapsed_misses() {
    const PRIVATE: &[Said] = &[(200, &[("cache-control", "private")])];
    for (said, first, others) in [
        (
            FRESH,
            "ExampleCache; fwd=uri-miss; fwd-status=200; ttl=600; stored",
            "ExampleCache; fwd=uri-miss; fwd-status=200; ttl=600; collapsed",
        ),
        (
            PRIVATE,
            "ExampleCache; fwd=uri-miss; fwd-status=200; detail=private",
            "ExampleCache; fwd=miss; fwd-status=200; collapsed=?0; detail=not-shared",
        ),
    ] {
        let lines = crowd(3, said).await;
        let count = |text| lines.iter().filter(|line| **line == list(text)).count();
        assert_eq!((count(first), count(others)), (1, 2), "{lines:?}");
    }
}

/// §3: what caches further in have said stays before what we say, also where it is stored,
/// and however many lines it came in.
#[tokio::test]
async fn section_3_members_of_caches_further_in_come_first() {
    const REVERSE: (&str, &str) = ("cache-status", "ReverseProxyCache; hit");
    const FORWARD: (&str, &str) = (
        "cache-status",
        "ForwardProxyCache; fwd=uri-miss; collapsed; stored, \"CDN Company Here\"; hit; ttl=545",
    );
    let before = format!("{}, {}", REVERSE.1, FORWARD.1);
    let ours = [MISS.3, "ExampleCache; hit; ttl=600"];
    let steps = ours.map(|ours| get(format!("{before}, {ours}").leak()));
    take(&[(200, &[LASTS, REVERSE, FORWARD])], &steps).await;
}

/// §2: a cache that says nothing takes nothing away.
#[tokio::test]
async fn section_2_switched_off() {
    let inner = ("cache-status", "ReverseProxyCache; hit");
    let builder = Cache::builder().cache_status(false);
    let site = Site::with(builder, move |_| async move {
        status(200, &[LASTS, inner], "page")
    });
    let address = serve(&site).await;
    for _ in 0..2 {
        let answer = told(address, "GET", "/", NONE).await;
        site.until_quiet().await;
        assert_eq!(members(&answer), list("ReverseProxyCache; hit"));
    }
    assert_eq!(site.calls(), 1);
}

/// §3: two layers of caching, both of them ours: the outer one stores what the inner one
/// had stored before, and uses it later.
#[tokio::test]
async fn section_3_two_layers() {
    let clock = HandClock::default();
    let lasts = ("cache-control", "max-age=1200");
    let builder = |name| {
        let builder = Cache::builder().cache_status_name(name);
        builder.runtime(clock.clone())
    };
    let inner = Site::on(builder("OriginCache"), move |_| async move {
        status(200, &[lasts], "page")
    });
    let further_in = serve(&inner).await;
    let outer = Site::on(builder("ExampleCache"), move |_| async move {
        let answer = told(further_in, "GET", "/", NONE).await;
        let mut response = status(answer.status.as_u16(), NONE, answer.text().to_owned());
        *response.headers_mut() = answer.headers;
        response
    });
    let address = serve(&outer).await;
    told(further_in, "GET", "/", NONE).await;
    inner.until_quiet().await;
    for (after, expected) in [
        (
            100,
            "OriginCache; hit; ttl=1100, \
             ExampleCache; fwd=uri-miss; fwd-status=200; ttl=1100; stored",
        ),
        (
            555,
            "OriginCache; hit; ttl=1100, ExampleCache; hit; ttl=545",
        ),
    ] {
        clock.pass(after);
        let answer = told(address, "GET", "/", NONE).await;
        outer.until_quiet().await;
        assert_eq!(members(&answer), list(expected));
    }
    assert_eq!(inner.calls(), 1);
}
