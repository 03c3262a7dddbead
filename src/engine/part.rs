//! Parts that are stored: on their own, or together with what is stored already (RFC 9111
//! §3.3 and §3.4).

use std::sync::Arc;

use bytes::Bytes;
use http::header::IF_RANGE;
use http::{HeaderMap, StatusCode};

use super::Engine;
use super::record::{Arrival, LaterGet};
use crate::entry::{Entry, Head, Pieces};
use crate::policy::{Incomplete, Part, updated};
use crate::store::Validity;

/// In how many pieces a part is kept, at most: whoever asks for many small ones must not
/// make it slow to read, nor have it copied each time.
const MOST_PIECES: usize = 16;

/// A part that is on its way, for a request that passed.
#[derive(Debug)]
pub(super) struct NewPart {
    brought: Incomplete,
    pub(super) arrival: Arrival,
    /// Its head, if it may be stored on its own.
    alone: Option<Arc<Head>>,
}

impl NewPart {
    /// Reads the head of an answer to a request for a range; nothing if it may not be
    /// stored, neither on its own nor as more of what is stored.
    pub(super) fn of(
        engine: &Engine,
        get: &LaterGet,
        arrival: Arrival,
        (status, headers, length): (StatusCode, &HeaderMap, u64),
    ) -> Option<Self> {
        let asked = get.request.headers();
        let brought = Incomplete::read(asked, status, headers, length)?;
        let mut part = Self {
            brought,
            arrival,
            alone: None,
        };
        // To one who has some of it already, not everything need be said (RFC 9110 §15.3.7).
        if asked.contains_key(IF_RANGE) {
            part.joined(engine, get)?;
        } else {
            let answer = (StatusCode::OK, &part.brought.headers, length);
            let head = get.head(engine, arrival, answer, None)?;
            part.alone = Some(Arc::new(head));
        }
        Some(part)
    }

    /// What there is together with what is stored, and the head of both, in which the newer
    /// one has the say (RFC 9111 §3.4).
    fn joined(&self, engine: &Engine, get: &LaterGet) -> Option<(Arc<Entry>, Part, Head)> {
        let slot = engine.store.look(get.key.as_bytes())?;
        let stored = slot.select(get.request.headers())?;
        let is_gone = engine.purges.check(get.key.page(), stored) == Validity::Gone;
        if is_gone || stored.head.began > self.arrival.began {
            return None;
        }
        let old = &*stored.head;
        let both = self
            .brought
            .after(old.status, &old.headers, stored.body.part())?;
        let headers = updated(&old.headers, &self.brought.headers);
        let answer = (old.status, &headers, both.length());
        let head = get.head(engine, self.arrival, answer, Some(&old.facts))?;
        Some((Arc::clone(stored), both, head))
    }

    /// Stores it, now that all of it has come.
    pub(super) fn keep(&self, engine: &Engine, get: &LaterGet, pieces: Vec<Bytes>) {
        let new = Pieces::of_part(self.brought.part, pieces);
        let (head, body) = match (self.joined(engine, get), &self.alone) {
            (Some((stored, both, head)), _) => {
                (Arc::new(head), engine.more(&stored.body, &new, both))
            }
            (None, Some(head)) => {
                let pieces = engine.in_one(new.slice(0..u64::MAX));
                let body = pieces.map(|pieces| Pieces::of_part(self.brought.part, pieces));
                (Arc::clone(head), body)
            }
            (None, None) => return,
        };
        if let Some(body) = body {
            get.keep(engine, head, body);
        }
    }
}

impl Engine {
    /// A stored body and what a new part adds to it; nothing if there is no room.
    fn more(&self, stored: &Pieces, new: &Pieces, both: Part) -> Option<Pieces> {
        let there = stored.part();
        let before = self.in_one(new.slice(both.start..there.start))?;
        let after = self.in_one(new.slice(there.end..both.end))?;
        let pieces = before.into_iter().chain(stored.slice(0..u64::MAX));
        let mut pieces: Vec<Bytes> = pieces.chain(after).collect();
        if pieces.len() > MOST_PIECES {
            pieces = self.in_one(pieces.into_iter())?;
        }
        Some(Pieces::of_part(both, pieces))
    }
}
