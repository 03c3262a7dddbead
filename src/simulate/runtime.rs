//! The simulation, as seen from inside.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::simulation::{Bell, Shared};
use super::tasks::TaskId;
use super::timers::TimerId;
use crate::clock::{Clock, Moment};
use crate::runtime::{Runtime, Task};

/// Priorities begin here, so that there is room below.
const UPPER_HALF: u64 = 1 << 63;

/// A handle to a [`Simulation`](super::Simulation): its clock, its timers, its
/// tasks, and the trouble that can be made there.
#[derive(Clone)]
pub struct SimulatedRuntime {
    shared: Arc<Shared>,
}

impl SimulatedRuntime {
    /// The time of day when a simulation begins, since the Unix epoch.
    pub const START: Duration = Duration::from_secs(1_800_000_000);

    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Starts a task of the test's own.
    pub fn start(&self, task: impl Future<Output = ()> + Send + 'static) -> TaskId {
        self.add(Box::pin(task), false)
    }

    /// Has a task dropped unfinished, when its turn comes.
    pub fn abort(&self, task: TaskId) {
        self.shared.lock().tasks.abort(task);
    }

    /// The unfinished tasks that were started through [`Runtime::spawn`].
    #[must_use]
    pub fn detached(&self) -> Vec<TaskId> {
        self.shared.lock().tasks.detached()
    }

    /// Whether tasks given to [`Runtime::spawn`] are dropped at once, as by a
    /// runtime that is shutting down.
    pub fn refuse(&self, refuses: bool) {
        self.shared.lock().refuses = refuses;
    }

    /// Whether a task is being dropped because it was aborted or refused, and not
    /// because it is over.
    #[must_use]
    pub fn lets_go(&self) -> bool {
        self.shared.lock().lets_go
    }

    /// Sets the wall clock forward, or back.
    pub fn step_wall(&self, seconds: i64) {
        self.shared.lock().wall += seconds;
    }

    /// The time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.shared.lock().now)
    }

    /// How much of that went by while tasks could have run.
    #[must_use]
    pub fn lag(&self) -> Duration {
        Duration::from_nanos(self.shared.lock().lag)
    }

    fn add(&self, task: Task, is_detached: bool) -> TaskId {
        let mut state = self.shared.lock();
        let id = state.tasks.next_id();
        let waker = Waker::from(Bell::new(&self.shared, id));
        let priority = state.random.next() | UPPER_HALF;
        state.tasks.add(task, waker, is_detached, priority);
        id
    }
}

impl fmt::Debug for SimulatedRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedRuntime")
            .field("elapsed", &self.elapsed())
            .finish_non_exhaustive()
    }
}

impl Clock for SimulatedRuntime {
    fn now(&self) -> Moment {
        Moment::new(self.elapsed())
    }

    fn wall(&self) -> SystemTime {
        let set = self.shared.lock().wall;
        let span = Duration::from_secs(set.unsigned_abs());
        let true_time = UNIX_EPOCH + Self::START + self.elapsed();
        if set < 0 {
            true_time - span
        } else {
            true_time + span
        }
    }
}

impl Runtime for SimulatedRuntime {
    fn sleep(&self, span: Duration) -> Task {
        Box::pin(Sleep {
            shared: Arc::clone(&self.shared),
            deadline: self.shared.lock().later(span),
            timer: None,
        })
    }

    fn spawn(&self, task: Task) {
        if !self.shared.lock().refuses {
            self.add(task, true);
            return;
        }
        self.shared.lock().lets_go = true;
        drop(task);
        self.shared.lock().lets_go = false;
    }

    fn random(&self) -> u64 {
        self.shared.lock().random.next()
    }
}

/// Ready at a moment. Its timer is set when it is first polled, and given up when
/// it is dropped.
struct Sleep {
    shared: Arc<Shared>,
    deadline: u64,
    timer: Option<TimerId>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.shared.lock();
        if state.now >= self.deadline {
            return Poll::Ready(());
        }
        let replaced = match self.timer {
            Some(timer) => state.timers.rewake(timer, cx.waker()),
            None => {
                let timer = state.timers.set(self.deadline, cx.waker().clone());
                drop(state);
                self.timer = Some(timer);
                return Poll::Pending;
            }
        };
        drop(state);
        drop(replaced);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            let waker = self.shared.lock().timers.give_up(timer);
            drop(waker);
        }
    }
}
