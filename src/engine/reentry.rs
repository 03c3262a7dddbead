//! A handler that asks the cache for the page that it is making.
//!
//! It would wait for itself. So each fetch is polled with its key, and those of
//! the fetches that led to it, noted on the thread; a request that finds its own
//! key there goes past the cache. So does one that would wait for a fetch that
//! waits for its own: see [`waits`](super::waits). A handler that asks from a task
//! that it spawned is not seen; the fetch deadline ends that wait.

use std::cell::RefCell;
use std::future::Future;
use std::iter;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::key::Key;

thread_local! {
    static CURRENT: RefCell<Option<Arc<Chain>>> = const { RefCell::new(None) };
}

/// The fetches that one is made for, the innermost first.
#[derive(Debug)]
pub(super) struct Chain {
    /// Which cache: two that are nested have keys of their own.
    cache: usize,
    key: Key,
    /// The number of its flight.
    flight: u64,
    outer: Option<Arc<Chain>>,
}

impl Chain {
    pub(super) fn new(cache: usize, key: Key, flight: u64, outer: Option<Arc<Self>>) -> Arc<Self> {
        Arc::new(Self {
            cache,
            key,
            flight,
            outer,
        })
    }

    /// The number of the innermost fetch's flight.
    pub(super) const fn flight(&self) -> u64 {
        self.flight
    }

    /// Whether one of the fetches is of this cache.
    pub(super) fn is_within(&self, cache: usize) -> bool {
        self.links().any(|link| link.cache == cache)
    }

    fn links(&self) -> impl Iterator<Item = &Self> {
        iter::successors(Some(self), |link| link.outer.as_deref())
    }
}

/// The fetches that the present request comes from, if it comes from one.
pub(super) fn present() -> Option<Arc<Chain>> {
    CURRENT.with_borrow(Clone::clone)
}

/// Whether the present request comes from the making of `key` in `cache`.
pub(super) fn is_making(cache: usize, key: &[u8]) -> bool {
    CURRENT.with_borrow(|current| {
        let mut links = current.iter().flat_map(|chain| chain.links());
        links.any(|link| link.cache == cache && link.key.as_bytes() == key)
    })
}

/// Notes `chain` as the one that requests come from, until the result is dropped.
pub(super) fn note(chain: &Arc<Chain>) -> Restore {
    Restore(CURRENT.replace(Some(Arc::clone(chain))))
}

pin_project! {
    /// A future that is polled with its chain noted.
    pub(super) struct Noted<F> {
        chain: Arc<Chain>,
        #[pin]
        inner: F,
    }
}

/// Notes `chain` while `inner` is polled.
pub(super) const fn noted<F: Future>(chain: Arc<Chain>, inner: F) -> Noted<F> {
    Noted { chain, inner }
}

impl<F: Future> Future for Noted<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _restore = note(this.chain);
        this.inner.poll(cx)
    }
}

/// Puts back what was noted before, also in a panic.
pub(super) struct Restore(Option<Arc<Chain>>);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}
