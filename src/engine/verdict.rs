//! What comes of a response's head: who may have it, and what is kept.

use std::sync::Arc;

use http::{HeaderMap, Request, Response, StatusCode, response};
use http_body::Body;

use super::fill::{Fill, Places};
use super::news::{Announcement, Failure};
use super::origin::OriginBody;
use super::place::Place;
use super::pump;
use crate::budget::PIECE_OVERHEAD;
use crate::entry::{Entry, Head};
use crate::policy::{
    Reason, Remember, RequestHead, ResponseFacts, ResponseHead, Verdict, content_length,
    end_to_end, is_failure, judge, updated,
};

impl Fill {
    /// A head arrived that is not a 304.
    pub(super) async fn arrived(
        self,
        answer: Response<OriginBody>,
        request: &Request<()>,
        places: Places,
    ) {
        let (head, body) = answer.into_parts();
        let failed = is_failure(head.status);
        // A handler in the same process need not write the field: the body knows.
        let length = content_length(&head.headers).or_else(|| body.size_hint().exact());
        match self.judge(head.status, &head.headers, length, request) {
            Verdict::Unshareable(reason, remember) => {
                if matches!(reason, Reason::Private | Reason::NoStore) && !failed {
                    self.withdraw_stale(request);
                }
                let answer = Response::from_parts(head, body);
                self.unshareable(answer, failed, reason, remember);
            }
            Verdict::Shareable { facts, store } => {
                let store = store.and_then(|()| self.has_room(length));
                let good = |entry: &Arc<Entry>| !is_failure(entry.head.status);
                let kept = failed && self.candidate.as_ref().is_some_and(good);
                let stored = store.is_ok() && !kept;
                if matches!(head.status.as_u16(), 404 | 410) {
                    self.withdraw_stale(request);
                }
                if failed && !stored {
                    self.count_failure(true);
                }
                let head = Arc::new(self.head(head.status, &head.headers, *facts));
                let open = stored && !failed;
                let news = Announcement::Head {
                    head: Arc::clone(&head),
                    unstored: store.err(),
                    failed,
                };
                self.lead.announce(news, open);
                let place = stored.then(|| self.place(&head, request));
                pump::run(&self, &head, body, place, length, places).await;
            }
        }
    }

    fn place(&self, head: &Head, request: &Request<()>) -> Place {
        let key = self.lead.key();
        self.engine.place_of(key, request.into(), &head.facts)
    }

    /// Whether there is room for a body of this length, where it is known: so that the
    /// answer can say that it is not stored.
    fn has_room(&self, length: Option<u64>) -> Result<(), Reason> {
        let length = length.unwrap_or_default();
        let room = self
            .engine
            .room(|budget| budget.has_room(length + PIECE_OVERHEAD).then_some(()));
        room.ok_or_else(|| {
            self.engine.counters.met(Reason::NoRoom);
            Reason::NoRoom
        })
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
        self.own.leave(answer);
        if failed {
            self.count_failure(true);
            let reason = Reason::OriginError;
            let news = Announcement::Failed(Failure { reason, status });
            return self.lead.announce(news, false);
        }
        engine.memos.recover(self.lead.key());
        engine.counters.unshareable.add(1);
        self.release(reason, remember);
    }

    /// A 304 for what is stored: the stored response with its new head. Says whether that
    /// is an answer; if not, what is stored is let go, and there is the whole to ask for.
    pub(super) fn not_modified(
        &self,
        head: &response::Parts,
        candidate: &Arc<Entry>,
        request: &Request<()>,
    ) -> bool {
        let engine = &self.engine;
        let merged = updated(&candidate.head.headers, &head.headers);
        let status = candidate.head.status;
        let length = Some(candidate.body.length());
        let mut facts = match self.judge(status, &merged, length, request) {
            Verdict::Shareable {
                facts,
                store: Ok(()),
            } => facts,
            // It may be kept no more, or has grown too large, one 304 after the other.
            Verdict::Shareable { store: Err(_), .. } => {
                self.remove(candidate, request);
                return false;
            }
            Verdict::Unshareable(reason, remember) => {
                self.remove(candidate, request);
                self.release(reason, remember);
                return true;
            }
        };
        if let Err(reason) = facts.add(&candidate.head.facts, &engine.settings.rules) {
            engine.counters.met(reason);
            self.remove(candidate, request);
            return false;
        }
        let head = Arc::new(self.head(status, &merged, *facts));
        engine.counters.validated.add(1);
        let place = self.place(&head, request);
        let entry = engine.keep(&place, head, candidate.body.clone());
        let status = Some(StatusCode::NOT_MODIFIED);
        self.lead
            .announce(Announcement::Entry { entry, status }, false);
        self.end();
        true
    }

    /// What was asked about is gone, or for nobody in common any more. A stale
    /// copy of it would hide that for as long as its windows last. A fresh one
    /// stays: it may be only this request that is told so.
    fn withdraw_stale(&self, request: &Request<()>) {
        let now = self.engine.runtime.0.now();
        let stale = self.candidate.as_ref().filter(|entry| !entry.is_fresh(now));
        if let Some(stale) = stale {
            self.remove(stale, request);
        }
    }

    /// Takes out what was stored when the fetch began, and what is older and would be
    /// selected in its place: an answer that ends a newer one does not bring back that.
    fn remove(&self, entry: &Arc<Entry>, request: &Request<()>) {
        let key = self.lead.key();
        self.engine.store.remove(key, |stored| {
            let variant = &stored.head.facts.variant;
            let is_older = stored.head.began < entry.head.began;
            std::ptr::eq(stored, &**entry) || is_older && variant.matches(request.headers())
        });
    }

    /// Everyone who waits is told that this answer is not for them, and the key is
    /// remembered, so that the next ones need not wait for that.
    fn release(&self, reason: Reason, remember: Remember) {
        let engine = &self.engine;
        let memory = engine.settings.unshareable_memory;
        let until = engine.runtime.0.now().plus(memory);
        let key = self.lead.key();
        engine.memos.remember(key, remember, reason, until);
        let regroup = self.facts.has_credentials();
        let news = Announcement::Unshareable { reason, regroup };
        self.lead.announce(news, false);
        self.end();
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
        let verdict = judge(
            RequestHead::from(request),
            &self.facts,
            response,
            &self.engine.settings.rules,
        );
        if let Verdict::Unshareable(reason, _)
        | Verdict::Shareable {
            store: Err(reason), ..
        } = verdict
        {
            self.engine.counters.met(reason);
        }
        verdict
    }

    fn head(&self, status: StatusCode, headers: &HeaderMap, facts: ResponseFacts) -> Head {
        let wall = self.engine.runtime.0.wall();
        let rules = &self.engine.settings.rules;
        Head {
            status,
            headers: end_to_end(headers, facts.lifetime.is_some(), rules, wall),
            facts,
            began: self.lead.began(),
        }
    }
}
