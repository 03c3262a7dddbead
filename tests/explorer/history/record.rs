//! Noting what happens, as it happens.

use std::sync::{Mutex, MutexGuard, PoisonError};

use floodwall::{Reason, Stats};

use super::{
    Answered, BodyEnd, BodySent, Call, Caller, Failed, Flight, FlightId, Head, History, Looked,
    Loss, Over, Purged, Purging, Read, ReadEnd, Request, RequestId, Serial, Stamp,
};
use crate::client::{Ask, Fields};
use crate::plan::Plan;
use floodwall::simulate::SimulatedRuntime;

/// Writes a [`History`].
pub(crate) struct Recorder {
    runtime: SimulatedRuntime,
    pages: Mutex<Pages>,
}

struct Pages {
    history: History,
    next: u32,
}

impl Recorder {
    pub(crate) fn new(runtime: &SimulatedRuntime, plan: Plan) -> Self {
        let history = History {
            plan,
            requests: Vec::new(),
            flights: Vec::new(),
            calls: Vec::new(),
            purges: Vec::new(),
            losses: Vec::new(),
            troubles: Vec::new(),
            stats: Vec::new(),
            ending: None,
            first_probe: usize::MAX,
            panics: Vec::new(),
        };
        Self {
            runtime: runtime.clone(),
            pages: Mutex::new(Pages { history, next: 0 }),
        }
    }

    /// Notes something, with the time at which it happens.
    pub(crate) fn note<T>(&self, note: impl FnOnce(&mut History, Stamp) -> T) -> T {
        let pages = &mut *self.lock();
        let stamp = Stamp {
            order: pages.next,
            at: self.runtime.elapsed(),
            lag: self.runtime.lag(),
        };
        pages.next += 1;
        note(&mut pages.history, stamp)
    }

    /// Looks something up.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&History) -> T) -> T {
        look(&self.lock().history)
    }

    /// The history, when it is over.
    pub(crate) fn finish(&self) -> History {
        let plan = self.look(|history| history.plan.clone());
        let empty = Self::new(&self.runtime, plan).pages;
        let empty = empty.into_inner().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *self.lock(), empty).history
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn began(&self, ask: Ask, inside: Option<Serial>) -> RequestId {
        self.note(|history, began| {
            history.requests.push(Request {
                ask,
                inside,
                began,
                looked_up: Looked::NotYet,
                passed: None,
                answered: None,
                read: Read::default(),
                left: None,
            });
            RequestId(history.requests.len() - 1)
        })
    }

    pub(crate) fn request<T>(
        &self,
        id: RequestId,
        note: impl FnOnce(&mut Request, Stamp) -> T,
    ) -> T {
        self.note(|history, stamp| note(&mut history.requests[id.0], stamp))
    }

    pub(crate) fn looked_up(&self, id: RequestId, looked: Looked) {
        self.request(id, |request, _| request.looked_up = looked);
    }

    pub(crate) fn passed(&self, id: RequestId, reason: Reason) {
        self.request(id, |request, stamp| request.passed = Some((stamp, reason)));
    }

    pub(crate) fn answered(&self, id: RequestId, answered: impl FnOnce(Stamp) -> Answered) {
        self.request(id, |request, stamp| {
            request.answered = Some(answered(stamp))
        });
    }

    pub(crate) fn read_ended(&self, id: RequestId, how: ReadEnd) {
        self.request(id, |request, stamp| request.read.ended = Some((stamp, how)));
    }

    /// The client is not there any more. Nothing if it had everything.
    pub(crate) fn gone(&self, id: RequestId) {
        self.request(id, |request, stamp| {
            if request.read.ended.is_none() {
                request.left = Some(stamp);
            }
        });
    }

    pub(crate) fn flight(&self, page: usize, leader: RequestId, is_refresh: bool) -> FlightId {
        self.note(|history, began| {
            history.flights.push(Flight {
                page,
                leader,
                is_refresh,
                began,
                calls: Vec::new(),
                ended: None,
            });
            FlightId(history.flights.len() - 1)
        })
    }

    pub(crate) fn flight_over(&self, id: FlightId, how: Over) {
        self.note(|history, stamp| history.flights[id.0].ended = Some((stamp, how)));
    }

    pub(crate) fn call(
        &self,
        page: usize,
        caller: Caller,
        fields: Fields,
        asked: Option<Serial>,
    ) -> Serial {
        self.note(|history, began| {
            let serial = Serial(u32::try_from(history.calls.len()).unwrap_or(u32::MAX));
            history.calls.push(Call {
                page,
                caller,
                fields,
                asked,
                began,
                head: None,
                failed: None,
                body: BodySent::default(),
            });
            if let Caller::Flight(flight) = caller {
                history.flights[flight.0].calls.push(serial);
            }
            serial
        })
    }

    fn of_call<T>(&self, serial: Serial, note: impl FnOnce(&mut Call, Stamp) -> T) -> T {
        self.note(|history, stamp| note(&mut history.calls[serial.0 as usize], stamp))
    }

    pub(crate) fn head(&self, serial: Serial, body: BodySent, head: impl FnOnce(Stamp) -> Head) {
        self.of_call(serial, |call, stamp| {
            call.head = Some(head(stamp));
            call.body = body;
        });
    }

    pub(crate) fn call_failed(&self, serial: Serial, how: Failed) {
        self.of_call(serial, |call, stamp| call.failed = Some((stamp, how)));
    }

    pub(crate) fn sent(&self, serial: Serial, bytes: u64) {
        self.of_call(serial, |call, stamp| {
            call.body.sent += bytes;
            call.body.last = Some(stamp);
        });
    }

    pub(crate) fn body_over(&self, serial: Serial, how: BodyEnd) {
        self.of_call(serial, |call, stamp| call.body.ended = Some((stamp, how)));
    }

    pub(crate) fn exploded(&self, serial: Serial) {
        self.of_call(serial, |call, _| call.body.exploded = true);
    }

    pub(crate) fn purged(&self, what: Purging, soft: bool) {
        self.note(|history, stamp| history.purges.push(Purged { stamp, what, soft }));
    }

    pub(crate) fn lost(&self, page: usize) {
        self.note(|history, stamp| history.losses.push(Loss { stamp, page }));
    }

    pub(crate) fn trouble(&self, what: String) {
        self.note(|history, stamp| history.troubles.push((stamp, what)));
    }

    pub(crate) fn stats(&self, stats: Stats) {
        self.note(|history, stamp| history.stats.push((stamp, stats)));
    }

    /// How many calls of the handler a call is inside of.
    pub(crate) fn depth(&self, serial: Serial) -> usize {
        self.look(|history| history.chain(serial).count() - 1)
    }
}
