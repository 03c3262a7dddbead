//! What a POST brings that later GETs may have (RFC 9110 §9.3.3).

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Request, StatusCode};

use super::Engine;
use super::place::Place;
use crate::entry::{Began, Head, Pieces};
use crate::key::{Key, KeyMaker};
use crate::policy::{
    RequestFacts, RequestHead, ResponseHead, Verdict, end_to_end, judge, says_it_stands_for_get,
};

/// The GET that a POST's answer might stand for: the same request without the body.
#[derive(Debug)]
pub(super) struct LaterGet {
    key: Key,
    request: Request<()>,
    facts: RequestFacts,
}

impl LaterGet {
    /// Nothing, unless the method is POST and the operator lets such answers be stored;
    /// nor if the request says `no-store`, or shows the handler more than a GET on behalf
    /// of many would: the answer may be made of that.
    pub(super) fn of(engine: &Engine, request: RequestHead<'_>) -> Option<Box<Self>> {
        let rules = &engine.settings.rules;
        if !rules.store_posts || *request.method != Method::POST {
            return None;
        }
        let mut get = Request::new(());
        *get.uri_mut() = request.uri.clone();
        *get.headers_mut() = request.headers.clone();
        for of_the_body in [CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING] {
            get.headers_mut().remove(of_the_body);
        }
        let mut facts = RequestFacts::read((&get).into(), false, rules).ok()?;
        if facts.directives.no_store || !is_covered(&get, &engine.settings.keys) {
            return None;
        }
        let (key, by_variation) = engine.key_of((&get).into()).ok()?;
        facts.by_variation = by_variation;
        Some(Box::new(Self {
            key: key.to_key(),
            request: get,
            facts,
        }))
    }

    /// Begins to record an answer, if it may be stored: it says that it is what a GET
    /// would bring, how long it lasts, and how long it is.
    pub(super) fn record(
        self,
        engine: &Arc<Engine>,
        status: StatusCode,
        headers: &HeaderMap,
        length: Option<u64>,
        target: (&str, &str),
    ) -> Option<Recording> {
        let rules = &engine.settings.rules;
        let says_so = says_it_stands_for_get(headers, target, rules);
        let length = length.filter(|length| *length > 0 && says_so)?;
        let clock = &engine.runtime.0;
        let (now, wall) = (clock.now(), clock.wall());
        let response = ResponseHead {
            status,
            headers,
            length: Some(length),
            received: now,
            wall,
        };
        let verdict = judge((&self.request).into(), &self.facts, response, rules);
        let Verdict::Shareable {
            facts,
            store: Ok(()),
        } = verdict
        else {
            return None;
        };
        // Not before now: what the POST itself made invalid is older than its answer.
        let began = Began {
            at: now,
            purges: engine.purges.made(),
        };
        let head = Head {
            status,
            headers: end_to_end(headers, facts.lifetime.is_some(), rules, wall),
            facts: *facts,
            began,
        };
        let place = engine.place_of(&self.key, (&self.request).into(), &head.facts);
        Some(Recording {
            engine: Arc::clone(engine),
            place,
            head: Arc::new(head),
            pieces: Vec::new(),
            left: length,
        })
    }
}

/// Whether a request is already the one that its key stands for.
fn is_covered(request: &Request<()>, keys: &KeyMaker) -> bool {
    let mut covered = request.clone();
    keys.cover(&mut covered);
    *covered.uri_mut() = keys.covered_uri(covered.uri());
    (covered.uri(), covered.headers()) == (request.uri(), request.headers())
}

/// An answer that is stored once all of it has gone by; dropped before, it is forgotten.
#[derive(Debug)]
pub struct Recording {
    engine: Arc<Engine>,
    place: Place,
    head: Arc<Head>,
    pieces: Vec<Bytes>,
    left: u64,
}

impl Recording {
    /// Notes a part of the body: stores the answer when that was the last one, and else
    /// hands itself back for the next.
    #[must_use]
    pub fn note(mut self: Box<Self>, bytes: &Bytes) -> Option<Box<Self>> {
        // One that is longer than it said is not whole.
        self.left = self.left.checked_sub(bytes.len() as u64)?;
        let copy = self.engine.room(|budget| budget.copy(&[bytes]))?;
        self.pieces.push(copy);
        if self.left > 0 {
            return Some(self);
        }
        let pieces: Vec<&[u8]> = self.pieces.iter().map(|piece| &piece[..]).collect();
        let whole = self.engine.room(|budget| budget.copy(&pieces))?;
        self.engine
            .keep(&self.place, self.head, Pieces::new(vec![whole]));
        None
    }
}
