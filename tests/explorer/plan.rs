//! What is tried in one run, all of it drawn from the seed before anything
//! happens: the cache's settings, the pages, who asks when, and what goes wrong.

use std::time::Duration;

use floodwall::{Cache, CacheBuilder};

use crate::client::{Ask, Directive, Fields, Identity, Leaves, Method, Pace, Visit};
use crate::history::Purging;
use crate::site::Said;
use floodwall::simulate::{Random, Schedule};

/// One run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) settings: Settings,
    pub(crate) schedule: Schedule,
    /// Times are multiples of this: the coarser it is, the more happens at once.
    pub(crate) grain: Duration,
    pub(crate) pages: Vec<PagePlan>,
    pub(crate) rates: Rates,
    pub(crate) visits: Vec<Visit>,
    pub(crate) troubles: Vec<(Duration, Trouble)>,
    pub(crate) site_seed: u64,
    pub(crate) run_seed: u64,
}

/// The numbers that the cache is built with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) capacity: u64,
    pub(crate) max_object_size: u64,
    pub(crate) max_variants: usize,
    pub(crate) max_flights: usize,
    pub(crate) max_waiters: usize,
    pub(crate) origin_limit: usize,
    pub(crate) origin_queue: usize,
    pub(crate) fetch_deadline: Duration,
    pub(crate) body_idle_deadline: Duration,
    pub(crate) store_deadline: Duration,
    pub(crate) unshareable_memory: Duration,
    pub(crate) stale_while_revalidate: Option<u64>,
    pub(crate) stale_if_error: Option<u64>,
    pub(crate) strict_collapse: bool,
    pub(crate) store_errors: bool,
    pub(crate) fetch_whole_for_ranges: bool,
    pub(crate) store_parts: bool,
}

/// A page, to begin with.
#[derive(Clone, Debug)]
pub(crate) struct PagePlan {
    pub(crate) said: Said,
    /// How often in a hundred calls it becomes another page,
    pub(crate) fickle: u64,
    /// and with how many odd traits.
    pub(crate) odd: u64,
}

/// How often in a hundred calls the handler misbehaves.
#[derive(Clone, Debug)]
pub(crate) struct Rates {
    pub(crate) fail: u64,
    pub(crate) hang: u64,
    pub(crate) panic: u64,
    pub(crate) cut: u64,
    /// A 304 that speaks of something else.
    pub(crate) lie: u64,
    /// It asks the cache for a page.
    pub(crate) asks: u64,
    pub(crate) large: u64,
}

/// What goes wrong at some moment.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    Purge(Purging, bool),
    /// The wall clock is set by so many seconds.
    WallStep(i64),
    /// One task of the engine is dropped,
    KillOne,
    /// or all of them,
    ShutDown,
    /// and new ones too, for a while.
    Refuse(Duration),
    /// A page becomes another one.
    Change(usize),
    /// The counters are read.
    Look,
}

/// Set back by this, a clock shows a time before 1970.
const SIXTY_YEARS: i64 = 60 * 365 * 86_400;
const SECOND: Duration = Duration::from_secs(1);

impl Plan {
    pub(crate) fn drawn(seed: u64) -> Self {
        let random = &mut Random::new(seed);
        let grain = random.pick(&[1, 10, 100, 250]);
        let grain = Duration::from_millis(grain);
        let pages = 1 + random.index(4);
        let span = SECOND * random.pick(&[1, 3, 10, 30]);
        let settings = Settings::drawn(random);
        let odd = random.pick(&[0, 10, 40]);
        let fickle = random.pick(&[0, 0, 10, 50]);
        Self {
            settings,
            schedule: Schedule::drawn(random),
            grain,
            pages: (0..pages)
                .map(|_| PagePlan {
                    said: Said::drawn(random, odd),
                    fickle,
                    odd,
                })
                .collect(),
            rates: Rates::drawn(random),
            visits: Crowds::drawn(random, pages).visits(random, span, grain),
            troubles: troubles(random, pages, span, grain),
            site_seed: random.next(),
            run_seed: random.next(),
        }
    }
}

fn moment(random: &mut Random, span: Duration, grain: Duration) -> Duration {
    let grains = span.as_millis() / grain.as_millis();
    grain * random.below(grains as u64 + 1) as u32
}

impl Settings {
    fn drawn(random: &mut Random) -> Self {
        let millis =
            |random: &mut Random, choices: &[u64]| Duration::from_millis(random.pick(choices));
        let capacity = random.pick(&[64 << 20, 64 << 20, 64 << 20, 20_000, 4_000]);
        let max_object_size = random.pick(&[8 << 20, 8 << 20, 8 << 20, 100_000, 1_000, 100]);
        Self {
            capacity,
            max_object_size: max_object_size.min(capacity / 4),
            max_variants: random.pick(&[32, 32, 32, 2, 1]),
            max_flights: random.pick(&[1000, 1000, 1000, 3, 1]),
            max_waiters: random.pick(&[1000, 1000, 1000, 3, 1]),
            origin_limit: random.pick(&[1000, 1000, 1000, 2, 1]),
            origin_queue: random.pick(&[1000, 1000, 1000, 1, 0]),
            fetch_deadline: millis(random, &[500, 1000, 2000, 5000, 30_000]),
            body_idle_deadline: millis(random, &[300, 1000, 5000, 30_000]),
            store_deadline: millis(random, &[300_000, 300_000, 300_000, 1000]),
            unshareable_memory: millis(random, &[120_000, 120_000, 5000, 1000, 0]),
            stale_while_revalidate: random.pick(&[None, None, None, Some(5)]),
            stale_if_error: random.pick(&[None, None, None, Some(5)]),
            strict_collapse: random.percent(10),
            store_errors: random.percent(10),
            fetch_whole_for_ranges: random.percent(30),
            store_parts: random.percent(50),
        }
    }

    pub(crate) fn builder(&self) -> CacheBuilder {
        let mut builder = Cache::builder()
            .capacity(self.capacity)
            .max_object_size(self.max_object_size)
            .max_variants(self.max_variants)
            .max_flights(self.max_flights)
            .max_waiters(self.max_waiters)
            .origin_limit(self.origin_limit)
            .origin_queue(self.origin_queue)
            .fetch_deadline(self.fetch_deadline)
            .body_idle_deadline(self.body_idle_deadline)
            .store_deadline(self.store_deadline)
            .unshareable_memory(self.unshareable_memory)
            .strict_collapse(self.strict_collapse)
            .store_errors(self.store_errors)
            .fetch_whole_for_ranges(self.fetch_whole_for_ranges)
            .store_parts(self.store_parts);
        if let Some(window) = self.stale_while_revalidate {
            builder = builder.stale_while_revalidate(Duration::from_secs(window));
        }
        if let Some(window) = self.stale_if_error {
            builder = builder.stale_if_error(Duration::from_secs(window));
        }
        builder
    }
}

impl Rates {
    fn drawn(random: &mut Random) -> Self {
        let rate = |random: &mut Random| random.pick(&[0, 0, 0, 5, 20, 60]);
        Self {
            fail: rate(random),
            hang: rate(random) / 2,
            panic: rate(random) / 2,
            cut: rate(random),
            lie: rate(random),
            asks: rate(random) / 2,
            large: random.pick(&[0, 0, 0, 0, 0, 30]),
        }
    }
}

/// What the crowds of one run have in common.
struct Crowds {
    pages: usize,
    /// How often in a hundred a client is odd in one way or another.
    known: u64,
    varied: u64,
    directed: u64,
    leaving: u64,
    slow: u64,
}

impl Crowds {
    fn drawn(random: &mut Random, pages: usize) -> Self {
        Self {
            pages,
            known: random.pick(&[0, 0, 10, 40]),
            varied: random.pick(&[0, 20, 60]),
            directed: random.pick(&[0, 5, 20]),
            leaving: random.pick(&[0, 0, 10, 40]),
            slow: random.pick(&[0, 0, 10, 40]),
        }
    }

    fn visits(&self, random: &mut Random, span: Duration, grain: Duration) -> Vec<Visit> {
        let mut visits = Vec::new();
        for _ in 0..2 + random.below(7) {
            let at = moment(random, span, grain);
            let page = random.index(self.pages);
            for _ in 0..random.pick(&[1, 1, 2, 3, 5, 12]) {
                let page = if random.percent(80) {
                    page
                } else {
                    random.index(self.pages)
                };
                let late = grain * random.pick(&[0, 0, 0, 1, 2]);
                visits.push(self.visit(random, at + late, page, grain));
            }
        }
        visits
    }

    fn visit(&self, random: &mut Random, at: Duration, page: usize, grain: Duration) -> Visit {
        let mut ask = Ask::page(page, self.fields(random));
        if random.percent(self.directed) {
            self.direct(random, &mut ask);
        }
        let pauses = random.percent(self.slow);
        Visit {
            at,
            asks_about_last: random.percent(self.directed / 2),
            leaves: self.leaves(random, grain),
            pace: Pace {
                rests: if pauses {
                    grain * random.pick(&[1, 3, 20])
                } else {
                    Duration::ZERO
                },
                most: if random.percent(self.leaving / 2) {
                    random.below(3) as u32
                } else {
                    u32::MAX
                },
            },
            ask,
        }
    }

    fn fields(&self, random: &mut Random) -> Fields {
        let mut fields = Fields::default();
        if random.percent(self.known) {
            fields.identity = random.pick(&Identity::ALL);
        }
        if random.percent(self.varied) {
            fields.language = random.index(3);
            fields.kind = random.percent(30);
        }
        fields
    }

    fn direct(&self, random: &mut Random, ask: &mut Ask) {
        match random.below(10) {
            0 => ask.method = Method::Head,
            1 => ask.method = Method::Post,
            2 => {
                let first = random.below(100);
                ask.range = Some((first, first + random.below(100)));
            }
            3 => ask.directive = Some(Directive::NoStore),
            4 => ask.directive = Some(Directive::OnlyIfCached),
            5 => ask.directive = Some(Directive::MaxAge(random.below(3))),
            6 => ask.directive = Some(Directive::MinFresh(1)),
            7 => ask.directive = Some(Directive::MaxStale(random.pick(&[1, 10]))),
            _ => ask.directive = Some(Directive::NoCache),
        }
    }

    fn leaves(&self, random: &mut Random, grain: Duration) -> Leaves {
        if !random.percent(self.leaving) {
            return Leaves::WhenDone;
        }
        match random.below(6) {
            0 => Leaves::AtOnce,
            1 => Leaves::AfterPolls(0),
            2 => Leaves::AfterPolls(1 + random.below(4) as u32),
            _ => Leaves::After(grain * random.pick(&[0, 1, 2, 5, 20])),
        }
    }
}

fn troubles(
    random: &mut Random,
    pages: usize,
    span: Duration,
    grain: Duration,
) -> Vec<(Duration, Trouble)> {
    let purges = random.pick(&[0, 0, 1, 3, 8]);
    let kills = random.pick(&[0, 0, 0, 1, 4]);
    let others = random.pick(&[0, 1, 3]);
    let looks = random.pick(&[0, 0, 5]);
    let mut troubles = Vec::new();
    for _ in 0..purges {
        let what = match random.below(10) {
            0 => Purging::Everything,
            1..=3 => Purging::Topic(random.below(2) as u8),
            _ => Purging::Page(random.index(pages)),
        };
        troubles.push(Trouble::Purge(what, random.percent(30)));
    }
    for _ in 0..kills {
        troubles.push(match random.below(4) {
            0 => Trouble::ShutDown,
            1 => Trouble::Refuse(grain * random.pick(&[0, 1, 5])),
            _ => Trouble::KillOne,
        });
    }
    for _ in 0..others {
        troubles.push(match random.below(2) {
            0 => Trouble::WallStep(random.pick(&[86_400, -86_400, 1, -1, -SIXTY_YEARS])),
            _ => Trouble::Change(random.index(pages)),
        });
    }
    troubles.extend((0..looks).map(|_| Trouble::Look));
    let at = |trouble| (moment(random, span, grain), trouble);
    troubles.into_iter().map(at).collect()
}
