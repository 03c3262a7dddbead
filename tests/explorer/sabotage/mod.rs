//! Doing it wrong on purpose, in the model and never in the cache, to show that
//! each promise can be broken and that it is noticed.

mod hoard;
mod self_test;

use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use clap::ValueEnum;
use floodwall::engine::OriginBody;
use floodwall::{BoxError, Reason, Runtime, Stats};
use http::{Request, Response};
use http_body::Frame;

pub(crate) use self_test::self_test;

use crate::client::Ask;
use crate::history::{Call, Caller, Failed, Looked, Over, RequestId, Serial};
use crate::site::{Calling, bytes_of};
use crate::world::World;
use floodwall::simulate::panic_on_purpose;
use hoard::Hoard;

/// What can be done wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sabotage {
    /// Gives one client what was another's.
    Cross,
    /// Lets a byte of another body slip in.
    Mix,
    /// Takes a body that broke off for a whole one.
    Truncate,
    /// Sends a 304 to one who has nothing.
    EmptyHand,
    /// Serves what was purged.
    Resurrect,
    /// Serves an older answer after a newer one.
    GoBack,
    /// Serves what has expired as if it were fresh.
    Expire,
    /// Fetches what another fetches already.
    FetchToo,
    /// Does not hear that what it waits for is there.
    Deaf,
    /// Takes its time before it listens.
    Late,
    /// Takes the fetch along when the client leaves that started it.
    TakeAlong,
    /// Lets those go one by one who may go all at once.
    OneByOne,
    /// Waits again for what was for one alone.
    WaitAgain,
    /// Asks again when it has been told of a failure.
    AskAgain,
    /// Asks again though the page is to be left alone.
    Hammer,
    /// Refreshes what is being refreshed.
    RefreshToo,
    /// Waits for itself.
    Embrace,
    /// Panics wherever there has been a panic.
    Spread,
    /// Panics without having been told to.
    Unmeant,
    /// Keeps what it has read.
    Hold,
    /// Lets one more in than there is room for.
    Crowd,
    /// Calls the handler twice.
    CallTwice,
    /// Counts a hit that there was not.
    Miscount,
}

impl Sabotage {
    /// The promise that it breaks.
    pub(crate) const fn breaks(self) -> &'static str {
        match self {
            Self::Cross => "g1-isolation",
            Self::Mix | Self::Truncate => "g4-whole-responses",
            Self::EmptyHand => "g7-honest-304",
            Self::Resurrect => "g9-purge-is-final",
            Self::GoBack => "g9-newest-start-wins",
            Self::Expire => "g10-freshness-ceiling",
            Self::FetchToo => "g11-one-fetch",
            Self::Deaf | Self::Late => "g12-bounded-wait",
            Self::TakeAlong => "g13-leader-independence",
            Self::OneByOne | Self::WaitAgain => "g14-unshareable-release",
            Self::AskAgain | Self::Hammer => "g15-failure-fan-out",
            Self::RefreshToo => "g16-quiet-refresh",
            Self::Embrace => "g17-no-self-deadlock",
            Self::Spread | Self::Unmeant => "g18-panic-containment",
            Self::Hold => "g19-nothing-left-behind",
            Self::Crowd => "g24-origin-protection",
            Self::CallTwice => "calls-per-flight",
            Self::Miscount => "statistics",
        }
    }
}

/// One who does one thing wrong, or nothing.
#[derive(Default)]
pub(crate) struct Saboteur {
    does: Option<Sabotage>,
    hoard: Hoard,
    held: Mutex<Vec<OriginBody>>,
}

/// What a body gives next.
type Next = Option<Result<Frame<Bytes>, BoxError>>;

impl Saboteur {
    pub(crate) fn new(does: Option<Sabotage>) -> Self {
        Self {
            does,
            ..Self::default()
        }
    }

    fn is(&self, sabotage: Sabotage) -> bool {
        self.does == Some(sabotage)
    }

    /// When a request has been looked up.
    pub(crate) fn looked_up(&self, world: &Arc<World>, id: RequestId) {
        let Some(does) = self.does else { return };
        let (looked, passed, is_hot) = world.recorder.look(|history| {
            let request = &history.requests[id.0];
            let refreshed = history.flights.last();
            let is_hot = refreshed.is_some_and(|one| one.leader == id && one.is_refresh);
            (
                request.looked_up,
                request.passed.map(|(_, why)| why),
                is_hot,
            )
        });
        match does {
            Sabotage::FetchToo if looked == Looked::Follows => pretend(world, id, false),
            Sabotage::WaitAgain if passed == Some(Reason::KnownUnshareable) => {
                pretend(world, id, false);
            }
            Sabotage::RefreshToo if is_hot => pretend(world, id, true),
            Sabotage::Embrace if passed == Some(Reason::Recursion) => {
                world.recorder.looked_up(id, Looked::Follows);
            }
            Sabotage::Unmeant if looked == Looked::Passed => {
                resume_unwind(Box::new("nobody told it to"));
            }
            _ => {}
        }
    }

    /// When the cache has answered.
    pub(crate) fn answer(
        &self,
        world: &World,
        ask: &Ask,
        answer: Response<OriginBody>,
    ) -> Response<OriginBody> {
        match self.does {
            Some(does) => self.hoard.answer(does, world, ask, answer),
            None => answer,
        }
    }

    /// When an answer has been noted that the cache gave.
    pub(crate) fn answered(&self, world: &Arc<World>, id: RequestId) {
        let asks_for = match self.does {
            Some(Sabotage::AskAgain) => Reason::Unreachable,
            Some(Sabotage::Hammer) => Reason::Pause,
            _ => return,
        };
        let was_told = world.recorder.look(|history| {
            let answered = history.requests[id.0].answered.as_ref();
            answered.is_some_and(|answered| answered.status_line.says(asks_for))
        });
        if was_told {
            pretend(world, id, false);
        }
    }

    /// Waiting for the cache.
    pub(crate) async fn wait<T>(&self, world: &World, settle: impl Future<Output = T>) -> T {
        if self.is(Sabotage::Late) {
            world.runtime.sleep(Duration::from_millis(7)).await;
        }
        if !self.is(Sabotage::Deaf) {
            return settle.await;
        }
        let mut settle = pin!(settle);
        poll_fn(|_| {
            settle
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
        })
        .await
    }

    /// Before a request calls the handler itself.
    pub(crate) async fn pass(&self, world: &World, reason: Reason) {
        if self.is(Sabotage::OneByOne) && reason == Reason::NotShared {
            world.runtime.sleep(Duration::from_millis(7)).await;
        }
    }

    /// When a client is not there any more.
    pub(crate) fn left(&self, world: &World, id: RequestId) {
        let leads = world.recorder.look(|history| {
            let request = &history.requests[id.0];
            request.left.is_some() && request.looked_up == Looked::Leads
        });
        if self.is(Sabotage::TakeAlong) && leads {
            let detached = world.runtime.detached();
            detached
                .into_iter()
                .for_each(|task| world.runtime.abort(task));
        }
    }

    /// How something is said to be dropped.
    pub(crate) fn over(&self, how: Over) -> Over {
        match how {
            Over::Killed if self.is(Sabotage::TakeAlong) => Over::Dropped,
            how => how,
        }
    }

    /// When the handler is called; what this gives is dropped when it has answered.
    pub(crate) fn call(
        &self,
        world: &Arc<World>,
        caller: Caller,
        request: &Request<()>,
        page: usize,
    ) -> Option<Calling> {
        let panicked = |call: &Call| {
            call.page == page && matches!(call.failed, Some((_, Failed::Gone(Over::Panicked))))
        };
        match (self.does?, caller) {
            (Sabotage::CallTwice, Caller::Flight(_)) => {
                drop(Calling::begin(world, caller, request));
                None
            }
            (Sabotage::Crowd, Caller::Flight(flight)) => {
                let leader = world.recorder.look(|history| history.flight(flight).leader);
                let flight = world.recorder.flight(page, leader, false);
                Some(Calling::begin(world, Caller::Flight(flight), request))
            }
            (Sabotage::Spread, _) => {
                if world
                    .recorder
                    .look(|history| history.calls.iter().any(panicked))
                {
                    panic_on_purpose();
                }
                None
            }
            _ => None,
        }
    }

    /// A piece of a body on its way to the reader.
    pub(crate) fn read(&self, world: &World, next: Next) -> Next {
        match next {
            Some(Err(_)) if self.is(Sabotage::Truncate) => None,
            Some(Ok(frame)) if self.is(Sabotage::Mix) => Some(Ok(frame.map_data(|piece| {
                let other = world.recorder.look(|history| history.calls.len());
                let other = Serial(u32::try_from(other).unwrap_or_default());
                bytes_of(other, 0, piece.len() as u64)
            }))),
            next => next,
        }
    }

    /// What has been read, when it is not needed any more.
    pub(crate) fn done(&self, body: OriginBody) {
        if self.is(Sabotage::Hold) {
            self.held
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(body);
        }
    }

    pub(crate) fn stats(&self, mut stats: Stats) -> Stats {
        stats.hits += u64::from(self.is(Sabotage::Miscount));
        stats
    }
}

/// Notes a fetch that a request made behind the cache's back.
fn pretend(world: &Arc<World>, id: RequestId, is_refresh: bool) {
    let ask = world.recorder.look(|history| history.requests[id.0].ask);
    let flight = world.recorder.flight(ask.page, id, is_refresh);
    let caller = Caller::Flight(flight);
    drop(Calling::begin(world, caller, &ask.request()));
    world.recorder.flight_over(flight, Over::Killed);
}
