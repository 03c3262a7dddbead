//! A scripted origin.

mod changes;
mod live;
mod machine;
mod outage;
mod page;
mod speed;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

pub use live::{Errand, LiveSite};
pub use outage::Outage;
pub use page::{Changes, Page, Service};

pub(super) use live::SITE;
use outage::Outages;
use speed::Speed;

/// A scripted origin: its pages, how much it can do at once, and what goes wrong.
///
/// A site is a description; each run [opens](LiveSite) it anew. Page number `n` is at
/// `/p<n>`, whatever the query is. An answer's content is made when its service ends:
/// without a cache nobody is answered stale. All pages have a strong `ETag`, and a
/// request that knows the present one is answered 304.
///
/// ```
/// use std::time::Duration;
/// use floodwall::simulate::{Changes, Outage, Page, Service, Site};
///
/// let front = Page::new("max-age=5, stale-while-revalidate=30")
///     .service(Service::lognormal(Duration::from_millis(80), 0.5))
///     .changes(Changes::poisson(Duration::from_secs(60)));
/// let minute = |n: u64| Duration::from_secs(60 * n);
/// let site = Site::new(front)
///     .knee(20)
///     .collapse(0.1)
///     .outage(minute(10)..minute(12), Outage::Fail(500))
///     .outage(minute(20)..minute(25), Outage::Slow(8.0));
/// # let _ = site;
/// ```
#[derive(Clone)]
#[must_use = "a site does nothing until a trial is run on it"]
pub struct Site {
    page: Arc<dyn Fn(u32) -> Page + Send + Sync>,
    /// From when on, how many are served at full speed.
    knees: Vec<(Duration, f64)>,
    collapse: f64,
    outages: Outages,
    unchanged_cost: f64,
    validators: bool,
}

impl Site {
    /// A site whose pages are all like this one. Change processes are drawn apart for
    /// each page.
    pub fn new(page: Page) -> Self {
        Self::of(move |_| page.clone())
    }

    /// A site whose page number `n` is what `page` makes of `n`; it is asked once for
    /// each page of a run.
    pub fn of(page: impl Fn(u32) -> Page + Send + Sync + 'static) -> Self {
        Self {
            page: Arc::new(page),
            knees: vec![(Duration::ZERO, f64::INFINITY)],
            collapse: 0.0,
            outages: Outages::default(),
            unchanged_cost: 1.0,
            validators: true,
        }
    }

    /// How many requests are served at full speed at once. Default: any number; at
    /// least 1.
    ///
    /// Past the knee all share it alike (processor sharing): with `n` at once each
    /// takes `n / knee` times as long.
    pub fn knee(self, at_once: u32) -> Self {
        self.knee_from(Duration::ZERO, at_once)
    }

    /// Moves the knee at a moment: machines were added, or lost.
    pub fn knee_from(mut self, at: Duration, at_once: u32) -> Self {
        self.knees.retain(|(other, _)| *other != at);
        self.knees.push((at, f64::from(at_once.max(1))));
        self.knees.sort_by_key(|(at, _)| *at);
        self
    }

    /// By which share the throughput falls for each multiple of the knee past it.
    /// Default 0: it stays at its height; at most 1.
    ///
    /// With 0.2, three times the knee at once gets 64 % (0.8²) of the work done that
    /// the knee would. The throughput never falls below a hundredth.
    pub fn collapse(mut self, share: f64) -> Self {
        self.collapse = if share > 0.0 { share.min(1.0) } else { 0.0 };
        self
    }

    /// Lets something go wrong for a while. Several may overlap: of those that hang
    /// and fail the one that was named first counts, and slowness multiplies.
    pub fn outage(mut self, span: Range<Duration>, outage: Outage) -> Self {
        self.outages.add(span, outage);
        self
    }

    /// What a 304 costs, as a share of the page's service time. Default 1: whoever
    /// finds out that a page is unchanged mostly has made it first. 0 to 1.
    pub fn unchanged_cost(mut self, share: f64) -> Self {
        self.unchanged_cost = if share > 0.0 { share.min(1.0) } else { 0.0 };
        self
    }

    /// Whether pages have a strong `ETag`. Default yes.
    pub fn validators(mut self, on: bool) -> Self {
        self.validators = on;
        self
    }

    fn speed(&self) -> Speed {
        Speed::new(&self.knees, self.collapse, &self.outages)
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site")
            .field("knees", &self.knees)
            .field("collapse", &self.collapse)
            .field("outages", &self.outages)
            .finish_non_exhaustive()
    }
}
