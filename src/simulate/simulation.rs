//! The loop that runs everything.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::time::Duration;

use super::random::Random;
use super::runtime::SimulatedRuntime;
use super::schedule::Schedule;
use super::tasks::{TaskId, Tasks, Turn};
use super::timers::{Timers, Woken};
use crate::runtime::Task;
use crate::sync::{Mutex, MutexGuard};

/// Runs tasks in simulated time, in an order that its seed decides.
pub struct Simulation {
    shared: Arc<Shared>,
    schedule: Schedule,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// No task can run and no timer is set: nothing will ever happen again.
    Quiet {
        /// So many tasks wait for something that does not come.
        waiting: usize,
    },
    /// It went on for longer than it was given.
    OutOfSteps,
}

/// A task that panicked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panicked {
    /// Which one.
    pub task: TaskId,
    /// What it said; nothing if it was told to.
    pub said: Option<String>,
}

/// What [`panic_on_purpose`] throws.
struct OnPurpose;

/// Panics without a word, where a test wants its code to panic: the hook that
/// prints panics is not called.
pub fn panic_on_purpose() -> ! {
    resume_unwind(Box::new(OnPurpose))
}

/// What the simulation and its handles share.
pub(super) struct Shared(Mutex<State>);

pub(super) struct State {
    pub(super) random: Random,
    /// Nanoseconds since the start.
    pub(super) now: u64,
    /// By how much the wall clock was set forward, less how much it was set back.
    pub(super) wall: i64,
    /// How much time has gone by while tasks could have run.
    pub(super) lag: u64,
    pub(super) timers: Timers,
    pub(super) tasks: Tasks,
    /// Whether new detached tasks are dropped at once.
    pub(super) refuses: bool,
    /// Whether a detached task is being dropped unfinished.
    pub(super) lets_go: bool,
    pub(super) panics: Vec<Panicked>,
}

impl Shared {
    /// The state. Nothing foreign may run while this is held: it would come back
    /// here.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }
}

/// Wakes one task.
pub(super) struct Bell {
    shared: Arc<Shared>,
    id: TaskId,
}

impl Bell {
    pub(super) fn new(shared: &Arc<Shared>, id: TaskId) -> Arc<Self> {
        let shared = Arc::clone(shared);
        Arc::new(Self { shared, id })
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.shared.lock().tasks.wake(self.id);
    }
}

/// What happens next.
enum Next {
    Turn(Turn),
    Time(Woken),
    Nothing,
}

impl Simulation {
    /// A simulation in which nothing has happened yet.
    #[must_use]
    pub fn new(seed: u64, schedule: Schedule) -> Self {
        let state = State {
            random: Random::new(seed),
            now: 0,
            wall: 0,
            lag: 0,
            timers: Timers::default(),
            tasks: Tasks::default(),
            refuses: false,
            lets_go: false,
            panics: Vec::new(),
        };
        let shared = Arc::new(Shared(Mutex::new(state)));
        Self { shared, schedule }
    }

    /// The handle for those inside.
    #[must_use]
    pub fn runtime(&self) -> SimulatedRuntime {
        SimulatedRuntime::new(Arc::clone(&self.shared))
    }

    /// Runs until nothing can happen any more, or for `most` steps. More tasks may
    /// be started then, and run by another call.
    pub fn run(&self, most: u64) -> End {
        for _ in 0..most {
            match self.next() {
                Next::Turn(turn) => self.take(turn),
                Next::Time(woken) => woken.into_iter().for_each(std::task::Waker::wake),
                Next::Nothing => {
                    let waiting = self.shared.lock().tasks.unfinished();
                    return End::Quiet { waiting };
                }
            }
        }
        End::OutOfSteps
    }

    /// The tasks that panicked since this was last asked.
    pub fn take_panics(&self) -> Vec<Panicked> {
        std::mem::take(&mut self.shared.lock().panics)
    }

    fn next(&self) -> Next {
        let schedule = &self.schedule;
        let state = &mut *self.shared.lock();
        if state.tasks.can_run() && state.random.percent(schedule.tardy) {
            if let Some(at) = state.timers.next() {
                state.lag += at.saturating_sub(state.now);
                return Next::Time(state.go_on_to(at));
            }
        }
        if state.random.percent(schedule.spurious) {
            if let Some(turn) = state.tasks.unwoken(&mut state.random) {
                return Next::Turn(turn);
            }
        }
        if let Some(turn) = state.tasks.next(schedule.order, &mut state.random) {
            return Next::Turn(turn);
        }
        match state.timers.next() {
            Some(at) => Next::Time(state.go_on_to(at)),
            None => Next::Nothing,
        }
    }

    fn take(&self, turn: Turn) {
        let Turn {
            id,
            mut future,
            waker,
            is_aborted,
        } = turn;
        if is_aborted {
            self.let_go(id, future);
            return;
        }
        let mut cx = Context::from_waker(&waker);
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut cx))) {
            Ok(Poll::Pending) => self.shared.lock().tasks.put_back(id, future),
            Ok(Poll::Ready(())) => self.drop_task(id, future),
            Err(panic) => {
                self.note(id, &*panic);
                self.drop_task(id, future);
            }
        }
    }

    /// Drops an aborted task.
    fn let_go(&self, id: TaskId, future: Task) {
        self.shared.lock().lets_go = true;
        self.drop_task(id, future);
        self.shared.lock().lets_go = false;
    }

    fn drop_task(&self, id: TaskId, future: Task) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(future))) {
            self.note(id, &*panic);
        }
        self.shared.lock().tasks.finish(id);
    }

    fn note(&self, task: TaskId, panic: &(dyn Any + Send)) {
        let said = if panic.is::<OnPurpose>() {
            None
        } else if let Some(text) = panic.downcast_ref::<&str>() {
            Some((*text).to_owned())
        } else {
            let text = panic.downcast_ref::<String>().cloned();
            Some(text.unwrap_or_else(|| "something that is no text".to_owned()))
        };
        self.shared.lock().panics.push(Panicked { task, said });
    }
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation")
            .field("schedule", &self.schedule)
            .finish_non_exhaustive()
    }
}

impl State {
    fn go_on_to(&mut self, at: u64) -> Woken {
        self.now = self.now.max(at);
        self.timers.fire(self.now)
    }

    pub(super) fn later(&self, span: Duration) -> u64 {
        let span = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        self.now.saturating_add(span)
    }
}

impl Drop for Simulation {
    /// Drops what is left of the tasks, and parts those who hold each other: tasks
    /// hold wakers, and wakers the simulation.
    fn drop(&mut self) {
        let (tasks, timers) = {
            let mut state = self.shared.lock();
            state.refuses = true;
            (state.tasks.take_all(), std::mem::take(&mut state.timers))
        };
        drop(timers);
        for (future, _waker) in tasks {
            let _ = catch_unwind(AssertUnwindSafe(|| drop(future)));
        }
    }
}
