//! The path and the query.

use super::kept_apart;
use crate::case::Case;
use crate::verdict::{Finding, Tried, poison, refused, split};

/// Pairs of targets below a page that must each get an answer of their own, both ways round.
async fn pairs_split(case: &Case, pairs: &[(&str, &str)]) -> Finding {
    let mut tried = Tried::default();
    for (one, two) in pairs {
        for (one, two) in [(one, two), (two, one)] {
            let page = case.page();
            let (first, second) = (case.get(page.with(one)), case.get(page.with(two)));
            let finding = kept_apart(case, &page, &first, &second).await;
            tried.note(format!("{one} before {two}"), finding);
        }
    }
    tried.sum()
}

pub(super) async fn query(case: &Case) -> Finding {
    let pairs = [
        ("?id=1", "?id=2"),
        ("?id=1", ""),
        ("?", ""),
        ("?a=1&b=2", "?b=2&a=1"),
        ("?a", "?a="),
        ("?a=1", "?A=1"),
        ("?a=1", "?a=1&"),
        ("?a=1", "?a=1&a=2"),
        ("?a=1&a=2", "?a=2&a=1"),
        ("?a=b%20c", "?a=b+c"),
        ("?a=%41", "?a=A"),
        ("?a=%2f", "?a=%2F"),
        ("?a=1", "?%61=1"),
        ("?a[]=1", "?a%5B%5D=1"),
        ("?utm_source=x", ""),
        ("?fbclid=x", ""),
        ("?_=1", "?_=2"),
        ("?callback=a", "?callback=b"),
    ];
    pairs_split(case, &pairs).await
}

pub(super) async fn delimiters(case: &Case) -> Finding {
    let pairs = [
        ("/j?a=1?utm_content=x&cb=evil", "/j?a=1"),
        ("/j?a=1?b", "/j?a=1%3Fb"),
        ("/j?a=1%26cb=evil", "/j?a=1&cb=evil"),
        ("/j?a=1%26cb=evil", "/j?a=1"),
        ("/j?a%3d1", "/j?a=1"),
        ("/j?a=1%00b", "/j?a=1"),
        ("/j?a=1%0d%0ab", "/j?a=1"),
        ("/j?a=1%23b", "/j?a=1"),
        ("/j?a=1;b=2", "/j?a=1&b=2"),
        ("/j?a=1;b=2", "/j?a=1"),
        ("/j%3fa=1", "/j?a=1"),
        ("/j??a=1", "/j?a=1"),
        ("/j?/a", "/j/a"),
        ("/j?&a=1", "/j?a=1"),
        ("/j?a=1&&b=2", "/j?a=1&b=2"),
        ("/j?=a", "/j?a"),
        ("/j?a=1\\u0026b=2", "/j?a=1&b=2"),
        ("/j?a=1|b", "/j?a=1%7Cb"),
        ("/j?a='", "/j?a=%27"),
        ("/j?a={b}", "/j?a=%7Bb%7D"),
    ];
    pairs_split(case, &pairs).await
}

pub(super) async fn paths(case: &Case) -> Finding {
    let pairs = [
        ("/a", "/A"),
        ("/a", "/a/"),
        ("/a", "//a"),
        ("/a/b", "/a//b"),
        ("/a", "/./a"),
        ("/a", "/x/../a"),
        ("/a", "/%61"),
        ("/a/b", "/a%2fb"),
        ("/a/b", "/a%2Fb"),
        ("/a%2fb", "/a%2Fb"),
        ("/a/b", "/a\\b"),
        ("/a", "/a;x=1"),
        ("/a;x", "/a%3bx"),
        ("/a", "/a%00"),
        ("/a", "/a%20"),
        ("/a", "/a."),
        ("/a", "/a%2e"),
        ("/a", "/a.css"),
        ("/a", "/a/x.css"),
        ("/a", "/a%0a"),
        ("/a", "/%2e/a"),
        ("/a", "/x/%2e%2e/a"),
        ("/a", "/..;/a"),
        ("/a+b", "/a%20b"),
        ("/a", "/a%c0%af"),
        ("/%u0061", "/a"),
        ("/%e9", "/%c3%a9"),
        ("/a~", "/a%7e"),
        ("/%zz", "/%25zz"),
        ("/a", "/a*"),
        ("/a:80", "/a"),
        ("/@a", "/a"),
        ("/a/index.html", "/a/"),
    ];
    pairs_split(case, &pairs).await
}

/// The target is the same for everyone, so the page is told by the host.
pub(super) async fn query_like_path(case: &Case) -> Finding {
    let mut tried = Tried::default();
    for (one, two) in [
        ("/?/_payload.json", "/"),
        ("/?/_payload.json", "/_payload.json"),
        ("/?__nextDataReq=1", "/"),
        ("/?_data=routes/index", "/"),
        ("/?_rsc=1", "/"),
        ("/?/../x", "/x"),
        ("/?//evil.test/", "/"),
    ] {
        let page = case.page();
        let first = case.get(one).host(&page.host);
        let second = case.get(two).host(&page.host);
        tried.note(
            format!("{one} {two}"),
            split(case, &page, &first, &second).await,
        );
    }
    tried.sum()
}

pub(super) async fn fragment(case: &Case) -> Finding {
    let pairs = [
        ("#x", ""),
        ("#", ""),
        ("/a#x?b=1", "/a"),
        ("/a?b=1#x", "/a?b=1"),
        ("/a?b=1#x", "/a"),
        ("#/../x", "/x"),
        ("%23x", ""),
        ("/a#x", "/a%23x"),
    ];
    pairs_split(case, &pairs).await
}

pub(super) async fn bytes(case: &Case) -> Finding {
    let mut tried = Tried::default();
    let odd: [&[u8]; 22] = [
        b"\x00",
        b"\x01",
        b"\x07",
        b"\x08",
        b"\t",
        b"\x0b",
        b"\x0c",
        b"\x1b",
        b"\x1f",
        b" x",
        b" x HTTP/1.1\r\nX: y",
        b"\x7f",
        b"\x80",
        b"\xa0",
        b"\xe9",
        b"\xff",
        b"\xc3\xa9",
        b"\"",
        b"<x>",
        b"\r",
        b"\r/x",
        b"?\x7f",
    ];
    for bytes in odd {
        let page = case.page();
        let target = page.with(bytes);
        let request = [
            b"GET ",
            &target[..],
            b" HTTP/1.1\r\nHost: good.test\r\n\r\n",
        ]
        .concat();
        let finding = refused(case, &page, &request, true).await;
        tried.note(bytes, or_kept(case, &page, &target, bytes, finding).await);
    }
    tried.note("LF", bare_line_feed(case).await);
    tried.sum()
}

/// Bytes that the grammar forbids but no parser disagrees about (`\"`, `<`) may be forwarded, if
/// they are kept in key and forwarded alike. Controls, spaces and 8-bit bytes may not.
async fn or_kept(
    case: &Case,
    page: &crate::origin::Page,
    target: &[u8],
    bytes: &[u8],
    refusal: Finding,
) -> Finding {
    let graphic = bytes.iter().all(u8::is_ascii_graphic);
    if refusal.is_safe() || !graphic {
        return refusal;
    }
    let known = page.last().is_some_and(|seen| seen.target == target);
    let plain = case.get(&page.path);
    let answer = case.ask(&plain).await;
    crate::verdict::own(&answer, &plain).and(Finding::of(
        known,
        if known {
            "kept as it is"
        } else {
            "forwarded as another"
        },
    ))
}

/// A line feed in the target begins a header line for whoever takes it for a line end.
async fn bare_line_feed(case: &Case) -> Finding {
    let page = case.page();
    let bytes = format!(
        "GET {}\nX: y HTTP/1.1\r\nHost: good.test\r\n\r\n",
        page.path
    );
    refused(case, &page, bytes.as_bytes(), true).await
}

/// Targets that are no plain path. Each is refused, or an entry of its own.
pub(super) async fn forms(case: &Case) -> Finding {
    let mut tried = Tried::default();
    for form in [
        "http://{host}{path}",
        "HTTP://{host}{path}",
        "http://{host}:80{path}",
        "http://{host}:81{path}",
        "http://evil.test{path}",
        "http://@{host}{path}",
        "http://user@{host}{path}",
        "http://{host}@evil.test{path}",
        "http://{path}",
        "http:{path}",
        "http:/{path}",
        "ftp://{host}{path}",
        "ws://{host}{path}",
        "javascript:{path}",
        "//evil.test{path}",
        "//{host}{path}",
        "/{path}",
        "\\{path}",
        ".{path}",
        "@evil.test{path}",
        ":80{path}",
        "?{path}",
        "#{path}",
        "*{path}",
        "{host}{path}",
        "{host}:80",
        "%2f{path}",
    ] {
        let page = case.page();
        let target = form
            .replace("{host}", "good.test")
            .replace("{path}", &page.path);
        let (odd, plain) = (case.get(&target), case.get(&page.path));
        tried.note(form, kept_apart(case, &page, &odd, &plain).await);
    }
    tried.note("HTTP/1.0 without a host", without_host(case).await);
    tried.sum()
}

/// Before HTTP/1.1 there was no `Host`: which site is meant is for the subject to say, but it is
/// not whichever was asked for last.
async fn without_host(case: &Case) -> Finding {
    let page = case.page();
    let plain = case.get(&page.path);
    case.ask(&plain).await;
    let bytes = format!("GET {} HTTP/1.0\r\n\r\n", page.path);
    let answer = case.send(bytes).await.answer("GET").await;
    let own = answer.made_for().is_none_or(|nonce| nonce != plain.nonce);
    Finding::of(
        own,
        if own {
            "kept apart".to_owned()
        } else {
            answer.summary()
        },
    )
}

/// An ignore list, in a proxy of its own. The origin must be asked for what the key says: a
/// parameter that is ignored is removed, not merely left out of the key.
pub(super) async fn cloaked(case: &Case) -> Finding {
    let dropped = [
        "--ignore-query",
        "utm_content",
        "--ignore-query",
        "utm_source",
    ];
    let case = match case.with_flags(&dropped).await {
        Ok(case) => case,
        Err(finding) => return finding,
    };
    let mut tried = Tried::default();
    for attack in [
        "?cb=ok&utm_content=x;cb=evil",
        "?cb=ok&utm_content=x%26cb=evil",
        "?cb=ok&utm_content=evil",
        "?utm_content=evil&cb=ok",
        "?utm_content=x&utm_content=evil&cb=ok",
        "?utm_content&cb=ok&utm_source=evil",
        "?cb=ok;utm_content=x;cb=evil",
        "?cb=ok&UTM_CONTENT=evil",
        "?cb=ok&utm%5fcontent=evil",
        "?cb=ok&utm_content[]=evil",
        "?cb=ok&utm_content%00=evil",
        "?cb=ok&utm_content=x?cb=evil",
        "?cb=ok&utm_content=x%23&cb=evil",
        "?cb=ok&%20utm_content=evil",
        "?cb=ok&utm_content+=evil",
        "?cb=evil&utm_content=x&cb=ok",
        "?cb=ok&cb=evil",
        "?cb=ok&utm_content=x/../evil",
    ] {
        let page = case.page();
        let victim = case.get(page.with("/j?cb=ok"));
        let attacker = case.get(page.with(format!("/j{attack}")));
        let finding = poison(&case, &page, &attacker, &victim, &["evil", "utm_"]).await;
        tried.note(attack, finding);
    }
    let page = case.page();
    let (bare, with) = (
        case.get(page.with("/j")),
        case.get(page.with("/j?utm_content=evil")),
    );
    tried.note(
        "nothing else in the query",
        poison(&case, &page, &with, &bare, &["evil"]).await,
    );
    tried.sum()
}
