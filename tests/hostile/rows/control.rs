//! T: the control plane, side channels, shared stores.

use std::time::Duration;

use tokio::time::Instant;

use super::{Row, row};
use crate::case::Case;
use crate::client::{Answer, Request};
use crate::origin::{Page, Recipe};
use crate::verdict::{Finding, Tried, bound, own, split};

pub(super) const ROWS: &[Row] = &[
    row!(T01, D, "G31", "purging from outside", purge_from_outside),
    row!(
        T02,
        C,
        "G31",
        "an administrator's pages on the public listener",
        admin_pages
    ),
    row!(
        T03,
        D,
        "G31 G22",
        "what an unsafe method invalidates, and patterns",
        scope
    ),
    row!(
        T06,
        C,
        "G32",
        "what answers tell of the cache",
        debug_fields
    ),
    row!(
        T09,
        C,
        "G3",
        "two applications and one store",
        two_applications
    ),
    row!(T10, I, "G27", "foreign bytes in a second tier", second_tier),
    row!(
        T11,
        I,
        "G3",
        "targets that would be dangerous file names",
        file_names
    ),
];

/// An origin that answers GET and allows nothing else.
fn get_only() -> Recipe {
    Recipe::fresh("")
        .when(|seen| seen.method != "GET")
        .status(405)
        .line("Allow: GET")
}

/// Whether a GET is still answered from the store.
async fn still_hits(case: &Case, page: &Page, target: &[u8]) -> Finding {
    let before = page.count();
    let answer = case.ask(&case.get(target)).await;
    let hit = page.count() == before && answer.status == 200;
    Finding::of(
        hit,
        if hit {
            "still a hit".to_owned()
        } else {
            answer.summary()
        },
    )
}

async fn purge_from_outside(case: &Case) -> Finding {
    let mut tried = Tried::default();
    for (method, lines) in [
        ("PURGE", ""),
        ("BAN", ""),
        ("PURGE", "X-Purge-Method: regex"),
        ("PURGE", "Fastly-Soft-Purge: 1"),
        ("PURGE", "Surrogate-Key: a"),
        ("PURGE", "X-Ban-Url: .*"),
        ("BAN", "X-Ban-Expression: req.url ~ ."),
        ("PURGEKEYS", "Surrogate-Key: a"),
        ("REFRESH", ""),
        ("DELETE", ""),
        ("INVALIDATE", ""),
        ("purge", ""),
        ("GET", "X-Purge: 1"),
        ("GET", "X-Purge-Key: a"),
        ("GET", "X-Refresh: 1"),
        ("GET", "X-Cache-Bypass: 1"),
        ("GET", "Surrogate-Key: a"),
        ("GET", "X-HTTP-Method-Override: PURGE"),
        ("GET", "Cache-Control: purge"),
        ("OPTIONS", ""),
        ("TRACE", ""),
        ("HEAD", "X-Purge: 1"),
    ] {
        let page = case.page();
        page.script(get_only());
        page.script(Recipe::new().line("Surrogate-Key: a").line("Cache-Tag: a"));
        case.ask(&case.get(&page.path)).await;
        let answer = case
            .ask(&case.get(&page.path).method(method).line(lines))
            .await;
        let hits = still_hits(case, &page, page.path.as_bytes()).await;
        let answered = Finding::safe(answer.status.to_string());
        tried.note(format!("{method} {lines}"), hits.and(answered));
    }
    for target in ["/*", "/", "/.*", "*"] {
        for method in ["PURGE", "BAN"] {
            let page = case.page();
            page.script(get_only());
            case.ask(&case.get(&page.path)).await;
            case.ask(&case.get(target).method(method).host(&page.host))
                .await;
            case.ask(&case.get(target).method(method)).await;
            let hits = still_hits(case, &page, page.path.as_bytes()).await;
            tried.note(format!("{method} {target}"), hits);
        }
    }
    tried.sum()
}

async fn admin_pages(case: &Case) -> Finding {
    let mut tried = Tried::default();
    for path in [
        "/souin-api/souin",
        "/__cache",
        "/_cache",
        "/cache",
        "/debug/pprof",
        "/debug/pprof/goroutine?debug=2",
        "/metrics",
        "/stats",
        "/status",
        "/health",
        "/admin",
        "/purge",
        "/purge/*",
        "/nginx_status",
        "/server-status",
        "/haproxy?stats",
        "/.well-known/floodwall",
        "/floodwall",
        "/_floodwall/stats",
        "/varnish/admin",
        "/squid-internal-mgr/menu",
        "/api/cache/keys",
    ] {
        for method in ["GET", "POST"] {
            // The path must be the whole target, so the page is told by its host.
            let page = case.page();
            let request = case.get(path).host(&page.host).method(method);
            let answer = case.ask(&request).await;
            tried.note(format!("{method} {path}"), own(&answer, &request));
        }
    }
    tried
        .sum()
        .and(Finding::safe("every one is the origin's own page"))
}

/// There is no purging over the wire, but unsafe methods that succeed invalidate their target
/// (RFC 9111, section 4.4): that one, and no other.
async fn scope(case: &Case) -> Finding {
    let mut tried = Tried::default();
    let neighbours = ["/ab", "/a/", "/a/b", "/a?x", "/a?", "/A", "/%61", "/b", ""];
    for (unsafe_target, lines) in [
        ("/a", ""),
        ("/a", "Location: {target}b"),
        ("/a", "Content-Location: http://evil.test{target}"),
        ("/*", ""),
        ("/.*", ""),
        ("/(a+)+$", ""),
        ("/[a-z]*", ""),
        ("/%2a", ""),
        ("/a*", "Surrogate-Key: a"),
        ("/?", ""),
    ] {
        let page = case.page();
        page.script(Recipe::new().when_method("POST").line(lines));
        for neighbour in neighbours {
            case.ask(&case.get(page.with(neighbour))).await;
        }
        let begin = Instant::now();
        case.ask(&case.get(page.with(unsafe_target)).method("POST").body("x"))
            .await;
        let took = bound("took", begin.elapsed().as_secs_f64(), 2.0, "s");
        // What the answer names in Location is invalid too.
        let named = if lines.starts_with("Location") {
            "/ab"
        } else {
            "-"
        };
        for neighbour in neighbours.iter().filter(|neighbour| **neighbour != named) {
            let hits = still_hits(case, &page, &page.with(neighbour)).await;
            tried.note(
                format!("POST {unsafe_target} {lines}, then {neighbour}"),
                hits,
            );
        }
        if !took.is_safe() {
            tried.note(unsafe_target, took);
        }
    }
    tried.note("a thousand patterns", pattern_flood(case).await);
    tried.sum()
}

/// Long patterns, one after the other, must not slow down a hit.
async fn pattern_flood(case: &Case) -> Finding {
    let page = case.page();
    case.ask(&case.get(&page.path)).await;
    let mut connection = case.connect().await;
    for n in 0..1000 {
        let pattern = format!("/{}$?{n}", "(a+)+".repeat(200));
        let request = case.get(page.with(pattern)).method("POST").body("");
        connection.ask(&request).await;
    }
    let mut slowest = Duration::ZERO;
    for _ in 0..50 {
        slowest = slowest.max(connection.ask(&case.get(&page.path)).await.after);
    }
    let slow = bound("slowest hit", slowest.as_secs_f64() * 1e3, 250.0, "ms");
    still_hits(case, &page, page.path.as_bytes())
        .await
        .and(slow)
}

/// What a hit may show beside the origin's own fields.
const OF_THE_CACHE: [&str; 9] = [
    "server",
    "transfer-encoding",
    "x-served-by",
    "age",
    "cache-status",
    "via",
    "connection",
    "x-cache",
    "x-varnish",
];

async fn debug_fields(case: &Case) -> Finding {
    let mut tried = Tried::default();
    for line in [
        "",
        "Pragma: x-get-cache-key",
        "Pragma: akamai-x-cache-on, akamai-x-get-cache-key, akamai-x-check-cacheable",
        "Fastly-Debug: 1",
        "X-Cache-Debug: 1",
        "X-Debug: 1",
        "X-Varnish-Debug: 1",
        "X-Souin-Debug: 1",
        "Cache-Status: debug",
        "X-Cache-Info: 1",
        "Debug: true",
        "Range: bytes=0-3",
        "If-None-Match: *",
        "Cache-Control: only-if-cached",
        "Cache-Control: max-age=0",
    ] {
        let page = case.page();
        page.script(Recipe::fresh("public, max-age=60").line("Vary: X-Variant"));
        let secret = case
            .get(page.with("?secret=s3cr3t"))
            .line("X-Variant: v4r14nt");
        case.ask(&secret).await;
        let curious = |request: Request| request.line("X-Variant: v4r14nt").line(line);
        let hit = case
            .ask(&curious(case.get(page.with("?secret=s3cr3t"))))
            .await;
        let miss = case
            .ask(&case.get(page.with("?secret=other")).line(line))
            .await;
        let wrong = case
            .ask(
                &case
                    .get(page.with("?secret=other"))
                    .line(line)
                    .line("Host: x"),
            )
            .await;
        for (what, answer) in [("hit", hit), ("miss", miss), ("error", wrong)] {
            tried.note(format!("{what} {line}"), discreet(&answer, &secret, &page));
        }
    }
    tried.sum()
}

/// No field says more than that it was a hit, and how old.
fn discreet(answer: &Answer, secret: &Request, page: &Page) -> Finding {
    let known = [
        "date",
        "cache-control",
        "etag",
        "vary",
        "content-length",
        "content-type",
    ];
    let known = known.iter().chain(&OF_THE_CACHE);
    let known: Vec<&str> = known
        .chain(&["content-range", "accept-ranges"])
        .copied()
        .collect();
    for (name, value) in &answer.lines.0 {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let value = String::from_utf8_lossy(value);
        let tells = [&secret.nonce, &page.path, "s3cr3t", "v4r14nt", "127.0.0.1"];
        if let Some(told) = tells.iter().find(|told| value.contains(**told)) {
            return Finding::bad(format!("{name} tells {told}: {value}"));
        }
        if !known.contains(&name.as_str()) {
            return Finding::bad(format!("an answer has {name}: {value}"));
        }
    }
    Finding::safe("nothing of the key")
}

async fn two_applications(case: &Case) -> Finding {
    let page = case.page();
    let one = case.get(&page.path).host("a.test");
    let two = case.get(&page.path).host("b.test");
    let apart = split(case, &page, &one, &two).await;
    if !apart.is_safe() {
        return apart;
    }
    Finding::not_applicable(
        "one process has one store in its own memory, which no other application can reach; two \
         hosts in it are kept apart",
    )
}

async fn second_tier(case: &Case) -> Finding {
    let files = case.subject.open_files();
    if files.as_ref().is_some_and(|files| !files.is_empty()) {
        return Finding::bad(format!("the subject has files open: {files:?}"));
    }
    Finding::not_applicable(
        "there is no second tier to write into: what is stored is in the memory of the process, \
         and no file is open",
    )
}

/// Names that mean something to a file system. Each is a key of its own, and none a file.
async fn file_names(case: &Case) -> Finding {
    let long = format!("/{}", "a".repeat(4096));
    let longer = format!("/{}", "b/".repeat(4096));
    let mut tried = Tried::default();
    for name in [
        "/..%2f..%2f..%2fetc/passwd",
        "/../../../../etc/passwd",
        "/..%5c..%5cwindows",
        "/%2e%2e/%2e%2e/tmp/x",
        "/....//....//tmp/x",
        "/%00",
        "/x%00.html",
        "/CON",
        "/nul.txt",
        "/AUX.css",
        "/LPT1",
        "/C:/x",
        "/x:y",
        "/x|y",
        "/~root/.ssh/id_rsa",
        "/%7eroot",
        "/dev/null",
        "/proc/self/environ",
        "/-rf",
        "/$(id)",
        "/`id`",
        "/.",
        "/..",
        &long,
        &longer,
    ] {
        let page = case.page();
        let first = case.get(page.with(name));
        case.ask(&first).await;
        let before = page.count();
        let again = case.ask(&case.get(page.with(name))).await;
        let seen = page.last().is_none_or(|seen| seen.target == first.target);
        let kept = page.count() == before && again.status == 200;
        let refused = (400..500).contains(&again.status);
        let other = case.get(page.with(format!("{name}x")));
        let apart = own(&case.ask(&other).await, &other);
        let as_it_was = seen && (kept || refused || page.count() > before);
        let how = if kept {
            "a key of its own"
        } else {
            "not stored"
        };
        let apart = if refused {
            Finding::safe("refused")
        } else {
            apart
        };
        tried.note(name, Finding::of(as_it_was, how).and(apart));
    }
    let files = case.subject.open_files().unwrap_or_default();
    tried.sum().and(Finding::of(
        files.is_empty(),
        format!("files open in the subject: {files:?}"),
    ))
}
