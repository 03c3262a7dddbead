//! One run: a site, a cache before it, clients, trouble, and what was seen.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use floodwall::{Cache, Purge, Runtime};

use crate::client::{Ask, Fields, Leaves, Pace, Visit, path, visit};
use crate::history::{Ending, History, Over, Purging, Recorder};
use crate::plan::{Plan, Trouble};
use crate::sabotage::Saboteur;
use crate::site::{Site, topic_name};
use floodwall::simulate::{End, Random, SimulatedRuntime, Simulation};

/// More than any run should take, and little enough to be waited for.
const MOST_STEPS: u64 = 1_000_000;
/// Longer than any pause after a failure.
const QUIET: Duration = Duration::from_secs(10);

/// What everyone in a run can reach.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) runtime: SimulatedRuntime,
    pub(crate) cache: Cache,
    pub(crate) site: Site,
    pub(crate) recorder: Recorder,
    pub(crate) sabotage: Saboteur,
}

/// Runs a plan to its end.
pub(crate) fn run(plan: Plan, sabotage: Saboteur) -> History {
    let simulation = Simulation::new(plan.run_seed, plan.schedule.clone());
    let runtime = simulation.runtime();
    let builder = plan.settings.builder().runtime(runtime.clone());
    let world = Arc::new(World {
        cache: builder.build().expect("the plan's settings are legal"),
        site: Site::new(&plan),
        recorder: Recorder::new(&runtime, plan.clone()),
        runtime,
        sabotage,
        plan,
    });
    for planned in &world.plan.visits {
        world.runtime.start(visit(Arc::clone(&world), *planned));
    }
    for (at, trouble) in &world.plan.troubles {
        world.runtime.start(make(Arc::clone(&world), *at, *trouble));
    }
    let end = simulation.run(MOST_STEPS);
    world.note_ending(end);
    world.probe(&simulation);
    let panics = simulation.take_panics();
    drop(simulation);
    let mut history = world.recorder.finish();
    history.panics = panics;
    history
}

impl World {
    /// The right time of day, which the cache's clock may not show.
    pub(crate) fn true_time(&self) -> SystemTime {
        UNIX_EPOCH + SimulatedRuntime::START + self.runtime.elapsed()
    }

    /// How something is being dropped.
    pub(crate) fn over(&self) -> Over {
        if std::thread::panicking() {
            Over::Panicked
        } else if self.runtime.lets_go() {
            self.sabotage.over(Over::Killed)
        } else {
            Over::Dropped
        }
    }

    fn note_ending(&self, end: End) {
        let detached = self.runtime.detached().len();
        let stats = self.sabotage.stats(self.cache.stats());
        self.recorder.note(|history, stamp| {
            history.ending = Some(Ending {
                stamp,
                stats,
                waiting: match end {
                    End::Quiet { waiting } => waiting,
                    End::OutOfSteps => 0,
                },
                detached,
                endless: end == End::OutOfSteps,
            });
            history.first_probe = history.requests.len();
        });
    }

    /// When everything is over, each page is asked for once more in its turn, of a
    /// site that is well again.
    fn probe(self: &Arc<Self>, simulation: &Simulation) {
        self.site.heal();
        self.runtime.refuse(false);
        for page in 0..self.plan.pages.len() {
            let probe = Visit {
                at: QUIET,
                ask: Ask::page(page, Fields::default()),
                asks_about_last: false,
                leaves: Leaves::WhenDone,
                pace: Pace::FAST,
            };
            self.runtime.start(visit(Arc::clone(self), probe));
            simulation.run(MOST_STEPS);
        }
    }
}

async fn make(world: Arc<World>, at: Duration, trouble: Trouble) {
    world.runtime.sleep(at).await;
    let runtime = &world.runtime;
    match trouble {
        Trouble::Purge(what, soft) => purge(&world, what, soft),
        Trouble::WallStep(seconds) => runtime.step_wall(seconds),
        Trouble::KillOne => {
            let detached = runtime.detached();
            let mut random = Random::new(runtime.random());
            if !detached.is_empty() {
                runtime.abort(random.pick(&detached));
            }
        }
        Trouble::ShutDown => runtime
            .detached()
            .into_iter()
            .for_each(|task| runtime.abort(task)),
        Trouble::Refuse(span) => {
            runtime.refuse(true);
            runtime.sleep(span).await;
            runtime.refuse(false);
        }
        Trouble::Change(page) => world.site.change(page),
        Trouble::Look => world.recorder.stats(world.cache.stats()),
    }
    if !matches!(trouble, Trouble::Purge(..) | Trouble::Look) {
        world.recorder.trouble(format!("{trouble:?}"));
    }
}

fn purge(world: &World, what: Purging, soft: bool) {
    let purge = match what {
        Purging::Page(page) => Purge::uri(&path(page)).expect("a path"),
        Purging::Topic(topic) => Purge::tag(topic_name(topic)),
        Purging::Everything => Purge::everything(),
    };
    world.cache.purge(if soft { purge.soft() } else { purge });
    world.recorder.purged(what, soft);
}
