//! Those who wait: a place for each, and all of them woken at once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

/// Wakers by place. A place is taken when a follower joins, so that waiting
/// again and again stores nothing new.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    places: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Wakers {
    /// A place for one more.
    pub(super) fn take_place(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        })
    }

    /// Gives a place back; its waker is handed out, to be dropped outside locks.
    pub(super) fn leave(&mut self, place: usize) -> Option<Waker> {
        self.free.push(place);
        self.places[place].take()
    }

    /// Stores whom to wake; hands out the waker that was there before.
    pub(super) fn wait(&mut self, place: usize, waker: &Waker) -> Option<Waker> {
        match &self.places[place] {
            Some(stored) if stored.will_wake(waker) => None,
            _ => self.places[place].replace(waker.clone()),
        }
    }

    /// Everyone who waits, to be woken outside locks.
    pub(super) fn drain(&mut self) -> Vec<Waker> {
        self.places.iter_mut().filter_map(Option::take).collect()
    }
}

/// Wakes everyone. Called with no lock held: a waker is foreign code, and one that
/// panics does so for the one it would wake, not for those behind.
pub(super) fn wake_all(wakers: Vec<Waker>) {
    for waker in wakers {
        let _panic = catch_unwind(AssertUnwindSafe(|| waker.wake()));
    }
}
