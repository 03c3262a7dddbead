//! What waits for a moment.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::task::Waker;

use smallvec::SmallVec;

/// Those who are woken by one step of time; mostly one.
pub(super) type Woken = SmallVec<[Waker; 4]>;

/// Below this many it is not worth the while to look for those that were given up.
const FEW: usize = 1024;

/// Timers, the earliest first.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BinaryHeap<Reverse<Due>>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// How many have been set so far.
    made: u64,
}

/// A timer. Numbers are given in turn and not used again; slots are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimerId {
    number: u64,
    slot: u32,
}

/// When a timer is due. Of two that are due at once, the older one is first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: u64,
    number: u64,
    slot: u32,
}

#[derive(Debug)]
struct Slot {
    number: u64,
    /// None where the timer was given up or has fired.
    waker: Option<Waker>,
}

impl Timers {
    /// Sets a timer for a moment, in nanoseconds.
    pub(super) fn set(&mut self, at: u64, waker: Waker) -> TimerId {
        self.made += 1;
        let number = self.made;
        let filled = Slot {
            number,
            waker: Some(waker),
        };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = filled;
                slot
            }
            None => {
                self.slots.push(filled);
                (self.slots.len() - 1) as u32
            }
        };
        self.due.push(Reverse(Due { at, number, slot }));
        TimerId { number, slot }
    }

    /// Changes who is woken; hands out who was to be.
    pub(super) fn rewake(&mut self, timer: TimerId, waker: &Waker) -> Option<Waker> {
        match self.waiting(timer) {
            Some(old) if !old.will_wake(waker) => Some(std::mem::replace(old, waker.clone())),
            _ => None,
        }
    }

    /// Gives a timer up. Time does not stop where it would have fired.
    pub(super) fn give_up(&mut self, timer: TimerId) -> Option<Waker> {
        let waker = self.take(timer)?;
        // Most timers are deadlines far ahead that are given up soon: what is left
        // of them is swept out whenever it is half of all.
        let live = self.slots.len() - self.free.len();
        if self.due.len() > FEW && self.due.len() > 2 * live {
            let slots = &self.slots;
            self.due.retain(|Reverse(due)| {
                let slot = &slots[due.slot as usize];
                slot.number == due.number && slot.waker.is_some()
            });
        }
        Some(waker)
    }

    /// The moment of the next timer that somebody still waits for.
    pub(super) fn next(&mut self) -> Option<u64> {
        while let Some(Reverse(due)) = self.due.peek() {
            let (at, timer) = (due.at, due.timer());
            if self.waiting(timer).is_some() {
                return Some(at);
            }
            self.due.pop();
        }
        None
    }

    /// Those to be woken because it is `now`.
    pub(super) fn fire(&mut self, now: u64) -> Woken {
        let mut woken = Woken::new();
        while self.next().is_some_and(|at| at <= now) {
            if let Some(Reverse(due)) = self.due.pop() {
                woken.extend(self.take(due.timer()));
            }
        }
        woken
    }

    /// How many are held, those that were given up included.
    #[cfg(test)]
    fn held(&self) -> usize {
        self.due.len().max(self.slots.len())
    }

    fn waiting(&mut self, timer: TimerId) -> Option<&mut Waker> {
        let slot = self.slots.get_mut(timer.slot as usize)?;
        (slot.number == timer.number).then_some(slot.waker.as_mut())?
    }

    fn take(&mut self, timer: TimerId) -> Option<Waker> {
        let slot = self.slots.get_mut(timer.slot as usize)?;
        let waker = (slot.number == timer.number).then(|| slot.waker.take())??;
        self.free.push(timer.slot);
        Some(waker)
    }
}

impl Due {
    const fn timer(&self) -> TimerId {
        TimerId {
            number: self.number,
            slot: self.slot,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_due_at_once_fire_in_the_order_in_which_they_were_set() {
        let mut timers = Timers::default();
        let late = timers.set(9, Waker::noop().clone());
        timers.set(5, Waker::noop().clone());
        timers.set(5, Waker::noop().clone());
        assert_eq!(timers.next(), Some(5));
        assert_eq!(timers.fire(5).len(), 2);
        assert_eq!(timers.next(), Some(9));
        assert!(timers.give_up(late).is_some());
        assert!(timers.give_up(late).is_none(), "given up once");
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn a_slot_that_is_used_again_is_another_timer() {
        let mut timers = Timers::default();
        let first = timers.set(1, Waker::noop().clone());
        timers.fire(1);
        let second = timers.set(2, Waker::noop().clone());
        assert!(timers.give_up(first).is_none());
        assert_eq!(timers.next(), Some(2));
        assert!(timers.give_up(second).is_some());
    }

    #[test]
    fn a_million_deadlines_that_never_come_take_no_room() {
        let mut timers = Timers::default();
        for moment in 0..1_000_000 {
            let deadline = timers.set(30_000_000 + moment, Waker::noop().clone());
            timers.give_up(deadline);
        }
        assert!(timers.held() <= 2 * FEW, "{} are held", timers.held());
    }
}
