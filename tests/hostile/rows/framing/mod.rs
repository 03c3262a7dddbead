//! S: where one message ends and the next begins. Whoever can make two parties disagree on that
//! speaks in another's name.

mod answers;
mod bodies;
mod h2;
mod heads;
mod pipeline;
mod splitting;

use std::future::Future;

use super::{Row, row};
use crate::at_once::each;
use crate::case::Case;
use crate::client::Answer;
use crate::origin::{Page, Seen};
use crate::verdict::{Finding, Tried};
use crate::wire::{End, readable};

pub(super) const ROWS: &[Row] = &[
    row!(
        S03,
        I,
        "G3",
        "Content-Length and Transfer-Encoding that disagree, from clients and from the origin",
        both_framings
    ),
    row!(
        S05,
        I,
        "G3",
        "lengths that are no number, or two, from clients and from the origin",
        odd_lengths
    ),
    row!(
        S06,
        I,
        "G3, G4",
        "chunks that are none, from clients and from the origin",
        odd_chunks
    ),
    row!(
        S07,
        I,
        "G3",
        "an upgrade that is taken for granted",
        heads::upgrades
    ),
    row!(
        S09,
        I,
        "G3",
        "heads that are read in two ways, and targets of other forms",
        heads::syntax
    ),
    row!(
        S10,
        I,
        "G3",
        "what HTTP/2 can say and HTTP/1 cannot",
        h2::downgrade
    ),
    row!(
        S11,
        I,
        "G3, G4",
        "requests in one write, answered from the store and not, with errors between",
        pipeline::mixed
    ),
    row!(
        S13,
        I,
        "G1, G4",
        "answers that a request has written into, and bytes behind their end",
        splitting::splitting
    ),
];

async fn both_framings(case: &Case) -> Finding {
    let requests = bodies::both_framings(case).await;
    requests.sum().and(answers::both_framings(case).await.sum())
}

async fn odd_lengths(case: &Case) -> Finding {
    let requests = bodies::odd_lengths(case).await;
    requests.sum().and(answers::odd_lengths(case).await.sum())
}

async fn odd_chunks(case: &Case) -> Finding {
    let requests = bodies::odd_chunks(case).await;
    requests.sum().and(answers::odd_chunks(case).await.sum())
}

/// Tries variants side by side: one that hangs then costs its patience once, not the row's time.
async fn tried<V, F>(
    case: &Case,
    variants: impl IntoIterator<Item = (impl ToString, V)>,
    attempt: impl Fn(Case, V) -> F,
) -> Tried
where
    F: Future<Output = Finding>,
{
    let named = variants
        .into_iter()
        .map(|(name, variant)| (name.to_string(), variant));
    let attempt = |case, (name, variant)| {
        let finding = attempt(case, variant);
        async { (name, finding.await) }
    };
    each(case, named.collect(), attempt).await
}

/// What the target of a request is called that nobody sends, except inside another one.
const SMUGGLED: &str = "smuggled";

/// A request for [`SMUGGLED`].
fn smuggled(page: &Page) -> String {
    let path = &page.path;
    format!("GET {path}/{SMUGGLED} HTTP/1.1\r\nHost: good.test\r\n\r\n")
}

/// Sends bytes that different readers end at different places. Safe is one answer at most, the
/// connection closed behind it, and at the origin either nothing or one whole message that can
/// be read in one way.
async fn in_doubt(case: &Case, page: &Page, bytes: &[u8]) -> Finding {
    let (answer, closed) = one_answer(case, bytes).await;
    if let Some(trouble) = trouble_at_origin(page) {
        return Finding::bad(trouble);
    }
    match (answer.status, closed) {
        (_, Err(more)) => Finding::bad(format!("{}, then {more}", answer.summary())),
        (0, Ok(())) => Finding::safe("hung up on"),
        (400..=499 | 501 | 505, Ok(())) => Finding::safe("refused, and closed"),
        (200, Ok(())) if answer.is_whole() => {
            Finding::safe("read in the one way that the rules allow, and closed")
        }
        _ => Finding::bad(answer.summary()),
    }
}

/// The first answer to these bytes, and what came instead of the connection's end.
async fn one_answer(case: &Case, bytes: &[u8]) -> (Answer, Result<(), String>) {
    let mut connection = case.send(bytes).await;
    let answer = connection.answer("POST").await;
    if matches!(answer.end, End::Cut | End::Reset) {
        return (answer, Ok(()));
    }
    let closed = match connection.rest().await {
        (rest, End::Cut | End::Reset) if rest.is_empty() => Ok(()),
        (rest, End::Silent) if rest.is_empty() => Err("left open".to_owned()),
        (rest, _) => Err(format!("more: {}", readable(&rest))),
    };
    (answer, closed)
}

/// What the origin must not have been sent for this page, if it was.
fn trouble_at_origin(page: &Page) -> Option<String> {
    let seen = page.seen();
    seen.iter().find_map(|seen| {
        let what = if seen.target_has(SMUGGLED) {
            "what was hidden in a body"
        } else {
            unclear(seen)?
        };
        Some(format!("the origin got {what}: {}", readable(&seen.raw)))
    })
}

/// Why two readers could end this message at different places.
fn unclear(seen: &Seen) -> Option<&'static str> {
    let codings = seen.lines.all("transfer-encoding");
    let lengths = seen.lines.all("content-length");
    let number = |length: &String| length.bytes().all(|byte| byte.is_ascii_digit());
    match (codings.as_slice(), lengths.as_slice()) {
        ([], []) => None,
        ([], [length]) if number(length) => None,
        ([], [_]) => Some("a length that is no number"),
        ([coding], []) if coding == "chunked" => None,
        (_, []) => Some("an odd transfer coding"),
        ([], _) => Some("two lengths"),
        _ => Some("two kinds of framing"),
    }
}

/// Whether the origin was sent a message to its end.
fn whole_at_origin(page: &Page) -> bool {
    page.seen().iter().any(|seen| {
        let chunked = seen.lines.lists("transfer-encoding", "chunked");
        !chunked || seen.raw.ends_with(b"\r\n0\r\n\r\n") || seen.raw.ends_with(b"\n0\r\n\r\n")
    })
}
