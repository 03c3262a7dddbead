//! An empty cache and everybody at once.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::crowd::millis;
use super::quiet::on;
use crate::case::Case;
use crate::client::{Answer, Request};
use crate::launch::Launch;
use crate::origin::{Page, Recipe};
use crate::verdict::{Finding, Tried, bound, wanted};

/// Pages of the site.
const PAGES: u64 = 1000;

/// Visitors, each of whom asks for one page after another as fast as they come.
const VISITORS: usize = 64;

/// What the origin takes over a page.
const ORIGIN: Duration = Duration::from_millis(10);

/// Hits are counted over so long at a time.
const WINDOW: Duration = Duration::from_millis(50);

/// The share of hits at which the cache counts as warm,
const SHARE: f64 = 0.95;
/// and how long that may take.
const LONGEST: Duration = Duration::from_secs(15);

/// The process starts with nothing stored, under as much load as the machine can make.
pub(super) async fn cold_start(case: &Case) -> Finding {
    let mut tried = Tried::default();
    for (flags, limit) in [(&[][..], 1024), (&["--origin-limit", "8"][..], 8)] {
        let launch = Launch::with(flags);
        let finding = on(case, launch, async |case| loaded(case, limit).await).await;
        tried.note(format!("at most {limit} fetches at once"), finding);
    }
    tried.sum()
}

async fn loaded(case: &Case, limit: u64) -> Finding {
    let page = case.page();
    page.script(Recipe::new().delay(ORIGIN));
    let site = Site {
        page: &page,
        began: Instant::now(),
        windows: Mutex::default(),
    };
    let visitors = join_all((0..VISITORS).map(|_| site.visitor(case))).await;
    let wrong = visitors.into_iter().flatten().next();
    wrong.unwrap_or_else(|| site.judge(limit))
}

struct Site<'a> {
    page: &'a Page,
    began: Instant,
    windows: Mutex<Vec<Window>>,
}

/// What came in one stretch of time.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    hits: u64,
    answers: u64,
}

impl Window {
    fn is_warm(self) -> bool {
        self.answers > 0 && self.hits as f64 >= SHARE * self.answers as f64
    }
}

impl Site<'_> {
    fn target(&self, n: u64) -> Vec<u8> {
        self.page.with(format!("/{n}"))
    }

    /// Asks until the cache is warm, or something is wrong.
    async fn visitor(&self, case: &Case) -> Option<Finding> {
        let mut client = case.connect().await;
        loop {
            let request = case.get(self.target(case.draw() % PAGES));
            let answer = client.ask(&request).await;
            let judged = wanted(&answer, &request.target);
            if !judged.is_safe() {
                return Some(judged);
            }
            if self.note(is_hit(&answer, &request)) {
                return None;
            }
        }
    }

    /// Notes an answer; whether the window before this one was warm, or nobody waits any longer.
    fn note(&self, hit: bool) -> bool {
        let elapsed = self.began.elapsed();
        let now = (elapsed.as_millis() / WINDOW.as_millis()) as usize;
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() <= now {
            windows.resize(now + 1, Window::default());
        }
        windows[now].answers += 1;
        windows[now].hits += u64::from(hit);
        let before = now.checked_sub(1).map(|before| windows[before]);
        before.is_some_and(Window::is_warm) || elapsed > LONGEST
    }

    fn judge(&self, limit: u64) -> Finding {
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let warm = windows.iter().position(|window| window.is_warm());
        let warm = warm.map_or(LONGEST, |before| WINDOW * (before as u32 + 1));
        let answers: u64 = windows.iter().map(|window| window.answers).sum();
        let rate = answers as f64 / self.began.elapsed().as_secs_f64();
        let most = self.page.most_at_once_in_all();
        let of_each = |n| {
            let target = self.target(n);
            (self.page.most_at_once(&target), self.page.count_of(&target))
        };
        let once = (0..PAGES).map(of_each).all(|calls| calls <= (1, 1));
        bound("fetches at once", most as f64, limit as f64, "")
            .and(Finding::of(
                once,
                format!("each of {PAGES} pages fetched once"),
            ))
            .and(bound(
                "95 % hits after",
                millis(warm),
                millis(LONGEST) - 1.0,
                "ms",
            ))
            .and(Finding::safe(format!("{rate:.0} requests a second")))
    }
}

/// It was made for someone else, and did not wait for the origin.
fn is_hit(answer: &Answer, request: &Request) -> bool {
    answer.made_for().as_deref() != Some(&request.nonce) && answer.after < ORIGIN
}
