//! The changes of one page in one run.

use std::time::Duration;

use super::Changes;
use crate::simulate::{Random, nanos};

/// Nothing changes more often than this, in nanoseconds: a run has to end.
const LEAST: u64 = 1000;

/// When a page has changed so far. Version 0 is the first content; version `n` ended
/// with change number `n`.
#[derive(Debug)]
pub(super) struct Course {
    changes: Changes,
    random: Random,
    past: Vec<u64>,
    /// None if no change comes any more.
    next: Option<u64>,
}

impl Course {
    pub(super) fn new(changes: Changes, mut random: Random) -> Self {
        // The rate is drawn once, and is the page's own.
        let changes = match changes {
            Changes::Drawn { median, sigma } => {
                let mean = random.lognormal(nanos(median) as f64, sigma);
                Changes::Poisson(Duration::from_nanos(mean as u64))
            }
            other => other,
        };
        let mut course = Self {
            changes,
            random,
            past: Vec::new(),
            next: None,
        };
        course.next = match &course.changes {
            Changes::Every { first, .. } => Some(nanos(*first)),
            _ => course.after(0),
        };
        course
    }

    /// The version at a moment that is not before any that was asked about.
    pub(super) fn version(&mut self, now: u64) -> u64 {
        while let Some(next) = self.next.filter(|next| *next <= now) {
            self.past.push(next);
            self.next = self.after(next);
        }
        self.past.len() as u64
    }

    /// For how long a version has been out of date; none if it is the present one.
    pub(super) fn staleness(&mut self, version: u64, now: u64) -> Option<u64> {
        self.version(now);
        let ended = self.past.get(usize::try_from(version).ok()?)?;
        Some(now - ended)
    }

    /// The change that comes after a moment at which one came, or the beginning.
    fn after(&mut self, at: u64) -> Option<u64> {
        match &self.changes {
            Changes::Never | Changes::Drawn { .. } => None,
            Changes::Every { period, .. } => Some(at.saturating_add(nanos(*period).max(LEAST))),
            Changes::At(moments) => moments.get(self.past.len()).map(|at| nanos(*at)),
            Changes::Poisson(mean) => {
                let mean = nanos(*mean).max(LEAST);
                let gap = self.random.exponential(mean as f64) as u64;
                Some(at.saturating_add(gap.max(1)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn course(changes: Changes, seed: u64) -> Course {
        Course::new(changes, Random::new(seed))
    }

    #[test]
    fn a_version_ends_with_the_change_of_its_number() {
        let moments = [Duration::from_secs(5), Duration::from_secs(2)];
        let mut course = course(Changes::at(&moments), 1);
        assert_eq!(course.version(SECOND), 0);
        assert_eq!(course.staleness(0, SECOND), None);
        assert_eq!(course.version(2 * SECOND), 1);
        assert_eq!(course.staleness(0, 6 * SECOND), Some(4 * SECOND));
        assert_eq!(course.staleness(1, 6 * SECOND), Some(SECOND));
        assert_eq!(course.staleness(2, 6 * SECOND), None);
        assert_eq!(course.version(u64::MAX), 2);
    }

    #[test]
    fn periods_are_kept() {
        let mut course = course(Changes::every(Duration::from_secs(10)), 1);
        assert_eq!(course.version(10 * SECOND - 1), 0);
        assert_eq!(course.version(10 * SECOND), 1);
        assert_eq!(course.version(95 * SECOND), 9);
    }

    #[test]
    fn random_changes_come_as_often_as_they_should() {
        let day = 86_400 * SECOND;
        let mut poisson = course(Changes::poisson(Duration::from_secs(10)), 7);
        let many = poisson.version(day) as f64;
        // Three deviations of a Poisson number.
        assert!((many - 8640.0).abs() < 3.0 * 8640_f64.sqrt(), "{many}");
        let drawn: Vec<u64> = (0..101)
            .map(|seed| course(Changes::drawn(Duration::from_secs(60), 1.5), seed).version(day))
            .collect();
        let often = drawn.iter().filter(|many| **many > 1440).count();
        assert!(
            (30..=70).contains(&often),
            "{often} of 101 above the median"
        );
    }
}
