//! Writing a flight.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::shared::{Flight, News, State};
use super::table::Table;
use super::wakers::wake_all;
use crate::entry::{Began, Pieces};
use crate::error::CutShort;
use crate::key::Key;

/// The one who fetches.
///
/// Dropping it finishes whatever is unfinished (see the module), so that a
/// panic, a cancelled task or a runtime that is shut down leave nobody waiting.
#[derive(Debug)]
pub(crate) struct Lead<N: News> {
    pub(super) flight: Arc<Flight<N>>,
    pub(super) table: Arc<Table<N>>,
}

impl<N: News> Lead<N> {
    /// The key that is fetched.
    pub(crate) fn key(&self) -> &Key {
        &self.flight.key
    }

    /// When the fetch began.
    pub(crate) fn began(&self) -> Began {
        self.flight.began
    }

    /// What tells the flight from every other of the process.
    pub(crate) fn number(&self) -> u64 {
        self.flight.number
    }

    /// Says what became of the fetch, once; `open` is whether others may still
    /// join. What is announced later is ignored.
    pub(crate) fn announce(&self, news: N, open: bool) {
        self.write(|state| {
            if state.news.is_none() {
                state.news = Some(news);
                state.open = open;
            }
        });
    }

    /// Whether anyone follows.
    pub(crate) fn is_followed(&self) -> bool {
        self.flight.state.lock().followers > 0
    }

    /// Adds to the body. Where the room for it is `tight`, nothing is held for slow
    /// readers.
    pub(crate) fn append(&self, chunk: Bytes, tight: bool) {
        if chunk.is_empty() {
            return;
        }
        let counts = &self.flight.counts;
        counts.held.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        let gone = self.write(|state| {
            state.body.push(chunk, &counts.budget);
            state.let_go(counts, tight)
        });
        drop(gone);
    }

    /// Adds the last bytes of a body, to be read when it is finished: whoever has all of
    /// an answer then finds it stored.
    pub(crate) fn append_last(&self, chunk: Bytes) {
        let counts = &self.flight.counts;
        counts.held.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        let mut state = self.flight.state.lock();
        state.body.push_last(chunk, &counts.budget);
    }

    /// Nobody joins any more, and of the body no more than `at_most` bytes are
    /// held for slow readers: it is not going to be stored. The flight leaves the
    /// table: what goes on is between the origin and those on board.
    pub(crate) fn close(&self, at_most: u64) {
        let mut state = self.flight.state.lock();
        state.open = false;
        state.body.hold_at_most = Some(at_most);
        drop(state);
        self.table.remove(&self.flight);
    }

    /// The whole body, to be stored.
    pub(crate) fn collect(&self) -> Pieces {
        let mut state = self.flight.state.lock();
        Pieces::new(state.body.collect(&self.flight.counts.budget))
    }

    /// The body is over.
    pub(crate) fn finish(&self, end: Result<(), CutShort>) {
        self.write(|state| {
            state.open = false;
            state.body.end.get_or_insert(end);
        });
    }

    /// Waits until the fastest reader is within `window` bytes of what has come,
    /// or nobody reads.
    pub(crate) fn poll_room(&self, window: u64, cx: &mut Context<'_>) -> Poll<()> {
        self.wait_until(cx, |state| {
            state.followers == 0 || state.body.total - state.body.fastest <= window
        })
    }

    /// Whether the fetch is not to queue.
    pub(crate) fn is_hurried(&self) -> bool {
        self.flight.state.lock().hurried
    }

    /// Waits until the fetch is not to queue any longer: it is hurried or, if it
    /// ever was followed, nobody follows.
    pub(crate) fn poll_queued(&self, followed: bool, cx: &mut Context<'_>) -> Poll<()> {
        self.wait_until(cx, |state| {
            state.hurried || followed && state.followers == 0
        })
    }

    /// Waits until nobody follows.
    pub(crate) fn poll_abandoned(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.wait_until(cx, |state| state.followers == 0)
    }

    fn wait_until(&self, cx: &mut Context<'_>, done: impl FnOnce(&State<N>) -> bool) -> Poll<()> {
        let mut state = self.flight.state.lock();
        if done(&state) {
            return Poll::Ready(());
        }
        let replaced = state.lead.replace(cx.waker().clone());
        drop(state);
        drop(replaced);
        Poll::Pending
    }

    fn write<T>(&self, change: impl FnOnce(&mut State<N>) -> T) -> T {
        let mut state = self.flight.state.lock();
        let changed = change(&mut state);
        let wakers = state.waiting.drain();
        drop(state);
        wake_all(wakers);
        changed
    }
}

impl<N: News> Drop for Lead<N> {
    fn drop(&mut self) {
        self.write(|state| {
            state.open = false;
            if state.news.is_none() {
                state.news = Some(N::lost());
            }
            state.body.end.get_or_insert(Err(CutShort::Abandoned));
        });
        self.table.remove(&self.flight);
    }
}
