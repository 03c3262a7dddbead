//! Bodies of requests whose end is told in two ways, or in none.

use super::{in_doubt, smuggled, tried, trouble_at_origin, whole_at_origin};
use crate::case::Case;
use crate::origin::Page;
use crate::verdict::{Finding, Tried, wanted};
use crate::wire::readable;

/// `Transfer-Encoding` as it may be written, and as some reader takes for it.
const CODINGS: [&str; 26] = [
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: cHuNkEd",
    "transfer-encoding:chunked",
    "Transfer-Encoding:\tchunked\t",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: identity, chunked",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunked;q=1",
    "Transfer-Encoding: \"chunked\"",
    "Transfer-Encoding: chunked,",
    "Transfer-Encoding: ,chunked",
    "Transfer-Encoding:\x0bchunked",
    "Transfer-Encoding: \x0cchunked",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding\t: chunked",
    "X: y\r\n Transfer-Encoding: chunked",
    "X: y\rTransfer-Encoding: chunked",
    "Transfer-Encoding:\r\n chunked",
    "Connection: transfer-encoding\r\nTransfer-Encoding: chunked",
];

/// S03. Each coding before and behind a length, and a second request hidden from either.
pub(super) async fn both_framings(case: &Case) -> Tried {
    let mut variants = Vec::new();
    for coding in CODINGS {
        for hides in [Hides::FromCoding, Hides::FromLength] {
            variants.push(("HTTP/1.1", format!("{LENGTH}\r\n{coding}"), hides));
            variants.push(("HTTP/1.1", format!("{coding}\r\n{LENGTH}"), hides));
        }
    }
    for (version, coding) in [
        ("HTTP/1.0", "chunked"),
        ("HTTP/1.0", "identity"),
        ("HTTP/1.1", "identity"),
        ("HTTP/1.1", "chunked, x"),
    ] {
        let lines = format!("Connection: keep-alive\r\nTransfer-Encoding: {coding}");
        variants.push((version, lines, Hides::FromLength));
    }
    let variants = variants.into_iter().map(|variant| {
        let (version, lines, hides) = &variant;
        (format!("{version}, {lines}, {hides:?}"), variant)
    });
    tried(case, variants, hidden).await
}

async fn hidden(case: Case, (version, lines, hides): (&str, String, Hides)) -> Finding {
    let page = case.page();
    let body = Body::new(&page, hides);
    let lines = lines.replace("LENGTH", &body.length.to_string());
    let request = post(&page, version, &lines, &body.text);
    in_doubt(&case, &page, request.as_bytes()).await
}

const LENGTH: &str = "Content-Length: LENGTH";

/// From whom a second request is hidden: from those who go by the coding alone, or from those
/// who go by the length alone.
#[derive(Clone, Copy, Debug)]
enum Hides {
    FromCoding,
    FromLength,
}

struct Body {
    text: String,
    length: usize,
}

impl Body {
    fn new(page: &Page, hides: Hides) -> Self {
        let hidden = smuggled(page);
        match hides {
            Hides::FromCoding => {
                // One chunk holds the request; the length ends before it.
                let size = format!("{:x}\r\n", hidden.len());
                let length = size.len();
                let text = format!("{size}{hidden}\r\n0\r\n\r\n");
                Self { text, length }
            }
            Hides::FromLength => {
                let text = format!("0\r\n\r\n{hidden}");
                let length = text.len();
                Self { text, length }
            }
        }
    }
}

fn post(page: &Page, version: &str, lines: &str, body: &str) -> String {
    let path = &page.path;
    format!("POST {path} {version}\r\nHost: good.test\r\n{lines}\r\n\r\n{body}")
}

/// S05.
pub(super) async fn odd_lengths(case: &Case) -> Tried {
    let lengths = LENGTHS.map(|length| format!("Content-Length: {length}"));
    let names = [
        "Content-Length ",
        "Content-Length\t",
        " Content-Length",
        "Content-Length\x0b",
    ];
    let names = names.map(|name| format!("{name}: 5"));
    let odd = lengths.into_iter().chain(names);
    let mut all = tried(case, odd.map(|line| (line.clone(), line)), unread).await;
    for length in ["005", " 5 ", "\t5", "5\r\nContent-Length: 5"] {
        all.note(length, five(case, length).await);
    }
    all
}

/// Lengths that are no single number.
const LENGTHS: [&str; 36] = [
    "+5",
    "-5",
    "0x5",
    "5_0",
    "5 0",
    "5.0",
    "5e0",
    "\"5\"",
    "five",
    "\x0b5",
    "5\x0b",
    "\x0c5",
    "5, 6",
    "6, 5",
    "5,",
    ",5",
    "5, 5",
    "5;5",
    "0, 5",
    "",
    "\u{665}",
    "18446744073709551616",
    "18446744073709551621",
    "99999999999999999999999999",
    "5\r\nContent-Length: 6",
    "6\r\nContent-Length: 5",
    "0\r\nContent-Length: 5",
    "5\r\nContent-Length: 0",
    "5\r\nContent-Length: x",
    "x\r\nContent-Length: 5",
    "5\r\nContent-Length:",
    "5\r\nContent-Length: +5",
    "5\r\nContent-Length: 5\r\nContent-Length: 6",
    "5\r\n 6",
    "\r\n 5",
    "5\nContent-Length: 6",
];

/// Not even the beginning of it reaches the origin.
async fn unread(case: Case, line: String) -> Finding {
    let page = case.page();
    let body = format!("hello{}", smuggled(&page));
    let request = post(&page, "HTTP/1.1", &line, &body);
    let finding = in_doubt(&case, &page, request.as_bytes()).await;
    if finding.is_safe() && page.count() > 0 {
        return Finding::bad("taken for a length");
    }
    finding
}

/// A length that says five, if in a strange way: refused, or five bytes are the body and what
/// follows is the next request.
async fn five(case: &Case, length: &str) -> Finding {
    let page = case.page();
    let next = page.with("/next");
    let request = post(
        &page,
        "HTTP/1.1",
        &format!("Content-Length: {length}"),
        "hello",
    );
    let both = [request.as_bytes(), &case.get(&next).bytes()].concat();
    let mut connection = case.send(both).await;
    let first = connection.answer("POST").await;
    if let Some(trouble) = trouble_at_origin(&page) {
        return Finding::bad(trouble);
    }
    if first.status != 200 {
        let refused = (400..=499).contains(&first.status) && page.count() == 0;
        return Finding::of(refused, "refused");
    }
    let seen = page.seen();
    let raw = seen
        .first()
        .map(|seen| seen.raw.clone())
        .unwrap_or_default();
    if !raw.ends_with(b"\r\n\r\nhello") {
        return Finding::bad(format!("not five bytes: {}", readable(&raw)));
    }
    let second = connection.answer("GET").await;
    wanted(&second, &next).and(Finding::safe("five bytes, then the next request"))
}

/// S06. What is no chunk must end the connection, and must never reach the origin as the end of
/// a message.
pub(super) async fn odd_chunks(case: &Case) -> Tried {
    let many = "1;abcdefgh\r\nx\r\n".repeat(50_000);
    let long = "x".repeat(1 << 20);
    let large = [
        (
            "an extension of 1 MB",
            format!("5;{long}\r\nhello\r\n0\r\n\r\n"),
        ),
        (
            "50,000 chunks with an extension each",
            format!("{many}0\r\n\r\n"),
        ),
        ("a trailer of 1 MB", format!("0\r\nX: {long}\r\n\r\n")),
        (
            "10,000 trailers",
            format!("0\r\n{}\r\n", "X: y\r\n".repeat(10_000)),
        ),
    ];
    let small = NO_CHUNKS.map(|body| (body, body.to_owned()));
    let mut all = tried(case, small.into_iter().chain(large), broken).await;
    for body in CHUNKS {
        all.note(body, legal(case, body).await);
    }
    all
}

const NO_CHUNKS: [&str; 30] = [
    "FFFFFFFFFFFFFFFF0\r\nhello\r\n0\r\n\r\n",
    "10000000000000005\r\nhello\r\n0\r\n\r\n",
    "0x5\r\nhello\r\n0\r\n\r\n",
    "+5\r\nhello\r\n0\r\n\r\n",
    "-5\r\nhello\r\n0\r\n\r\n",
    "5_\r\nhello\r\n0\r\n\r\n",
    "g\r\nhello\r\n0\r\n\r\n",
    "\r\nhello\r\n0\r\n\r\n",
    " 5\r\nhello\r\n0\r\n\r\n",
    "5 5\r\nhello\r\n0\r\n\r\n",
    "5\x0b\r\nhello\r\n0\r\n\r\n",
    "5\0\r\nhello\r\n0\r\n\r\n",
    "5\nhello\r\n0\r\n\r\n",
    "5\rhello\r\n0\r\n\r\n",
    "5\r\r\nhello\r\n0\r\n\r\n",
    "5;ext=\"\nhello\r\n0\r\n\r\n",
    "5;ext\nhello\r\n0\r\n\r\n",
    "5;a=\rb\r\nhello\r\n0\r\n\r\n",
    "5\r\nhello0\r\n\r\n",
    "5\r\nhello\n0\r\n\r\n",
    "5\r\nhello\r0\r\n\r\n",
    "5\r\nhelloXX0\r\n\r\n",
    "5\r\nhello world\r\n0\r\n\r\n",
    "5\r\nhello\r\n0\n\n",
    "5\r\nhello\r\n0\r\n\n",
    "5\r\nhello\r\n0\n\r\n",
    "5\r\nhello\r\n-0\r\n\r\n",
    "5\r\nhello\r\n0\r\nX: y\n\r\n",
    "5\r\nhello\r\n0\r\nno colon\r\n\r\n",
    "5\r\nhello\r\n0\r\nX : y\r\n\r\n",
];

/// Chunks that are written in a strange way, and legal.
const CHUNKS: [&str; 5] = [
    "05\r\nhello\r\n0\r\n\r\n",
    "5;ext\r\nhello\r\n0\r\n\r\n",
    "5;ext=\"a;b\"\r\nhello\r\n000\r\n\r\n",
    "5\r\nhello\r\n0;last\r\n\r\n",
    "5\r\nhello\r\n0\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\nHost: evil.test\r\n\r\n",
];

async fn broken(case: Case, body: String) -> Finding {
    let page = case.page();
    let body = format!("{body}{}", smuggled(&page));
    let request = post(&page, "HTTP/1.1", "Transfer-Encoding: chunked", &body);
    let finding = in_doubt(&case, &page, request.as_bytes()).await;
    if finding.is_safe() && whole_at_origin(&page) {
        let raw = page.last().map(|seen| readable(&seen.raw));
        return Finding::bad(format!(
            "the origin got a whole message: {}",
            raw.unwrap_or_default()
        ));
    }
    finding
}

/// Refused, or five bytes are the body,
/// nothing in its trailers has changed the request, and what follows is the next one.
async fn legal(case: &Case, body: &str) -> Finding {
    let page = case.page();
    let next = page.with("/next");
    let request = post(&page, "HTTP/1.1", "Transfer-Encoding: chunked", body);
    let both = [request.as_bytes(), &case.get(&next).bytes()].concat();
    let mut connection = case.send(both).await;
    let first = connection.answer("POST").await;
    if let Some(trouble) = trouble_at_origin(&page) {
        return Finding::bad(trouble);
    }
    if first.status != 200 {
        let seen = first.summary();
        return Finding::of((400..=499).contains(&first.status), seen);
    }
    let hosts = page.seen().first().map(|seen| seen.lines.all("host"));
    if hosts != Some(vec!["good.test".to_owned()]) || !whole_at_origin(&page) {
        return Finding::bad(format!("another request: {hosts:?}"));
    }
    let second = connection.answer("GET").await;
    wanted(&second, &next).and(Finding::safe("read as it is meant"))
}
