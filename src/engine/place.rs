//! Under which keys a request looks, and under which its answer is stored.
//!
//! Where an answer said that parts of its query do not count (No-Vary-Search), it is stored
//! under a key of another kind than one that said nothing. A path may have both: requests
//! look under both, and the newest answer that is for them counts.

use std::sync::Arc;

use super::Engine;
use crate::entry::{Entry, Head};
use crate::key::{Key, KeyBuf};
use crate::policy::{Reason, RequestHead, ResponseFacts, UrlVariation};
use crate::store::{Slot, Varied};

/// What is stored for a request, or where to ask for it.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) key: KeyBuf,
    /// The key leaves out parts of the query.
    pub(super) by_variation: bool,
    pub(super) slot: Option<Arc<Slot>>,
    /// What the request selects there; not purged, and not older than the rule of its key.
    pub(super) entry: Option<Arc<Entry>>,
}

/// Whether a look at the store is one of a request, by which pages are known to be wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    Yes,
    No,
}

impl Engine {
    /// Looks for what is stored for a request.
    pub(super) fn look_up(
        &self,
        request: RequestHead<'_>,
        counted: Counted,
    ) -> Result<Looked, Reason> {
        let of_all = &self.settings.rules.url_variation;
        let plain = self.look_under(request, of_all, counted)?;
        let Some(varied) = self.varied(request) else {
            return Ok(plain);
        };
        let mut other = self.look_under(request, &varied.variation, counted)?;
        other.entry = other.entry.filter(|entry| entry.head.began >= varied.since);
        let (first, second) = match varied.lapsed {
            true => (plain, other),
            false => (other, plain),
        };
        let began = |looked: &Looked| looked.entry.as_ref().map(|entry| entry.head.began);
        Ok(match began(&second) > began(&first) {
            true => second,
            false => first,
        })
    }

    fn look_under(
        &self,
        request: RequestHead<'_>,
        variation: &UrlVariation,
        counted: Counted,
    ) -> Result<Looked, Reason> {
        let key = self.settings.keys.key(request, variation)?;
        let slot = match counted {
            Counted::Yes => self.store.get(key.as_bytes()),
            Counted::No => self.store.look(key.as_bytes()),
        };
        let usable = |slot: &Slot| self.usable(&key, slot, request);
        let entry = slot.as_deref().and_then(usable);
        Ok(Looked {
            by_variation: !variation.is_default(),
            key,
            slot,
            entry,
        })
    }

    /// What answers have said that counts of the queries of a path, if that is not what the
    /// operator says.
    fn varied(&self, request: RequestHead<'_>) -> Option<Varied> {
        if !self.purges.tell_variations() {
            return None;
        }
        let path = self.settings.keys.path(request).ok()?;
        self.memos.varied(path.as_bytes())
    }

    /// The key under which an answer is stored that says nothing of its URL.
    pub(super) fn plain_key(&self, request: RequestHead<'_>) -> Result<KeyBuf, Reason> {
        let of_all = &self.settings.rules.url_variation;
        self.settings.keys.key(request, of_all)
    }

    /// All keys under which the request looks.
    pub(super) fn all_keys(&self, request: RequestHead<'_>) -> impl Iterator<Item = Key> + use<> {
        let plain = self.plain_key(request).ok();
        let varied = self.varied(request);
        let varied =
            varied.and_then(|varied| self.settings.keys.key(request, &varied.variation).ok());
        let keys = plain.into_iter().chain(varied);
        keys.map(|key| key.to_key()).collect::<Vec<_>>().into_iter()
    }
}

/// Where an answer is stored.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) key: Key,
    moved: Option<Moved>,
}

/// An answer said something else of its URL than the key that was asked for.
#[derive(Debug)]
struct Moved {
    path: Key,
    variation: UrlVariation,
    from: Key,
}

impl Place {
    /// Where an answer is stored that nothing is known of.
    fn plain(asked: &Key) -> Self {
        Self {
            key: asked.clone(),
            moved: None,
        }
    }
}

impl Engine {
    /// Where the answer to `request` is to be stored that was asked for under `asked`:
    /// where requests will look that know what it says of its URL.
    pub(super) fn place_of(
        &self,
        asked: &Key,
        request: RequestHead<'_>,
        facts: &ResponseFacts,
    ) -> Place {
        let keys = &self.settings.keys;
        let moved = facts.equivalent.as_deref().and_then(|equivalent| {
            let variation = equivalent.variation();
            let key = keys.key(request, variation).ok()?;
            if key.as_bytes() == asked.as_bytes() {
                return None;
            }
            let moved = Moved {
                path: keys.path(request).ok()?.to_key(),
                variation: variation.clone(),
                from: asked.clone(),
            };
            Some(Place {
                key: key.to_key(),
                moved: Some(moved),
            })
        });
        moved.unwrap_or_else(|| Place::plain(asked))
    }

    /// An answer that others may have is there: if it says nothing of its URL, those who come
    /// next, and those who waited in vain, ask for their own. To be called before they are
    /// told.
    pub(super) fn heed(&self, place: &Place) {
        if let Some(moved) = self.says_nothing(place) {
            self.memos.lapse(&moved.path);
        }
    }

    fn says_nothing<'a>(&self, place: &'a Place) -> Option<&'a Moved> {
        let of_all = &self.settings.rules.url_variation;
        let moved = place.moved.as_ref();
        moved.filter(|moved| moved.variation == *of_all)
    }

    /// Makes ready for pages that are told apart by less than their queries: before the
    /// first of them is stored, purges have to know of them.
    pub(super) fn expect(&self, place: &Place) {
        if place.moved.is_some() {
            self.purges.mark_variations();
        }
    }

    /// An answer is stored: from now on, its path is looked up by what it said.
    pub(super) fn settle_in(&self, place: &Place, head: &Head) {
        let Some(moved) = &place.moved else {
            return;
        };
        if self.says_nothing(place).is_none() {
            self.memos.vary(&moved.path, &moved.variation, head.began);
        }
        self.store
            .remove(&moved.from, |old| old.head.began <= head.began);
    }
}
