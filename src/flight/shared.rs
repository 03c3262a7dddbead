//! What a flight's lead writes and its followers read.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use super::body::BodyReader;
use super::chunks::{Chunks, LetGo};
use super::table::Counts;
use super::wakers::Wakers;
use crate::entry::Began;
use crate::key::Key;
use crate::policy::Shareable;
use crate::sync::Mutex;

/// What a flight can announce.
pub(crate) trait News: Clone + fmt::Debug + Send + 'static {
    /// What the flight was started for, as far as it was known then.
    type Guess: fmt::Debug + Send + Sync + 'static;

    /// What is announced when the lead goes away without a word.
    fn lost() -> Self;
}

/// One fetch, and everything that its followers need of it.
#[derive(Debug)]
pub(crate) struct Flight<N: News> {
    pub(super) number: u64,
    pub(super) key: Key,
    pub(super) began: Began,
    pub(super) guess: N::Guess,
    pub(super) counts: Arc<Counts>,
    /// Followers of all flights of the key.
    pub(super) of_key: Arc<AtomicUsize>,
    pub(super) state: Mutex<State<N>>,
}

#[derive(Debug)]
pub(super) struct State<N> {
    pub(super) news: Option<N>,
    pub(super) open: bool,
    pub(super) followers: usize,
    /// How far each place on board has read, in bytes.
    pub(super) read: Vec<Option<u64>>,
    pub(super) body: Chunks,
    pub(super) waiting: Wakers,
    pub(super) lead: Option<Waker>,
    /// Whether the fetch is not to queue.
    pub(super) hurried: bool,
}

/// How many flights the process has started.
static STARTED: AtomicU64 = AtomicU64::new(0);

impl<N: News> Flight<N> {
    pub(super) fn new(
        key: Key,
        began: Began,
        guess: N::Guess,
        counts: Arc<Counts>,
        of_key: Arc<AtomicUsize>,
    ) -> Self {
        let state = State {
            news: None,
            open: true,
            followers: 0,
            read: Vec::new(),
            body: Chunks::default(),
            waiting: Wakers::default(),
            lead: None,
            hurried: false,
        };
        Self {
            number: STARTED.fetch_add(1, Ordering::Relaxed),
            key,
            began,
            guess,
            counts,
            of_key,
            state: Mutex::new(state),
        }
    }

    /// When the fetch began.
    pub(crate) const fn began(&self) -> Began {
        self.began
    }

    /// What the flight was started for.
    pub(crate) const fn guess(&self) -> &N::Guess {
        &self.guess
    }
}

impl<N> State<N> {
    /// Lets go of what need not be held, if the body is not to be stored. Where room
    /// is `tight`, nothing is held for slow readers.
    pub(super) fn let_go(&mut self, counts: &Counts, tight: bool) -> LetGo {
        let Some(at_most) = self.body.hold_at_most else {
            return LetGo::default();
        };
        let before = self.body.held_bytes;
        let at_most = if tight { 0 } else { at_most };
        let gone = self.body.let_go(self.slowest(), at_most);
        let bytes = before - self.body.held_bytes;
        counts.held.fetch_sub(bytes, Ordering::Relaxed);
        gone
    }

    /// How far the slowest of those on board has read, in bytes.
    fn slowest(&self) -> u64 {
        let places = self.read.iter().flatten();
        places.copied().min().unwrap_or(self.body.total)
    }
}

impl<N: News> Drop for Flight<N> {
    fn drop(&mut self) {
        let held = self.state.lock().body.held_bytes;
        self.counts.held.fetch_sub(held, Ordering::Relaxed);
    }
}

/// One who waits for a flight.
///
/// Dropping it changes nothing for the others; the lead is told when the last
/// one has gone.
#[derive(Debug)]
pub(crate) struct Follower<N: News> {
    pub(super) flight: Arc<Flight<N>>,
    pub(super) place: usize,
}

impl<N: News> Follower<N> {
    /// Joins; the state's lock is held by the caller.
    pub(super) fn board(flight: &Arc<Flight<N>>, state: &mut State<N>) -> Self {
        state.followers += 1;
        flight.counts.waiting.fetch_add(1, Ordering::Relaxed);
        flight.of_key.fetch_add(1, Ordering::Relaxed);
        let place = state.waiting.take_place();
        if place == state.read.len() {
            state.read.push(None);
        }
        state.read[place] = Some(0);
        Self {
            place,
            flight: Arc::clone(flight),
        }
    }

    /// When the fetch began.
    pub(crate) fn began(&self) -> Began {
        self.flight.began
    }

    /// The key that is fetched.
    pub(crate) fn key(&self) -> &Key {
        &self.flight.key
    }

    /// What tells the flight from every other of the process.
    pub(crate) fn number(&self) -> u64 {
        self.flight.number
    }

    /// Has the fetch begin without queueing.
    pub(crate) fn hurry(&self) {
        let mut state = self.flight.state.lock();
        state.hurried = true;
        let lead = state.lead.take();
        drop(state);
        if let Some(lead) = lead {
            lead.wake();
        }
    }

    /// Waits for the announcement.
    pub(crate) fn poll_news(&self, cx: &mut Context<'_>) -> Poll<N> {
        let mut state = self.flight.state.lock();
        if let Some(news) = &state.news {
            return Poll::Ready(news.clone());
        }
        let replaced = state.waiting.wait(self.place, cx.waker());
        drop(state);
        drop(replaced);
        Poll::Pending
    }

    /// Reads the body, from its first byte. This is the only way to a byte of a
    /// flight, and it takes the proof that the follower may have it.
    pub(crate) fn into_body(self, _proof: Shareable) -> BodyReader<N> {
        BodyReader::new(self)
    }
}

impl<N: News> Drop for Follower<N> {
    fn drop(&mut self) {
        let mut state = self.flight.state.lock();
        state.followers -= 1;
        state.read[self.place] = None;
        let mine = state.waiting.leave(self.place);
        // The lead waits for room, or wants to know that nobody listens.
        let lead = state.lead.take();
        drop(state);
        self.flight.counts.waiting.fetch_sub(1, Ordering::Relaxed);
        self.flight.of_key.fetch_sub(1, Ordering::Relaxed);
        if let Some(lead) = lead {
            lead.wake();
        }
        // Foreign code, so last.
        drop(mine);
    }
}
