//! Ranges: what is stored from them, and what is made of what is stored.

use super::{KINDS, stored, tagged};
use crate::at_once::{Order, beside, each, while_held};
use crate::case::Case;
use crate::client::Answer;
use crate::origin::Recipe;
use crate::verdict::{Checked, Finding, Tried, all_clean, clean};
use crate::wire::contains;

/// What a client may ask for, well and badly.
const ASKED: [&str; 20] = [
    "bytes=0-0",
    "bytes=-1",
    "bytes=5-9",
    "bytes=0-",
    "bytes=990-1010",
    "bytes=1000-",
    "bytes=9999999-",
    "bytes=-0",
    "bytes=-5000",
    "bytes=0-0,2-2",
    "bytes=9-9,0-0,-1",
    "bytes=0-,0-,0-",
    "bytes=0-0,99999-,-1",
    "bytes=5-4",
    "bytes=0-18446744073709551616",
    "bytes=0-0\r\nRange: bytes=1-1",
    "items=0-0",
    "bytes=z",
    "bytes = 0 - 0",
    "BYTES=0-0,,,;x",
];

/// What an origin may answer to them, "part" being the part.
fn answers() -> Vec<(&'static str, Recipe)> {
    let part = |line: &str| {
        let recipe = Recipe::fresh("public, max-age=60").status(206);
        recipe.line(line).body("part")
    };
    let multipart = "Content-Type: multipart/byteranges; boundary=b";
    let status = |status: u16, line: &str| {
        let recipe = Recipe::fresh("public, max-age=60").status(status);
        recipe.line(line).body("part")
    };
    vec![
        ("206", part("Content-Range: bytes 0-3/400")),
        ("206 of all", part("Content-Range: bytes 0-3/4")),
        ("206 of */400", part("Content-Range: bytes */400")),
        ("206 of junk", part("Content-Range: junk")),
        ("206 without Content-Range", part("")),
        ("206 in parts", part(multipart)),
        (
            "206 chunked",
            part("Content-Range: bytes 0-3/400").chunked(2),
        ),
        (
            "206 until close",
            part("Content-Range: bytes 0-3/400").until_close(),
        ),
        (
            "206 of HTTP/1.0",
            part("Content-Range: bytes 0-3/400").status_line("HTTP/1.0 206 Lab"),
        ),
        (
            "200 with Content-Range",
            status(200, "Content-Range: bytes 0-3/400"),
        ),
        (
            "203 with Content-Range",
            status(203, "Content-Range: bytes 0-3/400"),
        ),
        ("416", status(416, "Content-Range: bytes */4")),
        ("412", status(412, "")),
        ("400", status(400, "")),
    ]
}

pub(super) async fn part_as_whole(case: &Case) -> Finding {
    let mut tried = by_ranges(case).await;
    match case.with_flags(&["--ranges-fetch-whole"]).await {
        Ok(other) => tried.note("fetching the whole", by_ranges(&other).await.sum()),
        Err(finding) => tried.note("fetching the whole", finding),
    }
    tried.sum()
}

async fn by_ranges(case: &Case) -> Tried {
    let attempt = |case: Case, asked: &'static str| async move {
        (asked.to_owned(), each_answer(&case, asked).await)
    };
    let mut tried = each(case, ASKED.to_vec(), attempt).await;
    // Who waits is no matter of which part was asked for.
    let orders = [Order::FirstOfSeveral, Order::AmongSeveral];
    let variants = answers().into_iter();
    let variants = variants.flat_map(|(name, recipe)| orders.map(|at| (name, recipe.clone(), at)));
    let attempt = |case: Case, (name, recipe, order): (&'static str, Recipe, Order)| async move {
        let found = part_only(&case, ASKED[0], &recipe, order).await;
        (format!("{name}, {order:?}"), found)
    };
    tried.append(each(case, variants.collect(), attempt).await);
    tried.append(each(case, ASKED.to_vec(), slices).await);
    tried.note("a flood of ranges", flood(case).await);
    tried
}

async fn each_answer(case: &Case, asked: &str) -> Checked {
    for (name, recipe) in answers() {
        let found = part_only(case, asked, &recipe, Order::Before).await;
        Finding::from(found).within(name).checked()?;
    }
    Ok(Finding::safe("everyone else gets the page"))
}

/// An attacker asks for a part of what is not stored; everyone else gets the whole.
async fn part_only(case: &Case, asked: &str, part: &Recipe, order: Order) -> Checked {
    let page = case.page();
    let attack = case.get(&page.path).line(format!("Range: {asked}"));
    let others = [case.get(&page.path), case.get(&page.path)];
    let (part, plain) = (std::slice::from_ref(part), Recipe::new());
    let served = beside(case, &page, order, &attack, part, &others, &plain).await;
    all_clean(&served, page.path.as_bytes(), &["part"])
}

/// What is cut out of a stored page is what was asked for.
async fn slices(case: Case, asked: &'static str) -> (String, Finding) {
    let page = case.page();
    page.script(tagged("max-age=60").padded(1000));
    let whole = case.ask(&case.get(&page.path)).await;
    let line = format!("Range: {asked}");
    let answer = case.ask(&case.get(&page.path).line(line)).await;
    let found = honest(&answer, &whole.body.bytes);
    (format!("{asked} of what is stored"), found)
}

/// Thousands of ranges, overlapping: no more than a little over the whole comes back.
async fn flood(case: &Case) -> Checked {
    let page = case.page();
    page.script(tagged("max-age=60").padded(1000));
    let whole = case.ask(&case.get(&page.path)).await;
    for range in ["0-", "-1000", "0-999", "0-0", "500-501"] {
        for count in [17, 100, 1000] {
            let line = format!("Range: bytes={}", vec![range; count].join(","));
            let answer = case.ask(&case.get(&page.path).line(line)).await;
            honest(&answer, &whole.body.bytes).checked()?;
        }
    }
    Ok(Finding::safe("honest, and no larger than the page"))
}

/// A 206 whose parts are those bytes of the whole that it says, the whole itself, or a 416 (or,
/// for a flood, a 400) without any of it.
fn honest(answer: &Answer, whole: &[u8]) -> Finding {
    let bytes = &answer.body.bytes;
    let as_said = match answer.status {
        200 => bytes == whole,
        206 => parts(answer).is_some_and(|parts| {
            let right = |(first, last, part): &(usize, usize, &[u8])| {
                whole
                    .get(*first..=*last)
                    .is_some_and(|slice| part.starts_with(slice))
            };
            !parts.is_empty() && parts.iter().all(right)
        }),
        400 | 416 | 431 => !contains(bytes, "serial="),
        _ => false,
    };
    // A head of each part comes on top.
    let small = bytes.len() <= whole.len() + 16 * 200;
    let honest = as_said && small && answer.is_whole();
    if honest {
        return Finding::safe("honest, and no larger than the page");
    }
    Finding::bad(format!("{} {:?}", answer.summary(), answer.lines))
}

/// First and last position of each part and what follows it: the body, or what is behind the head
/// of a part.
fn parts(answer: &Answer) -> Option<Vec<(usize, usize, &[u8])>> {
    let body = &answer.body.bytes[..];
    if let Some(range) = answer.header("content-range") {
        let (first, last) = positions(&range)?;
        let exact = body.len() == last + 1 - first;
        return exact.then(|| vec![(first, last, body)]);
    }
    let text = String::from_utf8_lossy(body);
    let heads = text.match_indices("Content-Range: ");
    heads
        .map(|(at, name)| {
            let (range, _) = text[at + name.len()..].split_once("\r\n\r\n")?;
            let (first, last) = positions(range)?;
            Some((first, last, &body[at + name.len() + range.len() + 4..]))
        })
        .collect()
}

fn positions(range: &str) -> Option<(usize, usize)> {
    let (range, _) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

pub(super) async fn unasked_part(case: &Case) -> Finding {
    let kinds = ["", KINDS[0], KINDS[1], KINDS[2]];
    let partial = |kind: &'static str| {
        let partial = answers().into_iter().take(11);
        partial.map(move |(answer, recipe)| (kind, answer, recipe))
    };
    let variants = kinds.into_iter().flat_map(partial);
    let attempt = |case: Case, (kind, answer, recipe): (&'static str, &'static str, Recipe)| async move {
        let name = if kind.is_empty() { "not stored" } else { kind };
        let partial = answer.starts_with("206");
        let found = taken_for_whole(&case, kind, recipe, partial).await;
        (format!("{answer}, {name}"), found)
    };
    each(case, variants.collect(), attempt).await.sum()
}

/// The origin answers one request with a part that it did not ask for.
async fn taken_for_whole(case: &Case, kind: &str, recipe: Recipe, partial: bool) -> Checked {
    let page = case.page();
    if !kind.is_empty() {
        stored(case, &page, tagged(kind), kind).await;
    }
    let (first, meanwhile) = {
        let request = case.get(&page.path);
        let others = [case.get(&page.path), case.get(&page.path)];
        while_held(case, &page, &[recipe], &request, &others).await
    };
    if partial && first.status == 200 && first.shows("part") {
        let seen = first.summary();
        return Err(Finding::bad(format!("passed off as whole: {seen}")));
    }
    let mut victims = meanwhile;
    for _ in 0..2 {
        victims.push(case.ask(&case.get(&page.path)).await);
    }
    all_clean(&victims, page.path.as_bytes(), &["part"])
}

const CHANGED: &str = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT";

pub(super) async fn if_range(case: &Case) -> Finding {
    // What is stored, what names it, and what does not.
    let tables: [(&str, &[&str], &[&str]); 5] = [
        (
            "ETag: \"right\"",
            &["\"right\""],
            &[
                "W/\"right\"",
                "w/\"right\"",
                "\"wrong\"",
                "W/\"x\"",
                "\"RIGHT\"",
                "right",
                "'right'",
                "\"right",
                "right\"",
                "\"right\", \"right\"",
                "\"wrong\", \"right\"",
                "\"right\"\r\nIf-Range: \"wrong\"",
                "*",
                "\"\"",
                "",
                "Sun, 06 Nov 1994 08:49:37 GMT",
                "Fri, 01 Jan 2100 00:00:00 GMT",
            ],
        ),
        ("ETag: W/\"right\"", &[], &["W/\"right\"", "\"right\"", "*"]),
        (
            CHANGED,
            &["Sun, 06 Nov 1994 08:49:37 GMT"],
            &[
                "Sun, 06 Nov 1994 08:49:38 GMT",
                "Sun, 06 Nov 1994 08:49:36 GMT",
                "Fri, 01 Jan 2100 00:00:00 GMT",
                "Thu, 01 Jan 1970 00:00:00 GMT",
                "784111777",
                "0",
                "\"Sun, 06 Nov 1994 08:49:37 GMT\"",
                "\"right\"",
            ],
        ),
        // Changed in the second in which it was sent: the date does not stand for its bytes.
        ("Last-Modified: {date}", &[], &["{last-modified}"]),
        (
            "X-No: validator",
            &[],
            &["\"right\"", "Sun, 06 Nov 1994 08:49:37 GMT", "\"\"", ""],
        ),
    ];
    let mut variants = Vec::new();
    for (validator, right, wrong) in tables {
        variants.extend(right.iter().map(|named| (validator, *named, true)));
        variants.extend(wrong.iter().map(|named| (validator, *named, false)));
    }
    let attempt = |case: Case, (validator, named, right): (&'static str, &'static str, bool)| async move {
        let found = by_validator(&case, validator, named, right).await;
        (format!("{validator} / If-Range: {named}"), found)
    };
    each(case, variants, attempt).await.sum()
}

async fn by_validator(case: &Case, validator: &str, named: &str, right: bool) -> Checked {
    let mut found = Finding::safe("the whole");
    for kind in ["max-age=60", KINDS[0]] {
        let page = case.page();
        let recipe = Recipe::fresh(kind).without("ETag").line(validator);
        let whole = stored(case, &page, recipe, KINDS[0]).await;
        page.script_first(
            Recipe::not_modified("")
                .without("ETag")
                .when(super::is_conditional),
        );
        let changed = whole.header("last-modified").unwrap_or_default();
        let line = format!(
            "Range: bytes=0-3\r\nIf-Range: {}",
            named.replace("{last-modified}", &changed)
        );
        let answer = case.ask(&case.get(&page.path).line(line)).await;
        let part = answer.status == 206 && answer.body.bytes == whole.body.bytes[..4];
        let all = answer.status == 200 && answer.is_whole() && answer.body.length > 4;
        let holds = all || (right && part);
        if !holds {
            let seen = answer.summary();
            return Err(Finding::bad(format!("{kind}: {seen}")));
        }
        if part {
            found = Finding::safe("the part, for the right validator");
        }
        let after = case.ask(&case.get(&page.path)).await;
        clean(&after, page.path.as_bytes(), &[]).checked()?;
    }
    Ok(found)
}
