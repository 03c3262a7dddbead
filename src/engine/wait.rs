//! Waiting for a future, but not for ever.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use crate::runtime::Task;

/// What `future` gives, or nothing if `limit` is over first.
pub(super) async fn within<F: Future>(future: F, limit: &mut Task) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        Pin::new(&mut *limit).poll(cx).map(|()| None)
    })
    .await
}
