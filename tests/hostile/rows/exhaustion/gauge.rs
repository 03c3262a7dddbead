//! What a row costs the subject: memory, descriptors, counters, and the time of a hit beside it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::load::flood;
use super::probe::{Probe, Times};
use crate::case::Case;
use crate::origin::Recipe;
use crate::process::Figures;
use crate::subject::Subject;
use crate::verdict::Finding;

const MIB: f64 = (1 << 20) as f64;

/// The capacity of a proxy that is started without flags.
pub(super) const CAPACITY: u64 = 64 << 20;
/// Hits before the attack, to compare with.
const HITS_BEFORE: usize = 200;
/// How often the counters are read while the row runs.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Attackers, subject and origin share the machine, and others may be on it too: hits take longer
/// then, whatever the subject does. A hit counts as late if it takes so many times as long as
/// before, and longer than this: half of them, or the slowest hundredth.
const SLOWER: f64 = 10.0;
const SLOW: Duration = Duration::from_millis(25);
const SLOWEST: Duration = Duration::from_millis(250);
/// Hits in the flood that a flood is compared with.
const HARMLESS: u64 = 4_000;
/// How long after the attack nothing may be left of it.
const QUIET_WITHIN: Duration = Duration::from_secs(10);

/// What resident memory may come to. The harness publishes each part of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowed {
    pub(super) capacity: u64,
    /// For what the row does besides filling the store, and what that is.
    pub(super) more: u64,
    pub(super) for_what: &'static str,
}

impl Allowed {
    /// The capacity, and so much for connections or other things of the row's own.
    pub(super) const fn and(more: u64, for_what: &'static str) -> Self {
        Self {
            capacity: CAPACITY,
            more,
            for_what,
        }
    }

    /// No more than this is stored, or held to be stored.
    pub(super) const fn storing(mut self, most: u64) -> Self {
        self.capacity = most;
        self
    }

    /// Nothing is stored but the visitor's page.
    pub(super) const fn nothing_stored(self) -> Self {
        self.storing(1 << 20)
    }
}

/// Watches a subject while a row leans on it.
#[derive(Debug)]
pub(super) struct Gauge<'a> {
    case: &'a Case,
    base: Option<Figures>,
    pub(super) probe: Probe,
    before: Times,
    most: Arc<Mutex<Most>>,
    looks: JoinHandle<()>,
}

/// The most that was seen of each.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Most {
    pub(super) descriptors: usize,
    pub(super) stored_bytes: u64,
    pub(super) held_bytes: u64,
    pub(super) flights: u64,
    pub(super) flight_bytes: u64,
    pub(super) waiting: u64,
    pub(super) at_origin: u64,
}

impl<'a> Gauge<'a> {
    /// Begins, with a visitor of a page of its own.
    pub(super) async fn start(case: &'a Case) -> Self {
        let probe = Probe::start(case).await;
        Self::with(case, probe).await
    }

    /// Begins, with hits beside a flood of other hits to compare with: what a flood as wide costs
    /// on top of that is its own doing.
    pub(super) async fn start_for_flood(case: &'a Case) -> Self {
        Self::start(case).await.beside_hits().await
    }

    /// The same, from here on.
    pub(super) async fn beside_hits(mut self) -> Self {
        let page = self.case.page();
        page.script(Recipe::fresh("max-age=3600").padded(2048));
        self.case.ask(&self.case.get(&page.path)).await;
        self.probe.take();
        flood(self.case, HARMLESS, |_| self.case.get(&page.path)).await;
        self.before = self.probe.take();
        self
    }

    /// Begins, with this visitor.
    pub(super) async fn with(case: &'a Case, probe: Probe) -> Self {
        probe.seen(HITS_BEFORE).await;
        let before = probe.take();
        let most = Arc::<Mutex<Most>>::default();
        let looks = tokio::spawn(look(Arc::clone(&case.subject), Arc::clone(&most)));
        Self {
            case,
            base: case.figures(),
            probe,
            before,
            most,
            looks,
        }
    }

    /// The resident memory that has come on top of that at the start.
    pub(super) fn grown(&self) -> u64 {
        let now = self.case.figures().map_or(0, |now| now.resident);
        now.saturating_sub(self.base.map_or(0, |base| base.resident))
    }

    pub(super) fn most(&self) -> Most {
        *lock(&self.most)
    }

    /// Waits until a counter is as high as that.
    pub(super) async fn reaches(&self, name: &str, least: u64) -> Finding {
        self.becomes(name, |now| now >= least).await
    }

    /// Waits until a counter is as low as that.
    pub(super) async fn falls_to(&self, name: &str, most: u64) -> Finding {
        self.becomes(name, |now| now <= most).await
    }

    async fn becomes(&self, name: &str, done: impl Fn(u64) -> bool) -> Finding {
        let begin = Instant::now();
        loop {
            let Some(now) = self.case.stat(name).await else {
                return Finding::safe("counters unknown");
            };
            let told = format!("{name} {now} after {:.1?}", begin.elapsed());
            if done(now) {
                return Finding::safe(told);
            }
            if begin.elapsed() > QUIET_WITHIN {
                return Finding::bad(told);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until what the subject holds no longer grows.
    pub(super) async fn settled(&self) {
        let mut before = self.grown();
        for _ in 0..50 {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = self.grown();
            if now <= before + (64 << 10) {
                return;
            }
            before = now;
        }
    }

    /// Waits until nothing is in flight any more.
    pub(super) async fn quiet(&self) -> Finding {
        if !self.case.subject.is_ours() {
            return Finding::safe("counters unknown");
        }
        let mut left = Finding::safe("nothing left in flight");
        for name in ["waiting", "flights", "at_origin"] {
            let none = self.falls_to(name, 0).await;
            if !none.is_safe() {
                left = none;
            }
        }
        left
    }

    /// The visitor's hits from now on, while what the row has set up stays as it is.
    pub(super) async fn hits_now(&self) -> Finding {
        self.probe.take();
        self.probe.seen(HITS_BEFORE).await;
        self.hits()
    }

    /// Judges memory against what is allowed, and the visitor's hits against those before.
    pub(super) async fn finish(self, allowed: Allowed) -> Finding {
        let hits = self.hits();
        let stored = self.case.stat("stored_bytes").await;
        self.memory(allowed, stored).and(hits)
    }

    fn memory(&self, allowed: Allowed, stored: Option<u64>) -> Finding {
        let (Some(base), Some(now)) = (self.base, self.case.figures()) else {
            return Finding::safe("memory unknown");
        };
        let Allowed {
            capacity,
            more,
            for_what,
        } = allowed;
        let limit = capacity * 5 / 4 + base.resident + more;
        let most = self.most();
        let stored = stored.unwrap_or_default().max(most.stored_bytes);
        let mib = |bytes: u64| bytes as f64 / MIB;
        let told = format!(
            "resident {:.1} MiB at the start, {:.1} at most, {:.1} after (limit {:.1}: 1.25 x {:.0} \
             + the start + {:.1} for {for_what}); descriptors {}, {} at most, {}; stored_bytes {:.1}, \
             held_bytes {:.1} MiB, flights {}, flight_bytes {:.1} MiB, waiting {}, at_origin {} at most",
            mib(base.resident),
            mib(now.most_resident),
            mib(now.resident),
            mib(limit),
            mib(capacity),
            mib(more),
            base.descriptors,
            most.descriptors.max(now.descriptors),
            now.descriptors,
            mib(stored),
            mib(most.held_bytes),
            most.flights,
            mib(most.flight_bytes),
            most.waiting,
            most.at_origin,
        );
        let counted = stored.max(most.held_bytes) <= capacity;
        Finding::of(now.most_resident <= limit && counted, told)
    }

    /// The visitor's hits beside the attack.
    pub(super) fn hits(&self) -> Finding {
        let under = self.probe.take();
        let before = &self.before;
        let (half, slowest) = (under.percentile(50), under.percentile(99));
        let times = |is: Duration, was: Duration| is.as_secs_f64() / was.as_secs_f64().max(1e-6);
        let halves = times(half, before.percentile(50));
        let ends = times(slowest, before.percentile(99));
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let told = format!(
            "a hit {:.2} / {:.2} ms before, {:.2} / {:.2} ms under it (median / p99 of {}; {halves:.1} / \
             {ends:.1} times), {} failed, its page fetched {} times more",
            ms(before.percentile(50)),
            ms(before.percentile(99)),
            ms(half),
            ms(slowest),
            under.len(),
            under.failed,
            self.probe.refetched(),
        );
        let late = (half > SLOW && halves > SLOWER) || (slowest > SLOWEST && ends > SLOWER);
        let seldom = under.failed * 100 > under.len() as u64;
        Finding::of(!late && !seldom && under.len() > 0, told)
    }
}

impl Drop for Gauge<'_> {
    fn drop(&mut self) {
        self.looks.abort();
    }
}

async fn look(subject: Arc<Subject>, most: Arc<Mutex<Most>>) {
    loop {
        let descriptors = subject.figures().map_or(0, |now| now.descriptors);
        let Some(stats) = subject.stats().await else {
            return;
        };
        {
            let mut most = lock(&most);
            most.descriptors = most.descriptors.max(descriptors);
            let raise = |most: &mut u64, name: &str| {
                *most = (*most).max(stats[name].as_u64().unwrap_or(0));
            };
            raise(&mut most.stored_bytes, "stored_bytes");
            raise(&mut most.held_bytes, "held_bytes");
            raise(&mut most.flights, "flights");
            raise(&mut most.flight_bytes, "flight_bytes");
            raise(&mut most.waiting, "waiting");
            raise(&mut most.at_origin, "at_origin");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn lock(most: &Mutex<Most>) -> std::sync::MutexGuard<'_, Most> {
    most.lock().unwrap_or_else(PoisonError::into_inner)
}
