//! K: the cache key. What the origin sees and the key does not cover is a way to poison.

mod fields;
mod hosts;
mod targets;
mod variants;
mod vary;

use super::{Row, row};
use crate::case::Case;
use crate::client::{Answer, Request};
use crate::origin::Page;
use crate::verdict::{Finding, own};
use crate::wire::End;

pub(super) const ROWS: &[Row] = &[
    row!(
        K01,
        I,
        "G6",
        "a forwarded host that the key does not cover",
        fields::host
    ),
    row!(
        K03,
        I,
        "G3 G6",
        "a port that the key does not cover",
        hosts::port
    ),
    row!(K04, I, "G6", "a forwarded path prefix", fields::prefix),
    row!(
        K05,
        I,
        "G6",
        "a field that overrides the URL",
        fields::routing
    ),
    row!(
        K06,
        D,
        "G6",
        "a field that overrides the method",
        fields::method
    ),
    row!(
        K40,
        I,
        "G6",
        "a field by which a script asks for another form of the page",
        fields::form
    ),
    row!(K09, I, "G3", "queries that differ", targets::query),
    row!(K10, C, "G3", "hosts that differ", hosts::differ),
    row!(K11, I, "G3 G6", "schemes that differ", fields::scheme),
    row!(
        K13,
        I,
        "G3",
        "hosts that are none, or two, or no names",
        hosts::odd
    ),
    row!(
        K16,
        I,
        "G6",
        "cloaking behind a parameter that is dropped",
        targets::cloaked
    ),
    row!(
        K18,
        I,
        "G3",
        "question marks and encoded delimiters in a query",
        targets::delimiters
    ),
    row!(
        K19,
        I,
        "G3",
        "a query that looks like a path",
        targets::query_like_path
    ),
    row!(
        K22,
        I,
        "G3 G6",
        "a fragment in the target",
        targets::fragment
    ),
    row!(
        K23,
        I,
        "G3",
        "bytes that no target may have",
        targets::bytes
    ),
    row!(
        K41,
        I,
        "G3",
        "paths that some would call the same",
        targets::paths
    ),
    row!(
        K26,
        C,
        "G3 G5",
        "variants whose hashes collide, or whose parts run together",
        variants::collision
    ),
    row!(
        K27,
        C,
        "G5",
        "a field that is absent, and one that is empty",
        variants::absent
    ),
    row!(
        K28,
        C,
        "G5",
        "a nominated field of several lines",
        variants::lines
    ),
    row!(K29, C, "G2 G5", "a Vary that is not tidy", vary::untidy),
    row!(K30, C, "G5", "an asterisk anywhere in Vary", vary::asterisk),
    row!(
        K42,
        C,
        "G5",
        "a Vary that changes from answer to answer",
        vary::changing
    ),
    row!(
        K33,
        C,
        "G1",
        "Vary: Cookie with cookies that do not identify",
        variants::cookie
    ),
    row!(
        K35,
        I,
        "G3",
        "methods that are not quite GET",
        fields::odd_methods
    ),
    row!(
        K43,
        I,
        "G6",
        "strict forwarding and fields that nobody knows",
        fields::strict
    ),
    row!(
        K44,
        C,
        "G1 G5",
        "a crowd that waits, and wants different variants",
        variants::crowd
    ),
    row!(K45, I, "G3 G6", "targets in odd forms", targets::forms),
    row!(
        K46,
        I,
        "G6",
        "a cookie in crumbs, as HTTP/2 may send it",
        fields::crumbs
    ),
];

/// Two requests that must not share an entry. Safe if the first is refused, or if each gets an
/// answer made for it, or if the origin was sent the second one's very request in the first
/// one's place.
async fn kept_apart(case: &Case, page: &Page, first: &Request, second: &Request) -> Finding {
    let before = page.count();
    let one = case.ask(first).await;
    let forwarded = page.count() - before;
    let two = case.ask(second).await;
    match page.count() - before - forwarded {
        0 if refusal(&two).is_safe() => Finding::safe("refused"),
        0 if forwarded == 1 => alike(page, &two, second),
        0 => Finding::bad(format!("neither reached the origin: {}", two.summary())),
        _ => own(&two, second).and(if forwarded == 0 {
            refusal(&one)
        } else {
            own(&one, first).and(Finding::safe("split"))
        }),
    }
}

fn refusal(answer: &Answer) -> Finding {
    let refused = match answer.status {
        0 => matches!(answer.end, End::Cut | End::Reset),
        status => matches!(status, 400..=499 | 501 | 505),
    };
    if refused {
        return Finding::safe("refused");
    }
    Finding::bad(format!(
        "neither refused nor forwarded: {}",
        answer.summary()
    ))
}

/// The one request that the origin saw must have been that of the second client, but for the
/// nonce.
fn alike(page: &Page, answer: &Answer, request: &Request) -> Finding {
    let Some(seen) = page.last() else {
        return Finding::bad("the origin saw nothing");
    };
    let host = seen.header("host").unwrap_or_default();
    let same = seen.target == request.heard_target() && host.as_bytes() == request.host_value();
    if same && seen.method == request.method {
        return Finding::safe("made the same before it is forwarded");
    }
    Finding::bad(format!(
        "shared, though the origin saw another: {}",
        answer.summary()
    ))
}
