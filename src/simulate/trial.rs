//! A crowd, a site, and what stands between them, from beginning to end.

use std::collections::hash_map::Entry;
use std::fmt;
use std::future::Future;
use std::iter::Peekable;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::request::Parts;
use http::{Method, Request};

use super::crowd::Arrivals;
use super::front::{Answer, Ask, Asked, Bare, Cached, Front};
use super::report::{Report, Tally};
use super::{Arrival, Crowd, End, LiveSite, Schedule, SimulatedRuntime, Simulation, Site, nanos};
use crate::builder::CacheBuilder;
use crate::cache::Cache;
use crate::clock::Clock;
use crate::error::ConfigError;
use crate::hash::HashMap;
use crate::runtime::{Runtime, Task};

/// So many steps are made before it is looked whether all is over.
const STEPS: u64 = 4096;
/// When nothing is left to be answered, fetches behind the last answers are given so
/// long to end.
const LAST: Duration = Duration::from_secs(1);

/// Puts a cache before a site and a crowd before the cache; what came of it.
///
/// This is [`Trial::run`] with nothing else set.
///
/// # Errors
/// If the cache cannot be built.
pub fn run(
    cache: CacheBuilder,
    site: &Site,
    crowd: &Crowd,
    seed: u64,
) -> Result<Report, ConfigError> {
    Trial::new(site, crowd).seed(seed).run(cache)
}

/// Lets a crowd at a site without a cache; what came of it.
#[must_use]
pub fn bare(site: &Site, crowd: &Crowd, seed: u64) -> Report {
    Trial::new(site, crowd).seed(seed).bare()
}

/// A crowd that is going to ask a site. It can be run any number of times, with
/// different things between the two: requests, changes and service times are the same
/// for the same seed.
#[derive(Clone)]
#[must_use = "a trial does nothing until it is run"]
pub struct Trial {
    site: Site,
    crowd: Crowd,
    seed: u64,
    budget: Option<f64>,
    patience: Duration,
    warm_up: Duration,
    events: Vec<(Duration, Event)>,
}

type Event = Arc<dyn Fn(&Cache) + Send + Sync>;

impl Trial {
    /// A trial with seed 0.
    pub fn new(site: &Site, crowd: &Crowd) -> Self {
        Self {
            site: site.clone(),
            crowd: crowd.clone(),
            seed: 0,
            budget: None,
            patience: Duration::from_secs(60),
            warm_up: Duration::ZERO,
            events: Vec::new(),
        }
    }

    /// What everything random is drawn from. Default 0.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The refreshes a second that [`Report::budget_used`] measures by. It is told to
    /// the report alone, not to the cache.
    pub const fn budget(mut self, refreshes_per_second: f64) -> Self {
        self.budget = Some(refreshes_per_second);
        self
    }

    /// How long a client waits for the site itself: without a cache, or where a request
    /// passes the cache. Then it is gone, and counts as a 504. Default 60 s.
    ///
    /// (A client waits for the cache until that answers: the cache has deadlines.)
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How much of the beginning is not counted. Default nothing: the cache starts cold.
    pub const fn warm_up(mut self, span: Duration) -> Self {
        self.warm_up = span;
        self
    }

    /// Does something to the cache at a moment: a purge, say. Nothing is done where
    /// there is no cache of ours.
    pub fn at(mut self, moment: Duration, what: impl Fn(&Cache) + Send + Sync + 'static) -> Self {
        self.events.push((moment, Arc::new(what)));
        self
    }

    /// Runs it with a cache between. The builder's runtime is the simulation's.
    ///
    /// # Errors
    /// If the cache cannot be built.
    pub fn run(&self, cache: CacheBuilder) -> Result<Report, ConfigError> {
        let stage = Stage::new(self);
        let cache = cache.runtime(stage.runtime.clone()).build()?;
        for (moment, event) in &self.events {
            let (event, cache) = (Arc::clone(event), cache.clone());
            let then = stage.runtime.sleep(*moment);
            stage.runtime.start(async move {
                then.await;
                event(&cache);
            });
        }
        let front = Cached {
            cache: cache.clone(),
            site: Arc::clone(&stage.site),
            runtime: stage.runtime.clone(),
            patience: self.patience,
        };
        let mut report = stage.play(self, Arc::new(front));
        report.stats = Some(cache.stats());
        Ok(report)
    }

    /// Runs it with nothing between.
    #[must_use]
    pub fn bare(&self) -> Report {
        let patience = self.patience;
        self.behind(|site, runtime| Bare {
            site,
            runtime,
            patience,
        })
    }

    /// Runs it with something else between, which `make` makes for this run.
    ///
    /// # Panics
    /// If that, or anything else in the simulation, panics.
    #[must_use]
    pub fn behind<F: Front>(
        &self,
        make: impl FnOnce(Arc<LiveSite>, SimulatedRuntime) -> F,
    ) -> Report {
        let stage = Stage::new(self);
        let front = make(Arc::clone(&stage.site), stage.runtime.clone());
        stage.play(self, Arc::new(front))
    }
}

impl fmt::Debug for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trial")
            .field("site", &self.site)
            .field("crowd", &self.crowd)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// What is there before anybody asks.
struct Stage {
    simulation: Simulation,
    runtime: SimulatedRuntime,
    site: Arc<LiveSite>,
    tally: Arc<Tally>,
}

impl Stage {
    fn new(trial: &Trial) -> Self {
        let simulation = Simulation::new(trial.seed, Schedule::default());
        let runtime = simulation.runtime();
        let tally = Arc::new(Tally::new(nanos(trial.warm_up)));
        let site = LiveSite::open(&trial.site, trial.seed, &runtime, &tally);
        Self {
            simulation,
            runtime,
            site,
            tally,
        }
    }

    fn play<F: Front>(self, trial: &Trial, front: Arc<F>) -> Report {
        let tally = Arc::clone(&self.tally);
        let arrivals = trial.crowd.arrivals(trial.seed);
        self.runtime.start(Coming {
            desk: Desk {
                front,
                site: Arc::clone(&self.site),
                runtime: self.runtime.clone(),
                tally: Arc::clone(&tally),
            },
            arrivals: arrivals.peekable(),
            heads: HashMap::default(),
            timer: None,
        });
        while self.simulation.run(STEPS) == End::OutOfSteps {
            if tally.is_over(nanos(self.runtime.elapsed()), nanos(LAST)) {
                break;
            }
        }
        if let Some(panicked) = self.simulation.take_panics().pop() {
            panic!("in a simulated task: {}", panicked.said.unwrap_or_default());
        }
        tally.report(trial.budget)
    }
}

/// Takes requests to the front, and notes how they are answered.
struct Desk<F> {
    front: Arc<F>,
    site: Arc<LiveSite>,
    runtime: SimulatedRuntime,
    tally: Arc<Tally>,
}

impl<F: Front> Desk<F> {
    fn ask(&self, now: u64, ask: Ask) {
        let page = ask.arrival.page;
        self.tally.asked(now);
        match self.front.ask(ask) {
            Asked::Now(answer) => note(&self.site, &self.tally, page, now, now, &answer),
            Asked::Later(answer) => {
                let (site, tally) = (Arc::clone(&self.site), Arc::clone(&self.tally));
                let runtime = self.runtime.clone();
                self.runtime.start(async move {
                    let answer = answer.await;
                    let then = nanos(runtime.elapsed());
                    note(&site, &tally, page, now, then, &answer);
                });
            }
        }
    }
}

fn note(site: &LiveSite, tally: &Tally, page: u32, asked: u64, now: u64, answer: &Answer) {
    let staleness = answer
        .version
        .and_then(|version| site.staleness(page, version));
    tally.answered(asked, now, answer, staleness);
}

/// The crowd, as it comes.
struct Coming<F> {
    desk: Desk<F>,
    arrivals: Peekable<Arrivals>,
    heads: HashMap<u32, Arc<Parts>>,
    timer: Option<Task>,
}

// Nothing in it is pinned: it is all moved freely.
impl<F> Unpin for Coming<F> {}

impl<F: Front> Future for Coming<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            let now = nanos(this.desk.runtime.now().since_start());
            while let Some(arrival) = this.arrivals.next_if(|next| nanos(next.at) <= now) {
                let parts = this.head(&arrival);
                this.desk.ask(now, Ask { arrival, parts });
            }
            let Some(next) = this.arrivals.peek() else {
                this.desk.tally.crowd_is_through(now);
                return Poll::Ready(());
            };
            let span = Duration::from_nanos(nanos(next.at) - now);
            let timer = this.timer.insert(this.desk.runtime.sleep(span));
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl<F> Coming<F> {
    /// The head of a request; those that many make are made once.
    fn head(&mut self, arrival: &Arrival) -> Arc<Parts> {
        if arrival.query.is_some() || arrival.method != Method::GET {
            return head(arrival);
        }
        match self.heads.entry(arrival.page) {
            Entry::Occupied(known) => Arc::clone(known.get()),
            Entry::Vacant(new) => Arc::clone(new.insert(head(arrival))),
        }
    }
}

#[allow(clippy::expect_used, reason = "these are legal")]
fn head(arrival: &Arrival) -> Arc<Parts> {
    let page = arrival.page;
    let uri = match arrival.query {
        Some(query) => format!("http://site.test/p{page}?q={query:x}"),
        None => format!("http://site.test/p{page}"),
    };
    let request = Request::builder().method(arrival.method.clone()).uri(uri);
    let request = request.body(()).expect("a request with a number in it");
    Arc::new(request.into_parts().0)
}
