//! The same from the origin's side: answers whose end is told in two ways, or in none.

use super::tried;
use crate::case::Case;
use crate::client::Answer;
use crate::origin::{Cut, Page, Recipe};
use crate::verdict::{Finding, Tried, wanted};
use crate::wire::readable;

/// What an answer brings that nobody asked for.
const EVIL: &str = "evil";

/// Bytes that look like another answer.
fn another() -> String {
    format!(
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: {}\r\n\r\n{EVIL}",
        EVIL.len()
    )
}

/// An answer with this framing and this body, byte for byte, and all in one write: bytes that
/// come later than the next request could not be told from the answer to that.
fn answer(lines: &str, body: &str) -> Recipe {
    let text = format!("{lines}\r\n\r\n{body}");
    Recipe::new().line(text).body("").told()
}

/// S03. The length covers what hides the second answer from the coding, or the other way round.
pub(super) async fn both_framings(case: &Case) -> Tried {
    let hidden = another();
    let chunk = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
    let behind = format!("5\r\nhello\r\n0\r\n\r\n{hidden}");
    let mut variants = Vec::new();
    for coding in CODINGS {
        let coding = format!("Transfer-Encoding: {coding}");
        for body in [&chunk, &behind] {
            for length in [body.len(), body.find('\r').unwrap_or_default() + 2] {
                let length = format!("Content-Length: {length}");
                variants.push((format!("{length}\r\n{coding}"), body));
                variants.push((format!("{coding}\r\n{length}"), body));
            }
        }
        variants.push((coding, &behind));
    }
    for line in [
        "Transfer-Encoding : chunked",
        "X: y\r\n Transfer-Encoding: chunked",
        "X: y\rTransfer-Encoding: chunked",
    ] {
        variants.push((format!("{line}\r\nContent-Length: 5"), &behind));
    }
    let recipes = variants.iter().flat_map(|(lines, body)| {
        let recipe = answer(lines, body);
        let closing = answer(&format!("{lines}\r\nConnection: close"), body);
        let closing = closing.cut_at(0, Cut::Close);
        [
            (lines.clone(), recipe),
            (format!("{lines}, until close"), closing),
        ]
    });
    let statuses = [
        (204, "Transfer-Encoding: chunked"),
        (204, "Content-Length: 100"),
    ];
    let bodiless = statuses.map(|(status, lines)| {
        let recipe = answer(lines, &behind).status(status);
        (format!("{status}, {lines}"), recipe)
    });
    let old = answer("Transfer-Encoding: chunked", &behind).status_line("HTTP/1.0 200 OK");
    let old = ("Transfer-Encoding in HTTP/1.0".to_owned(), old);
    let recipes = recipes.chain(bodiless).chain([old]);
    tried(case, recipes, unbelieved).await
}

const CODINGS: [&str; 15] = [
    "chunked",
    "Chunked",
    "identity",
    "gzip",
    "x",
    "",
    "gzip, chunked",
    "chunked, gzip",
    "chunked, identity",
    "chunked, chunked",
    "chunked\r\nTransfer-Encoding: chunked",
    "chunked\r\nTransfer-Encoding: identity",
    "identity\r\nTransfer-Encoding: chunked",
    "\x0bchunked",
    "xchunked",
];

/// S05.
pub(super) async fn odd_lengths(case: &Case) -> Tried {
    let body = format!("hello{}", another());
    let lines = LENGTHS.map(|length| format!("Content-Length: {length}"));
    let lines = lines.into_iter().chain(["Content-Length : 5".to_owned()]);
    let recipes = lines.map(|lines| {
        let recipe = answer(&lines, &body);
        (lines, recipe)
    });
    tried(case, recipes, unbelieved).await
}

const LENGTHS: [&str; 23] = [
    "+5",
    "-5",
    "0x5",
    "5_0",
    "5 0",
    "five",
    "",
    "\x0b5",
    "5.0",
    "5, 6",
    "6, 5",
    "5, 5",
    "5\r\nContent-Length: 6",
    "6\r\nContent-Length: 5",
    "0\r\nContent-Length: 5",
    "5\r\nContent-Length: 0",
    "5\r\nContent-Length: x",
    "5\r\nContent-Length: 5",
    "18446744073709551616",
    "18446744073709551621",
    "5\r\n 6",
    "\r\n 5",
    "5\nContent-Length: 6",
];

/// S06.
pub(super) async fn odd_chunks(case: &Case) -> Tried {
    let chunked = |body: &str| answer("Transfer-Encoding: chunked", body);
    let long = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(1 << 20));
    let variants = NO_CHUNKS.map(|body| (body, chunked(&format!("{body}{}", another()))));
    let variants = variants
        .into_iter()
        .chain([("an extension of 1 MB", chunked(&long))]);
    let mut all = tried(case, variants, cut).await;
    let trailers = "Content-Length: 3\r\nSet-Cookie: sid=evil\r\nCache-Control: max-age=9";
    let recipe = chunked(&format!("5\r\nhello\r\n0\r\n{trailers}\r\n\r\n"));
    all.note(
        "trailers that are fields",
        unbelieved(case.branch(), recipe).await,
    );
    all
}

const NO_CHUNKS: [&str; 16] = [
    "FFFFFFFFFFFFFFFF0\r\nhello\r\n0\r\n\r\n",
    "10000000000000005\r\nhello\r\n0\r\n\r\n",
    "0x5\r\nhello\r\n0\r\n\r\n",
    "+5\r\nhello\r\n0\r\n\r\n",
    "-5\r\nhello\r\n0\r\n\r\n",
    "g\r\nhello\r\n0\r\n\r\n",
    "\r\nhello\r\n0\r\n\r\n",
    "5\nhello\r\n0\r\n\r\n",
    "5\rhello\r\n0\r\n\r\n",
    "5;a=\"\nhello\r\n0\r\n\r\n",
    "5\r\nhello0\r\n\r\n",
    "5\r\nhello\n0\r\n\r\n",
    "5\r\nhelloXX0\r\n\r\n",
    "5\r\nhello world\r\n0\r\n\r\n",
    "5\r\nhello\r\n0\r\nno colon\r\n\r\n",
    "5\r\nhello\r\n-0\r\n\r\n",
];

/// The client is told of an error, or gets what the rules make of the answer, in one framing and
/// nothing more; and whoever comes next, for the same page or for another, gets no byte of what
/// came behind.
async fn unbelieved(case: Case, recipe: Recipe) -> Finding {
    let page = case.page();
    page.script(recipe.when(|seen| !seen.target_has("/victim")));
    let first = case.ask(&case.get(&page.path)).await;
    let again = case.ask(&case.get(&page.path)).await;
    let judged = harmless(&first).and(harmless(&again));
    judged.and(bystander(&case, &page).await)
}

fn harmless(answer: &Answer) -> Finding {
    match answer.status {
        500 | 502 | 503 => Finding::safe("told as an error"),
        200 | 204 | 304 if answer.is_whole() && answer.body.bytes == b"hello" => {
            Finding::safe("the body that the rules see")
        }
        200 if answer.is_whole() && answer.body.bytes == another().as_bytes() => {
            Finding::safe("the body that the rules see")
        }
        204 | 304 if answer.is_whole() && answer.body.length == 0 => {
            Finding::safe("no body, as its status says")
        }
        200 if !answer.is_whole() => Finding::safe("cut"),
        _ => Finding::bad(answer.summary()),
    }
}

/// A body that breaks off must be seen to break off, and not be kept.
async fn cut(case: Case, recipe: Recipe) -> Finding {
    let page = case.page();
    page.script(recipe.when(|seen| !seen.target_has("/victim")));
    for _ in 0..2 {
        let answer = case.ask(&case.get(&page.path)).await;
        let told = answer.status >= 500 || !answer.is_whole();
        if !told || answer.shows(EVIL) {
            let body = readable(&answer.body.bytes);
            return Finding::bad(format!("handed on as whole: {} {body}", answer.summary()));
        }
    }
    Finding::safe("told as an error, or cut").and(bystander(&case, &page).await)
}

/// Someone else, over whatever connection to the origin is left.
async fn bystander(case: &Case, page: &Page) -> Finding {
    let target = page.with("/victim");
    let answer = case.ask(&case.get(&target)).await;
    wanted(&answer, &target)
}
