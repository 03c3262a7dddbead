//! A handler that asks the cache for the page that it is making.
//!
//! It would wait for itself. So each fetch is polled with its key, and those of
//! the fetches that led to it, noted on the thread; a request that finds its own
//! key there goes past the cache. A handler that asks from a task that it
//! spawned is not seen; the fetch deadline ends that wait.

use std::cell::RefCell;
use std::future::Future;
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
    outer: Option<Arc<Chain>>,
}

/// Whether the present request comes from the making of `key` in `cache`.
pub(super) fn is_making(cache: usize, key: &[u8]) -> bool {
    CURRENT.with_borrow(|current| {
        let mut link = current.as_ref();
        while let Some(chain) = link {
            if chain.cache == cache && chain.key.as_bytes() == key {
                return true;
            }
            link = chain.outer.as_ref();
        }
        false
    })
}

/// The chain of a fetch that the present request causes.
pub(super) fn chain(cache: usize, key: Key) -> Arc<Chain> {
    let outer = CURRENT.with_borrow(Clone::clone);
    Arc::new(Chain { cache, key, outer })
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
        let outside = CURRENT.replace(Some(Arc::clone(this.chain)));
        let _restore = Restore(outside);
        this.inner.poll(cx)
    }
}

/// Puts back what was noted, also when the future panics.
struct Restore(Option<Arc<Chain>>);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}
