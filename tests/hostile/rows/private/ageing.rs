//! Numbers and dates: nothing may be fresher than its most restrictive reading.

use futures_util::future::join_all;

use crate::case::{Case, OVER};
use crate::origin::{Cut, Page, Recipe, date};
use crate::verdict::{Finding, Tried, not_stored, own};

/// What a second client must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    /// The origin is asked again.
    Stale,
    /// It may be fresh or not; if it comes from the store, its age is at least this.
    Any(u64),
}
use Expect::{Any, Stale};

async fn second(case: &Case, lines: &str, expect: Expect) -> Finding {
    let page = case.page();
    page.script(Recipe::fresh("").without("Date").line(lines));
    case.ask(&case.get(&page.path)).await;
    let request = case.get(&page.path);
    if expect == Stale {
        return not_stored(case, &page, &request)
            .await
            .and(sound_age(case, &page, 0).await);
    }
    let Any(least) = expect else {
        return Finding::bad("nothing is expected");
    };
    sound_age(case, &page, least).await
}

/// One more answer, which must be a whole one; if it is from the store, with an age that is a
/// number and not too small.
async fn sound_age(case: &Case, page: &Page, least: u64) -> Finding {
    let before = page.count();
    let answer = case.ask(&case.get(&page.path)).await;
    if answer.status != 200 || !answer.is_whole() {
        return Finding::bad(format!("not a whole 200: {}", answer.summary()));
    }
    if page.count() > before {
        return Finding::safe("asked again");
    }
    match answer.header("age") {
        None => Finding::safe("from the store, without an age"),
        Some(age) => {
            let sound = age.parse::<u64>().is_ok_and(|age| age >= least);
            Finding::of(sound, format!("from the store, Age {age}"))
        }
    }
}

pub(super) async fn numbers(case: &Case) -> Finding {
    let mut tried = Tried::default();
    for (said, expect) in [
        ("max-age=-1", Stale),
        ("max-age=1.5", Stale),
        ("max-age=\"60\"", Any(0)),
        ("max-age=0x10", Stale),
        ("max-age=2147483648", Any(0)),
        ("max-age=4294967296", Any(0)),
        ("max-age=9223372036854775808", Any(0)),
        ("max-age=18446744073709551616", Any(0)),
        ("max-age=99999999999999999999999999999999", Any(0)),
        ("max-age=60, max-age=0", Stale),
        ("max-age=0, max-age=60", Stale),
        ("max-age=60\r\nCache-Control: max-age=0", Stale),
        ("max-age=60, MAX-AGE=0", Stale),
        ("max-age", Stale),
        ("max-age=", Stale),
        ("max-age=60, max-age", Stale),
        ("max-age=60, max-age=x", Stale),
        ("max-age= 60", Stale),
        ("max-age =60", Stale),
        ("max-age=60s", Stale),
        ("max-age=6e1", Stale),
        ("max-age=+60", Stale),
        ("max-age=60;", Stale),
        ("max-age=60 0", Stale),
        ("max-age=\" 60\"", Stale),
        ("max-age=\"60", Stale),
        ("max-age=1_000", Stale),
        ("max-age=\u{666}\u{660}", Stale),
        ("max-age=000", Stale),
        ("max-age=060", Any(0)),
        ("max-age:60", Stale),
        ("max_age=60", Stale),
        ("maxage=60", Stale),
        ("s-maxage=0, max-age=60", Stale),
        ("max-age=60, s-maxage=0", Stale),
        ("s-maxage=-1, max-age=60", Stale),
        ("s-maxage, max-age=60", Stale),
        ("s-maxage=60, s-maxage=0", Stale),
        ("s-maxage=x, s-maxage=60", Stale),
        ("stale-while-revalidate=60", Stale),
        (
            "stale-while-revalidate=18446744073709551616, max-age=60",
            Any(0),
        ),
        ("max-age=60, stale-if-error=99999999999999999999", Any(0)),
    ] {
        let lines = format!("Date: {}\r\nCache-Control: {said}", date(0));
        tried.note(said, second(case, &lines, expect).await);
    }
    tried.sum()
}

pub(super) async fn dates(case: &Case) -> Finding {
    const DAY: i64 = 86_400;
    let fresh = "Cache-Control: max-age=60";
    let now = || format!("Date: {}", date(0));
    let rows = [
        (
            "Age: -1",
            format!("{fresh}\r\n{}\r\nAge: -1", now()),
            Any(0),
        ),
        (
            "Age: 1, 2",
            format!("{fresh}\r\n{}\r\nAge: 1, 2", now()),
            Any(1),
        ),
        (
            "Age: 1 / Age: 2",
            format!("{fresh}\r\n{}\r\nAge: 1\r\nAge: 2", now()),
            Any(1),
        ),
        (
            "Age: 1.5",
            format!("{fresh}\r\n{}\r\nAge: 1.5", now()),
            Any(0),
        ),
        ("Age: x", format!("{fresh}\r\n{}\r\nAge: x", now()), Any(0)),
        (
            "Age: 30",
            format!("{fresh}\r\n{}\r\nAge: 30", now()),
            Any(30),
        ),
        ("Age: 60", format!("{fresh}\r\n{}\r\nAge: 60", now()), Stale),
        (
            "Age: 2147483648",
            format!("{fresh}\r\n{}\r\nAge: 2147483648", now()),
            Stale,
        ),
        (
            "Age: 10^20",
            format!("{fresh}\r\n{}\r\nAge: 99999999999999999999", now()),
            Stale,
        ),
        (
            "Age: 2^64",
            format!("{fresh}\r\n{}\r\nAge: 18446744073709551616", now()),
            Stale,
        ),
        (
            "Date +1 day",
            format!("{fresh}\r\nDate: {}", date(DAY)),
            Any(0),
        ),
        (
            "Date -1 day",
            format!("{fresh}\r\nDate: {}", date(-DAY)),
            Stale,
        ),
        (
            "Date -30 s",
            format!("{fresh}\r\nDate: {}", date(-30)),
            Any(30),
        ),
        ("no Date", fresh.to_owned(), Any(0)),
        ("Date: 0", format!("{fresh}\r\nDate: 0"), Any(0)),
        (
            "Date in 1970",
            format!("{fresh}\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT"),
            Stale,
        ),
        (
            "Date before 1970",
            format!("{fresh}\r\nDate: Mon, 01 Jan 1601 00:00:00 GMT"),
            Any(0),
        ),
        (
            "Date in 9999",
            format!("{fresh}\r\nDate: Fri, 31 Dec 9999 23:59:59 GMT"),
            Any(0),
        ),
        (
            "two Dates",
            format!("{fresh}\r\n{}\r\nDate: {}", now(), date(-DAY)),
            Any(0),
        ),
        ("Expires: 0", format!("{}\r\nExpires: 0", now()), Stale),
        ("Expires: -1", format!("{}\r\nExpires: -1", now()), Stale),
        ("Expires:", format!("{}\r\nExpires:", now()), Stale),
        (
            "Expires now",
            format!("{}\r\nExpires: {}", now(), date(0)),
            Stale,
        ),
        (
            "Expires -1 day",
            format!("{}\r\nExpires: {}", now(), date(-DAY)),
            Stale,
        ),
        (
            "Expires +1 day",
            format!("{}\r\nExpires: {}", now(), date(DAY)),
            Any(0),
        ),
        (
            "Expires +1 day, Date +2",
            format!("Date: {}\r\nExpires: {}", date(2 * DAY), date(DAY)),
            Stale,
        ),
        (
            "Expires +1 day, Date -2",
            format!("Date: {}\r\nExpires: {}", date(-2 * DAY), date(DAY)),
            Any(0),
        ),
        (
            "Expires in 1994, two digits",
            format!("{}\r\nExpires: Sunday, 06-Nov-94 08:49:37 GMT", now()),
            Stale,
        ),
        (
            "Expires, another zone",
            format!("{}\r\nExpires: {}", now(), date(DAY).replace("GMT", "EST")),
            Stale,
        ),
        (
            "Expires, no zone",
            format!("{}\r\nExpires: {}", now(), date(DAY).replace(" GMT", "")),
            Stale,
        ),
        (
            "Expires, seconds",
            format!("{}\r\nExpires: 4102444800", now()),
            Stale,
        ),
        (
            "Expires, ISO",
            format!("{}\r\nExpires: 2100-01-01T00:00:00Z", now()),
            Stale,
        ),
        (
            "two Expires",
            format!("{}\r\nExpires: {}\r\nExpires: 0", now(), date(DAY)),
            Stale,
        ),
        (
            "two Expires, one in the past",
            format!(
                "{}\r\nExpires: {}\r\nExpires: {}",
                now(),
                date(DAY),
                date(-DAY)
            ),
            Stale,
        ),
        (
            "Expires beside max-age=0",
            format!(
                "{}\r\nCache-Control: max-age=0\r\nExpires: {}",
                now(),
                date(DAY)
            ),
            Stale,
        ),
        (
            "Expires beside max-age=x",
            format!(
                "{}\r\nCache-Control: max-age=x\r\nExpires: {}",
                now(),
                date(DAY)
            ),
            Stale,
        ),
        (
            "Last-Modified alone",
            format!("{}\r\nLast-Modified: {}", now(), date(-3650 * DAY)),
            Stale,
        ),
    ];
    let mut tried = Tried::default();
    for (name, lines, expect) in rows {
        tried.note(name, second(case, &lines, expect).await);
    }
    tried.sum()
}

/// What forbids serving stale, with windows beside it that would allow it.
const FORBIDDING: [&str; 9] = [
    "max-age=1, must-revalidate",
    "max-age=1, proxy-revalidate",
    "s-maxage=1",
    "max-age=60, s-maxage=1",
    "max-age=1, MUST-REVALIDATE",
    "max-age=1, must-revalidate=\"x\"",
    "max-age=1\r\nCache-Control: must-revalidate",
    "max-age=1, must-revalidate; x",
    "max-age=60, no-cache",
];

pub(super) async fn must_revalidate(case: &Case) -> Finding {
    let generous = case.with_flags(&["--swr", "60s", "--sie", "60s"]).await;
    let of_its_own = never_stale(case, "as it comes").await;
    match generous {
        Ok(generous) => of_its_own.and(never_stale(&generous, "windows by the operator").await),
        Err(_) => of_its_own,
    }
}

/// What becomes of an origin after it has given such an answer.
fn fates() -> [(&'static str, Recipe); 6] {
    [
        ("well", Recipe::new()),
        ("reset", Recipe::new().cut_before_head(Cut::Reset)),
        ("closed", Recipe::new().cut_before_head(Cut::Close)),
        ("500", Recipe::fresh("").status(500)),
        ("503", Recipe::fresh("max-age=60").status(503)),
        ("no HTTP", Recipe::new().status_line("nonsense")),
    ]
}

async fn never_stale(case: &Case, whose: &str) -> Finding {
    let windows = "stale-while-revalidate=60, stale-if-error=60";
    let mut tries = Vec::new();
    for said in FORBIDDING {
        for (fate, recipe) in fates() {
            let page = case.page();
            page.script(Recipe::fresh(&format!("{windows}, {said}")).times(1));
            page.script(recipe);
            case.ask(&case.get(&page.path)).await;
            tries.push((format!("{whose}, {fate}: {said}"), fate, page));
        }
    }
    case.let_pass(OVER).await;
    let asked = tries
        .iter()
        .map(|(_, fate, page)| asked_again(case, page, fate));
    let found = join_all(asked).await;
    let mut tried = Tried::default();
    for ((name, ..), finding) in tries.iter().zip(found) {
        tried.note(name, finding);
    }
    tried.sum()
}

/// From an origin that is well, its new answer; from one that is not, an error, with and without
/// a client that would take what is stale.
async fn asked_again(case: &Case, page: &Page, fate: &str) -> Finding {
    if fate == "well" {
        let request = case.get(&page.path);
        return own(&case.ask(&request).await, &request);
    }
    for line in [
        "",
        "Cache-Control: max-stale",
        "Cache-Control: max-stale=1000",
    ] {
        let answer = case.ask(&case.get(&page.path).line(line)).await;
        if !(500..=504).contains(&answer.status) || page.count() < 2 {
            return Finding::bad(format!("{line:?} got {}", answer.summary()));
        }
    }
    Finding::safe("an error")
}
