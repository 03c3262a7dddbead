//! What HTTP/2 can say and HTTP/1 cannot: written down as HTTP/1 it would be something else.

use super::tried;
use crate::case::Case;
use crate::client::Answer;
use crate::client::h2::{
    CONTINUATION, Connection, DATA, END_HEADERS, END_STREAM, Field, HEADERS, block, fields,
};
use crate::origin::{Page, Seen};
use crate::verdict::{Finding, Tried, wanted};
use crate::wire::{End, contains, readable};

/// S10.
pub(super) async fn downgrade(case: &Case) -> Finding {
    let control = control(case).await;
    if !control.is_safe() {
        return control;
    }
    let judged = heads(case).await.sum().and(bodies(case).await.sum());
    let floods = [(16_000, 4_000), (1, 50_000), (0, 50_000)];
    let floods = floods.map(|(size, count)| {
        let what = format!("CONTINUATION, {count} times {size} bytes");
        (what, (size, count))
    });
    let floods = tried(case, floods, continuation).await;
    judged.and(floods.sum()).and(interleaved(case).await)
}

type Change = Box<dyn Fn(&Page, &mut Vec<Field>) + Send + Sync>;

/// Requests of which one thing is wrong.
async fn heads(case: &Case) -> Tried {
    let mut variants: Vec<(String, Change)> = Vec::new();
    for (name, value) in FIELDS {
        let change: Change = Box::new(|_, fields| fields.push((name.into(), value.into())));
        variants.push((format!("{name}: {value}"), change));
    }
    for (name, value) in PSEUDO_FIELDS {
        let change: Change = Box::new(|page, fields| {
            let place = fields.iter_mut().find(|(is, _)| is == name.as_bytes());
            let place = place.expect("a request has this pseudo field");
            place.1 = value.replace("PATH", &page.path).into();
        });
        variants.push((format!("{name}: {value}"), change));
    }
    for (name, value) in SECOND_PSEUDO_FIELDS {
        for first in [true, false] {
            let change: Change = Box::new(move |page, fields| {
                let value = value.replace("PATH", &page.path);
                let at = if first { 0 } else { fields.len() };
                fields.insert(at, (name.into(), value.into()));
            });
            let place = if first { "first" } else { "last" };
            variants.push((format!("one more {name}: {value}, {place}"), change));
        }
    }
    for name in [":path", ":method", ":scheme", ":authority"] {
        let change: Change = Box::new(|_, fields| fields.retain(|(is, _)| is != name.as_bytes()));
        variants.push((format!("no {name}"), change));
    }
    let behind: Change = Box::new(|_, fields| fields.rotate_left(4));
    variants.push(("pseudo fields behind others".to_owned(), behind));
    tried(case, variants, with).await
}

/// Bodies that are not as long as they say, and trailers that are fields.
async fn bodies(case: &Case) -> Tried {
    let mut all = Tried::default();
    for lengths in LENGTHS {
        let finding = length(case, lengths, "hello").await;
        all.note(format!("{lengths:?} for five bytes"), finding);
    }
    for trailer in TRAILERS {
        all.note(format!("trailer {trailer}"), trailers(case, trailer).await);
    }
    all
}

const SECOND_PSEUDO_FIELDS: [(&str, &str); 8] = [
    (":path", "PATH/other"),
    (":method", "POST"),
    (":authority", "evil.test"),
    (":authority", "good.test"),
    (":scheme", "https"),
    (":status", "200"),
    (":protocol", "websocket"),
    (":x", "y"),
];

const TRAILERS: [&str; 5] = [
    ":path: /x",
    "Content-Length: 3",
    "transfer-encoding: chunked",
    "x: y\r\nz",
    "connection: close",
];

/// Fields that no HTTP/2 message may have (RFC 9113, section 8.2), or that cannot be written
/// down as one line.
const FIELDS: [(&str, &str); 39] = [
    ("x", "a\r\nHost: evil.test"),
    (
        "x",
        "a\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: good.test\r\n\r\n",
    ),
    ("x", "a\nHost: evil.test"),
    ("x", "a\rHost: evil.test"),
    ("x", "\n"),
    ("x", "a\0b"),
    ("x", "a\x01b"),
    ("x", "a\x7fb"),
    ("x\r\ny", "z"),
    ("x\ny", "z"),
    ("x: y\r\nhost", "evil.test"),
    ("x:y", "z"),
    ("x ", "y"),
    (" x", "y"),
    ("x y", "z"),
    ("x\0", "y"),
    ("", "y"),
    (":", "y"),
    ("X-Upper", "y"),
    ("Host", "evil.test"),
    ("Transfer-Encoding", "chunked"),
    ("connection", "close"),
    ("connection", "keep-alive, x"),
    ("Connection", "close"),
    ("keep-alive", "timeout=5"),
    ("proxy-connection", "keep-alive"),
    ("transfer-encoding", "chunked"),
    ("transfer-encoding", "identity"),
    ("upgrade", "h2c"),
    ("te", "gzip"),
    ("te", "trailers, chunked"),
    ("host", "evil.test"),
    ("host", "good.test, evil.test"),
    ("host", "good.test\r\nx: y"),
    ("host", ""),
    ("content-length", "5"),
    ("content-length", "-0"),
    ("content-length", "0, 0, 1"),
    ("content-length", "x"),
];

/// Pseudo fields with a value that HTTP/1 would read in another way.
const PSEUDO_FIELDS: [(&str, &str); 32] = [
    (":path", "PATH HTTP/1.1\r\nHost: evil.test\r\nX:"),
    (":path", "PATH HTTP/1.1\nHost: evil.test\nX:"),
    (":path", "PATH\r\n"),
    (":path", "PATH\n"),
    (":path", "PATH\0"),
    (":path", "PATH x"),
    (":path", "PATH\t"),
    (":path", "PATH\x7f"),
    (":path", " PATH"),
    (":path", ""),
    (":path", "xPATH"),
    (":path", "?PATH"),
    (":path", "*"),
    (":path", "http://evil.testPATH"),
    (":path", "evil.test:80"),
    (":path", "@evil.testPATH"),
    (
        ":method",
        "GET PATH/other HTTP/1.1\r\nHost: good.test\r\n\r\nGET",
    ),
    (":method", "GET PATH/other"),
    (":method", "G\0T"),
    (":method", "GET\t"),
    (":method", ""),
    (":method", "CONNECT"),
    (":scheme", "http\r\nx: y"),
    (":scheme", "http://evil.test/?"),
    (":scheme", "gopher"),
    (":scheme", ""),
    (":authority", "good.test\r\nx: y"),
    (":authority", "good.test evil.test"),
    (":authority", "good.test@evil.test"),
    (":authority", "good.test/evil"),
    (":authority", "good.test:99999"),
    (":authority", ""),
];

/// `content-length` beside a body of five bytes.
const LENGTHS: [&[&str]; 7] = [
    &["3"],
    &["0"],
    &["6"],
    &["5", "6"],
    &["+5"],
    &["5, 6"],
    &["18446744073709551621"],
];

/// Without what makes the row, the second of two is a hit.
async fn control(case: &Case) -> Finding {
    let page = case.page();
    let mut connection = case.connect_h2().await;
    let asked = fields("GET", &page.path, "n");
    let (first, second) = (connection.ask(&asked).await, connection.ask(&asked).await);
    if first.status == 200 && second.serial() == first.serial() && page.count() == 1 {
        return Finding::safe("control over HTTP/2");
    }
    Finding::not_applicable(format!("no cleartext HTTP/2: {}", first.summary()))
}

/// A request that the row has changed: refused or reset, and the origin does not hear of it.
async fn with(case: Case, change: Change) -> Finding {
    let page = case.page();
    let mut asked = fields("GET", &page.path, "n");
    change(&page, &mut asked);
    let mut connection = case.connect_h2().await;
    let answer = connection.ask(&asked).await;
    if let Some(seen) = page.last() {
        return Finding::bad(format!("the origin got {}", readable(&seen.raw)));
    }
    refused(&answer).and(next(&case, &mut connection).await)
}

fn refused(answer: &Answer) -> Finding {
    match (answer.status, &answer.end) {
        (0, End::Reset) => Finding::safe("reset"),
        (0, End::Cut) => Finding::safe("the connection is ended"),
        (400..=499 | 501, _) => Finding::safe("refused"),
        _ => Finding::bad(format!("not refused: {}", answer.summary())),
    }
}

/// A connection that goes on must still be understood.
async fn next(case: &Case, connection: &mut Connection) -> Finding {
    let page = case.page();
    let answer = connection.ask(&fields("GET", &page.path, "next")).await;
    if answer.status == 0 && page.count() == 0 {
        return Finding::safe("and no further stream");
    }
    wanted(&answer, page.path.as_bytes())
}

/// A body that is longer or shorter than it says. Its head may have gone on before that shows;
/// a whole message must not.
async fn length(case: &Case, lengths: &[&str], body: &str) -> Finding {
    let page = case.page();
    let mut asked = fields("POST", &page.path, "n");
    for length in lengths {
        asked.push(("content-length".into(), (*length).into()));
    }
    let mut connection = case.connect_h2().await;
    let stream = connection.request(&asked, false).await;
    connection.data(stream, body.as_bytes(), true).await;
    let answer = connection.answer(stream).await;
    let whole = |seen: &Seen| {
        let said = seen
            .header("content-length")
            .and_then(|length| length.parse().ok());
        let head = seen.raw.windows(4).position(|end| end == b"\r\n\r\n");
        let sent = head.map(|head| seen.raw.len() - head - 4);
        seen.lines.lists("transfer-encoding", "chunked") || said == sent
    };
    if let Some(seen) = page.seen().iter().find(|seen| whole(seen)) {
        let raw = seen.raw.escape_ascii();
        return Finding::bad(format!("the origin got a whole message: {raw}"));
    }
    refused(&answer)
}

/// Trailers that HTTP/1 would take for fields of the head.
async fn trailers(case: &Case, trailer: &str) -> Finding {
    let page = case.page();
    let mut connection = case.connect_h2().await;
    let stream = connection
        .request(&fields("POST", &page.path, "n"), false)
        .await;
    connection.data(stream, b"hello", false).await;
    let (name, value) = trailer.rsplit_once(": ").unwrap_or_default();
    let fields = block(&[(name.into(), value.into())]);
    let flags = END_HEADERS | END_STREAM;
    connection.send(HEADERS, flags, stream, &fields).await;
    let answer = connection.answer(stream).await;
    let seen = page.last();
    let raw = seen
        .map(|seen| seen.raw.to_ascii_lowercase())
        .unwrap_or_default();
    // The head may say so itself: a body without a length goes on in chunks.
    let from = match name {
        "transfer-encoding" => head_end(&raw),
        _ => 0,
    };
    let line = format!("\r\n{}: {value}", name.to_ascii_lowercase());
    if contains(&raw[from..], line) {
        return Finding::bad(format!("forwarded: {}", raw.escape_ascii()));
    }
    match answer.status {
        200 => Finding::safe("dropped"),
        _ => refused(&answer),
    }
}

/// Where the last line of a head ends; all of it if that has not come.
fn head_end(raw: &[u8]) -> usize {
    let end = raw.windows(4).position(|four| four == b"\r\n\r\n");
    end.map_or(raw.len(), |end| end + 2)
}

/// A head that never ends, in large pieces, in small ones, and in none.
async fn continuation(case: Case, (size, count): (usize, usize)) -> Finding {
    let page = case.page();
    let mut connection = case.connect_h2().await;
    let (stream, mut start) = connection.prepare(&fields("GET", &page.path, "n"), true);
    // The flags of its one frame: without END_HEADERS.
    start[4] = END_STREAM;
    connection.send_bytes(&start).await;
    let (mut sent, piece) = (0, literal(size));
    while sent < count && connection.send(CONTINUATION, 0, stream, &piece).await {
        sent += 1;
    }
    let answer = connection.answer(stream).await;
    let ended = answer.end != End::Silent || answer.status >= 400;
    let told = if ended {
        "ended"
    } else {
        "taken without an end"
    };
    Finding::of(ended && page.count() == 0, told)
}

/// A piece of a header block of this size: one field, or a byte that begins one.
fn literal(size: usize) -> Vec<u8> {
    match size {
        0 => Vec::new(),
        1 => vec![0x82],
        _ => block(&[("x".into(), vec![b'y'; size])]),
    }
}

/// Between HEADERS and its CONTINUATION nothing may come.
async fn interleaved(case: &Case) -> Finding {
    let page = case.page();
    let mut connection = case.connect_h2().await;
    let (stream, mut start) = connection.prepare(&fields("POST", &page.path, "n"), false);
    start[4] = 0;
    connection.send_bytes(&start).await;
    connection.send(DATA, END_STREAM, stream, b"hello").await;
    connection
        .send(CONTINUATION, END_HEADERS, stream, b"")
        .await;
    let answer = connection.answer(stream).await;
    refused(&answer).and(Finding::of(page.count() == 0, "nothing at the origin"))
}
