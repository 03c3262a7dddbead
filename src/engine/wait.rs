//! Waiting, but not for ever.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::clock::Moment;
use crate::runtime::{Runtime, Task};

/// How much longer than it may take a fetch is still joined, and waited for. Those
/// who wait have clocks of their own, as a fetch whose thread is blocked does not
/// see its deadline pass; one that does see it is to be heard first.
pub(super) const GRACE: Duration = Duration::from_millis(50);

/// The moment at which a wait ends. Its timer is made when there is something to
/// wait for, so that what is ready at once costs none.
pub(super) struct Until<'a> {
    runtime: &'a dyn Runtime,
    moment: Moment,
    timer: Option<Task>,
}

impl<'a> Until<'a> {
    pub(super) const fn new(runtime: &'a dyn Runtime, moment: Moment) -> Self {
        Self {
            runtime,
            moment,
            timer: None,
        }
    }

    /// Ready, once, when the moment has come.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| {
            let left = self.moment.since(self.runtime.now());
            self.runtime.sleep(left)
        });
        timer.as_mut().poll(cx)
    }
}

/// What `future` gives, or nothing if `limit` is over first.
pub(super) async fn within<F: Future>(future: F, limit: &mut Until<'_>) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => limit.poll(cx).map(|()| None),
    })
    .await
}
