//! More who wait, and more to wait for, than an origin ever answers.

use std::time::Duration;

use super::gauge::{Allowed, Gauge};
use super::load::{Crowd, Tally, flood};
use crate::case::Case;
use crate::client::h2::fields;
use crate::origin::{Gate, Recipe};
use crate::verdict::{Finding, Tried};

/// The defaults of `origin_limit` and `max_flights`.
const AT_ORIGIN: u64 = 1024;
const FLIGHTS: u64 = 16_384;
/// What a request that waits may cost, its stream and its task included. The task and the
/// stream of the server behind are the most of it.
const EACH: u64 = 16 << 10;
/// What is stored of the pages that they wait for.
const WAITED_FOR: u64 = 8 << 20;
const PATIENCE: Duration = Duration::from_secs(40);
/// The deadline of proxies that shall not keep a row waiting.
const SOON: Duration = Duration::from_secs(2);

/// X05.
pub(super) async fn one_key(case: &Case) -> Finding {
    let crowd = if case.full { 50_000 } else { 20_000 };
    let mut tried = Tried::default();
    tried.note(
        format!("{crowd} wait, then all are answered"),
        answered_at_last(case, crowd).await,
    );
    tried.note("5,000 wait, then leave", leave(case, 5_000).await);
    tried.note(
        "5,000 wait to the deadline (--fetch-deadline 2s)",
        to_the_deadline(case, 5_000).await,
    );
    tried.note(
        "1,000 where 100 may wait (--max-waiters 100)",
        past_the_cap(case).await,
    );
    tried.note(
        "the same with a stale copy",
        past_the_cap_with_a_copy(case).await,
    );
    tried.sum()
}

/// Settings as they come, which would let them wait for 30 s.
async fn answered_at_last(case: &Case, count: usize) -> Finding {
    let case = &case.alone(&[]).await;
    let (page, gate) = (case.page(), Gate::shut());
    page.script(Recipe::new().gate(&gate));
    let gauge = Gauge::start(case).await;
    let crowd = Crowd::ask(case, count, |_| fields("GET", &page.path, "n")).await;
    let all = gauge.reaches("waiting", count as u64).await;
    let each = gauge.grown() / count as u64;
    let beside = gauge.hits_now().await;
    gate.open();
    let (tally, last) = crowd.answers(PATIENCE).await;
    let told = format!(
        "{each} bytes for each that waits, its stream included; the last of {} after {last:.1?}; {} fetches",
        tally.told(),
        page.count()
    );
    let good = tally.of(200) == count as u64 && page.count() == 1;
    let judged = all
        .and(beside)
        .and(Finding::of(good, told))
        .and(gauge.quiet().await);
    judged.and(gauge.finish(allowed(count)).await)
}

fn allowed(count: usize) -> Allowed {
    Allowed::and(
        count as u64 * EACH,
        "requests that wait, 16 KiB each with their streams",
    )
    .storing(WAITED_FOR)
}

/// Nobody is left to wait for it. The fetch itself may go on, since its answer may be stored.
async fn leave(case: &Case, count: usize) -> Finding {
    let case = &case.alone(&[]).await;
    let (page, gate) = (case.page(), Gate::shut());
    page.script(Recipe::new().gate(&gate));
    let gauge = Gauge::start(case).await;
    let crowd = Crowd::ask(case, count, |_| fields("GET", &page.path, "n")).await;
    let all = gauge.reaches("waiting", count as u64).await;
    drop(crowd);
    let none = gauge.falls_to("waiting", 0).await;
    gate.open();
    let judged = all.and(none).and(gauge.quiet().await);
    judged.and(gauge.finish(allowed(count)).await)
}

async fn to_the_deadline(case: &Case, count: usize) -> Finding {
    let case = match case.with_flags(&["--fetch-deadline", "2s"]).await {
        Ok(case) => case,
        Err(finding) => return finding,
    };
    let (page, gate) = (case.page(), Gate::shut());
    page.script(Recipe::new().gate(&gate));
    let crowd = Crowd::ask(&case, count, |_| fields("GET", &page.path, "n")).await;
    let (tally, last) = crowd.answers(PATIENCE).await;
    gate.open();
    in_time(&tally, count, last)
}

/// Everyone was told within the deadline and what a busy machine adds: that is generous, and far
/// less than the 30 s of a deadline that does not count.
fn in_time(tally: &Tally, count: usize, last: Duration) -> Finding {
    let told = format!("{}, the last after {last:.1?}", tally.told());
    let told_all = tally.of(504) + tally.of(503) == count as u64;
    Finding::of(told_all && last < SOON * 5, told)
}

async fn past_the_cap(case: &Case) -> Finding {
    let case = match case
        .with_flags(&["--max-waiters", "100", "--fetch-deadline", "5s"])
        .await
    {
        Ok(case) => case,
        Err(finding) => return finding,
    };
    let (page, gate) = (case.page(), Gate::shut());
    page.script(Recipe::new().gate(&gate));
    let first = Crowd::ask(&case, 100, |_| fields("GET", &page.path, "n")).await;
    page.arrived(1).await;
    let gauge = Gauge::start(&case).await;
    let all = gauge.reaches("waiting", 100).await;
    let more = Crowd::ask(&case, 900, |_| fields("GET", &page.path, "n")).await;
    let (turned_away, last) = more.answers(PATIENCE).await;
    gate.open();
    let (answered, _) = first.answers(PATIENCE).await;
    let told = format!(
        "{} in {last:.1?}, and {}",
        turned_away.told(),
        answered.told()
    );
    let good = turned_away.of(503) == 900 && answered.of(200) == 100;
    all.and(Finding::of(good && last < SOON, told))
}

async fn past_the_cap_with_a_copy(case: &Case) -> Finding {
    let case = match case
        .with_flags(&["--max-waiters", "1", "--fetch-deadline", "5s"])
        .await
    {
        Ok(case) => case,
        Err(finding) => return finding,
    };
    let (page, gate) = (case.page(), Gate::shut());
    page.script(Recipe::fresh("max-age=1, stale-if-error=60").times(1));
    page.script(Recipe::new().gate(&gate));
    case.ask(&case.get(&page.path)).await;
    case.let_pass(crate::case::OVER).await;
    let mut first = case.send(case.get(&page.path).bytes()).await;
    page.arrived(2).await;
    let more = Crowd::ask(&case, 900, |_| fields("GET", &page.path, "n")).await;
    let (tally, last) = more.answers(PATIENCE).await;
    gate.open();
    let fresh = first.answer("GET").await;
    let told = format!("{} in {last:.1?}, and {}", tally.told(), fresh.status);
    Finding::of(
        tally.of(200) == 900 && fresh.status == 200 && last < SOON,
        told,
    )
}

/// X06.
pub(super) async fn many_keys(case: &Case) -> Finding {
    let count = if case.full { 50_000 } else { 20_000 };
    let mut tried = Tried::default();
    tried.note(
        format!("{count} keys, then their clients leave"),
        hung(case, count).await,
    );
    tried.note(
        "5,000 keys to the deadline (--fetch-deadline 2s)",
        hung_to_the_deadline(case).await,
    );
    tried.sum()
}

async fn hung(case: &Case, count: usize) -> Finding {
    let case = &case.alone(&[]).await;
    let (page, gate) = (case.page(), Gate::shut());
    page.script(Recipe::new().gate(&gate));
    let gauge = Gauge::start(case).await;
    let path = &page.path;
    let crowd = Crowd::ask(case, count, |n| fields("GET", format!("{path}/{n}"), "n")).await;
    let all = gauge.reaches("flights", FLIGHTS.min(count as u64)).await;
    let each = gauge.grown() / count as u64;
    let beside = gauge.hits_now().await;
    drop(crowd);
    let none = gauge.falls_to("waiting", 0).await;
    // What is at the origin goes on; what has queued for it is not asked.
    let left = gauge.falls_to("flights", AT_ORIGIN).await;
    gate.open();
    let quiet = gauge.quiet().await;
    let most = gauge.most();
    let at_once = page.most_at_once_in_all();
    let told = format!(
        "{at_once} at the origin at once (limit {AT_ORIGIN}), {} flights (limit {FLIGHTS}), {} asked in all; \
         {each} bytes for each request",
        most.flights,
        page.count()
    );
    let capped = at_once <= AT_ORIGIN && most.flights <= FLIGHTS;
    let judged = all
        .and(beside)
        .and(none)
        .and(left)
        .and(Finding::of(capped, told))
        .and(quiet);
    judged.and(gauge.finish(allowed(count)).await)
}

async fn hung_to_the_deadline(case: &Case) -> Finding {
    let case = match case.with_flags(&["--fetch-deadline", "2s"]).await {
        Ok(case) => case,
        Err(finding) => return finding,
    };
    let (page, gate) = (case.page(), Gate::shut());
    page.script(Recipe::new().gate(&gate));
    let gauge = Gauge::start(&case).await;
    let path = &page.path;
    let crowd = Crowd::ask(&case, 5_000, |n| fields("GET", format!("{path}/{n}"), "n")).await;
    let (tally, last) = crowd.answers(PATIENCE).await;
    gate.open();
    in_time(&tally, 5_000, last)
        .and(gauge.quiet().await)
        .and(gauge.hits())
}

/// X12. Requests that ask for more than what is stored.
pub(super) async fn bypass(case: &Case) -> Finding {
    let count = if case.full { 100_000 } else { 1_500 };
    let mut tried = Tried::default();
    for line in [
        "Cache-Control: no-cache",
        "Cache-Control: max-age=0",
        "Cache-Control: no-store",
        "Cache-Control: max-stale=0, min-fresh=9999",
        "Pragma: no-cache",
        "Accept-Encoding: ;;q=,\"gzip\",*;q=9",
        "Accept-Encoding: x-NUMBER",
        "If-None-Match: \"x-NUMBER\"",
        "If-Modified-Since: never",
        "Range: bytes=NUMBER-",
        "User-Agent: x-NUMBER",
    ] {
        tried.note(line, bypass_by(case, line, count).await);
    }
    tried.sum()
}

/// The origin is asked by one at a time, far less often than the subject.
async fn bypass_by(case: &Case, line: &str, count: u64) -> Finding {
    let page = case.page();
    let not_modified = Recipe::new().status(304).body("").told();
    let takes = Duration::from_millis(20);
    page.script(
        not_modified
            .when_header("if-none-match", "\"lab\"")
            .delay(takes),
    );
    page.script(
        Recipe::fresh("max-age=600")
            .without("ETag")
            .line("ETag: \"lab\"")
            .padded(2048)
            .delay(takes),
    );
    case.ask(&case.get(&page.path)).await;
    let request = |n: u64| {
        case.get(&page.path)
            .line(line.replace("NUMBER", &(n % 2000).to_string()))
    };
    let tally = flood(case, count, request).await;
    let (asked, at_once) = (page.count(), page.most_at_once_in_all());
    let told = format!(
        "{asked} fetches for {count} requests, {at_once} at once; {}",
        tally.told()
    );
    let answered = tally.of(200) + tally.of(206) + tally.of(304) + tally.of(416) == count;
    let few = asked <= 1 || (at_once <= 2 && asked * 10 <= count);
    Finding::of(
        answered && few,
        if asked <= 1 {
            "the origin is not asked".to_owned()
        } else {
            told
        },
    )
}
