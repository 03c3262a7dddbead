//! Reading a flight's body: replay what has come, then follow.

use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::shared::{Follower, News};
use crate::error::CutShort;

/// One reader's place in a flight's body.
#[derive(Debug)]
pub(crate) struct BodyReader<N: News> {
    follower: Follower<N>,
    read: u64,
    ended: bool,
}

impl<N: News> BodyReader<N> {
    pub(super) const fn new(follower: Follower<N>) -> Self {
        Self {
            follower,
            read: 0,
            ended: false,
        }
    }

    /// The next chunk; nothing when the body is whole and read.
    ///
    /// A reader so slow that what it needs is no longer held is cut off: the
    /// origin is read at the pace of the fastest.
    pub(crate) fn poll_chunk(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, CutShort>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let mut guard = self.follower.flight.state.lock();
        let state = &mut *guard;
        let body = &mut state.body;
        let counts = &self.follower.flight.counts;
        if body.is_gone(self.read) {
            self.ended = true;
            counts.cut_off.fetch_add(1, Ordering::Relaxed);
            return Poll::Ready(Some(Err(CutShort::TooSlow)));
        }
        if let Some(chunk) = body.from(self.read) {
            self.read += chunk.len() as u64;
            body.fastest = body.fastest.max(self.read);
            state.read[self.follower.place] = Some(self.read);
            // With others on board it is the lead who looks, once for each chunk.
            let is_alone = state.followers == 1;
            let gone = is_alone.then(|| state.let_go(counts, false));
            let lead = state.lead.take();
            drop(guard);
            drop(gone);
            if let Some(lead) = lead {
                lead.wake();
            }
            return Poll::Ready(Some(Ok(chunk)));
        }
        if let Some(end) = body.end {
            self.ended = true;
            return Poll::Ready(end.err().map(Err));
        }
        let replaced = state.waiting.wait(self.follower.place, cx.waker());
        drop(guard);
        drop(replaced);
        Poll::Pending
    }

    /// Reads no further, as nothing has come for too long. Nobody joins any more
    /// either: they would wait as long.
    pub(crate) fn give_up(&mut self) -> CutShort {
        self.ended = true;
        self.follower.flight.state.lock().open = false;
        CutShort::Idle
    }

    /// Whether the last byte has been read.
    pub(crate) fn is_at_end(&self) -> bool {
        if self.ended {
            return true;
        }
        let state = self.follower.flight.state.lock();
        state.body.end == Some(Ok(())) && self.read == state.body.total
    }

    /// The bytes that are yet to be read, if the body has come whole.
    pub(crate) fn rest(&self) -> Option<u64> {
        let state = self.follower.flight.state.lock();
        (state.body.end == Some(Ok(()))).then(|| state.body.total - self.read)
    }
}
