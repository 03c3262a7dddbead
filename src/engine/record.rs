//! What passing requests bring that later GETs may have: the answer to a POST (RFC 9110
//! §9.3.3), and the part that answers a range (RFC 9111 §3.3).

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Request, StatusCode};

use super::Engine;
use super::decide::Ask;
use super::part::NewPart;
use crate::budget::Hold;
use crate::clock::Moment;
use crate::entry::{Began, Head, Pieces};
use crate::key::Key;
use crate::policy::{
    Reason, RequestFacts, RequestHead, ResponseFacts, ResponseHead, Verdict, end_to_end, is_query,
    says_it_stands_for_get,
};
use crate::store::{Subject, Validity};

/// The GET that an answer might stand for: the same request without the body.
#[derive(Debug)]
pub(super) struct LaterGet {
    pub(super) key: Key,
    pub(super) request: Request<()>,
    facts: RequestFacts,
    /// When the request came.
    began: Began,
    cause: Cause,
}

#[derive(Clone, Copy, Debug)]
enum Cause {
    Post,
    Range,
}

/// When the head of an answer came, and when it was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) began: Began,
    received: Moment,
    wall: SystemTime,
}

impl LaterGet {
    /// The GET for a POST. Nothing unless the operator lets such answers be stored;
    /// nor if the request says `no-store`, or shows the handler more than a GET on behalf
    /// of many would: the answer may be made of that.
    pub(super) fn of_post(engine: &Engine, request: RequestHead<'_>) -> Option<Box<Self>> {
        let rules = &engine.settings.rules;
        if !rules.store_posts || *request.method != Method::POST {
            return None;
        }
        let mut get = same(request);
        for of_the_body in [CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING] {
            get.headers_mut().remove(of_the_body);
        }
        let mut facts = RequestFacts::read((&get).into(), false, rules).ok()?;
        if facts.directives.no_store || !engine.settings.keys.is_covered(&get) {
            return None;
        }
        let key = engine.plain_key((&get).into()).ok()?;
        facts.by_variation = !rules.url_variation.is_default();
        Some(Box::new(Self {
            key: key.to_key(),
            request: get,
            facts,
            began: Began {
                at: engine.runtime.0.now(),
                purges: engine.purges.made(),
            },
            cause: Cause::Post,
        }))
    }

    /// The GET for a range, which it is itself. Nothing for a QUERY; nor if the handler is
    /// shown what the key does not cover: its answer may depend on that.
    pub(super) fn of_range(
        engine: &Engine,
        request: RequestHead<'_>,
        ask: Ask,
        began: Began,
    ) -> Option<Box<Self>> {
        if is_query(request.method) {
            return None;
        }
        let get = same(request);
        let covered = engine
            .settings
            .keys
            .is_covered(&super::fill::unconditional(get.clone()));
        covered.then(|| {
            Box::new(Self {
                key: ask.key,
                request: get,
                facts: ask.facts,
                began,
                cause: Cause::Range,
            })
        })
    }

    /// Begins to record an answer, if it may be stored.
    pub(super) fn record(
        self,
        engine: &Arc<Engine>,
        status: StatusCode,
        headers: &HeaderMap,
        length: Option<u64>,
        target: Option<(&str, &str)>,
    ) -> Option<Recording> {
        let clock = &engine.runtime.0;
        let arrival = |began| Arrival {
            began,
            received: clock.now(),
            wall: clock.wall(),
        };
        let (kept, left) = match self.cause {
            Cause::Range => {
                let answer = (status, headers, length?);
                let part = NewPart::of(engine, &self, arrival(self.began), answer)?;
                (Kept::Part(Box::new(part)), length?)
            }
            Cause::Post => {
                // It says that it is what a GET would bring, how long it lasts, and how long it is.
                let says_so = says_it_stands_for_get(headers, target?, &engine.settings.rules);
                let length = length.filter(|length| *length > 0 && says_so)?;
                // Not before now: what the POST itself is about to make invalid is older.
                let arrival = arrival(Began {
                    at: clock.now(),
                    purges: engine.purges.made(),
                });
                let head = self.head(engine, arrival, (status, headers, length), None)?;
                self.is_named_by_none(engine, &head).then_some(())?;
                (Kept::Whole(Box::new(head)), length)
            }
        };
        let hold = engine.recordings.take(left);
        if hold.is_none() {
            engine.counters.met(Reason::NoRoom);
        }
        Some(Recording {
            engine: Arc::clone(engine),
            get: self,
            kept,
            pieces: Vec::new(),
            left,
            _hold: hold?,
        })
    }

    /// The head to be stored of an answer of which `length` bytes are to be stored; nothing
    /// if it may not be. `known` is what is known of a stored response that it is to be one
    /// with.
    pub(super) fn head(
        &self,
        engine: &Engine,
        arrival: Arrival,
        (status, headers, length): (StatusCode, &HeaderMap, u64),
        known: Option<&ResponseFacts>,
    ) -> Option<Head> {
        let Arrival {
            began,
            received,
            wall,
        } = arrival;
        let response = ResponseHead {
            status,
            headers,
            length: Some(length),
            received,
            wall,
        };
        let verdict = engine.judge((&self.request).into(), &self.facts, response, known);
        let Verdict::Shareable {
            facts,
            store: Ok(()),
        } = verdict
        else {
            return None;
        };
        Some(Head {
            status,
            headers: end_to_end(
                headers,
                facts.lifetime.is_some(),
                &engine.settings.rules,
                wall,
            ),
            facts: *facts,
            began,
        })
    }

    /// Whether no purge names it that was made since the request came.
    fn is_named_by_none(&self, engine: &Engine, head: &Head) -> bool {
        let place = engine.place_of(&self.key, (&self.request).into(), &head.facts);
        let subject = Subject {
            page: place.key.page(),
            tags: Some(&head.facts.tags),
        };
        engine.purges.validity(subject, self.began) == Validity::Valid
    }

    /// Stores an answer where requests for it will look.
    pub(super) fn keep(&self, engine: &Engine, head: Arc<Head>, body: Pieces) {
        let place = engine.place_of(&self.key, (&self.request).into(), &head.facts);
        engine.keep(&place, head, body);
    }
}

/// The same request, as a GET without a body.
fn same(request: RequestHead<'_>) -> Request<()> {
    let mut get = Request::new(());
    *get.uri_mut() = request.uri.clone();
    *get.headers_mut() = request.headers.clone();
    get
}

/// What is to be stored of an answer that is recorded.
#[derive(Debug)]
enum Kept {
    Whole(Box<Head>),
    Part(Box<NewPart>),
}

impl Kept {
    fn began(&self) -> Began {
        match self {
            Self::Whole(head) => head.began,
            Self::Part(part) => part.arrival.began,
        }
    }
}

/// An answer that is stored once all of it has gone by; dropped before, it is forgotten.
#[derive(Debug)]
pub struct Recording {
    engine: Arc<Engine>,
    get: LaterGet,
    kept: Kept,
    pieces: Vec<Bytes>,
    left: u64,
    _hold: Hold,
}

impl Recording {
    /// The same, after the answer has made `own` purges itself: it is not older than those.
    /// Nothing, if there were others at the same time.
    pub(super) fn after(mut self: Box<Self>, own: u64) -> Option<Box<Self>> {
        let Kept::Whole(head) = &mut self.kept else {
            return Some(self);
        };
        let made = self.engine.purges.made();
        let known = std::mem::replace(&mut head.began.purges, made);
        (made == known + own).then_some(self)
    }

    /// Notes a part of the body: stores the answer when that was the last one, and else
    /// hands itself back for the next.
    #[must_use]
    pub fn note(mut self: Box<Self>, bytes: &Bytes) -> Option<Box<Self>> {
        let engine = &self.engine;
        if engine.is_too_late(self.kept.began()) {
            return None;
        }
        // One that is longer than it said is not whole.
        self.left = self.left.checked_sub(bytes.len() as u64)?;
        self.pieces.push(engine.copied(&[bytes])?);
        if self.left > 0 {
            return Some(self);
        }
        match self.kept {
            Kept::Part(part) => part.keep(engine, &self.get, self.pieces),
            Kept::Whole(head) => {
                let body = Pieces::new(engine.in_one(self.pieces.into_iter())?);
                self.get.keep(engine, Arc::new(*head), body);
            }
        }
        None
    }
}

impl Engine {
    /// Bytes in memory of their own, where they are counted; nothing if there is no room.
    fn copied(&self, pieces: &[&[u8]]) -> Option<Bytes> {
        let copy = self.room(|budget| budget.copy(pieces));
        if copy.is_none() {
            self.counters.met(Reason::NoRoom);
        }
        copy
    }

    /// Pieces in one; none if there are none. Nothing if there is no room.
    pub(super) fn in_one(&self, pieces: impl Iterator<Item = Bytes>) -> Option<Vec<Bytes>> {
        let pieces: Vec<Bytes> = pieces.collect();
        let slices: Vec<&[u8]> = pieces.iter().map(|piece| &piece[..]).collect();
        match slices[..] {
            [] => Some(pieces),
            _ => Some(vec![self.copied(&slices)?]),
        }
    }
}
