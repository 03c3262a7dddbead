//! Which fetches wait for which.
//!
//! A handler that asks the cache has its own fetch wait for another one. Two that
//! wait for each other would do so until their deadline. So such waits are noted,
//! for all caches of the process, as a circle may lead through several; the one
//! that would close a circle is refused. Requests that come from outside wait for
//! fetches, but no fetch waits for them: they are not noted and never come here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use crate::sync::Mutex;

static WAITS: LazyLock<Mutex<Waits>> = LazyLock::new(Mutex::default);

/// For each fetch that waits, those it waits for, by the numbers of their flights.
#[derive(Debug, Default)]
struct Waits(BTreeMap<u64, Vec<u64>>);

/// A fetch that waits for another, for as long as this lives.
#[derive(Debug)]
pub(super) struct Awaits {
    who: u64,
    whom: u64,
}

/// The one that is to be waited for waits itself, for the one who would wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Circle;

impl Awaits {
    /// Notes that the fetch `who` waits for the fetch `whom`.
    pub(super) fn note(who: u64, whom: u64) -> Result<Self, Circle> {
        // One lock for the question and the note: of two that would close a circle
        // together, one is the second.
        let mut waits = WAITS.lock();
        if waits.leads(whom, who) {
            return Err(Circle);
        }
        waits.0.entry(who).or_default().push(whom);
        Ok(Self { who, whom })
    }
}

impl Drop for Awaits {
    fn drop(&mut self) {
        let mut waits = WAITS.lock();
        let Some(others) = waits.0.get_mut(&self.who) else {
            return;
        };
        // One of them: a fetch may wait for another twice.
        if let Some(at) = others.iter().position(|other| *other == self.whom) {
            others.swap_remove(at);
        }
        if others.is_empty() {
            waits.0.remove(&self.who);
        }
    }
}

impl Waits {
    /// Whether `from` waits for `to`, be it through others, or is the same.
    fn leads(&self, from: u64, to: u64) -> bool {
        let mut seen = BTreeSet::new();
        let mut next = vec![from];
        while let Some(at) = next.pop() {
            if at == to {
                return true;
            }
            if seen.insert(at) {
                next.extend(self.0.get(&at).into_iter().flatten());
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that no flight of another test has.
    const FAR: u64 = 1 << 60;

    #[test]
    fn a_wait_that_would_close_a_circle_is_refused() {
        let note = |who, whom| Awaits::note(FAR + who, FAR + whom);
        assert_eq!(note(1, 1).map(drop), Err(Circle));
        let first = note(1, 2).expect("nobody waits for 1");
        let _second = note(2, 3).expect("nobody waits for 2 but 1");
        assert_eq!(note(3, 1).map(drop), Err(Circle));
        assert_eq!(note(2, 1).map(drop), Err(Circle));
        // Two ways to one place are no circle.
        let again = note(1, 3).expect("3 waits for nobody");
        let twice = note(1, 2).expect("2 does not wait for 1");
        drop(first);
        assert_eq!(note(2, 1).map(drop), Err(Circle), "it still waits");
        drop((again, twice));
        assert!(note(3, 1).is_ok(), "1 waits for nobody any more");
    }
}
