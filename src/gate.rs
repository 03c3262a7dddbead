//! How many may ask the origin at once.
//!
//! A fixed cap with a queue before it, first come first served. One flight takes
//! one place, however many follow it. A fetch that one inside waits for comes in at
//! once: the place that it would queue for might be that one's. What nobody waits for
//! does not queue: it asks [`Gate::has_room`] first, and is tried again at the next
//! occasion.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::sync::Mutex;

/// The queue was full when a fetch asked to enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// A cap on concurrent fetches, with a bounded queue before it.
#[derive(Debug)]
pub(crate) struct Gate {
    limit: usize,
    most_queued: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    inside: usize,
    queue: VecDeque<Arc<Ticket>>,
}

/// A place in the queue.
#[derive(Debug)]
struct Ticket(Mutex<Turn>);

#[derive(Debug)]
enum Turn {
    Waiting(Option<Waker>),
    Called,
    Left,
}

impl Gate {
    /// At most `limit` inside, at most `most_queued` before it.
    pub(crate) fn new(limit: usize, most_queued: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            most_queued,
            state: Mutex::default(),
        })
    }

    /// Asks for a place; the future is ready when there is one. Dropping it
    /// gives up the place in the queue.
    pub(crate) fn enter(self: &Arc<Self>) -> Result<Entering, Full> {
        let mut state = self.state.lock();
        if let Some(place) = self.free_place(&mut state) {
            return Ok(Entering::Inside(Some(place)));
        }
        if state.queue.len() >= self.most_queued {
            return Err(Full);
        }
        let ticket = Arc::new(Ticket(Mutex::new(Turn::Waiting(None))));
        state.queue.push_back(Arc::clone(&ticket));
        Ok(Entering::Queued(Queued {
            gate: Arc::clone(self),
            ticket,
        }))
    }

    /// A place, if there is one now.
    pub(crate) fn try_enter(self: &Arc<Self>) -> Option<Place> {
        self.free_place(&mut self.state.lock())
    }

    fn free_place(self: &Arc<Self>, state: &mut State) -> Option<Place> {
        (state.inside < self.limit).then(|| {
            state.inside += 1;
            Place(Arc::clone(self))
        })
    }

    /// A place for one that another inside waits for, past the queue and the cap.
    pub(crate) fn squeeze_in(self: &Arc<Self>) -> Place {
        self.state.lock().inside += 1;
        Place(Arc::clone(self))
    }

    /// Whether one who came now would not have to wait.
    pub(crate) fn has_room(&self) -> bool {
        self.state.lock().inside < self.limit
    }

    /// How many are inside, and how many wait.
    pub(crate) fn load(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.inside, state.queue.len())
    }

    /// Hands a free place to the next in line, or notes that it is free.
    fn pass_on(&self) {
        let mut state = self.state.lock();
        while state.inside <= self.limit {
            let Some(next) = state.queue.pop_front() else {
                break;
            };
            let mut turn = next.0.lock();
            if let Turn::Waiting(waker) = &mut *turn {
                let waker = waker.take();
                *turn = Turn::Called;
                drop(turn);
                drop(state);
                if let Some(waker) = waker {
                    waker.wake();
                }
                return;
            }
        }
        state.inside -= 1;
    }
}

/// A place inside; dropping it lets the next one in.
#[derive(Debug)]
pub(crate) struct Place(Arc<Gate>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.pass_on();
    }
}

/// On the way in.
#[derive(Debug)]
pub(crate) enum Entering {
    /// There was a place.
    Inside(Option<Place>),
    /// There was none yet.
    Queued(Queued),
}

#[derive(Debug)]
pub(crate) struct Queued {
    gate: Arc<Gate>,
    ticket: Arc<Ticket>,
}

impl Future for Entering {
    type Output = Place;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Place> {
        let queued = match &mut *self {
            Self::Inside(place) => match place.take() {
                Some(place) => return Poll::Ready(place),
                None => return Poll::Pending,
            },
            Self::Queued(queued) => queued,
        };
        let mut turn = queued.ticket.0.lock();
        match &mut *turn {
            Turn::Waiting(waker) => {
                let replaced = waker.replace(cx.waker().clone());
                drop(turn);
                drop(replaced);
                Poll::Pending
            }
            Turn::Called => {
                *turn = Turn::Left;
                Poll::Ready(Place(Arc::clone(&queued.gate)))
            }
            Turn::Left => Poll::Pending,
        }
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        let turn = std::mem::replace(&mut *self.ticket.0.lock(), Turn::Left);
        match turn {
            // Called, but gone before it could enter: the next one may.
            Turn::Called => self.gate.pass_on(),
            Turn::Waiting(_) => {
                let mut state = self.gate.state.lock();
                state
                    .queue
                    .retain(|other| !Arc::ptr_eq(other, &self.ticket));
            }
            Turn::Left => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(entering: &mut Entering) -> Option<Place> {
        let mut cx = Context::from_waker(Waker::noop());
        match Pin::new(entering).poll(&mut cx) {
            Poll::Ready(place) => Some(place),
            Poll::Pending => None,
        }
    }

    #[test]
    fn places_are_handed_on_in_turn() {
        let gate = Gate::new(1, 2);
        assert!(gate.has_room());
        let first = poll(&mut gate.enter().expect("room")).expect("a place");
        assert!(!gate.has_room());
        let mut second = gate.enter().expect("room in the queue");
        let mut third = gate.enter().expect("room in the queue");
        assert!(poll(&mut third).is_none());
        assert!(poll(&mut second).is_none());
        drop(first);
        assert!(poll(&mut third).is_none());
        let second = poll(&mut second).expect("it was before");
        assert_eq!(gate.load(), (1, 1));
        drop(second);
        drop(poll(&mut third).expect("its turn"));
        assert_eq!(gate.load(), (0, 0));
    }

    #[test]
    fn who_comes_in_past_the_cap_makes_room_for_nobody() {
        let gate = Gate::new(1, 1);
        let first = poll(&mut gate.enter().expect("room")).expect("a place");
        let mut queued = gate.enter().expect("room in the queue");
        let squeezed = gate.squeeze_in();
        assert_eq!(gate.load(), (2, 1));
        drop(first);
        assert!(poll(&mut queued).is_none());
        assert_eq!(gate.load(), (1, 1));
        drop(squeezed);
        drop(poll(&mut queued).expect("its turn"));
        assert_eq!(gate.load(), (0, 0));
    }

    #[test]
    fn a_full_queue_refuses() {
        let gate = Gate::new(1, 1);
        let _inside = poll(&mut gate.enter().expect("room")).expect("a place");
        let _queued = gate.enter().expect("room in the queue");
        assert_eq!(gate.enter().map(drop), Err(Full));
        assert!(gate.try_enter().is_none());
        assert_eq!(gate.load(), (1, 1));
    }

    #[test]
    fn whoever_leaves_the_queue_leaves_no_gap() {
        let gate = Gate::new(1, 9);
        let inside = poll(&mut gate.enter().expect("room")).expect("a place");
        let gone = gate.enter().expect("room in the queue");
        let called = gate.enter().expect("room in the queue");
        let mut last = gate.enter().expect("room in the queue");
        drop(gone);
        drop(inside);
        drop(called);
        assert!(poll(&mut last).is_some());
        assert_eq!(gate.load(), (0, 0));
    }
}
