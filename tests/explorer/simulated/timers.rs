//! What waits for a moment.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::task::Waker;

/// Timers, the earliest first.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BinaryHeap<Reverse<(u64, usize)>>,
    /// By number; none where the timer was given up or has fired.
    wakers: Vec<Option<Waker>>,
}

impl Timers {
    /// Sets a timer for a moment, in nanoseconds; its number.
    pub(super) fn set(&mut self, at: u64, waker: Waker) -> usize {
        let number = self.wakers.len();
        self.wakers.push(Some(waker));
        self.due.push(Reverse((at, number)));
        number
    }

    /// Changes who is woken; hands out who was to be.
    pub(super) fn rewake(&mut self, number: usize, waker: &Waker) -> Option<Waker> {
        match &self.wakers[number] {
            Some(old) if old.will_wake(waker) => None,
            _ => self.wakers[number].replace(waker.clone()),
        }
    }

    /// Gives a timer up. Time does not stop where it would have fired.
    pub(super) fn give_up(&mut self, number: usize) -> Option<Waker> {
        self.wakers.get_mut(number)?.take()
    }

    /// The moment of the next timer that somebody still waits for.
    pub(super) fn next(&mut self) -> Option<u64> {
        while let Some(Reverse((at, number))) = self.due.peek() {
            if self.wakers[*number].is_some() {
                return Some(*at);
            }
            self.due.pop();
        }
        None
    }

    /// Those to be woken because it is `now`.
    pub(super) fn fire(&mut self, now: u64) -> Vec<Waker> {
        let mut woken = Vec::new();
        while self.next().is_some_and(|at| at <= now) {
            if let Some(Reverse((_, number))) = self.due.pop() {
                woken.extend(self.wakers[number].take());
            }
        }
        woken
    }
}
