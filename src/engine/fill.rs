//! One fetch, from the gate to the verdict on the head.
//!
//! A fill is a task of its own and belongs to no client. Whatever happens to it
//! (it is never started, its runtime ends, the handler panics), dropping it
//! answers everyone who follows: see [`Lead`].

use std::sync::Arc;

use http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE};
use http::{HeaderMap, Method, Request, Response, StatusCode, request, response};
use http_body::Body;

use super::decide::Ask;
use super::news::{Announcement, Failure};
use super::origin::{Origin, OriginBody};
use super::reentry::{self, Chain};
use super::wait::within;
use super::{Engine, pump};
use crate::entry::{Entry, Head};
use crate::flight::Lead;
use crate::gate::{Lane, Place};
use crate::policy::{
    Reason, Remember, RequestFacts, RequestHead, ResponseFacts, ResponseHead, Verdict,
    content_length, end_to_end, hide_tags, is_failure, judge, updated, validates, validators,
};
use crate::store::{Subject, Validity};
use crate::sync::Mutex;

/// Where a response is left for the one who caused it, when nobody else may
/// have it.
pub(super) type Own = Arc<Mutex<Option<Response<OriginBody>>>>;

/// What a client says of its own copy or of parts: not for us to pass on.
const CLIENT_CONDITIONS: [http::HeaderName; 5] = [
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
    IF_UNMODIFIED_SINCE,
    IF_RANGE,
    RANGE,
];

/// A fetch that has been decided on.
#[derive(Debug)]
pub(super) struct Fill {
    pub(super) engine: Arc<Engine>,
    pub(super) lead: Lead<Announcement>,
    facts: RequestFacts,
    candidate: Option<Arc<Entry>>,
    lane: Lane,
    own: Own,
    chain: Arc<Chain>,
    started: bool,
}

impl Fill {
    pub(super) fn new(
        engine: &Arc<Engine>,
        lead: Lead<Announcement>,
        ask: &Ask,
        lane: Lane,
    ) -> (Self, Own) {
        let own = Own::default();
        let fill = Self {
            engine: Arc::clone(engine),
            lead,
            facts: ask.facts,
            candidate: ask.candidate.clone(),
            lane,
            own: Arc::clone(&own),
            chain: reentry::chain(engine.id(), ask.key.clone()),
            started: false,
        };
        (fill, own)
    }

    /// Runs the fetch in a task of its own.
    pub(super) fn start(mut self, origin: Box<dyn Origin>, parts: &request::Parts) {
        self.started = true;
        let runtime = Arc::clone(&self.engine.runtime.0);
        let request = self.request(parts);
        runtime.spawn(Box::pin(self.run(origin, request)));
    }

    /// The request that the handler is asked on behalf of everyone: a GET for
    /// what the key covers.
    fn request(&self, parts: &request::Parts) -> Request<()> {
        let keys = &self.engine.settings.keys;
        let mut request = Request::new(());
        *request.method_mut() = Method::GET;
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
    /// any. Judged is the request that was not restricted, so that a response that
    /// varies on a hidden field is kept apart for those who send it.
    fn asked(&self, request: &Request<()>, stored: Option<&HeaderMap>) -> Request<()> {
        let mut asked = request.clone();
        let headers = asked.headers_mut();
        self.engine.settings.keys.restrict(headers);
        for (name, value) in stored.into_iter().flat_map(validators) {
            headers.insert(name, value);
        }
        asked
    }

    async fn run(self, mut origin: Box<dyn Origin>, request: Request<()>) {
        let engine = &self.engine;
        engine.counters.fills.add(1);
        let mut deadline = engine.runtime.0.sleep(engine.settings.fetch_deadline);
        let Ok(entering) = engine.gate.enter(self.lane) else {
            return self.fail(Reason::GateFull);
        };
        let Some(place) = within(entering, &mut deadline).await else {
            return self.fail(Reason::GateFull);
        };
        let sent = self.candidate.as_deref().map(|entry| &entry.head.headers);
        let asked = self.asked(&request, sent);
        let fetch = reentry::noted(Arc::clone(&self.chain), origin.fetch(asked));
        let first = within(fetch, &mut deadline).await;
        let answer = match (first, self.candidate.as_ref()) {
            (Some(Ok(answer)), Some(candidate)) if answer.status() == StatusCode::NOT_MODIFIED => {
                let (head, _no_body) = answer.into_parts();
                if validates(&head.headers, &candidate.head.headers) {
                    return self.not_modified(&head, candidate, &request);
                }
                // It speaks of something else: ask again, for the whole.
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
            Some(Ok(answer)) => self.arrived(answer, &request, place).await,
        }
    }

    /// A head arrived that is not a 304.
    async fn arrived(self, answer: Response<OriginBody>, request: &Request<()>, place: Place) {
        let (head, body) = answer.into_parts();
        let failed = is_failure(head.status);
        // A handler in the same process need not write the field: the body knows.
        let length = content_length(&head.headers).or_else(|| body.size_hint().exact());
        match self.judge(head.status, &head.headers, length, request) {
            Verdict::Unshareable(reason, remember) => {
                if remember == Remember::ForAll && !failed {
                    self.withdraw_stale();
                }
                let answer = Response::from_parts(head, body);
                self.unshareable(answer, failed, reason, remember);
            }
            Verdict::Shareable { facts, store } => {
                let kept = self.candidate.is_some() && failed;
                let stored = store.is_ok() && !kept;
                if matches!(head.status.as_u16(), 404 | 410) {
                    self.withdraw_stale();
                }
                if failed && !stored {
                    self.count_failure();
                } else {
                    self.engine.memos.recover(self.lead.key());
                }
                let head = Arc::new(self.head(head.status, &head.headers, *facts));
                let open = stored && !failed;
                let news = Announcement::Head {
                    head: Arc::clone(&head),
                    unstored: store.err(),
                    failed,
                };
                self.lead.announce(news, open);
                pump::run(&self, &head, body, stored, length, place).await;
            }
        }
    }

    /// The answer is for the one who caused it. The others are released at once;
    /// if it was a failure, they are told of it instead, so that an origin in
    /// trouble is not asked by all of them.
    fn unshareable(
        &self,
        answer: Response<OriginBody>,
        failed: bool,
        reason: Reason,
        remember: Remember,
    ) {
        let engine = &self.engine;
        let status = answer.status();
        *self.own.lock() = Some(answer);
        if failed {
            self.count_failure();
            let reason = Reason::OriginError;
            let news = Announcement::Failed(Failure { reason, status });
            return self.lead.announce(news, false);
        }
        let until = engine
            .runtime
            .0
            .now()
            .plus(engine.settings.unshareable_memory);
        let key = self.lead.key();
        engine.memos.recover(key);
        engine.memos.remember(key, remember, reason, until);
        engine.counters.unshareable.add(1);
        self.release(reason);
    }

    /// A 304 for what is stored: the stored response with its new head.
    fn not_modified(&self, head: &response::Parts, candidate: &Arc<Entry>, request: &Request<()>) {
        let engine = &self.engine;
        let merged = updated(&candidate.head.headers, &head.headers);
        let status = candidate.head.status;
        let length = Some(candidate.body.len() as u64);
        match self.judge(status, &merged, length, request) {
            Verdict::Shareable {
                mut facts,
                store: Ok(()),
            } => {
                if facts.tags == crate::policy::Tags::default() {
                    // Tag fields are not part of a stored head, and a 304 need
                    // not repeat them.
                    facts.tags = candidate.head.facts.tags.clone();
                }
                let head = Arc::new(self.head(status, &merged, *facts));
                engine.counters.validated.add(1);
                let entry = self.store(head, candidate.body.clone());
                let status = Some(StatusCode::NOT_MODIFIED);
                self.lead
                    .announce(Announcement::Entry { entry, status }, false);
            }
            Verdict::Shareable {
                store: Err(reason), ..
            } => self.withdraw(reason, Remember::Not),
            Verdict::Unshareable(reason, remember) => self.withdraw(reason, remember),
        }
    }

    /// The origin says of what is stored that it may not be kept any more.
    /// Everyone asks for themselves.
    fn withdraw(&self, reason: Reason, remember: Remember) {
        let engine = &self.engine;
        if let Some(candidate) = &self.candidate {
            self.remove(candidate);
        }
        let until = engine
            .runtime
            .0
            .now()
            .plus(engine.settings.unshareable_memory);
        engine
            .memos
            .remember(self.lead.key(), remember, reason, until);
        self.release(reason);
    }

    /// What was asked about is gone, or for nobody in common any more. A stale
    /// copy of it would hide that for as long as its windows last. A fresh one
    /// stays: it may be only this request that is told so.
    fn withdraw_stale(&self) {
        let now = self.engine.runtime.0.now();
        let stale = self.candidate.as_ref().filter(|entry| !entry.is_fresh(now));
        if let Some(stale) = stale {
            self.remove(stale);
        }
    }

    fn remove(&self, entry: &Arc<Entry>) {
        let key = self.lead.key();
        self.engine
            .store
            .remove(key, |stored| std::ptr::eq(stored, &**entry));
    }

    /// Everyone who waits is told that this answer is not for them.
    fn release(&self, reason: Reason) {
        let regroup = self.facts.has_credentials();
        let news = Announcement::Unshareable { reason, regroup };
        self.lead.announce(news, false);
    }

    /// Stores a whole response, unless a purge came between.
    pub(super) fn store(&self, head: Arc<Head>, body: bytes::Bytes) -> Arc<Entry> {
        let engine = &self.engine;
        let key = self.lead.key();
        let entry = Arc::new(Entry::new(head, body, key.as_bytes().len()));
        let subject = Subject {
            key,
            tags: Some(&entry.head.facts.tags),
        };
        if engine.purges.validity(subject, entry.head.began) != Validity::Gone {
            engine.memos.forget(key);
            let put = engine
                .store
                .put(key, &entry, |old| engine.is_spent(key, old));
            if put == crate::store::Put::Stored {
                engine.counters.stored.add(1);
            }
        }
        entry
    }

    fn judge(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        length: Option<u64>,
        request: &Request<()>,
    ) -> Verdict {
        let clock = &self.engine.runtime.0;
        let response = ResponseHead {
            status,
            headers,
            length,
            received: clock.now(),
            wall: clock.wall(),
        };
        judge(
            RequestHead::from(request),
            &self.facts,
            response,
            &self.engine.settings.rules,
        )
    }

    fn head(&self, status: StatusCode, headers: &HeaderMap, facts: ResponseFacts) -> Head {
        let wall = self.engine.runtime.0.wall();
        Head {
            status,
            headers: end_to_end(headers, &self.engine.settings.rules, wall),
            facts,
            began: self.lead.began(),
        }
    }

    /// There is no answer: one outcome for everyone, and a pause.
    fn fail(&self, reason: Reason) {
        if reason == Reason::GateFull {
            self.engine.counters.refused.add(1);
        } else {
            self.count_failure();
        }
        self.lead
            .announce(Announcement::Failed(Failure::of(reason)), false);
    }

    pub(super) fn count_failure(&self) {
        let engine = &self.engine;
        engine.counters.failures.add(1);
        let now = engine.runtime.0.now();
        engine
            .memos
            .fail(self.lead.key(), now, |failures| engine.pause(failures));
    }
}

impl Drop for Fill {
    fn drop(&mut self) {
        // The handler panicked, or the task was dropped before it could say
        // anything. That is a failure like any other, unless it never began:
        // then the client that was to start it went away first.
        if self.started && !self.lead.has_announced() {
            self.count_failure();
        }
    }
}

/// Whether an error, or one that caused it, says that time ran out: that is a
/// 504 and not a 502 (RFC 9110 §15.6.5).
fn is_timeout(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .filter_map(|error| error.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::TimedOut)
}

/// Hides tags; used where a response is handed on as it came.
pub(super) fn own_response(
    engine: &Engine,
    mut answer: Response<OriginBody>,
) -> Response<OriginBody> {
    hide_tags(answer.headers_mut(), &engine.settings.rules);
    answer
}
