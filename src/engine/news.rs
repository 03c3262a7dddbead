//! What a fetch has to say to those who follow it.

use std::sync::Arc;

use http::StatusCode;

use crate::entry::{Entry, Head};
use crate::flight::News;
use crate::policy::{Reason, Variant};

/// The outcome of a fetch, said once to everyone.
#[derive(Clone, Debug)]
pub(crate) enum Announcement {
    /// A response that others may have; its body follows.
    Head {
        head: Arc<Head>,
        /// What the origin said: 206, if this is what was stored and the rest of it.
        said: StatusCode,
        /// Why it is not going to be stored when it is whole, if it is not.
        unstored: Option<Reason>,
    },
    /// A stored response answers: it was validated, or just stored by another.
    Entry {
        entry: Arc<Entry>,
        /// What the origin said, if it was asked.
        status: Option<StatusCode>,
    },
    /// The answer was for the one who caused it.
    Unshareable {
        reason: Reason,
        /// That one had credentials: those who have none may fare better
        /// together.
        regroup: bool,
    },
    /// There is no answer.
    Failed(Failure),
}

/// Why there is no answer, and what is said instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) reason: Reason,
    pub(crate) status: StatusCode,
}

impl Failure {
    /// The failure for a reason of our own.
    pub(crate) const fn of(reason: Reason) -> Self {
        let status = match reason {
            Reason::Deadline | Reason::OnlyIfCached => StatusCode::GATEWAY_TIMEOUT,
            Reason::Unreachable | Reason::BadOrigin => StatusCode::BAD_GATEWAY,
            Reason::GateFull | Reason::WaitersFull | Reason::FlightsFull | Reason::Pause => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { reason, status }
    }
}

impl Failure {
    /// The origin's own failure, told without its words.
    pub(crate) const fn said(status: StatusCode) -> Self {
        let reason = Reason::OriginError;
        Self { reason, status }
    }
}

impl News for Announcement {
    /// The request fields that the key is known to vary on, and what the one who
    /// started the flight had for them.
    type Guess = Variant;

    fn lost() -> Self {
        Self::Failed(Failure::of(Reason::Lost))
    }
}
