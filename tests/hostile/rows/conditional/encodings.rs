//! Content codings: nobody gets one that they cannot read.

use crate::at_once::{Order, beside, each, shared_while_held};
use crate::case::Case;
use crate::client::{Answer, Request};
use crate::origin::{Recipe, Seen};
use crate::verdict::{Checked, Finding, Tried, all_clean, bound};

const CODINGS: [&str; 12] = [
    "Content-Encoding: gzip",
    "Content-Encoding: x-gzip",
    "Content-Encoding: GZIP",
    "Content-Encoding: br",
    "Content-Encoding: deflate",
    "Content-Encoding: zstd",
    "Content-Encoding: exi",
    "Content-Encoding: gzip, br",
    "Content-Encoding: identity, gzip",
    "Content-Encoding: identity\r\nContent-Encoding: gzip",
    "Content-Encoding: ,gzip,",
    "Content-Encoding: gzip\r\nVary: Accept",
];

/// Whoever says this cannot read the above.
const PLAIN: [&str; 6] = [
    "",
    "Accept-Encoding: ",
    "Accept-Encoding: identity",
    "Accept-Encoding: gzip;q=0, br;q=0, zstd;q=0, deflate;q=0",
    "Accept-Encoding: identity;q=1, *;q=0",
    "TE: gzip",
];

pub(super) async fn without_vary(case: &Case) -> Finding {
    let shape = |request: Request| request.line("Accept-Encoding: gzip, br");
    let window = shared_while_held(case, Recipe::new().line(CODINGS[0]), shape).await;
    let variants = CODINGS
        .iter()
        .flat_map(|&coding| PLAIN.map(|plain| (coding, plain)));
    let attempt = |case: Case, (coding, plain): (&'static str, &'static str)| async move {
        (
            format!("{coding} / {plain}"),
            unreadable(&case, coding, plain).await,
        )
    };
    let mut tried = each(case, variants.collect(), attempt).await;
    tried.note("control", window);
    tried.sum()
}

/// The origin codes the answer of one who can read it, alone or among others; those who cannot
/// never get that answer, later or meanwhile.
async fn unreadable(case: &Case, coding: &str, plain: &str) -> Checked {
    for kind in ["max-age=60", "no-cache"] {
        for order in Order::ALL {
            let page = case.page();
            let asks = "Accept-Encoding: gzip, br, zstd, deflate, exi";
            let reader = case.get(&page.path).line(asks);
            let other = || case.get(&page.path).line(plain);
            let (coded, held) = ([Recipe::fresh(kind).line(coding)], Recipe::fresh(kind));
            let others = [other(), other()];
            let victims = beside(case, &page, order, &reader, &coded, &others, &held).await;
            let head = case.ask(&other().method("HEAD")).await;
            let part = case.ask(&other().line("Range: bytes=0-5")).await;
            let coded = |answer: &&Answer| answer.header("content-encoding").is_some();
            if let Some(bad) = victims.iter().chain([&head, &part]).find(coded) {
                let seen = bad.summary();
                let what = "coded for one who cannot read it";
                return Err(Finding::bad(format!("{what}: {seen}")));
            }
            all_clean(&victims, page.path.as_bytes(), &[&reader.nonce])?;
        }
    }
    Ok(Finding::safe("who cannot read it gets it plain"))
}

/// What may be said in Accept-Encoding, and whether gzip may be the answer (RFC 9110, section
/// 12.5.3).
const GRAMMAR: [(&str, bool); 26] = [
    ("gzip", true),
    ("GZIP", true),
    ("gzip;q=1.0000", true),
    ("gzip;q=0.001", true),
    ("gzip; q=0.5 , br;q=0", true),
    ("br;q=0, gzip", true),
    ("identity;q=0, gzip", true),
    ("*;q=0, gzip", true),
    ("gzip,,,,", true),
    ("\tgzip\t", true),
    ("gzip;q=0", false),
    ("gzip;q=0.0", false),
    ("gzip;q=0.000", false),
    ("gzip;Q=0", false),
    ("gzip ; q = 0", false),
    ("GZIP;q=0, *", false),
    ("*;q=0", false),
    ("identity", false),
    ("identity;q=1, *;q=0", false),
    ("identity;q=0", false),
    ("", false),
    (",", false),
    ("gzipx, xgzip, g zip", false),
    ("\"gzip\"", false),
    ("br", false),
    ("x=gzip", false),
];

/// A strict origin that gzips where it is accepted, and says that this depends on the field.
fn negotiating() -> [Recipe; 2] {
    let vary = "Vary: Accept-Encoding";
    let coded = Recipe::new().line(vary).line("Content-Encoding: gzip");
    [coded.when(accepts_gzip), Recipe::new().line(vary)]
}

fn accepts_gzip(seen: &Seen) -> bool {
    let said = seen.lines.all("accept-encoding").join(",");
    said.split(',').any(|member| {
        let mut words = member.split(';').map(str::trim);
        let gzip = words
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let refused = words.any(|word| {
            let word = word.to_ascii_lowercase().replace(' ', "");
            word.strip_prefix("q=")
                .is_some_and(|q| q.parse() == Ok(0.0))
        });
        gzip && !refused
    })
}

pub(super) async fn grammar(case: &Case) -> Finding {
    let page = case.page();
    for recipe in negotiating() {
        page.script(recipe);
    }
    let mut tried = Tried::default();
    // Twice, so that each value also meets what all others have left behind.
    for round in ["first", "again"] {
        for (value, may_be_coded) in GRAMMAR {
            let request = case
                .get(&page.path)
                .line(format!("Accept-Encoding: {value}"));
            let answer = case.ask(&request).await;
            let coded = answer.header("content-encoding").is_some();
            let readable = answer.status == 200 && answer.is_whole() && (may_be_coded || !coded);
            let seen = answer.summary();
            let how = if readable { "readable" } else { &seen };
            tried.note(format!("{value} {round}"), Finding::of(readable, how));
        }
    }
    for (name, junk) in junk() {
        tried.note(name, one_bucket(case, &junk).await);
    }
    tried.sum()
}

/// Values that all mean the same, which is nothing.
fn junk() -> Vec<(&'static str, Vec<String>)> {
    let many = |make: &dyn Fn(usize) -> String| (0..MANY).map(make).collect();
    vec![
        ("names that nobody knows", many(&|n| format!("x-{n}"))),
        (
            "4 KB of them",
            many(&|n| vec![format!("x-{n}"); 700].join(",")),
        ),
        ("weights", many(&|n| format!("x;q=0.{n}"))),
        ("white space", many(&|n| format!("x,{}y", " ".repeat(n)))),
        ("commas", many(&|n| ",".repeat(n + 1))),
        ("no tokens at all", many(&|n| format!("\"{n}\"/({n})"))),
        (
            "identity, and a name",
            many(&|n| format!("identity, x-{n}")),
        ),
    ]
}

/// Far more than the variants that are kept of a page.
const MANY: usize = 100;

/// Junk neither makes variants, nor goes past the cache, nor takes the place of what browsers ask.
async fn one_bucket(case: &Case, junk: &[String]) -> Finding {
    let page = case.page();
    for recipe in negotiating() {
        page.script(recipe);
    }
    for value in junk {
        let request = case
            .get(&page.path)
            .line(format!("Accept-Encoding: {value}"));
        case.ask(&request).await;
    }
    let for_junk = page.count();
    let browser = || {
        case.get(&page.path)
            .line("Accept-Encoding: gzip, deflate, br, zstd")
    };
    case.ask(&browser()).await;
    let before = page.count();
    let again = case.ask(&browser()).await;
    let hit = page.count() == before && again.header("content-encoding").is_some();
    if !hit {
        let seen = again.summary();
        return Finding::bad(format!(
            "after {MANY} of them a browser's own is not kept: {seen}"
        ));
    }
    bound("origin calls for all of it", for_junk as f64, 4.0, "")
}
