//! Which purges there have been, by what they name.

use super::Validity;
use crate::clock::Moment;
use crate::hash::HashMap;

/// The bytes of names that are kept of one kind before the older half is folded.
const MOST_BYTES: usize = 1 << 20;

/// The last purges of one kind and name.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks {
    pub(super) hard: u64,
    pub(super) soft: u64,
    pub(super) soft_at: Moment,
}

impl Marks {
    pub(super) fn join(&mut self, other: Self) {
        self.hard = self.hard.max(other.hard);
        if other.soft > self.soft {
            self.soft = other.soft;
            self.soft_at = other.soft_at;
        }
    }

    const fn newest(&self) -> u64 {
        if self.hard > self.soft {
            self.hard
        } else {
            self.soft
        }
    }

    pub(super) fn validity(&self, known: u64) -> Validity {
        if self.hard > known {
            Validity::Gone
        } else if self.soft > known {
            Validity::Stale(self.soft_at)
        } else {
            Validity::Valid
        }
    }
}

/// The purges of one kind.
#[derive(Debug, Default)]
pub(super) struct Named {
    marks: HashMap<Box<[u8]>, Marks>,
    bytes: usize,
    newest: u64,
}

impl Named {
    pub(super) fn note(&mut self, name: Vec<u8>, marks: Marks) {
        self.newest = self.newest.max(marks.newest());
        let size = name.len();
        let known = self.marks.len();
        self.marks.entry(name.into()).or_default().join(marks);
        if self.marks.len() > known {
            self.bytes += size;
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether any purge is newer than those `known`. A check that goes on from those
    /// need not look at the kinds that have none.
    pub(super) const fn has_news(&self, known: u64) -> bool {
        self.newest > known
    }

    /// What the purges of exactly this name leave.
    pub(super) fn validity(&self, name: &[u8], known: u64) -> Validity {
        let marks = self.marks.get(name);
        marks.map_or(Validity::Valid, |marks| marks.validity(known))
    }

    /// What the purges leave that are newer than those known and whose name `covers`.
    pub(super) fn validity_where(&self, known: u64, covers: impl Fn(&[u8]) -> bool) -> Validity {
        let newer = self
            .marks
            .iter()
            .filter(|(_, marks)| marks.newest() > known);
        newer
            .filter(|(name, _)| covers(name))
            .fold(Validity::Valid, |left, (_, marks)| {
                left.and(marks.validity(known))
            })
    }

    /// When there are more than `most`, or their names are too large, the older half
    /// becomes one rule for `everything`; says whether that was so.
    pub(super) fn fold(&mut self, most: usize, everything: &mut Marks) -> bool {
        let mut folded = false;
        while self.marks.len() > most || self.bytes > MOST_BYTES {
            let mut numbers: Vec<u64> = self.marks.values().map(Marks::newest).collect();
            let middle = numbers.len() / 2;
            let (_, median, _) = numbers.select_nth_unstable(middle);
            let median = *median;
            self.marks.retain(|_, marks| {
                let newer = marks.newest() > median;
                if !newer {
                    everything.join(*marks);
                }
                newer
            });
            // A table that is filled and emptied again and again would grow.
            self.marks.shrink_to_fit();
            self.bytes = self.marks.keys().map(|name| name.len()).sum();
            folded = true;
        }
        folded
    }
}
