//! One fetch, from the gate to the verdict on the head.
//!
//! A fill is a task of its own and belongs to no client. Whatever happens to it
//! (it is never started, its runtime ends, the handler panics), dropping it
//! answers everyone who follows: see [`Lead`].

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE};
use http::{HeaderMap, Method, Request, StatusCode, request};

use super::Engine;
use super::decide::Ask;
use super::news::{Announcement, Failure};
use super::origin::Origin;
use super::own::Own;
use super::reentry::{self, Chain};
use super::wait::{Until, within};
use crate::entry::Entry;
use crate::flight::Lead;
use crate::gate::Place;
use crate::policy::{Reason, RequestFacts, validates, validators};

/// What a client says of its own copy or of parts: not for us to pass on.
const CLIENT_CONDITIONS: [http::HeaderName; 5] = [
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
    IF_UNMODIFIED_SINCE,
    IF_RANGE,
    RANGE,
];

/// How waiting for a place at the origin ended.
enum Turn {
    Mine(Place),
    /// Everyone who wanted the answer has gone.
    Unwanted,
    /// The queue is full, or the deadline over.
    Refused,
}

/// What a fetch takes while it is at the origin: a place there and, if it is a refresh,
/// one among the refreshes.
pub(super) type Places = (Place, Option<Place>);

/// A fetch that has been decided on.
#[derive(Debug)]
pub(super) struct Fill {
    pub(super) engine: Arc<Engine>,
    pub(super) lead: Lead<Announcement>,
    pub(super) facts: RequestFacts,
    pub(super) candidate: Option<Arc<Entry>>,
    pub(super) own: Arc<Own>,
    pub(super) chain: Arc<Chain>,
    /// The place of a refresh among the refreshes.
    refresh: Option<Place>,
    started: bool,
    /// Whether it came to an end of which it knows whether it was a failure.
    ended: AtomicBool,
}

impl Fill {
    /// `outer` is what waits for the fetch, if that is a fetch too.
    pub(super) fn new(
        engine: &Arc<Engine>,
        lead: Lead<Announcement>,
        ask: &Ask,
        outer: Option<Arc<Chain>>,
    ) -> (Self, Arc<Own>) {
        let own = Arc::<Own>::default();
        let fill = Self {
            engine: Arc::clone(engine),
            chain: Chain::new(engine.id(), ask.key.clone(), lead.number(), outer),
            lead,
            facts: ask.facts,
            candidate: ask.candidate.clone(),
            own: Arc::clone(&own),
            refresh: None,
            started: false,
            ended: AtomicBool::new(false),
        };
        (fill, own)
    }

    /// A fetch that nobody waits for.
    pub(super) fn refreshing(mut self, place: Place) -> Self {
        self.refresh = Some(place);
        self
    }

    /// Runs the fetch in a task of its own.
    pub(super) fn start(mut self, origin: Box<dyn Origin>, parts: &request::Parts) {
        self.started = true;
        let runtime = Arc::clone(&self.engine.runtime.0);
        let request = self.request(parts);
        runtime.spawn(Box::pin(self.run(origin, request)));
    }

    /// The request that the handler is asked on behalf of everyone: a GET (or a QUERY) for
    /// what the key covers.
    fn request(&self, parts: &request::Parts) -> Request<()> {
        let keys = &self.engine.settings.keys;
        let mut request = Request::new(());
        if parts.method != Method::HEAD {
            *request.method_mut() = parts.method.clone();
        }
        *request.uri_mut() = keys.covered_uri(&parts.uri);
        *request.version_mut() = parts.version;
        *request.extensions_mut() = parts.extensions.clone();
        let headers = request.headers_mut();
        *headers = parts.headers.clone();
        for name in &CLIENT_CONDITIONS {
            headers.remove(name);
        }
        request
    }

    /// What is sent: the request with the validators of a stored head, or without
    /// any. Judged is the request as it came, so that a response that
    /// varies on a hidden field is kept apart for those who send it.
    fn asked(&self, request: &Request<()>, stored: Option<&HeaderMap>) -> Request<()> {
        let mut asked = request.clone();
        self.engine.settings.keys.cover(&mut asked);
        let headers = asked.headers_mut();
        for (name, value) in stored.into_iter().flat_map(validators) {
            headers.insert(name, value);
        }
        asked
    }

    async fn run(mut self, mut origin: Box<dyn Origin>, request: Request<()>) {
        let engine = Arc::clone(&self.engine);
        engine.counters.fills.add(1);
        let last = self.lead.began().at.plus(engine.settings.fetch_deadline);
        let mut deadline = Until::new(&*engine.runtime.0, last);
        let places = match self.turn(&mut deadline).await {
            Turn::Mine(place) => (place, self.refresh.take()),
            Turn::Unwanted => return self.end(),
            Turn::Refused => return self.fail(Reason::GateFull),
        };
        let sent = self.candidate.as_deref().map(|entry| &entry.head.headers);
        let asked = self.asked(&request, sent);
        let conditional = is_conditional(asked.headers());
        let fetch = reentry::noted(Arc::clone(&self.chain), origin.fetch(asked));
        let first = within(fetch, &mut deadline).await;
        let answer = match (first, self.candidate.as_ref()) {
            (Some(Ok(answer)), Some(candidate))
                if conditional && answer.status() == StatusCode::NOT_MODIFIED =>
            {
                let (head, _) = answer.into_parts();
                let is_ours = validates(&head.headers, &candidate.head.headers);
                if is_ours && self.not_modified(&head, candidate, &request) {
                    return;
                }
                // It speaks of something else, or leaves nothing: ask for the whole.
                let whole = self.asked(&request, None);
                let fetch = reentry::noted(Arc::clone(&self.chain), origin.fetch(whole));
                within(fetch, &mut deadline).await
            }
            (first, _) => first,
        };
        match answer {
            None => self.fail(Reason::Deadline),
            Some(Err(error)) if is_timeout(&*error) => self.fail(Reason::Deadline),
            Some(Err(_)) => self.fail(Reason::Unreachable),
            Some(Ok(answer)) if answer.status() == StatusCode::NOT_MODIFIED => {
                // Nobody asked whether anything was modified.
                self.fail(Reason::BadOrigin);
            }
            Some(Ok(answer)) => self.arrived(answer, &request, places).await,
        }
    }

    /// Waits for a place at the origin. A fetch that another one waits for does not
    /// queue: the place that it would wait for might be that one's.
    async fn turn(&self, deadline: &mut Until<'_>) -> Turn {
        let gate = &self.engine.gate;
        if self.lead.is_hurried() {
            return Turn::Mine(gate.squeeze_in());
        }
        let Ok(entering) = gate.enter() else {
            return Turn::Refused;
        };
        let mut entering = pin!(entering);
        let followed = self.lead.is_followed();
        let turn = poll_fn(|cx| match entering.as_mut().poll(cx) {
            Poll::Ready(place) => Poll::Ready(Turn::Mine(place)),
            Poll::Pending => {
                self.lead
                    .poll_queued(followed, cx)
                    .map(|()| match self.lead.is_hurried() {
                        true => Turn::Mine(gate.squeeze_in()),
                        false => Turn::Unwanted,
                    })
            }
        });
        within(turn, deadline).await.unwrap_or(Turn::Refused)
    }

    /// There is no answer: one outcome for everyone, and a pause.
    fn fail(&self, reason: Reason) {
        if reason == Reason::GateFull {
            self.engine.counters.refused.add(1);
            self.engine.counters.met(reason);
            self.end();
        } else {
            self.count_failure(false);
        }
        self.lead
            .announce(Announcement::Failed(Failure::of(reason)), false);
    }

    /// Counts a failure, once; `answered` is whether there was any answer. A body
    /// that breaks off after a head that told of a failure is no second one.
    pub(super) fn count_failure(&self, answered: bool) {
        if self.ended.swap(true, Ordering::Relaxed) {
            return;
        }
        let engine = &self.engine;
        engine.counters.failures.add(1);
        let now = engine.runtime.0.now();
        let key = self.lead.key();
        engine
            .memos
            .fail(key, now, answered, |failures| engine.pause(failures));
    }

    /// The fetch came to an end that needs no counting.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

impl Drop for Fill {
    fn drop(&mut self) {
        // The handler or its body panicked, or the task was dropped. That is a
        // failure like any other, unless it never began: then the client that was
        // to start it went away first.
        if self.started {
            self.count_failure(false);
        }
    }
}

/// Whether a request asks about a stored response. Only then is a 304 an answer.
fn is_conditional(headers: &HeaderMap) -> bool {
    headers.contains_key(IF_NONE_MATCH) || headers.contains_key(IF_MODIFIED_SINCE)
}

/// Whether an error, or one that caused it, says that time ran out: that is a
/// 504 and not a 502 (RFC 9110 §15.6.5).
fn is_timeout(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .filter_map(|error| error.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::TimedOut)
}
