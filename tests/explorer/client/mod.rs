//! Those who ask: patient or not, fast or slow, and gone at any time.

mod ask;
mod reader;
mod shell;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use floodwall::{Runtime, Task};

pub(crate) use ask::{Ask, Directive, Fields, Identity, Method, path};

use crate::history::{RequestId, Serial};
use crate::world::World;
use reader::read;
use shell::{Called, Shell};

/// How long a client waits for a handler. (For the cache it waits for as long as
/// it takes: that it never takes too long is what is to be shown.)
const PATIENCE: Duration = Duration::from_secs(60);

/// A client, and what it is going to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visit {
    pub(crate) at: Duration,
    pub(crate) ask: Ask,
    /// Whether the client asks about the last body it could have.
    pub(crate) asks_about_last: bool,
    pub(crate) leaves: Leaves,
    pub(crate) pace: Pace,
}

/// When a client goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaves {
    WhenDone,
    /// Before its fetch is even started.
    AtOnce,
    /// After it was polled so often; never, for zero.
    AfterPolls(u32),
    After(Duration),
}

/// How a client reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// How long it takes for each piece,
    pub(crate) rests: Duration,
    /// and after how many it has enough.
    pub(crate) most: u32,
}

impl Pace {
    pub(crate) const FAST: Self = Self {
        rests: Duration::ZERO,
        most: u32::MAX,
    };
}

/// One request from outside, from its first moment to its last.
pub(crate) async fn visit(world: Arc<World>, visit: Visit) {
    world.runtime.sleep(visit.at).await;
    let mut ask = visit.ask;
    if visit.asks_about_last {
        ask.knows = world.recorder.look(|history| history.last_body(ask.page));
    }
    let present = Present::begin(&world, ask, None);
    let mut shell = Shell::new(&world, present.id, ask);
    let called = shell.call(visit.leaves == Leaves::AtOnce);
    let work = attend(&world, shell, called, visit.pace);
    match visit.leaves {
        Leaves::WhenDone => work.await,
        Leaves::AtOnce => drop(work),
        Leaves::AfterPolls(most) => polled_at_most(most, work).await,
        Leaves::After(limit) => {
            within(&world, limit, work).await;
        }
    }
}

/// A request that a handler makes while it is called. (Boxed, as it may lead to
/// another call of the handler.)
pub(crate) fn ask_inside(world: &Arc<World>, ask: Ask, inside: Serial) -> Task {
    let world = Arc::clone(world);
    Box::pin(async move {
        let present = Present::begin(&world, ask, Some(inside));
        let mut shell = Shell::new(&world, present.id, ask);
        let called = shell.call(false);
        attend(&world, shell, called, Pace::FAST).await;
    })
}

async fn attend(world: &Arc<World>, mut shell: Shell, called: Called, pace: Pace) {
    let Some(answer) = shell.answer(called).await else {
        return;
    };
    let reading = read(world, shell.id, answer.response.into_body(), pace);
    if answer.is_handlers {
        within(world, PATIENCE, reading).await;
    } else {
        reading.await;
    }
}

/// What `future` gives, unless `limit` is over first.
async fn within<F: Future>(world: &World, limit: Duration, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut limit = world.runtime.sleep(limit);
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        limit.as_mut().poll(cx).map(|()| None)
    })
    .await
}

/// Polls `future` so often, and drops it when it is woken once more.
async fn polled_at_most(most: u32, future: impl Future<Output = ()>) {
    let mut future = pin!(future);
    let mut polls = 0;
    poll_fn(|cx| {
        if polls == most {
            return Poll::Ready(());
        }
        polls += 1;
        future.as_mut().poll(cx)
    })
    .await;
}

/// A client that is there. Dropping it is going away.
struct Present {
    world: Arc<World>,
    id: RequestId,
}

impl Present {
    fn begin(world: &Arc<World>, ask: Ask, inside: Option<Serial>) -> Self {
        Self {
            id: world.recorder.began(ask, inside),
            world: Arc::clone(world),
        }
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.world.recorder.gone(self.id);
        self.world.sabotage.left(&self.world, self.id);
    }
}
