//! Time that goes wrong: a process that stands still, an origin with a clock of its own.

use std::time::Duration;

use futures_util::future::join_all;

use super::crowd::{Crowd, NOISE, all_alike, all_got, asked, eventually, in_time};
use super::quiet::{on, quietly};
use crate::case::Case;
use crate::client::Answer;
use crate::launch::Launch;
use crate::origin::{Gate, Page, Recipe, date};
use crate::verdict::{Finding, Tried};

/// How long the process stands still, in place of a minute: longer than all lifetimes and
/// deadlines of the row.
const FROZEN: Duration = Duration::from_secs(3);

/// The process is stopped in the middle of everything, and goes on later. So is another one with
/// a deadline that the standstill does not reach.
pub(super) async fn frozen(case: &Case) -> Finding {
    let launch = Launch::with(&["--fetch-deadline", "2s"]);
    on(case, launch, async |case| {
        let patient = match case.with(&Launch::default()).await {
            Ok(patient) => patient,
            Err(finding) => return finding,
        };
        let stored = Stored::new(case, "max-age=2").await;
        let window = Stored::new(case, "max-age=1, stale-while-revalidate=1").await;
        let hung = Hung::new(case).await;
        let late = Late::new(&patient).await;

        stop(case).await;
        stop(&patient).await;
        late.gate.open();
        let during = Crowd::at_once(case, few(case, &stored.page)).await;
        case.let_pass(FROZEN).await;
        case.subject.signal("CONT").await;
        patient.subject.signal("CONT").await;

        let mut tried = Tried::default();
        tried.note("asked during the stop", stored.judge(during).await);
        let behind = Crowd::at_once(case, few(case, &window.page)).await;
        tried.note("asked behind the stop", window.judge(behind).await);
        tried.note("waiting for a fetch", hung.judge(case).await);
        tried.note("answered during the stop", late.judge(&patient).await);
        tried.sum()
    })
    .await
}

async fn stop(case: &Case) {
    case.subject.signal("STOP").await;
    eventually("the stop", || case.figures().is_none_or(|now| now.stopped)).await;
}

fn few(case: &Case, page: &Page) -> Vec<crate::client::Request> {
    (0..10).map(|_| case.get(&page.path)).collect()
}

/// A page that was stored before the stop, and is too old behind it.
struct Stored {
    page: Page,
    first: Answer,
}

impl Stored {
    async fn new(case: &Case, cache_control: &str) -> Self {
        let page = case.page();
        page.script(Recipe::fresh(cache_control));
        let first = case.ask(&case.get(&page.path)).await;
        Self { page, first }
    }

    async fn judge(&self, mut crowd: Crowd) -> Finding {
        let answers = crowd.answers().await;
        let renewed = answers
            .iter()
            .all(|answer| answer.serial() > self.first.serial());
        all_alike(&answers)
            .and(Finding::of(renewed, "asked for again"))
            .and(asked(&self.page, 2, 1))
            .and(in_time(&answers, NOISE))
    }
}

/// A fetch to which the origin says nothing.
struct Hung {
    page: Page,
    crowd: Crowd,
}

impl Hung {
    async fn new(case: &Case) -> Self {
        let page = case.page();
        page.script(Recipe::new().gate(&Gate::shut()).times(1));
        let crowd = Crowd::behind_one(case, &page, few(case, &page)).await;
        Self { page, crowd }
    }

    /// Everyone is told at once, and the next one starts another fetch.
    async fn judge(mut self, case: &Case) -> Finding {
        let answers = self.crowd.answers().await;
        let next = case.ask(&case.get(&self.page.path)).await;
        all_got(&answers, 504)
            .and(in_time(&answers, NOISE))
            .and(all_alike(&[next]))
            .and(asked(&self.page, 2, 2))
    }
}

/// A fetch that is answered while nobody can hear it.
struct Late {
    page: Page,
    gate: Gate,
    crowd: Crowd,
}

impl Late {
    async fn new(case: &Case) -> Self {
        let (page, gate) = (case.page(), Gate::shut());
        page.script(Recipe::fresh("max-age=2").gate(&gate).times(1));
        let crowd = Crowd::behind_one(case, &page, few(case, &page)).await;
        Self { page, gate, crowd }
    }

    /// They get it at once. By its `Date` it was made too long ago to serve anyone else.
    async fn judge(mut self, case: &Case) -> Finding {
        let answers = self.crowd.answers().await;
        let next = case.ask(&case.get(&self.page.path)).await;
        let renewed = answers.iter().all(|answer| next.serial() > answer.serial());
        all_alike(&answers)
            .and(in_time(&answers, NOISE))
            .and(Finding::of(renewed, "asked for again"))
            .and(asked(&self.page, 2, 1))
    }
}

/// How long an answer with `max-age=1` must have been away: its lifetime, and the second that
/// freshness may be off.
const GONE: Duration = Duration::from_millis(2050);

const DAY: i64 = 24 * 60 * 60;

/// The origin's clock is a day off, or it tells no time.
pub(super) async fn skewed(case: &Case) -> Finding {
    quietly(case, async |case| {
        let by_age = |recipe: Recipe| {
            recipe
                .without("Cache-Control")
                .line("Cache-Control: max-age=1")
        };
        let by_date = |recipe: Recipe, at: i64| {
            let expires = format!("Expires: {}", date(at + 1));
            recipe.without("Cache-Control").line(expires)
        };
        let undated = || Recipe::new().without("Date");
        let tries = [
            ("a day behind", by_age(Recipe::new().dated(-DAY))),
            ("a day ahead", by_age(Recipe::new().dated(DAY))),
            ("without Date", by_age(undated())),
            (
                "with an odd Date",
                by_age(undated().line("Date: yesterday")),
            ),
            (
                "with two Dates",
                by_age(
                    Recipe::new()
                        .dated(DAY)
                        .line(format!("Date: {}", date(-DAY))),
                ),
            ),
            (
                "a day behind, with Expires",
                by_date(Recipe::new().dated(-DAY), -DAY),
            ),
            (
                "a day ahead, with Expires",
                by_date(Recipe::new().dated(DAY), DAY),
            ),
            ("without Date, with Expires", by_date(undated(), 0)),
            (
                "with an odd Date, with Expires",
                by_date(undated().line("Date: yesterday"), 0),
            ),
        ];
        let findings =
            tries.map(|(name, recipe)| async move { (name, lifetime(case, recipe).await) });
        let mut tried = Tried::default();
        for (name, finding) in join_all(findings).await {
            tried.note(name, finding);
        }
        tried.sum()
    })
    .await
}

/// It may be fresh for a second after it came, and not for longer.
async fn lifetime(case: &Case, recipe: Recipe) -> Finding {
    let page = case.page();
    page.script(recipe);
    let mut answers = Vec::new();
    for _ in 0..2 {
        answers.push(case.ask(&case.get(&page.path)).await);
    }
    let hit = page.count() == 1;
    let before = page.count();
    case.let_pass(GONE).await;
    answers.push(case.ask(&case.get(&page.path)).await);
    let again = page.count() > before;
    let ages = answers.iter().filter_map(|answer| answer.header("age"));
    let ages: Vec<String> = ages.filter(|age| age.parse::<u64>().is_err()).collect();
    let first = if hit {
        "fresh as it comes"
    } else {
        "never fresh"
    };
    all_got(&answers, 200)
        .and(Finding::of(
            again,
            format!("{first}, and asked for again when it is over"),
        ))
        .and(Finding::of(ages.is_empty(), "ages are numbers"))
}
