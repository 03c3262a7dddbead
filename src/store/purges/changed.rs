//! What clients change by unsafe methods.

use std::hash::{BuildHasher, RandomState};

use super::Validity;

/// What clients change is kept in so many rows of so many bits of places, 8 bytes
/// each: half a MiB in all, and one page in forty is taken along by 8,000 changes.
const CHANGED_ROWS: usize = 4;
const CHANGED_BITS: usize = 14;

/// When pages were last changed by clients, by the hash of the page.
///
/// Four rows, in each of which a page has a place; of the four numbers the lowest
/// counts, so that two pages are taken for one only if they share all four.
#[derive(Debug, Default)]
pub(super) struct Changed {
    hasher: RandomState,
    /// Row after row; made at the first change.
    numbers: Box<[u64]>,
    newest: u64,
}

impl Changed {
    pub(super) fn mark(&mut self, page: &[u8], number: u64) {
        if self.numbers.is_empty() {
            self.numbers = vec![0; CHANGED_ROWS << CHANGED_BITS].into();
        }
        for place in self.places(page) {
            self.numbers[place] = number;
        }
        self.newest = number;
    }

    /// Whether anything was changed after so many purges.
    pub(super) const fn has_news(&self, known: u64) -> bool {
        self.newest > known
    }

    pub(super) fn validity(&self, page: &[u8], known: u64) -> Validity {
        if !self.has_news(known) {
            return Validity::Valid;
        }
        let last = self.places(page).map(|place| self.numbers[place]).min();
        match last {
            Some(number) if number > known => Validity::Gone,
            _ => Validity::Valid,
        }
    }

    /// A page's place in each row: from one hash, a slice of bits for each.
    fn places(&self, page: &[u8]) -> impl Iterator<Item = usize> + use<> {
        let hash = self.hasher.hash_one(page);
        (0..CHANGED_ROWS).map(move |row| {
            let bits = (hash >> (row * CHANGED_BITS)) as usize;
            (row << CHANGED_BITS) + (bits & ((1 << CHANGED_BITS) - 1))
        })
    }
}
