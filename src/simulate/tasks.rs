//! The tasks of a simulation, and which of them can run.

use std::collections::VecDeque;
use std::task::Waker;

use super::random::Random;
use super::schedule::Order;
use crate::runtime::Task;

/// A task of one [`Simulation`](super::Simulation). What was over is not meant by
/// the name of what comes after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TaskId {
    slot: u32,
    /// So many tasks have had the slot before.
    before: u32,
}

/// All unfinished tasks.
#[derive(Default)]
pub(super) struct Tasks {
    slots: Vec<Slot>,
    /// Slots without a task.
    free: Vec<u32>,
    /// Those that were woken and have not run since, in the order of waking.
    ready: VecDeque<TaskId>,
}

struct Slot {
    before: u32,
    task: Option<Unfinished>,
}

struct Unfinished {
    /// None while the task runs.
    future: Option<Task>,
    waker: Waker,
    is_ready: bool,
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
    /// The name of the task that is added next.
    pub(super) fn next_id(&self) -> TaskId {
        match self.free.last() {
            Some(&slot) => TaskId {
                slot,
                before: self.slots[slot as usize].before,
            },
            None => TaskId {
                slot: self.slots.len() as u32,
                before: 0,
            },
        }
    }

    /// Adds a task that can run at once; its name is [`next_id`](Self::next_id).
    pub(super) fn add(&mut self, future: Task, waker: Waker, is_detached: bool, priority: u64) {
        let id = self.next_id();
        let task = Some(Unfinished {
            future: Some(future),
            waker,
            is_ready: false,
            is_aborted: false,
            is_detached,
            priority,
        });
        match self.free.pop() {
            Some(slot) => self.slots[slot as usize].task = task,
            None => self.slots.push(Slot { before: 0, task }),
        }
        self.wake(id);
    }

    pub(super) fn wake(&mut self, id: TaskId) {
        if let Some(task) = self.get(id) {
            if !std::mem::replace(&mut task.is_ready, true) {
                self.ready.push_back(id);
            }
        }
    }

    pub(super) fn abort(&mut self, id: TaskId) {
        if let Some(task) = self.get(id) {
            task.is_aborted = true;
            self.wake(id);
        }
    }

    pub(super) fn can_run(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whose turn it is among those that can run.
    pub(super) fn next(&mut self, order: Order, random: &mut Random) -> Option<Turn> {
        while !self.ready.is_empty() {
            let id = match order {
                Order::Queue => self.ready.pop_front(),
                Order::Even => {
                    let at = random.index(self.ready.len());
                    self.ready.swap_remove_back(at)
                }
                Order::Priorities => {
                    let at = self.foremost(random);
                    self.ready.remove(at)
                }
            }?;
            // None if it was woken while it ran for the last time.
            if let Some(task) = self.get(id) {
                task.is_ready = false;
                let turn = self.turn(id);
                if turn.is_some() {
                    return turn;
                }
            }
        }
        None
    }

    fn foremost(&mut self, random: &mut Random) -> usize {
        let priority = |at: &usize| self.priority(self.ready[*at]);
        let at = (0..self.ready.len()).max_by_key(priority).unwrap_or(0);
        if random.percent(3) {
            let tasks = self.slots.iter().filter_map(|slot| slot.task.as_ref());
            let lowest = tasks.map(|task| task.priority).min();
            if let Some(task) = self.get(self.ready[at]) {
                task.priority = lowest.unwrap_or(0).saturating_sub(1);
            }
        }
        at
    }

    fn priority(&self, id: TaskId) -> u64 {
        let slot = self.slots.get(id.slot as usize);
        let task = slot.filter(|slot| slot.before == id.before);
        task.and_then(|slot| slot.task.as_ref())
            .map_or(0, |task| task.priority)
    }

    /// Some unfinished task that nobody woke.
    pub(super) fn unwoken(&mut self, random: &mut Random) -> Option<Turn> {
        if self.slots.is_empty() {
            return None;
        }
        let slot = random.index(self.slots.len());
        let id = TaskId {
            slot: slot as u32,
            before: self.slots[slot].before,
        };
        if self.get(id)?.is_ready {
            return None;
        }
        self.turn(id)
    }

    fn turn(&mut self, id: TaskId) -> Option<Turn> {
        let task = self.get(id)?;
        Some(Turn {
            id,
            future: task.future.take()?,
            waker: task.waker.clone(),
            is_aborted: task.is_aborted,
        })
    }

    /// A task whose turn is over goes on later.
    pub(super) fn put_back(&mut self, id: TaskId, future: Task) {
        if let Some(task) = self.get(id) {
            task.future = Some(future);
        }
    }

    /// A task is over: its slot is free for another.
    pub(super) fn finish(&mut self, id: TaskId) {
        let Some(slot) = self.slots.get_mut(id.slot as usize) else {
            return;
        };
        if slot.before == id.before && slot.task.take().is_some() {
            slot.before = slot.before.wrapping_add(1);
            self.free.push(id.slot);
        }
    }

    pub(super) fn unfinished(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The unfinished tasks that the code under test started.
    pub(super) fn detached(&self) -> Vec<TaskId> {
        let all = self.slots.iter().enumerate();
        all.filter(|(_, slot)| slot.task.as_ref().is_some_and(|task| task.is_detached))
            .map(|(at, slot)| TaskId {
                slot: at as u32,
                before: slot.before,
            })
            .collect()
    }

    /// Everything that is left, wakers too, to be dropped without a lock.
    pub(super) fn take_all(&mut self) -> Vec<(Option<Task>, Waker)> {
        let left = std::mem::take(self);
        let tasks = left.slots.into_iter().filter_map(|slot| slot.task);
        tasks.map(|task| (task.future, task.waker)).collect()
    }

    fn get(&mut self, id: TaskId) -> Option<&mut Unfinished> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        (slot.before == id.before).then_some(slot.task.as_mut())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(tasks: &mut Tasks) -> TaskId {
        let id = tasks.next_id();
        tasks.add(Box::pin(async {}), Waker::noop().clone(), true, 0);
        id
    }

    #[test]
    fn a_million_tasks_that_come_and_go_take_one_slot() {
        let mut tasks = Tasks::default();
        let mut random = Random::new(1);
        for _ in 0..1_000_000 {
            let id = add(&mut tasks);
            let turn = tasks.next(Order::Queue, &mut random).expect("a turn");
            assert_eq!(turn.id, id);
            tasks.finish(id);
        }
        assert_eq!((tasks.slots.len(), tasks.unfinished()), (1, 0));
    }

    #[test]
    fn who_is_over_wakes_nobody_who_came_after() {
        let mut tasks = Tasks::default();
        let mut random = Random::new(1);
        let first = add(&mut tasks);
        drop(tasks.next(Order::Queue, &mut random));
        tasks.finish(first);
        let second = add(&mut tasks);
        let turn = tasks.next(Order::Queue, &mut random).expect("a turn");
        tasks.put_back(second, turn.future);
        tasks.wake(first);
        tasks.abort(first);
        assert!(!tasks.can_run());
        tasks.wake(second);
        let turn = tasks.next(Order::Queue, &mut random).expect("a turn");
        assert!(!turn.is_aborted);
    }
}
