//! Under which key a request looks, and under which its answer is stored.

use super::Engine;
use crate::entry::Head;
use crate::key::{Key, KeyBuf};
use crate::policy::{Reason, RequestHead, ResponseFacts, UrlVariation};

/// Where an answer is stored.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) key: Key,
    moved: Option<Moved>,
}

/// An answer said something else of its URL than was known of its path.
#[derive(Debug)]
struct Moved {
    path: Key,
    variation: UrlVariation,
    /// The key that was asked for: nobody is going to look there again.
    from: Key,
}

impl Engine {
    /// The key of a request, and whether it leaves out parts of the query.
    pub(super) fn key_of(&self, request: RequestHead<'_>) -> Result<(KeyBuf, bool), Reason> {
        let keys = &self.settings.keys;
        let variation = self.variation(request);
        let key = keys.key(request, &variation)?;
        Ok((key, !variation.is_default()))
    }

    /// What is known to count of the queries of a path: what its last stored answer said,
    /// or the operator.
    fn variation(&self, request: RequestHead<'_>) -> UrlVariation {
        let of_all = &self.settings.rules.url_variation;
        if !self.purges.tell_variations() {
            return of_all.clone();
        }
        let path = self.settings.keys.path(request).ok();
        let said = path.and_then(|path| self.memos.variation(path.as_bytes()));
        said.unwrap_or_else(|| of_all.clone())
    }

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
            Some((key.to_key(), moved))
        });
        match moved {
            None => Place {
                key: asked.clone(),
                moved: None,
            },
            Some((key, moved)) => Place {
                key,
                moved: Some(moved),
            },
        }
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
        if let Some(moved) = &place.moved {
            self.memos.vary(&moved.path, &moved.variation);
            self.store
                .remove(&moved.from, |old| old.head.began <= head.began);
        }
    }
}
