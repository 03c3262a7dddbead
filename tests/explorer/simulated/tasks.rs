//! The tasks of a simulation, and which of them can run.

use std::task::Waker;

use floodwall::Task;

use super::random::Random;
use super::schedule::Order;

/// A task of one simulation. Numbers are given in turn and not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TaskId(pub(super) usize);

/// All tasks, the finished ones too.
#[derive(Default)]
pub(super) struct Tasks {
    slots: Vec<Slot>,
    /// Those that were woken and have not run since, in the order of waking.
    ready: Vec<TaskId>,
    unfinished: usize,
}

struct Slot {
    /// None while the task runs, and when it is finished.
    future: Option<Task>,
    waker: Waker,
    is_ready: bool,
    is_finished: bool,
    /// To be dropped when its turn comes, not polled.
    is_aborted: bool,
    /// Started by the code under test, not by the test.
    is_detached: bool,
    priority: u64,
}

/// A task whose turn it is.
pub(super) struct Turn {
    pub(super) id: TaskId,
    pub(super) future: Task,
    pub(super) waker: Waker,
    pub(super) is_aborted: bool,
}

impl Tasks {
    pub(super) fn next_id(&self) -> TaskId {
        TaskId(self.slots.len())
    }

    /// Adds a task that can run at once; its number is [`next_id`](Self::next_id).
    pub(super) fn add(&mut self, future: Task, waker: Waker, is_detached: bool, priority: u64) {
        let id = self.next_id();
        self.slots.push(Slot {
            future: Some(future),
            waker,
            is_ready: false,
            is_finished: false,
            is_aborted: false,
            is_detached,
            priority,
        });
        self.unfinished += 1;
        self.wake(id);
    }

    pub(super) fn wake(&mut self, id: TaskId) {
        let slot = &mut self.slots[id.0];
        if !slot.is_ready && !slot.is_finished {
            slot.is_ready = true;
            self.ready.push(id);
        }
    }

    pub(super) fn abort(&mut self, id: TaskId) {
        self.slots[id.0].is_aborted = true;
        self.wake(id);
    }

    pub(super) fn can_run(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whose turn it is among those that can run.
    pub(super) fn next(&mut self, order: Order, random: &mut Random) -> Option<Turn> {
        while !self.ready.is_empty() {
            let at = match order {
                Order::Even => random.index(self.ready.len()),
                Order::Queue => 0,
                Order::Priorities => self.foremost(random),
            };
            let id = self.ready.remove(at);
            self.slots[id.0].is_ready = false;
            // None if it was woken while it ran for the last time.
            let turn = self.turn(id);
            if turn.is_some() {
                return turn;
            }
        }
        None
    }

    fn foremost(&mut self, random: &mut Random) -> usize {
        let priority = |at: &usize| self.slots[self.ready[*at].0].priority;
        let at = (0..self.ready.len()).max_by_key(priority).unwrap_or(0);
        if random.percent(3) {
            let lowest = self.slots.iter().map(|slot| slot.priority).min();
            self.slots[self.ready[at].0].priority = lowest.unwrap_or(0).saturating_sub(1);
        }
        at
    }

    /// Some unfinished task that nobody woke.
    pub(super) fn unwoken(&mut self, random: &mut Random) -> Option<Turn> {
        if self.slots.is_empty() {
            return None;
        }
        let id = TaskId(random.index(self.slots.len()));
        if self.slots[id.0].is_ready {
            return None;
        }
        self.turn(id)
    }

    fn turn(&mut self, id: TaskId) -> Option<Turn> {
        let slot = &mut self.slots[id.0];
        Some(Turn {
            id,
            future: slot.future.take()?,
            waker: slot.waker.clone(),
            is_aborted: slot.is_aborted,
        })
    }

    /// A task whose turn is over goes on later.
    pub(super) fn put_back(&mut self, id: TaskId, future: Task) {
        self.slots[id.0].future = Some(future);
    }

    /// A task is over.
    pub(super) fn finish(&mut self, id: TaskId) {
        let slot = &mut self.slots[id.0];
        if !slot.is_finished {
            slot.is_finished = true;
            self.unfinished -= 1;
        }
    }

    pub(super) const fn unfinished(&self) -> usize {
        self.unfinished
    }

    /// The unfinished tasks that the code under test started.
    pub(super) fn detached(&self) -> Vec<TaskId> {
        let unfinished = |slot: &Slot| slot.is_detached && !slot.is_finished;
        let all = self.slots.iter().enumerate();
        all.filter(|(_, slot)| unfinished(slot))
            .map(|(at, _)| TaskId(at))
            .collect()
    }

    /// Everything that is left, to be dropped without a lock.
    pub(super) fn take_all(&mut self) -> Vec<Task> {
        self.ready.clear();
        let slots = self.slots.iter_mut();
        slots.filter_map(|slot| slot.future.take()).collect()
    }
}
