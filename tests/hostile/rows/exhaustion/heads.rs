//! Heads that cost more to read, or to remember, than to send.

use std::time::Duration;

use super::gauge::{Allowed, Gauge};
use super::load::flood;
use super::probe::Probe;
use crate::case::Case;
use crate::client::Request;
use crate::origin::{Page, Recipe, Seen};
use crate::verdict::{Finding, Tried, control_with, not_stored};

/// X03. Whoever can have a say in `Vary` must not make it a burden.
pub(super) async fn vary(case: &Case) -> Finding {
    let case = &case.alone(&[]).await;
    let names = |count: usize| (0..count).map(|n| format!("X-{n}")).collect::<Vec<_>>();
    let sixteen = names(16).join(", ");
    let sixteen = || Recipe::fresh("max-age=600").line(format!("Vary: {sixteen}"));
    let control = control_with(case, sixteen(), |request| request.line("X-1: a")).await;
    if !control.is_safe() {
        return control;
    }
    let gauge = Gauge::start(case).await;
    let mut tried = Tried::default();
    let long = "x".repeat(70_000);
    for (label, line) in [
        ("17 names", format!("Vary: {}", names(17).join(", "))),
        ("1,000 names", format!("Vary: {}", names(1_000).join(", "))),
        (
            "1,000 lines",
            format!("Vary: {}", names(1_000).join("\r\nVary: ")),
        ),
        (
            "90 lines",
            format!("Vary: {}", names(90).join("\r\nVary: ")),
        ),
        ("a name of 70 KB", format!("Vary: {long}")),
        (
            "a name of 64 KB less one",
            format!("Vary: {}", &long[..65_535]),
        ),
        (
            "64 KB of commas, then an asterisk",
            format!("Vary: {}*", ",".repeat(65_536)),
        ),
        (
            "64 KB of bytes",
            format!("Vary: {}", "\u{e9} ".repeat(22_000)),
        ),
    ] {
        let page = case.page();
        page.script(Recipe::fresh("max-age=600").line(line));
        tried.note(label, refused_or_not_stored(case, &page).await);
    }
    let page = case.page();
    page.script(sixteen());
    let lines: Vec<String> = names(16)
        .iter()
        .map(|name| format!("{name}: {}", &long[..4_000]))
        .collect();
    let large = || case.get(&page.path).line(lines.join("\r\n"));
    case.ask(&large()).await;
    tried.note(
        "16 names, values of 64 KB",
        not_stored(case, &page, &large()).await,
    );
    let many = names_of_their_own(case).await;
    let allowed = Allowed::and(6 << 20, "large heads and the flood's connections");
    let bounded = gauge.finish(allowed.nothing_stored()).await;
    tried.sum().and(many).and(bounded)
}

async fn refused_or_not_stored(case: &Case, page: &Page) -> Finding {
    let request = case.get(&page.path);
    match case.ask(&request).await.status {
        502 => Finding::safe("told as an error"),
        200 => not_stored(case, page, &request).await,
        status => Finding::bad(format!("answered {status}")),
    }
}

/// Each answer for one target varies on sixteen names that no other has: whoever looks it up
/// must read them all. A visitor of that target hardly notices.
async fn names_of_their_own(case: &Case) -> Finding {
    let page = case.page();
    let plain = Recipe::fresh("max-age=3600").padded(2048);
    let vary = |seen: &Seen| {
        let number = seen.header("x-number").unwrap_or_default();
        let names: Vec<String> = (1..16).map(|n| format!("X-{number}-{n}")).collect();
        format!("Vary: X-Number, {}", names.join(", ")).into_bytes()
    };
    page.script(plain.reflect(vary));
    let path = page.path.clone();
    let visitor = case.get(&path).line("X-Number: visitor");
    let probe = Probe::of(case, page, visitor).await;
    let gauge = Gauge::with(case, probe).await.beside_hits().await;
    let count = if case.full { 20_000 } else { 2_000 };
    let tally = flood(case, count, |n| {
        case.get(&path).line(format!("X-Number: {n}"))
    })
    .await;
    let told = format!("{count} answers with 16 names each: {}", tally.told());
    Finding::of(tally.of(200) == count, told).and(gauge.hits())
}

/// The promise is 16 µs for a KB, which is 1 ms for what is sent here. Times on a busy machine are
/// several times those of an idle one, those of a reader that is not linear thousands of times.
const LONG: usize = 64 << 10;
const MOST: Duration = Duration::from_millis(20);
const SHORT: usize = 4 << 10;
/// The best of so many, since everything else that the machine does only adds.
const TIMES: usize = 8;

/// X11. What reading a field costs is the time that 64 KB of it take longer than 4 KB of it,
/// less the same for a field that nobody reads.
pub(super) async fn parsers(case: &Case) -> Finding {
    let case = &case.alone(&[]).await;
    let mut tried = Tried::default();
    let plain_request = by_request(case, "X-Junk", "a").await;
    let plain_answer = by_answer(case, "X-Junk", "a").await;
    for unit in UNITS {
        for name in READ_IN_REQUESTS {
            let cost = by_request(case, name, unit).await;
            tried.note(format!("{name}: {unit}"), linear(cost, plain_request));
        }
        for name in READ_IN_ANSWERS {
            let cost = by_answer(case, name, unit).await;
            tried.note(
                format!("answer's {name}: {unit}"),
                linear(cost, plain_answer),
            );
        }
    }
    tried.sum()
}

const UNITS: [&str; 16] = [
    " ",
    ",",
    "\"",
    "\\",
    "=",
    ";",
    "(",
    "a=",
    "a=a=a=,",
    "a,",
    "\"\\",
    "\"a\",",
    "max-age=1,",
    "0-0,",
    "W/\"a\", ",
    "gzip;q=0,",
];

const READ_IN_REQUESTS: [&str; 12] = [
    "Cache-Control",
    "Accept",
    "Range",
    "If-None-Match",
    "If-Range",
    "If-Modified-Since",
    "Accept-Encoding",
    "Pragma",
    "Authorization",
    "Cookie",
    "Forwarded",
    "Via",
];

const READ_IN_ANSWERS: [&str; 11] = [
    "Cache-Control",
    "CDN-Cache-Control",
    "Surrogate-Control",
    "Vary",
    "ETag",
    "Expires",
    "Age",
    "Content-Encoding",
    "Surrogate-Key",
    "Cache-Tag",
    "Cache-Groups",
];

fn linear(cost: Duration, plain: Duration) -> Finding {
    let more = cost.saturating_sub(plain);
    // In steps, so that those that went alike are told together.
    let told = match more.as_micros() {
        0..250 => "less than 0.25 ms for 64 KB",
        250..1000 => "less than 1 ms for 64 KB",
        1000..4000 => "less than 4 ms for 64 KB",
        4000..20_000 => "less than 20 ms for 64 KB",
        _ => return Finding::bad(format!("{:.1} ms for 64 KB", more.as_secs_f64() * 1e3)),
    };
    Finding::of(more < MOST, told)
}

/// `name: ` and the unit over and over, so many bytes.
fn line(name: &str, unit: &str, length: usize) -> String {
    let value: String = unit.chars().cycle().take(length).collect();
    // Outer spaces would not be part of the value.
    format!("{name}: x{value}x")
}

/// A page that is stored, asked for with a long field.
async fn by_request(case: &Case, name: &str, unit: &str) -> Duration {
    let page = case.page();
    page.script(Recipe::fresh("max-age=600"));
    case.ask(&case.get(&page.path)).await;
    let request = |length| case.get(&page.path).line(line(name, unit, length));
    more(case, |_| request(LONG), |_| request(SHORT)).await
}

/// Pages that are not stored, answered with a long field.
async fn by_answer(case: &Case, name: &str, unit: &str) -> Duration {
    let page = case.page();
    for (part, length) in [("/long", LONG), ("/short", SHORT)] {
        let recipe = Recipe::fresh("max-age=600").line(line(name, unit, length));
        page.script(recipe.when_target(part));
    }
    let request = |part: &str, n| case.get(page.with(format!("{part}{n}")));
    more(case, |n| request("/long", n), |n| request("/short", n)).await
}

/// How much longer the long one takes, each at its best.
async fn more(
    case: &Case,
    long: impl Fn(usize) -> Request,
    short: impl Fn(usize) -> Request,
) -> Duration {
    let mut best = [Duration::MAX; 2];
    let mut connection = case.connect().await;
    for n in 0..TIMES {
        for (best, request) in best.iter_mut().zip([long(n), short(n)]) {
            let bytes = request.bytes();
            let begin = tokio::time::Instant::now();
            connection.send(&bytes).await;
            let answer = connection.answer("GET").await;
            *best = begin.elapsed().min(*best);
            if !answer.reusable {
                connection = case.connect().await;
            }
        }
    }
    best[0].saturating_sub(best[1])
}
