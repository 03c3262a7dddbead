//! Everything that could be seen of one run.

mod record;
mod show;

use std::time::{Duration, SystemTime};

use floodwall::{CutShort, Reason, Stats};

use crate::client::{Ask, Fields};
use crate::plan::Plan;
use crate::site::Said;
use floodwall::simulate::Panicked;

pub(crate) use record::Recorder;
pub(crate) use show::show;

/// A call of the handler; what it makes is signed with this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Serial(pub(crate) u32);

/// A request, in the order in which they began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestId(pub(crate) usize);

/// A fetch of the cache, in the order in which they began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FlightId(pub(crate) usize);

/// When something was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Its place among all that was seen.
    pub(crate) order: u32,
    /// The simulated time.
    pub(crate) at: Duration,
    /// How much of that went by while tasks could have run.
    pub(crate) lag: Duration,
}

impl Stamp {
    /// The time since `earlier` for which nobody but the code can be blamed.
    pub(crate) fn since(&self, earlier: &Self) -> Duration {
        let lag = self.lag.saturating_sub(earlier.lag);
        self.at.saturating_sub(earlier.at).saturating_sub(lag)
    }

    pub(crate) const fn is_before(&self, later: &Self) -> bool {
        self.order < later.order
    }
}

/// Everything that could be seen of one run.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) plan: Plan,
    pub(crate) requests: Vec<Request>,
    pub(crate) flights: Vec<Flight>,
    pub(crate) calls: Vec<Call>,
    pub(crate) purges: Vec<Purged>,
    pub(crate) losses: Vec<Loss>,
    pub(crate) troubles: Vec<(Stamp, String)>,
    /// Snapshots of the counters, taken at any time.
    pub(crate) stats: Vec<(Stamp, Stats)>,
    /// When the traffic had ended and all of its time had passed.
    pub(crate) ending: Option<Ending>,
    /// The requests from here on were made after that, of a healthy site.
    pub(crate) first_probe: usize,
    pub(crate) panics: Vec<Panicked>,
}

/// What was left when nothing could happen any more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    pub(crate) stamp: Stamp,
    pub(crate) stats: Stats,
    /// Tasks that wait for something that does not come.
    pub(crate) waiting: usize,
    /// Those of them that the engine started.
    pub(crate) detached: usize,
    /// Whether the run had to be stopped.
    pub(crate) endless: bool,
}

/// One request to the cache.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) ask: Ask,
    /// The call of the handler that made it, if one did.
    pub(crate) inside: Option<Serial>,
    pub(crate) began: Stamp,
    pub(crate) looked_up: Looked,
    /// Told to call the handler itself, and why.
    pub(crate) passed: Option<(Stamp, Reason)>,
    pub(crate) answered: Option<Answered>,
    pub(crate) read: Read,
    /// The client went away before it had everything.
    pub(crate) left: Option<Stamp>,
}

/// What the first look at the cache came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Looked {
    #[default]
    NotYet,
    Replied,
    Passed,
    /// It started a fetch and waits for it.
    Leads,
    /// It waits for another's.
    Follows,
}

/// The head of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(crate) stamp: Stamp,
    pub(crate) status: u16,
    /// The call that made the body; none where the answer is the cache's own.
    pub(crate) body: Option<Serial>,
    /// The call that made or last confirmed the head.
    pub(crate) head: Option<Serial>,
    /// The call by whose rules it was kept.
    pub(crate) rules: Option<Serial>,
    /// For whom it says that it was made.
    pub(crate) canary: Option<String>,
    pub(crate) sets_cookie: bool,
    pub(crate) status_line: StatusLine,
    /// The bytes that it says it has.
    pub(crate) length: Option<u64>,
    /// Where in the whole body it begins.
    pub(crate) starts_at: u64,
}

/// What `Cache-Status` says.
#[derive(Clone, Debug, Default)]
pub(crate) struct StatusLine {
    pub(crate) hit: bool,
    pub(crate) collapsed: bool,
    pub(crate) released: bool,
    pub(crate) fwd: bool,
    pub(crate) stored: bool,
    pub(crate) detail: Option<String>,
}

impl StatusLine {
    pub(crate) fn says(&self, detail: Reason) -> bool {
        self.detail.as_deref() == Some(detail.as_str())
    }
}

/// What was read of a body.
#[derive(Clone, Debug, Default)]
pub(crate) struct Read {
    pub(crate) bytes: u64,
    /// Where a byte was not what its call had made.
    pub(crate) wrong_at: Option<u64>,
    /// Whether the client ever took its time.
    pub(crate) paused: bool,
    pub(crate) ended: Option<(Stamp, ReadEnd)>,
}

/// How a body ended for its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadEnd {
    Whole,
    /// The cache cut it.
    Cut(CutShort),
    /// The handler's own error.
    Failed,
}

/// One fetch of the cache.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) page: usize,
    pub(crate) leader: RequestId,
    pub(crate) is_refresh: bool,
    pub(crate) began: Stamp,
    pub(crate) calls: Vec<Serial>,
    pub(crate) ended: Option<(Stamp, Over)>,
}

/// How something of the engine's was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// In the course of things.
    Dropped,
    /// Its task was aborted, or never taken.
    Killed,
    /// Its task panicked.
    Panicked,
}

/// Who calls the handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    Flight(FlightId),
    Pass(RequestId),
}

/// One call of the handler.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) page: usize,
    pub(crate) caller: Caller,
    /// What it saw of the request.
    pub(crate) fields: Fields,
    /// Whose body it was asked to confirm.
    pub(crate) asked: Option<Serial>,
    pub(crate) began: Stamp,
    /// What it answered, and when.
    pub(crate) head: Option<Head>,
    /// How it came to nothing.
    pub(crate) failed: Option<(Stamp, Failed)>,
    pub(crate) body: BodySent,
}

/// What a call answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) stamp: Stamp,
    /// What the cache's wall clock said.
    pub(crate) wall: SystemTime,
    pub(crate) status: u16,
    /// What it said of itself; a bare 304 says nothing.
    pub(crate) said: Option<Said>,
    /// For a 304: whether it speaks of what it was asked about.
    pub(crate) honest: bool,
    /// The length that it made known.
    pub(crate) told: Option<u64>,
}

/// How a call came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    Error,
    TimedOut,
    /// The future was dropped.
    Gone(Over),
}

/// What became of a call's body.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BodySent {
    /// The bytes of the whole.
    pub(crate) length: u64,
    /// Whether it comes whole, if it is read to its end.
    pub(crate) is_whole: bool,
    pub(crate) sent: u64,
    pub(crate) last: Option<Stamp>,
    pub(crate) ended: Option<(Stamp, BodyEnd)>,
    /// It panicked when it was dropped.
    pub(crate) exploded: bool,
}

/// How a body ended for its origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyEnd {
    /// To its last byte.
    Whole,
    /// By an error, or before it had what it promised, or past that.
    Cut,
    /// Nobody wanted the rest.
    Gone(Over),
}

/// A purge that was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Purged {
    pub(crate) stamp: Stamp,
    pub(crate) what: Purging,
    pub(crate) soft: bool,
}

/// What a purge names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purging {
    Page(usize),
    Topic(u8),
    Everything,
}

/// A fetch that was dropped before it was started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loss {
    pub(crate) stamp: Stamp,
    pub(crate) page: usize,
}

impl History {
    pub(crate) fn call(&self, serial: Serial) -> &Call {
        &self.calls[serial.0 as usize]
    }

    pub(crate) fn flight(&self, id: FlightId) -> &Flight {
        &self.flights[id.0]
    }

    /// The calls of the handler that a call is inside of: itself first, then the one
    /// whose handler asked for it, and so on. Nobody waits for a refresh, so it is
    /// inside of nothing.
    pub(crate) fn chain(&self, serial: Serial) -> impl Iterator<Item = Serial> {
        std::iter::successors(Some(serial), |inner| {
            let request = match self.call(*inner).caller {
                Caller::Flight(flight) if self.flight(flight).is_refresh => return None,
                Caller::Flight(flight) => self.flight(flight).leader,
                Caller::Pass(request) => request,
            };
            self.requests[request.0].inside
        })
    }

    /// The last body that was made of a page.
    pub(crate) fn last_body(&self, page: usize) -> Option<Serial> {
        let made = |call: &Call| call.page == page && call.body.length > 0;
        let last = self.calls.iter().rposition(made)?;
        u32::try_from(last).ok().map(Serial)
    }

    /// All requests of which the cache gave or arranged an answer, with numbers.
    pub(crate) fn answers(&self) -> impl Iterator<Item = (RequestId, &Request, &Answered)> {
        let requests = self.requests.iter().enumerate();
        requests.filter_map(|(at, request)| {
            let answered = request.answered.as_ref()?;
            Some((RequestId(at), request, answered))
        })
    }
}
