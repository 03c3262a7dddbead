//! What to do with a request, decided without doing it.

use std::sync::Arc;
use std::time::Duration;

use super::Engine;
use super::news::Failure;
use super::place::{Counted, Looked};
use super::reentry;
use crate::adapt::flash::Weather;
use crate::clock::Moment;
use crate::entry::Entry;
use crate::key::{Key, KeyBuf};
use crate::policy::{
    Reason, RequestDirectives, RequestFacts, RequestHead, Reuse, Shareable, VaryNames, is_failure,
    is_safe,
};
use crate::store::{Slot, Validity};

/// Failures in a row, the last one without an answer, after which a key without a
/// usable copy is left alone for a while.
const FAILURES_BEFORE_PAUSE: u32 = 2;

/// What to do with a request.
#[derive(Debug)]
pub(crate) enum Decision {
    /// Serve what is stored: it is fresh, or stale and wanted so.
    Hit(Arc<Entry>, RequestFacts, Reason),
    /// Serve what is stored, and refresh it behind.
    Refresh(Arc<Entry>, Box<Ask>, Reason),
    /// Serve what is stored in place of an error.
    OnError(Arc<Entry>, RequestFacts, Reason),
    /// Ask the origin, with others or for others.
    Ask(Box<Ask>),
    /// Hand the request to the handler. With the key, if what is remembered of it
    /// is the reason: the answer may show that to be out of date.
    Pass(Reason, Option<(Key, RequestFacts)>),
    /// Hand the request to the handler; the part that it is answered with may be stored.
    PassForPart(Box<Ask>),
    /// Answer with an error of our own, and when to try again.
    Refuse(Failure, Option<Duration>),
}

/// A question to the origin.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(super) key: Key,
    pub(super) facts: RequestFacts,
    /// What is stored and might be validated, or served if the origin fails.
    pub(super) candidate: Option<Arc<Entry>>,
    /// The part that is stored of it, and might be completed.
    pub(super) part: Option<Arc<Entry>>,
    /// The request fields that the key is known to vary on.
    pub(super) names: VaryNames,
    /// Why what is stored will not do.
    pub(super) why: Reason,
}

impl Engine {
    /// Decides. Reads the store, changes nothing but what it finds purged.
    pub(super) fn decide(&self, request: RequestHead<'_>, has_body: bool, now: Moment) -> Decision {
        let mut facts = match RequestFacts::read(request, has_body, &self.settings.rules) {
            Ok(facts) => facts,
            Err(reason) => return past(request, reason),
        };
        let looked = match self.look_up(request, Counted::Yes) {
            Ok(looked) => looked,
            Err(reason) => return past(request, reason),
        };
        facts.by_variation = looked.by_variation;
        let Looked {
            key, slot, entry, ..
        } = looked;
        let Some(entry) = entry else {
            return self.decide_miss(request, &key, facts, slot.as_deref(), None, now);
        };
        if let Err(reason) = Shareable::prove(&entry.head.facts, request, &facts) {
            if facts.directives.only_if_cached {
                return Decision::Refuse(Failure::of(Reason::OnlyIfCached), None);
            }
            return Decision::Pass(reason, None);
        }
        if !entry.is_whole() {
            return self.decide_part(request, &key, facts, slot.as_deref(), entry, now);
        }
        let stale = |why| match why {
            // What this request would bring may not be stored.
            why if facts.directives.no_store => Decision::Hit(Arc::clone(&entry), facts, why),
            why => {
                let ask = self.ask(&key, facts, Some(&entry), slot.as_deref(), Reason::Stale);
                Decision::Refresh(Arc::clone(&entry), ask, why)
            }
        };
        match reuse(&entry, &facts, now) {
            Reuse::Fresh => Decision::Hit(entry, facts, Reason::Fresh),
            Reuse::MaxStale => Decision::Hit(entry, facts, Reason::MaxStale),
            Reuse::StaleWhileRevalidate => stale(Reason::StaleWhileRevalidate),
            Reuse::Validate(_) if self.may_be_staler(&entry, &facts, now) => stale(Reason::Crowd),
            Reuse::Validate(why) => {
                self.decide_validate(&key, facts, entry, slot.as_deref(), why, now)
            }
        }
    }

    /// Whether a page that would have to be asked about is served stale for as long as a
    /// crowd is there.
    fn may_be_staler(&self, entry: &Entry, facts: &RequestFacts, now: Moment) -> bool {
        let longer = self.settings.crowd_stale;
        if longer.is_zero() || self.watch.weather() != Weather::Crowd {
            return false;
        }
        let asked = &facts.directives;
        entry.head.lifetime().is_some_and(|lifetime| {
            let reuse = lifetime.reuse_within(asked, now, entry.stale_since(), longer);
            reuse == Reuse::StaleWhileRevalidate
        })
    }

    /// The response that the request selects, unless a purge took it.
    pub(super) fn usable(
        &self,
        key: &KeyBuf,
        slot: &Slot,
        request: RequestHead<'_>,
    ) -> Option<Arc<Entry>> {
        let entry = slot.select(request.headers)?;
        let is_gone = |entry: &Entry| self.purges.check(key.page(), entry) == Validity::Gone;
        if self.purges.is_news_to(entry) && is_gone(entry) {
            self.store.remove(&key.to_key(), is_gone);
            return None;
        }
        Some(Arc::clone(entry))
    }

    /// Something is stored, and the origin has to be asked about it.
    fn decide_validate(
        &self,
        key: &KeyBuf,
        facts: RequestFacts,
        entry: Arc<Entry>,
        slot: Option<&Slot>,
        why: Reason,
        now: Moment,
    ) -> Decision {
        if facts.directives.only_if_cached {
            return Decision::Refuse(Failure::of(Reason::OnlyIfCached), None);
        }
        if facts.directives.no_store {
            return Decision::Pass(Reason::RequestNoStore, None);
        }
        let memo = self.memos.get(key.as_bytes());
        if memo.pause(now).is_some() && serves_on_error(&entry, &facts, now) {
            return Decision::OnError(entry, facts, Reason::Pause);
        }
        self.decide_ask(self.ask(key, facts, Some(&entry), slot, why), now)
    }

    /// A part is stored. It is not served stale, and not validated: what comes next to it
    /// or in its place does that.
    fn decide_part(
        &self,
        request: RequestHead<'_>,
        key: &KeyBuf,
        facts: RequestFacts,
        slot: Option<&Slot>,
        part: Arc<Entry>,
        now: Moment,
    ) -> Decision {
        let ranges = self.ranges(&part, request, &facts);
        let is_enough = part.body.part().answers(&ranges);
        let why = match reuse(&part, &facts, now) {
            _ if !is_enough => Reason::PartMiss,
            Reuse::Fresh => return Decision::Hit(part, facts, Reason::Fresh),
            Reuse::MaxStale => return Decision::Hit(part, facts, Reason::MaxStale),
            Reuse::StaleWhileRevalidate => Reason::Stale,
            Reuse::Validate(why) => why,
        };
        self.decide_miss(request, key, facts, slot, Some((part, why)), now)
    }

    /// Nothing that is stored will do, not even the part that there may be.
    fn decide_miss(
        &self,
        request: RequestHead<'_>,
        key: &KeyBuf,
        facts: RequestFacts,
        slot: Option<&Slot>,
        part: Option<(Arc<Entry>, Reason)>,
        now: Moment,
    ) -> Decision {
        if facts.directives.only_if_cached {
            return Decision::Refuse(Failure::of(Reason::OnlyIfCached), None);
        }
        let rules = &self.settings.rules;
        let is_range = facts.range && !rules.fetch_whole_for_ranges;
        let why = match (&part, slot) {
            (Some((_, why)), _) => *why,
            (None, _) if is_range => Reason::RangeMiss,
            (None, Some(slot)) if slot.select(request.headers).is_none() => Reason::VaryMiss,
            (None, _) => Reason::UriMiss,
        };
        let part = part.as_ref().map(|(part, _)| part);
        let pass = if facts.directives.no_store {
            Some(Reason::RequestNoStore)
        } else if facts.head {
            Some(Reason::HeadMiss)
        } else if is_range && rules.store_parts {
            return Decision::PassForPart(self.ask(key, facts, part, slot, why));
        } else if is_range {
            Some(why)
        } else if why == Reason::VaryMiss && slot.is_some_and(|slot| self.is_full(key, slot, now)) {
            Some(Reason::VariantsFull)
        } else {
            None
        };
        match pass {
            Some(reason) => Decision::Pass(reason, None),
            None => self.decide_ask(self.ask(key, facts, part, slot, why), now),
        }
    }

    /// The origin is to be asked, unless something is known against it.
    fn decide_ask(&self, ask: Box<Ask>, now: Moment) -> Decision {
        if reentry::is_making(self.id(), ask.key.as_bytes()) {
            return Decision::Pass(Reason::Recursion, None);
        }
        let memo = self.memos.get(ask.key.as_bytes());
        if memo.unshareable(&ask.facts, now).is_some() {
            return Decision::Pass(Reason::KnownUnshareable, Some((ask.key, ask.facts)));
        }
        match memo.pause(now) {
            Some(left) if memo.is_silent(FAILURES_BEFORE_PAUSE) => {
                Decision::Refuse(Failure::of(Reason::Pause), Some(left))
            }
            _ => Decision::Ask(ask),
        }
    }

    fn ask(
        &self,
        key: &KeyBuf,
        facts: RequestFacts,
        stored: Option<&Arc<Entry>>,
        slot: Option<&Slot>,
        why: Reason,
    ) -> Box<Ask> {
        let of_kind = |whole| stored.filter(|entry| entry.is_whole() == whole).cloned();
        Box::new(Ask {
            key: key.to_key(),
            facts,
            candidate: of_kind(true),
            part: of_kind(false),
            names: slot.map(Slot::vary_names).unwrap_or_default(),
            why,
        })
    }

    fn is_full(&self, key: &KeyBuf, slot: &Slot, now: Moment) -> bool {
        self.store
            .is_full(slot, |entry| self.is_spent_at(key.page(), entry, now))
    }

    /// Whether a stored variant may make room for another: it is purged, or it is
    /// stale.
    pub(super) fn is_spent(&self, key: &Key, entry: &Entry) -> bool {
        self.is_spent_at(key.page(), entry, self.runtime.0.now())
    }

    fn is_spent_at(&self, page: &[u8], entry: &Entry, now: Moment) -> bool {
        self.purges.check(page, entry) == Validity::Gone || !entry.is_fresh(now)
    }

    /// What tells this cache from another on the same thread.
    pub(super) fn id(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

/// What is not for the cache goes past it, unless it wants nothing but what is stored
/// (RFC 9111 §5.2.1.7). An unsafe method is written through all the same (§4).
fn past(request: RequestHead<'_>, reason: Reason) -> Decision {
    let stored_only = RequestDirectives::read(request.headers).only_if_cached;
    if stored_only && is_safe(request.method) {
        return Decision::Refuse(Failure::of(Reason::OnlyIfCached), None);
    }
    Decision::Pass(reason, None)
}

/// Whether a stored response may be served now, without asking.
fn reuse(entry: &Entry, facts: &RequestFacts, now: Moment) -> Reuse {
    let unknown = Reuse::Validate(Reason::NoLifetime);
    entry.head.lifetime().map_or(unknown, |lifetime| {
        lifetime.reuse(&facts.directives, now, entry.stale_since())
    })
}

/// Whether a stored response may stand in for an error: one that is none itself.
pub(super) fn serves_on_error(entry: &Entry, request: &RequestFacts, now: Moment) -> bool {
    let lifetime = entry.head.lifetime();
    !is_failure(entry.head.status)
        && lifetime.is_some_and(|lifetime| {
            lifetime.serves_on_error(&request.directives, now, entry.stale_since())
        })
}
