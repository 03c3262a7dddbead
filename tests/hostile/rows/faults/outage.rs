//! An origin that is away for a while, and comes back.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::crowd::{NOISE, millis};
use super::quiet::quietly;
use crate::case::Case;
use crate::origin::{Cut, Failing, Page, Recipe};
use crate::verdict::{Finding, Tried, bound};

/// Pages of a site.
const PAGES: usize = 20;
/// Visitors of each page, who ask again and again,
const VISITORS: usize = 5;
/// this often.
const AGAIN: Duration = Duration::from_millis(50);
/// How long the origin is away: a page fails twice in it.
const AWAY: Duration = Duration::from_millis(450);
/// The longest pause behind two failures.
const PAUSE: Duration = Duration::from_secs(1);
/// Pages do not come back all together: some are at least so many milliseconds after others.
const SPREAD: f64 = 50.0;
/// Fetches of one page that may fail in that time: two, each of which is sent again where the
/// connection had been used before.
const ATTEMPTS: u64 = 4;

/// The origin is away, and everybody is there when it comes back.
pub(super) async fn recovery(case: &Case) -> Finding {
    quietly(case, async |case| {
        let mut tried = Tried::default();
        for refusing in [true, false] {
            let how = if refusing { "refused" } else { "reset" };
            let (stored, empty) = (Site::with_copies(case).await, Site::empty(case));
            let (visits, failed, back) = outage(case, [&stored, &empty], refusing).await;
            let finding = stored.judge(&visits[0], failed[0], back, &[200]);
            tried.note(format!("{how}, with stale copies"), finding);
            let finding = empty.judge(&visits[1], failed[1], back, &[502, 503]);
            tried.note(format!("{how}, with nothing stored"), finding);
        }
        tried.sum()
    })
    .await
}

/// Takes the origin away under the visitors of both sites: what they saw, how often it was asked
/// in vain, and when it came back.
async fn outage(
    case: &Case,
    sites: [&Site<'_>; 2],
    refusing: bool,
) -> ([Vec<Vec<Visit>>; 2], [u64; 2], Instant) {
    let away = if refusing {
        Some(case.origin.fail(Failing::Refusing).await)
    } else {
        for site in sites {
            site.page.script(Recipe::new().cut_before_head(Cut::Reset));
        }
        None
    };
    let end = async {
        tokio::time::sleep(AWAY).await;
        let failed = sites.map(|site| site.page.count() - site.before);
        sites.iter().for_each(|site| site.page.unscript());
        drop(away);
        (failed, Instant::now())
    };
    let [one, two] = sites;
    let (one, two, (failed, back)) = tokio::join!(one.visits(), two.visits(), end);
    ([one, two], failed, back)
}

#[derive(Debug)]
struct Site<'a> {
    case: &'a Case,
    page: Page,
    /// Calls before the outage.
    before: u64,
    /// The last of the answers before it.
    last: Option<u64>,
}

/// What one visitor saw until there was a new page.
#[derive(Debug)]
struct Visit {
    statuses: BTreeSet<u16>,
    new: Instant,
}

impl<'a> Site<'a> {
    fn empty(case: &'a Case) -> Self {
        let (page, before, last) = (case.page(), 0, None);
        Self {
            case,
            page,
            before,
            last,
        }
    }

    async fn with_copies(case: &'a Case) -> Self {
        let mut site = Self::empty(case);
        let stale = Recipe::fresh("max-age=60, stale-if-error=60").line("Age: 61");
        site.page.script(stale);
        for n in 0..PAGES {
            site.last = case.ask(&case.get(site.target(n))).await.serial();
        }
        site.page.unscript();
        site.before = site.page.count();
        site
    }

    fn target(&self, n: usize) -> Vec<u8> {
        self.page.with(format!("/{n}"))
    }

    /// The visits of each page.
    async fn visits(&self) -> Vec<Vec<Visit>> {
        let of_page = |n| join_all((0..VISITORS).map(move |_| self.visit(n)));
        join_all((0..PAGES).map(of_page)).await
    }

    async fn visit(&self, n: usize) -> Visit {
        let mut client = self.case.connect().await;
        let mut statuses = BTreeSet::new();
        loop {
            let answer = client.ask(&self.case.get(self.target(n))).await;
            let new = Instant::now();
            if answer.serial() > self.last {
                return Visit { statuses, new };
            }
            statuses.insert(answer.status);
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// `failed` calls were in vain until it was `back`; `meanwhile` are the statuses that visitors
    /// may have seen till then.
    fn judge(
        &self,
        visits: &[Vec<Visit>],
        failed: u64,
        back: Instant,
        meanwhile: &[u16],
    ) -> Finding {
        let seen: BTreeSet<u16> = visits
            .iter()
            .flatten()
            .flat_map(|v| v.statuses.clone())
            .collect();
        let expected = seen.iter().all(|status| meanwhile.contains(status));
        let fetched = self.page.count() - self.before - failed;
        let most = (0..PAGES)
            .map(|n| self.page.most_at_once(&self.target(n)))
            .max();
        let first = visits
            .iter()
            .filter_map(|page| page.iter().map(|visit| visit.new).min());
        let after = |new: Instant| millis(new.saturating_duration_since(back));
        let (soonest, latest) = (first.clone().min().map(after), first.max().map(after));
        let (soonest, latest) = (soonest.unwrap_or(0.0), latest.unwrap_or(0.0));
        let pages = PAGES as u64;
        Finding::of(expected, format!("statuses {seen:?} meanwhile"))
            .and(Finding::of(
                failed <= pages * ATTEMPTS,
                format!("{failed} calls in vain for {pages} pages"),
            ))
            .and(Finding::of(
                fetched == pages && most <= Some(1),
                format!(
                    "{fetched} calls behind it, {} at once for a page",
                    most.unwrap_or(0)
                ),
            ))
            .and(bound(
                "back at the latest after",
                latest,
                millis(PAUSE + AGAIN + NOISE),
                "ms",
            ))
            .and(Finding::of(
                latest - soonest > SPREAD,
                format!("spread over {:.0} ms", latest - soonest),
            ))
    }
}
