//! Requests that an origin, or a framework in it, refuses, while a cache takes them for the same.

use super::{LONG, error, in_every_way};
use crate::at_once::each;
use crate::case::Case;
use crate::verdict::{Checked, Finding, Tried, poison};

/// A field, and the status by which origins answer it.
const TRIGGERS: [(&str, u16); 56] = [
    ("Accept: x/evil", 406),
    ("Accept: */*;q=0", 406),
    ("Accept-Charset: x-evil", 406),
    ("Accept-Language: xx-evil", 406),
    ("Accept-Encoding: identity;q=0", 406),
    ("Content-Type: x", 415),
    ("Content-Encoding: x", 415),
    ("Expect: 9", 417),
    ("Expect: 100-continue", 417),
    ("If-Match: \"x\"", 412),
    ("If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT", 412),
    ("If-None-Match: junk", 400),
    ("If-Modified-Since: junk", 400),
    ("If-Range: junk", 400),
    ("Range: bytes=9999999-", 416),
    ("Range: cow", 400),
    ("Transfer-Encoding: foo", 501),
    ("TE: evil", 501),
    ("Trailer: x", 400),
    ("Upgrade: x", 426),
    ("Upgrade: websocket\r\nConnection: upgrade", 400),
    ("HTTP2-Settings: x\r\nUpgrade: h2c", 400),
    ("Max-Forwards: 0", 400),
    ("Authorization: evil", 401),
    ("Authorization: Basic !!!", 400),
    ("Proxy-Authorization: evil", 407),
    ("x-amz-server-side-encryption: x", 400),
    ("x-goog-encryption-algorithm: x", 400),
    ("x-ms-version: x", 400),
    ("Cookie: evil", 400),
    ("Cookie: \u{1}", 400),
    ("User-Agent: sqlmap", 403),
    ("User-Agent: ", 403),
    ("Referer: http://evil.test/", 403),
    ("Origin: http://evil.test", 403),
    ("Origin: null", 403),
    ("Access-Control-Request-Method: EVIL", 403),
    ("Sec-Fetch-Site: cross-site", 403),
    ("Sec-WebSocket-Key: x", 400),
    ("X-Requested-With: evil", 400),
    ("X-CSRF-Token: evil", 419),
    ("X-Forwarded-For: evil", 403),
    ("X-Forwarded-Proto: evil", 400),
    ("X-Forwarded-Host: evil", 421),
    ("X-Forwarded-Port: 99999", 400),
    ("Forwarded: evil", 400),
    ("X-HTTP-Method-Override: EVIL", 405),
    ("X-Original-URL: /evil", 403),
    ("Via: 1.1 evil", 508),
    ("CDN-Loop: evil", 508),
    ("Early-Data: 1", 425),
    ("Prefer: evil", 400),
    ("Content-MD5: evil", 400),
    ("Digest: evil", 400),
    ("Content-Length: 5\r\n\r\nevil!", 413),
    ("Content-Length: evil", 400),
];

/// Statuses that say something of the page or of the origin, not of one client: those who wait
/// for the same answer may share it, but nobody who comes later.
pub(super) const OF_THE_PAGE: [u16; 6] = [404, 410, 500, 502, 503, 504];

pub(super) async fn negotiable(case: &Case) -> Finding {
    let attempt = |case: Case, (line, status): (&'static str, u16)| async move {
        let found = tripped(&case, line, status).await;
        (format!("{line}: {status}"), found)
    };
    let mut tried = each(case, TRIGGERS.to_vec(), attempt).await;
    let attempt = |case: Case, status: u16| async move {
        (status.to_string(), tripped(&case, "", status).await)
    };
    tried.append(each(case, (400..600).collect(), attempt).await);
    tried.append(large(case).await);
    tried.append(other_methods(case).await);
    tried.sum()
}

/// With the lifetime that allows the most; E09 tries the others.
async fn tripped(case: &Case, line: &str, status: u16) -> Checked {
    let shared = OF_THE_PAGE.contains(&status);
    let recipe = |lifetime: &str| error(status, lifetime);
    in_every_way(case, line, &[LONG], shared, recipe).await
}

/// Heads that one side of the proxy takes and the other does not.
async fn large(case: &Case) -> Tried {
    let mut tried = Tried::default();
    for (name, line) in [
        (
            "a field of 7 KB",
            format!("X-Large: {}", "x".repeat(7 << 10)),
        ),
        (
            "a field of 60 KB",
            format!("X-Large: {}", "x".repeat(60 << 10)),
        ),
        (
            "a field of 300 KB",
            format!("X-Large: {}", "x".repeat(300 << 10)),
        ),
        (
            "a cookie of 20 KB",
            format!("Cookie: a={}", "x".repeat(20 << 10)),
        ),
        ("90 fields", many(90)),
        ("2000 fields", many(2000)),
        ("a control character", "X-Meta: \u{7}".to_owned()),
        ("a name of 30 KB", format!("{}: x", "x".repeat(30 << 10))),
    ] {
        tried.note(name, tripped(case, &line, 431).await);
    }
    tried
}

fn many(count: usize) -> String {
    let lines: Vec<String> = (0..count).map(|n| format!("X-Many-{n}: x")).collect();
    lines.join("\r\n")
}

/// Answers to other methods, some of which end at the proxy itself.
async fn other_methods(case: &Case) -> Tried {
    let mut tried = Tried::default();
    for method in ["OPTIONS", "TRACE", "HEAD", "POST", "CONNECT", "EVIL"] {
        for line in ["", "Max-Forwards: 0", "Max-Forwards: junk"] {
            let page = case.page();
            let attack = case.get(&page.path).method(method).line(line);
            page.script(error(405, LONG).when_nonce(&attack.nonce));
            let victim = case.get(&page.path);
            let found = poison(case, &page, &attack, &victim, &[&attack.nonce]).await;
            tried.note(format!("{method} {line}"), found);
        }
    }
    tried
}
