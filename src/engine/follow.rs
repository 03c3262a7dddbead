//! Waiting for a fetch, and what comes of it for one request.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;

use http::{StatusCode, request};

use super::decide::{Ask, serves_on_error};
use super::lookup::{Lookup, Wait, bodiless};
use super::news::{Announcement, Failure};
use super::origin::Origins;
use super::own::Own;
use super::wait::{GRACE, Until};
use super::waits::Awaits;
use super::{Engine, Pass, Payload, Reply};
use crate::clock::Moment;
use crate::entry::{Began, Entry, Head};
use crate::flight::Follower;
use crate::observe::CacheStatus;
use crate::policy::{Reason, RequestHead, Shareable, hide_tags};
use crate::store::{Subject, Validity};

/// How often a request looks again when the fetch that it followed brought
/// another variant, or a purge came between; then it goes alone.
const MOST_TRIES: usize = 3;

/// What came of waiting.
#[derive(Debug)]
pub enum Settled {
    /// Send this.
    Reply(Box<Reply>),
    /// Call the handler with the request as it is.
    Pass(Pass),
}

/// A request that follows a fetch.
#[derive(Debug)]
pub(super) struct Follow {
    follower: Follower<Announcement>,
    // Boxed, as the future that waits keeps room for several of this.
    ask: Box<Ask>,
    /// Where this request's own answer is left, if it started the fetch.
    own: Option<Arc<Own>>,
    /// That the fetch that this request comes from waits for this one.
    awaits: Option<Awaits>,
}

/// What a request has been through.
#[derive(Clone, Copy)]
struct Seen {
    arrived: Began,
    /// How many fetches it has followed.
    tries: usize,
}

impl Seen {
    /// Whether what a purge has left of an answer will not do; `since` is what the
    /// purges have left of it that were made after the request came.
    ///
    /// One that is gone never will at first. After that, one that was asked for
    /// after the request came is as new as the request can want, and a page that is
    /// purged all the time must be answered all the same. One that was made stale
    /// before the request came is no new answer to it.
    fn refuses(self, began: Began, left: Validity, since: impl FnOnce() -> Validity) -> bool {
        match left {
            Validity::Valid => false,
            Validity::Stale(_) => since() == Validity::Valid,
            Validity::Gone => self.tries == 1 || began.at < self.arrived.at,
        }
    }
}

/// What the fetch came to for one who followed it.
enum Outcome {
    Reply(Box<Reply>),
    Alone(Reason),
    Again(Reason),
}

impl Follow {
    pub(super) const fn new(
        follower: Follower<Announcement>,
        ask: Box<Ask>,
        own: Option<Arc<Own>>,
        awaits: Option<Awaits>,
    ) -> Self {
        Self {
            follower,
            ask,
            own,
            awaits,
        }
    }
}

impl Engine {
    /// Waits for the fetch that [`lookup`](Engine::lookup) joined or started,
    /// and for others if that one does not answer this request.
    ///
    /// Dropping the future takes this request off the fetch and changes nothing
    /// for the others: the fetch goes on if its answer may be stored.
    pub async fn settle(
        self: &Arc<Self>,
        mut wait: Wait,
        parts: &request::Parts,
        origins: &mut impl Origins,
    ) -> Settled {
        let head = RequestHead::from(parts);
        let mut seen = Seen {
            arrived: wait.arrived,
            tries: 1,
        };
        loop {
            wait.start(parts, origins);
            let news = self.news(&wait.follow, seen.arrived).await;
            let reason = match self.outcome(wait.follow, head, news, seen) {
                Outcome::Reply(reply) => return Settled::Reply(bodiless(head, reply)),
                Outcome::Alone(reason) => return Settled::Pass(self.released(head, reason)),
                Outcome::Again(reason) => reason,
            };
            if seen.tries == MOST_TRIES {
                return Settled::Pass(self.released(head, reason));
            }
            seen.tries += 1;
            match self.lookup(head, false) {
                Lookup::Wait(again) => wait = again,
                Lookup::Pass(pass) => return Settled::Pass(pass),
                Lookup::Reply(reply, refresh) => {
                    if let Some(refresh) = refresh {
                        refresh.start(origins.origin(), parts);
                    }
                    return Settled::Reply(reply);
                }
            }
        }
    }

    /// Waits for one fetch, but not past its deadline, nor longer in all than one
    /// fetch may take.
    // Not an `async fn`: that would keep its arguments twice, for each who waits.
    fn news(&self, follow: &Follow, arrived: Began) -> impl Future<Output = Announcement> {
        let follower = &follow.follower;
        let last = self.patience(follower.began().at.min(arrived.at));
        let mut patience = Until::new(&*self.runtime.0, last);
        poll_fn(move |cx| match follower.poll_news(cx) {
            Poll::Pending => {
                let late = Announcement::Failed(Failure::of(Reason::Deadline));
                patience.poll(cx).map(|()| late)
            }
            news => news,
        })
    }

    /// The moment up to which one waits for a fetch that began at `began`.
    pub(super) fn patience(&self, began: Moment) -> Moment {
        began.plus(self.settings.fetch_deadline).plus(GRACE)
    }

    /// What the news is to one who waited.
    fn outcome(
        &self,
        follow: Follow,
        head: RequestHead<'_>,
        news: Announcement,
        seen: Seen,
    ) -> Outcome {
        match news {
            Announcement::Head {
                head: arrived,
                unstored,
                failed,
            } => self.on_head(follow, head, &arrived, unstored, failed, seen),
            Announcement::Entry { entry, status } => {
                self.on_entry(&follow, head, &entry, status, seen)
            }
            Announcement::Unshareable { reason, regroup } => {
                self.on_unshareable(&follow, reason, regroup, seen)
            }
            Announcement::Failed(failure) => self.on_failure(&follow, head, failure, seen),
        }
    }

    fn on_entry(
        &self,
        follow: &Follow,
        head: RequestHead<'_>,
        entry: &Entry,
        status: Option<StatusCode>,
        seen: Seen,
    ) -> Outcome {
        let left = self.purges.check(follow.ask.key.page(), entry);
        if self.is_purged(follow, &entry.head, left, seen) {
            return Outcome::Again(Reason::Purged);
        }
        let facts = &follow.ask.facts;
        if let Err(reason) = Shareable::prove(&entry.head.facts, head, facts) {
            return not_for(reason);
        }
        let made_now = status.is_some() && follow.own.is_some();
        let line = CacheStatus {
            fwd_status: status,
            stored: made_now,
            ..follow.line()
        };
        self.count_collapsed(follow);
        let now = self.runtime.0.now();
        Outcome::Reply(self.reply_entry(entry, head, facts, line, made_now, now))
    }

    fn on_head(
        &self,
        follow: Follow,
        head: RequestHead<'_>,
        arrived: &Arc<Head>,
        unstored: Option<Reason>,
        failed: bool,
        seen: Seen,
    ) -> Outcome {
        if failed {
            let why = Reason::OriginError;
            if let Some(stale) = self.stale_instead(&follow, head, why, Some(arrived.status)) {
                return Outcome::Reply(stale);
            }
        }
        let left = self.purges.validity(follow.subject(arrived), arrived.began);
        if self.is_purged(&follow, arrived, left, seen) {
            return Outcome::Again(Reason::Purged);
        }
        let proof = match Shareable::prove(&arrived.facts, head, &follow.ask.facts) {
            Ok(proof) => proof,
            // Told of the failure, not of its words: one failure is one outcome.
            Err(_) if failed => return self.error(&follow, Failure::said(arrived.status)),
            Err(reason) => return not_for(reason),
        };
        let line = CacheStatus {
            fwd_status: Some(arrived.status),
            stored: unstored.is_none() && !failed && follow.own.is_some(),
            detail: unstored,
            ..follow.line()
        };
        self.count_collapsed(&follow);
        let facts = follow.ask.facts;
        let reader = follow.follower.into_body(proof);
        let body = Payload::live(reader, follow.awaits, self);
        Outcome::Reply(self.reply_live(arrived, body, head, &facts, line))
    }

    fn on_unshareable(
        &self,
        follow: &Follow,
        reason: Reason,
        regroup: bool,
        seen: Seen,
    ) -> Outcome {
        // A status that speaks of one request, or a part that one asked for, says
        // nothing of the others: they fetch once more, together.
        let of_one = seen.tries == 1 && matches!(reason, Reason::Status | Reason::Partial);
        let regroup = of_one || regroup && !follow.ask.facts.has_credentials();
        match follow.take_own() {
            Some(mut answer) => {
                hide_tags(answer.headers_mut(), &self.settings.rules);
                let line = CacheStatus {
                    fwd_status: Some(answer.status()),
                    detail: Some(reason),
                    ..follow.line()
                };
                Outcome::Reply(self.reply_own(answer.map(Payload::own), line))
            }
            None if regroup => Outcome::Again(Reason::NotShared),
            None => Outcome::Alone(Reason::NotShared),
        }
    }

    fn on_failure(
        &self,
        follow: &Follow,
        head: RequestHead<'_>,
        failure: Failure,
        seen: Seen,
    ) -> Outcome {
        // Nobody's fault but the fetch's own: one of those who wait tries again.
        if failure.reason == Reason::Lost && seen.tries == 1 {
            return Outcome::Again(Reason::Lost);
        }
        let said = (failure.reason == Reason::OriginError).then_some(failure.status);
        if let Some(stale) = self.stale_instead(follow, head, failure.reason, said) {
            return Outcome::Reply(stale);
        }
        if failure.reason == Reason::OriginError && follow.own.is_some() {
            return self.on_unshareable(follow, failure.reason, false, seen);
        }
        self.error(follow, failure)
    }

    /// An error of our own, for one who waited.
    fn error(&self, follow: &Follow, failure: Failure) -> Outcome {
        self.count_collapsed(follow);
        let said = (failure.reason == Reason::OriginError).then_some(failure.status);
        let line = CacheStatus {
            fwd_status: said,
            ..follow.line()
        };
        Outcome::Reply(self.reply_error(failure, None, line))
    }

    /// The stale copy that this request may have in place of an error.
    fn stale_instead(
        &self,
        follow: &Follow,
        head: RequestHead<'_>,
        why: Reason,
        said: Option<StatusCode>,
    ) -> Option<Box<Reply>> {
        let now = self.runtime.0.now();
        let entry = follow.ask.candidate.as_ref()?;
        if self.purges.check(follow.ask.key.page(), entry) == Validity::Gone {
            return None;
        }
        serves_on_error(entry, &follow.ask.facts, now)
            .then(|| self.reply_on_error(entry, head, &follow.ask.facts, why, said, now))
    }

    /// Whether this request has to ask again because of a purge that came between.
    fn is_purged(&self, follow: &Follow, head: &Head, left: Validity, seen: Seen) -> bool {
        let since = || self.purges.validity(follow.subject(head), seen.arrived);
        seen.refuses(head.began, left, since)
    }

    fn count_collapsed(&self, follow: &Follow) {
        if follow.is_collapsed() {
            self.counters.collapsed.add(1);
        }
    }
}

impl Follow {
    /// What is said of every answer that this request waited for.
    fn line(&self) -> CacheStatus {
        CacheStatus {
            fwd: Some(self.ask.why),
            collapsed: self.is_collapsed(),
            ..CacheStatus::default()
        }
    }

    /// What purges may name of an answer.
    fn subject<'a>(&'a self, head: &'a Head) -> Subject<'a> {
        Subject {
            page: self.ask.key.page(),
            tags: Some(&head.facts.tags),
        }
    }

    /// Whether another request's fetch answers this one.
    const fn is_collapsed(&self) -> bool {
        self.own.is_none()
    }

    fn take_own(&self) -> Option<http::Response<super::OriginBody>> {
        self.own.as_ref()?.take()
    }
}

/// A response that is not for this request: another variant may be fetched for
/// it, or it has to go alone.
const fn not_for(reason: Reason) -> Outcome {
    match reason {
        Reason::OtherVariant | Reason::OtherUrl => Outcome::Again(reason),
        _ => Outcome::Alone(reason),
    }
}
