//! Requests that the handler answers itself.

use std::sync::Arc;

use http::{HeaderMap, Method, Response};

use super::Engine;
use super::compare::Compared;
use super::decide::Ask;
use super::record::{LaterGet, Recording};
use crate::entry::Began;
use crate::key::{self, Key};
use crate::observe::CacheStatus;
use crate::policy::{
    Reason, RequestFacts, RequestHead, ResponseHead, Verdict, changes_target, hide_tags,
    invalid_groups, is_safe, judge, named_targets,
};
use crate::store::Purge;

/// A request that goes past the cache, and what is to be done with its answer.
// Those who wait keep room for one: what few of them need is boxed.
#[derive(Debug)]
pub struct Pass {
    engine: Arc<Engine>,
    reason: Reason,
    method: Method,
    /// Where the answer may make something invalid.
    target: Option<Box<Target>>,
    /// What a GET for the same would be, if the answer may be stored for it.
    later: Option<Box<LaterGet>>,
    /// What is stored, and might be out of date by what a HEAD is told.
    compared: Option<Box<Compared>>,
    /// The key that was found unshareable, to see whether it still is.
    known: Option<Box<(Key, RequestFacts)>>,
    /// It waited for a fetch that turned out not to be for it.
    released: bool,
}

/// What an unsafe request is about.
#[derive(Debug)]
struct Target {
    scheme: String,
    authority: String,
    path: String,
}

impl Target {
    fn of(request: RequestHead<'_>) -> Self {
        let authority = key::authority(request.uri, request.headers).unwrap_or_default();
        Self {
            scheme: request.uri.scheme_str().unwrap_or("http").to_owned(),
            authority: authority.into_owned(),
            path: key::target(request.uri),
        }
    }

    fn purge(&self, path: &str) -> Purge {
        Purge::changed(&self.scheme, &self.authority, path)
    }
}

impl Engine {
    /// A pass for a request for a range: the part that it is answered with may be stored.
    pub(super) fn pass_for_part(
        self: &Arc<Self>,
        request: RequestHead<'_>,
        ask: Ask,
        began: Began,
    ) -> Pass {
        let mut pass = self.pass(request, ask.why, None);
        pass.later = LaterGet::of_range(self, request, ask, began);
        pass
    }

    pub(super) fn pass(
        self: &Arc<Self>,
        request: RequestHead<'_>,
        reason: Reason,
        known: Option<(Key, RequestFacts)>,
    ) -> Pass {
        self.counters.passes.add(1);
        self.counters.met(reason);
        let target = (!is_safe(request.method)).then(|| Box::new(Target::of(request)));
        Pass {
            engine: Arc::clone(self),
            reason,
            method: request.method.clone(),
            target,
            later: LaterGet::of_post(self, request),
            compared: Compared::of(self, request, reason),
            known: known.map(Box::new),
            released: false,
        }
    }

    /// A pass for one who waited in vain.
    pub(super) fn released(self: &Arc<Self>, request: RequestHead<'_>, reason: Reason) -> Pass {
        self.counters.released.add(1);
        let mut pass = self.pass(request, reason, None);
        pass.released = true;
        pass
    }

    /// Judges an answer to a request that passed, of which no more is known.
    pub(super) fn judge_passed(
        &self,
        facts: &RequestFacts,
        status: http::StatusCode,
        headers: &HeaderMap,
    ) -> Verdict {
        let clock = &self.runtime.0;
        let response = ResponseHead {
            status,
            headers,
            length: None,
            received: clock.now(),
            wall: clock.wall(),
        };
        // Which variant it is makes no difference.
        let any = http::Request::new(());
        let rules = &self.settings.rules;
        judge(RequestHead::from(&any), facts, response, rules)
    }
}

impl Pass {
    /// Why the request passes.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// Does what the answer asks of the cache: an unsafe method that succeeded
    /// makes what is stored for its target invalid (RFC 9111 §4.4), a HEAD may show
    /// what is stored to be stale (§4.3.5), and a key that was unshareable may be so
    /// no longer. Adds Cache-Status; the body is not touched.
    ///
    /// `length` is that of the body, where `Content-Length` or the framework tells. If
    /// the answer to a POST, or a part, may be stored, what records it is handed back: it is
    /// to be shown the body.
    pub fn finish<B>(
        mut self,
        response: &mut Response<B>,
        length: Option<u64>,
    ) -> Option<Box<Recording>> {
        let recording = self.record(response.headers(), response.status(), length);
        let own = self.invalidate(response.headers(), response.status());
        let recording = recording.and_then(|recording| recording.after(own));
        self.forget_memo(response.headers(), response.status());
        let engine = &self.engine;
        if let Some(compared) = &self.compared {
            compared.note(engine, response.status(), response.headers());
        }
        hide_tags(response.headers_mut(), &engine.settings.rules);
        let line = CacheStatus {
            fwd: Some(self.reason),
            fwd_status: Some(response.status()),
            not_collapsed: self.released,
            stored: recording.is_some(),
            detail: Some(self.reason),
            ..CacheStatus::default()
        };
        engine.append_status(response.headers_mut(), &line);
        recording
    }

    fn record(
        &mut self,
        headers: &HeaderMap,
        status: http::StatusCode,
        length: Option<u64>,
    ) -> Option<Box<Recording>> {
        let target = self.target.as_ref();
        let target = target.map(|target| (target.authority.as_str(), target.path.as_str()));
        let later = self.later.take()?;
        let recording = later.record(&self.engine, status, headers, length, target);
        recording.map(Box::new)
    }

    /// Says how many purges that took.
    fn invalidate(&self, headers: &HeaderMap, status: http::StatusCode) -> u64 {
        let Some(target) = &self.target else {
            return 0;
        };
        let mut purges = Vec::new();
        for name in invalid_groups(headers) {
            let (scheme, authority) = (&target.scheme, &target.authority);
            purges.push(Purge::changed_group(scheme, authority, name));
        }
        if changes_target(&self.method, status) {
            purges.push(target.purge(&target.path));
            let named = named_targets(&target.authority, &target.path, headers);
            let others = named.into_iter().filter(|named| *named != target.path);
            purges.extend(others.map(|named| target.purge(&named)));
        }
        for purge in &purges {
            self.engine.purge(purge);
        }
        purges.len() as u64
    }

    fn forget_memo(&self, headers: &HeaderMap, status: http::StatusCode) {
        let Some((key, facts)) = self.known.as_deref() else {
            return;
        };
        if let Verdict::Shareable { store: Ok(()), .. } =
            self.engine.judge_passed(facts, status, headers)
        {
            self.engine.memos.forget(key);
        }
    }
}
