//! From a decision to what the shell has to do.

use std::sync::Arc;

use super::decide::{Ask, Decision, serves_on_error};
use super::fill::Fill;
use super::follow::Follow;
use super::news::{Announcement, Failure};
use super::place::Counted;
use super::reentry::{self, Chain};
use super::waits::{Awaits, Circle};
use super::{Engine, Pass, Payload, Reply};
use crate::clock::Moment;
use crate::entry::Began;
use crate::flight::{Boarding, Flight, Follower, Joined};
use crate::observe::CacheStatus;
use crate::policy::{
    CONTENT_DIGEST, Reason, RequestFacts, RequestHead, Reuse, Shareable, Variant, VaryNames,
    is_failure,
};
use crate::store::{Subject, Validity};

/// What the shell has to do with a request.
#[derive(Debug)]
pub enum Lookup {
    /// Send this. If there is a fetch to be made behind it, start it with
    /// [`Refresh::start`].
    Reply(Box<Reply>, Option<Refresh>),
    /// Await [`Engine::settle`].
    Wait(Wait),
    /// Call the handler with the request as it is.
    Pass(Pass),
}

/// A fetch that nobody waits for.
#[derive(Debug)]
pub struct Refresh(Fill);

impl Refresh {
    /// Starts the fetch, in a task of its own; `parts` are those of the request
    /// that found the stale copy.
    pub fn start(self, origin: Box<dyn super::Origin>, parts: &http::request::Parts) {
        self.0.start(origin, parts);
    }
}

/// A request that has to wait for a fetch: its own, or another's.
#[derive(Debug)]
pub struct Wait {
    pub(super) fill: Option<Box<Fill>>,
    pub(super) follow: Follow,
    /// When the request came.
    pub(super) arrived: Began,
}

impl Wait {
    /// Starts the fetch, in a task of its own, if there is one to be started.
    ///
    /// To be called at once, not when the future that waits is first polled:
    /// others may be following already. If the `Wait` is dropped before, one of
    /// them starts it.
    pub fn start(&mut self, parts: &http::request::Parts, origins: &mut impl super::Origins) {
        if let Some(fill) = self.fill.take() {
            fill.start(origins.origin(), parts);
        }
    }
}

impl Engine {
    /// Looks a request up, and joins or starts a fetch if one is needed.
    ///
    /// `has_body` is whether the body is anything but empty, as far as the
    /// framework can tell, and has not been read: see
    /// [`wants_content`](Self::wants_content).
    #[must_use]
    pub fn lookup(self: &Arc<Self>, request: RequestHead<'_>, has_body: bool) -> Lookup {
        let now = self.runtime.0.now();
        self.watch.arrived(request.uri, now, &self.counters);
        // Before the store is read: what is found there must not pass for having
        // been asked about after a purge that comes between.
        let purges = self.purges.made();
        let began = Began { at: now, purges };
        let lookup = match self.decide(request, has_body, now) {
            Decision::Hit(entry, facts, reason) => {
                let reply = self.reply_hit(&entry, request, &facts, reason, now);
                Lookup::Reply(reply, None)
            }
            Decision::OnError(entry, facts, why) => {
                let reply = self.reply_on_error(&entry, request, &facts, why, None, now);
                Lookup::Reply(reply, None)
            }
            Decision::Refresh(entry, ask, reason) => {
                let reply = self.reply_hit(&entry, request, &ask.facts, reason, now);
                Lookup::Reply(reply, self.refresh(request, &ask, began))
            }
            Decision::Refuse(failure, retry) => {
                let reply = self.reply_error(failure, retry, CacheStatus::default());
                Lookup::Reply(reply, None)
            }
            Decision::Pass(reason, known) => Lookup::Pass(self.pass(request, reason, known)),
            Decision::PassForPart(ask) => Lookup::Pass(self.pass_for_part(request, *ask, began)),
            Decision::Ask(ask) => self.take_off(request, ask, began),
        };
        match lookup {
            Lookup::Reply(reply, refresh) => Lookup::Reply(bodiless(request, reply), refresh),
            other => other,
        }
    }

    /// A refresh of what is stored, unless one is under way, or the last one
    /// failed or brought what cannot be stored a moment ago, or there is no room.
    fn refresh(
        self: &Arc<Self>,
        request: RequestHead<'_>,
        ask: &Ask,
        began: Began,
    ) -> Option<Refresh> {
        let now = began.at;
        let memo = self.memos.get(ask.key.as_bytes());
        if memo.pause(now).is_some() || memo.unshareable(&ask.facts, now).is_some() {
            return None;
        }
        let mut boarding = self.boarding(request, ask, now);
        let room = self.gate.has_room().then(|| self.refreshes.try_enter());
        let Some(place) = room.flatten() else {
            if !self.table.would_join(&ask.key, &mut boarding) {
                self.counters.refreshes_full.add(1);
            }
            return None;
        };
        match self.table.join(&ask.key, began, &mut boarding) {
            Joined::Started(lead, _follower) => {
                if let Some(entry) = self.stored_meanwhile(request, ask, now) {
                    let status = None;
                    lead.announce(Announcement::Entry { entry, status }, false);
                    return None;
                }
                // Nobody waits for it, so it is inside no other fetch.
                let (fill, _own) = Fill::new(self, lead, ask, None);
                Some(Refresh(fill.refreshing(place)))
            }
            _ => None,
        }
    }

    /// Joins the fetch that will answer, or starts it.
    fn take_off(self: &Arc<Self>, request: RequestHead<'_>, ask: Box<Ask>, began: Began) -> Lookup {
        let now = began.at;
        let outer = reentry::present();
        let mut boarding = self.boarding(request, &ask, now);
        let overflow = match self.table.join(&ask.key, began, &mut boarding) {
            Joined::Found(follower) => {
                let Ok(awaits) = self.awaited(outer.as_deref(), &follower) else {
                    return Lookup::Pass(self.pass(request, Reason::Recursion, None));
                };
                let follow = Follow::new(follower, ask, None, awaits);
                return Lookup::Wait(Wait {
                    fill: None,
                    follow,
                    arrived: began,
                });
            }
            Joined::Started(lead, follower) => {
                if let Some(entry) = self.stored_meanwhile(request, &ask, now) {
                    let status = None;
                    let found = Arc::clone(&entry);
                    lead.announce(Announcement::Entry { entry, status }, false);
                    let reply = self.reply_hit(&found, request, &ask.facts, Reason::Fresh, now);
                    return Lookup::Reply(reply, None);
                }
                // A flight that has just started waits for nobody: no circle.
                let awaits = self.awaited(outer.as_deref(), &follower).ok().flatten();
                let (fill, own) = Fill::new(self, lead, &ask, outer);
                let follow = Follow::new(follower, ask, Some(own), awaits);
                return Lookup::Wait(Wait {
                    fill: Some(Box::new(fill)),
                    follow,
                    arrived: began,
                });
            }
            Joined::TooManyFollowers => Reason::WaitersFull,
            Joined::TooManyFlights => Reason::FlightsFull,
            Joined::TooManyForKey => {
                return Lookup::Pass(self.pass(request, Reason::VariantsFull, None));
            }
        };
        self.counters.refused.add(1);
        self.counters.met(overflow);
        let reply = match &ask.candidate {
            Some(entry) if serves_on_error(entry, &ask.facts, now) => {
                self.reply_on_error(entry, request, &ask.facts, overflow, None, now)
            }
            _ => self.reply_error(Failure::of(overflow), None, CacheStatus::default()),
        };
        Lookup::Reply(reply, None)
    }

    /// Notes that the fetch that the request comes from, if it comes from one, waits
    /// for the one that it has joined.
    fn awaited(
        &self,
        outer: Option<&Chain>,
        follower: &Follower<Announcement>,
    ) -> Result<Option<Awaits>, Circle> {
        let Some(outer) = outer else {
            return Ok(None);
        };
        let awaits = Awaits::note(outer.flight(), follower.number())?;
        if outer.is_within(self.id()) {
            follower.hurry();
        }
        Ok(Some(awaits))
    }

    pub(super) fn boarding<'a>(
        &'a self,
        request: RequestHead<'a>,
        ask: &'a Ask,
        now: Moment,
    ) -> Aboard<'a> {
        Aboard {
            engine: self,
            request,
            ask,
            names: ask.names.clone(),
            now,
        }
    }

    /// The store is read again by whoever starts a flight: the flight before it
    /// may have ended between the first look and the start. What that brought may be stored
    /// under another key, by which the request is known now.
    fn stored_meanwhile(
        &self,
        request: RequestHead<'_>,
        ask: &Ask,
        now: Moment,
    ) -> Option<Arc<crate::entry::Entry>> {
        let looked = self.look_up(request, Counted::No).ok()?;
        let entry = looked.entry?;
        let known = ask.candidate.as_ref();
        if known.is_some_and(|known| Arc::ptr_eq(known, &entry))
            || !entry.is_whole()
            || self.purges.check(looked.key.page(), &entry) != Validity::Valid
            || Shareable::prove(&entry.head.facts, request, &ask.facts).is_err()
        {
            return None;
        }
        let lifetime = entry.head.lifetime()?;
        let reuse = lifetime.reuse(&ask.facts.directives, now, entry.stale_since());
        (reuse == Reuse::Fresh).then_some(entry)
    }
}

/// A HEAD is answered like a GET, without the body (RFC 9110 §9.3.2), whatever
/// the answer is made of; but for the digest of a body that is not there.
pub(super) fn bodiless(request: RequestHead<'_>, mut reply: Box<Reply>) -> Box<Reply> {
    if *request.method == http::Method::HEAD {
        *reply.body_mut() = Payload::empty();
        reply.headers_mut().remove(CONTENT_DIGEST);
    }
    reply
}

/// How a request chooses among the flights of its key.
pub(super) struct Aboard<'a> {
    engine: &'a Engine,
    request: RequestHead<'a>,
    ask: &'a Ask,
    /// Grows by what the flights that will not do have learned of the key.
    names: VaryNames,
    now: Moment,
}

impl Boarding<Announcement> for Aboard<'_> {
    fn accepts(&mut self, flight: &Flight<Announcement>, news: Option<&Announcement>) -> bool {
        match news {
            None => {
                self.names.absorb(flight.guess());
                let subject = Subject {
                    page: self.ask.key.page(),
                    tags: None,
                };
                flight.guess().matches(self.request.headers)
                    && self.in_time(flight)
                    && self.engine.purges.validity(subject, flight.began()) == Validity::Valid
            }
            Some(Announcement::Head { head, .. }) => {
                self.names.absorb(&head.facts.variant);
                let facts: &RequestFacts = &self.ask.facts;
                !is_failure(head.status)
                    && Shareable::prove(&head.facts, self.request, facts).is_ok()
                    && self
                        .engine
                        .is_fresh_for(&self.ask.key, head, facts, self.now)
            }
            Some(_) => false,
        }
    }

    /// A stored variant must not lose its fetch to a crowd of odd ones.
    fn is_known(&self) -> bool {
        self.ask.candidate.is_some()
    }

    fn guess(&mut self) -> Variant {
        Variant::of(&self.names, self.request.headers)
    }
}

impl Aboard<'_> {
    /// Whether a flight may still bring an answer. One that is past its deadline and
    /// says nothing is stuck, its thread blocked or its runtime at rest: whoever
    /// comes now starts another.
    fn in_time(&self, flight: &Flight<Announcement>) -> bool {
        self.now < self.engine.patience(flight.began().at)
    }
}

impl Engine {
    /// Whether a response whose body is still coming may answer a request that
    /// arrives now.
    fn is_fresh_for(
        &self,
        key: &crate::key::Key,
        head: &crate::entry::Head,
        request: &RequestFacts,
        now: Moment,
    ) -> bool {
        let subject = Subject {
            page: key.page(),
            tags: Some(&head.facts.tags),
        };
        let stale_since = match self.purges.validity(subject, head.began) {
            Validity::Gone => return false,
            Validity::Stale(since) => Some(since),
            Validity::Valid => None,
        };
        head.lifetime().is_some_and(|lifetime| {
            lifetime.reuse(&request.directives, now, stale_since) == Reuse::Fresh
        })
    }
}
