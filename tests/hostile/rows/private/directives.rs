//! How `Cache-Control` is read, and what else looks like it.

use super::{each_private, private};
use crate::case::Case;
use crate::origin::Recipe;
use crate::verdict::{Finding, Tried, not_stored};

pub(super) async fn letter_case(case: &Case) -> Finding {
    each_private(
        case,
        &[
            "Cache-Control: nO-StOrE, max-age=60",
            "Cache-Control: Private, max-age=60",
            "Cache-Control: PRIVATE, max-age=60",
            "Cache-Control: max-age=60, NO-CACHE",
            "Cache-Control: No-Cache, max-age=60",
            "Cache-Control: public, max-age=60, pRiVaTe",
            "Cache-Control: MAX-AGE=0",
            "Cache-Control: max-age=60, S-MAXAGE=0",
            "CACHE-CONTROL: NO-STORE, max-age=60",
            "cache-control:no-store,max-age=60",
            "Cache-Control: max-age=60, PRIVATE=\"X\"",
        ],
    )
    .await
}

pub(super) async fn lines(case: &Case) -> Finding {
    let lines: [&[u8]; 14] = [
        b"Cache-Control: max-age=60\r\nCache-Control: private",
        b"Cache-Control: private\r\nCache-Control: max-age=60",
        b"Cache-Control: public, max-age=60\r\nCache-Control: no-store",
        b"Cache-Control: max-age=60\r\nX-A: b\r\ncache-control: private",
        b"Cache-Control: \xe9\r\nCache-Control: max-age=60\r\nCache-Control: private",
        b"Cache-Control: max-age=60, \xff\r\nCache-Control: private",
        b"Cache-Control: max-age=60\r\nCache-Control: \x80private\r\nCache-Control: no-store",
        b"Cache-Control: max-age=60\r\nCache-Control: public\r\nCache-Control: private",
        b"Cache-Control:\r\nCache-Control: private\r\nCache-Control: max-age=60",
        b"Cache-Control: ,\r\nCache-Control: max-age=60, , private",
        b"Cache-Control: ext=\"\r\nCache-Control: max-age=60, private",
        b"Cache-Control: max-age=60, ext=\"a\r\nCache-Control: no-store\"",
        b"Cache-Control: max-age=60\r\nCache-Control: no-cache",
        b"Cache-Control: max-age=60\r\nCache-Control: max-age=0",
    ];
    each_private(case, &lines).await
}

/// The whole answer is not stored, or exactly the named fields are not served to others.
pub(super) async fn qualified(case: &Case) -> Finding {
    let mut tried = Tried::default();
    for said in [
        "private=\"x-secret\", max-age=60",
        "max-age=60, private=\"x-secret\"",
        "no-cache=\"x-secret\", max-age=60",
        "private=\"X-SECRET\", max-age=60",
        "private=\"x-other, x-secret\", max-age=60",
        "private=\"x-secret,x-other\", public, max-age=60",
        "private=x-secret, max-age=60",
        "no-cache=x-secret, max-age=60",
        "private=\"x-other\", private=\"x-secret\", max-age=60",
        "no-cache=\"x-other\", private=\"x-secret\", max-age=60",
        "private=\"x-s\\ecret\", max-age=60",
        "private=\"set-cookie\", no-cache=\"x-secret\", max-age=60",
    ] {
        let page = case.page();
        page.script(
            Recipe::fresh(said)
                .line("X-Secret: {nonce}")
                .line("X-Other: o"),
        );
        let first = case.get(&page.path);
        case.ask(&first).await;
        let second = case.get(&page.path);
        let before = page.count();
        let answer = case.ask(&second).await;
        let secret = answer.header("x-secret");
        let finding = match secret {
            Some(secret) if secret != second.nonce => {
                Finding::bad(format!("the field is another's: {}", answer.summary()))
            }
            _ if page.count() > before => Finding::safe("not stored"),
            _ => Finding::of(secret.is_none(), "stored without the field"),
        };
        tried.note(said, finding);
    }
    tried.sum()
}

pub(super) async fn spaces(case: &Case) -> Finding {
    each_private(
        case,
        &[
            "Cache-Control: max-age=60, private=\" authorization\"",
            "Cache-Control: max-age=60, no-cache=\"\tauthorization\"",
            "Cache-Control: max-age=60, private =\"authorization\"",
            "Cache-Control: max-age=60, private= \"x\"",
            "Cache-Control: max-age=60, private = \"x\"",
            "Cache-Control: max-age=60, private\t=\t\"x\"",
            "Cache-Control: max-age=60, private=\"x\" ",
            "Cache-Control: max-age=60, private=\"x \"",
            "Cache-Control: max-age=60, private=\",\"",
            "Cache-Control: max-age=60, private=\"x,,y\"",
            "Cache-Control: max-age=60 , private",
            "Cache-Control: max-age=60,\tprivate\t",
            "Cache-Control: max-age=60,private",
            "Cache-Control:\tprivate , max-age=60",
            "Cache-Control: max-age=60, no-store ",
            "Cache-Control: max-age=60, no-store =x",
        ],
    )
    .await
}

pub(super) async fn degenerate(case: &Case) -> Finding {
    each_private(
        case,
        &[
            "Cache-Control: max-age=60, private=\"\"",
            "Cache-Control: max-age=60, private=",
            "Cache-Control: max-age=60, private=,",
            "Cache-Control: max-age=60, private, private=\"x\"",
            "Cache-Control: max-age=60, private=\"x\", private",
            "Cache-Control: max-age=60, private=\"unterminated",
            "Cache-Control: private=\"unterminated, max-age=60",
            "Cache-Control: max-age=60, private=(\"x\")",
            "Cache-Control: max-age=60, private=\"x\"y",
            "Cache-Control: max-age=60, private=x=y",
            "Cache-Control: max-age=60, private==x",
            "Cache-Control: max-age=60, private=\"\\",
            "Cache-Control: max-age=60, private=\"\\\"",
            "Cache-Control: max-age=60, private=:x:",
            "Cache-Control: max-age=60, private=?0",
            "Cache-Control: max-age=60, private=0",
            "Cache-Control: max-age=60, private=false",
            "Cache-Control: max-age=60, no-store=0",
            "Cache-Control: max-age=60, no-store=\"\"",
            "Cache-Control: max-age=60, no-cache=\"",
            "Cache-Control: max-age=60, \"",
            "Cache-Control: \", max-age=60",
        ],
    )
    .await
}

/// Quoted text is no directive; what stands behind it is one.
pub(super) async fn quotes(case: &Case) -> Finding {
    let private = each_private(
        case,
        &[
            "Cache-Control: max-age=60, ext=\"\\\"\", private",
            "Cache-Control: max-age=60, ext=\"\\\\\", private",
            "Cache-Control: max-age=60, ext=\"a\\\\\\\"b\", no-store",
            "Cache-Control: max-age=60, ext=\"a, b\", private",
            "Cache-Control: max-age=60, ext='a, no-store'",
            "Cache-Control: max-age=60, ext=\"\", private",
            "Cache-Control: max-age=60, ext=\"a\"b\", private",
            "Cache-Control: max-age=60, ext=a\"b, private",
            "Cache-Control: max-age=60, ext=\"a\" , private",
            "Cache-Control: max-age=60, ext=\"max-age=9, \", max-age=0",
            "Cache-Control: ext=\"private\", max-age=60, private",
            "Cache-Control: max-age=60, ext=\\\", private, \\\"",
            "Cache-Control: max-age=60, \"a\", private",
            "Cache-Control: max-age=60, ext=\"\u{e9}\", private",
        ],
    )
    .await;
    let mut tried = Tried::default();
    for said in [
        "max-age=60, ext=\"a, max-age=0, no-store\"",
        "max-age=60, ext=\"private\"",
        "ext=\"no-cache, \\\"private\\\"\", max-age=60",
    ] {
        let page = case.page();
        page.script(Recipe::fresh(said));
        case.ask(&case.get(&page.path)).await;
        case.ask(&case.get(&page.path)).await;
        tried.note(
            said,
            Finding::safe(if page.count() == 1 {
                "not a directive"
            } else {
                "taken with caution: not stored"
            }),
        );
    }
    private.and(tried.sum())
}

/// Constant, and never more permissive than without it.
pub(super) async fn pragma(case: &Case) -> Finding {
    let mut tried = Tried::default();
    for line in [
        "Pragma: no-cache",
        "pragma: NO-CACHE",
        "Pragma: x, no-cache",
        "Pragma: x=\"no-cache\"",
    ] {
        let page = case.page();
        case.ask(&case.get(&page.path)).await;
        let mut calls = Vec::new();
        for _ in 0..3 {
            let before = page.count();
            case.ask(&case.get(&page.path).line(line)).await;
            calls.push(page.count() - before);
        }
        let constant = calls.iter().all(|count| *count == calls[0]);
        let what = if calls[0] > 0 {
            "asks the origin"
        } else {
            "is ignored"
        };
        tried.note(
            format!("in a request: {line}"),
            Finding::of(constant, format!("{what}, always")),
        );
    }
    for line in [
        "Pragma: public",
        "Pragma: max-age=60",
        "Pragma: cache",
        "Pragma: no-cache",
    ] {
        tried.note(
            format!("in an answer: {line}"),
            private(case, line.as_bytes()).await,
        );
    }
    for line in ["Pragma: public", "Pragma: cache"] {
        let lines = format!("Cache-Control: private, max-age=60\r\n{line}");
        tried.note(
            format!("beside private: {line}"),
            private(case, lines.as_bytes()).await,
        );
    }
    tried.sum()
}

pub(super) async fn rubbish(case: &Case) -> Finding {
    let lines: [&[u8]; 20] = [
        b"Cache-Control: max-age=60, private\xa0",
        b"Cache-Control: max-age=60, \xe9private",
        b"Cache-Control: max-age=60, private;",
        b"Cache-Control: max-age=60; private",
        b"Cache-Control: max-age=60 private",
        b"Cache-Control: max-age=60, (private)",
        b"Cache-Control: max-age=60, [private]",
        b"Cache-Control: max-age=60, \"private\"",
        b"Cache-Control: max-age=60, private:",
        b"Cache-Control: max-age=60, private/x",
        b"Cache-Control: max-age=60, public; private",
        b"Cache-Control: max-age=60, no-store;x",
        b"Cache-Control: max-age=60, no-store no-cache",
        b"Cache-Control: max-age=60, {no-store}",
        b"Cache-Control: max-age=60, =private",
        b"Cache-Control: max-age=60, @private",
        b"Cache-Control: max-age=60,,,,private,,,",
        b"Cache-Control: max-age=60, private\x0b",
        b"Cache-Control: max-age=60\x0c, private",
        b"Cache-Control: max-age=60, no-cache<br>",
    ];
    each_private(case, &lines).await
}

/// Fields of other caches must not lend an answer more than `Cache-Control` allows.
pub(super) async fn other_fields(case: &Case) -> Finding {
    let mut tried = Tried::default();
    for restriction in ["private", "no-store", "no-cache", "max-age=0"] {
        for field in [
            "Expires: Fri, 01 Jan 2100 00:00:00 GMT",
            "Surrogate-Control: max-age=60",
            "CDN-Cache-Control: public, max-age=60",
            "Cloudflare-CDN-Cache-Control: max-age=60",
            "X-Accel-Expires: 60",
            "Edge-Control: cache-maxage=60",
            "X-Cache-Control: public, max-age=60",
            "Cache_Control: public, max-age=60",
            "Last-Modified: Mon, 01 Jan 2001 00:00:00 GMT",
        ] {
            let page = case.page();
            page.script(Recipe::fresh(restriction).line(field));
            case.ask(&case.get(&page.path)).await;
            let again = case.get(&page.path);
            tried.note(
                format!("{restriction}, {field}"),
                not_stored(case, &page, &again).await,
            );
        }
    }
    tried.sum()
}
