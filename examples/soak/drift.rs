//! Whether anything drifts.

use std::cmp::Ordering;
use std::time::Duration;

use crate::gauges::Reading;

/// How long a pause may take: the deadline for a head, the one for a body that hangs, and a second.
pub(crate) const SETTLES: Duration = Duration::from_secs(5);

/// Memory is judged from the reading after these on; before, it is still being filled.
const WARM: usize = 2;
/// What a trend is not: less than a hundredth an hour, or less than this share over the whole run,
/// which is what an allocator's habits make of a short one.
const PER_HOUR: f64 = 0.01;
const NOISE: f64 = 0.04;
/// How many standard deviations from chance: one run in some two hundred is wrongly accused.
const SURE: f64 = 2.6;

/// What the program itself takes, its visitors' buffers included.
const BASE: u64 = 128 << 20;

pub(crate) struct Watch {
    before: Reading,
    capacity: u64,
    readings: Vec<Reading>,
}

impl Watch {
    pub(crate) const fn new(before: Reading, capacity: u64) -> Self {
        Self {
            before,
            capacity,
            readings: Vec::new(),
        }
    }

    /// Whether everything that was begun is over.
    pub(crate) fn is_settled(&self, reading: &Reading) -> bool {
        self.left_over(reading).is_empty()
    }

    pub(crate) fn note(&mut self, reading: Reading) {
        self.readings.push(reading);
    }

    /// Why the run failed; nothing if it did not. `every` is the time between two readings.
    pub(crate) fn findings(&self, every: Duration) -> Vec<String> {
        let mut found: Vec<String> = self
            .readings
            .iter()
            .flat_map(|reading| self.wrong_at(reading))
            .collect();
        found.extend(self.growth(every));
        found.extend(self.idle());
        found
    }

    pub(crate) fn summary(&self) -> String {
        let slowest = self.readings.iter().map(|reading| reading.settled).max();
        let last = self.readings.last().unwrap_or(&self.before);
        format!(
            "{} visits, {} crossings, {} wrong; everything was over {} ms after each pause began",
            last.visits,
            last.crossings,
            last.wrong,
            slowest.unwrap_or_default().as_millis(),
        )
    }

    fn left_over(&self, reading: &Reading) -> Vec<String> {
        let more = |name: &str, now: u64, before: u64| {
            (now > before).then(|| format!("{name} is {now}, and was {before} before"))
        };
        let descriptors = reading.descriptors.zip(self.before.descriptors);
        let (open, opened) = descriptors.unwrap_or_default();
        let tasks = (reading.tasks as u64, self.before.tasks as u64);
        [
            more("flights", reading.flights, 0),
            more("waiting requests", reading.waiting, 0),
            more("bytes held by flights", reading.held, 0),
            more("fetches at the origin", reading.at_origin, 0),
            more("tasks", tasks.0, tasks.1),
            more("descriptors", open as u64, opened as u64),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn wrong_at(&self, reading: &Reading) -> Vec<String> {
        let mut wrong = self.left_over(reading);
        if reading.crossings > 0 {
            wrong.push(format!("{} answers crossed", reading.crossings));
        }
        if reading.wrong > 0 {
            wrong.push(format!("{} answers were wrong", reading.wrong));
        }
        let most = BASE + self.capacity + self.capacity / 4;
        if let Some(resident) = reading.resident.filter(|resident| *resident > most) {
            wrong.push(format!("{resident} bytes are resident, of {most} allowed"));
        }
        let minute = reading.minute;
        wrong
            .into_iter()
            .map(|why| format!("minute {minute}: {why}"))
            .collect()
    }

    fn growth(&self, every: Duration) -> Vec<String> {
        // What is stored comes and goes with every purge.
        let unstored = |reading: &Reading| Some(reading.live.saturating_sub(reading.stored));
        let judged = |of: &dyn Fn(&Reading) -> Option<u64>| {
            let warm = self.readings.iter().skip(WARM);
            warm.filter_map(of).collect::<Vec<u64>>()
        };
        let rows = [
            ("resident memory", judged(&|reading| reading.resident)),
            ("memory beyond what is stored", judged(&unstored)),
        ];
        rows.iter()
            .filter_map(|(name, values)| Some((name, trend(values, every)?)))
            .map(|(name, share)| format!("{name} grew by {:.1} % an hour", share * 100.0))
            .collect()
    }

    /// A run in which the cache did nothing proves nothing.
    fn idle(&self) -> Option<String> {
        let last = self.readings.last()?;
        let did = [last.answered, last.hits, last.stale, last.collapsed];
        did.contains(&0)
            .then(|| "nothing was hit, served stale or shared: this run shows nothing".to_owned())
    }
}

/// The growth an hour, as a share, if there is one: by the test of Mann and Kendall, which counts the
/// pairs that rise, and the slope of Theil and Sen, the median over all pairs. Both shrug at single
/// odd readings.
fn trend(values: &[u64], every: Duration) -> Option<f64> {
    let count = values.len() as f64;
    let pairs = || {
        (0..values.len())
            .flat_map(|first| (first + 1..values.len()).map(move |later| (first, later)))
    };
    let rises = pairs().map(|(first, later)| match values[later].cmp(&values[first]) {
        Ordering::Greater => 1.0,
        Ordering::Equal => 0.0,
        Ordering::Less => -1.0,
    });
    let deviation = (count * (count - 1.0) * (2.0 * count + 5.0) / 18.0).sqrt();
    if rises.sum::<f64>() - 1.0 <= SURE * deviation {
        return None;
    }
    let slopes = pairs().map(|(first, later)| {
        (values[later] as f64 - values[first] as f64) / (later - first) as f64
    });
    let typical = median(values.iter().map(|value| *value as f64));
    let each = median(slopes) / typical;
    let an_hour = each * 3600.0 / every.as_secs_f64();
    (an_hour > PER_HOUR && each * count > NOISE).then_some(an_hour)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// A cache at work: full, with an allocator that keeps now more and now less for itself.
    fn reading(minute: u32) -> Reading {
        let wobble = u64::from(minute * 7919 % 13) << 19;
        Reading {
            minute,
            settled: Duration::ZERO,
            visits: 10,
            answered: 9,
            refused: 1,
            cut: 0,
            crossings: 0,
            wrong: 0,
            hits: 5,
            stale: 2,
            collapsed: 2,
            stored: 32 << 20,
            flights: 0,
            waiting: 0,
            held: 0,
            at_origin: 0,
            tasks: 66,
            live: (33 << 20) + wobble / 100,
            resident: Some((80 << 20) + wobble),
            descriptors: Some(12),
        }
    }

    fn findings(of: impl Fn(&mut Reading)) -> Vec<String> {
        let mut watch = Watch::new(reading(0), 32 << 20);
        for minute in 1..=20 {
            let mut reading = reading(minute);
            of(&mut reading);
            watch.note(reading);
        }
        watch.findings(MINUTE)
    }

    #[test]
    fn a_steady_run_is_flat() {
        assert_eq!(findings(|_| {}), Vec::<String>::new());
    }

    #[test]
    fn a_leak_is_found_under_the_noise() {
        let leaks = |reading: &mut Reading| {
            reading.resident = reading
                .resident
                .map(|it| it + (u64::from(reading.minute) << 19));
        };
        let found = findings(leaks);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("resident memory grew by"), "{found:?}");
    }

    #[test]
    fn memory_that_nobody_stores_or_frees_is_found() {
        let found = findings(|reading| reading.live += u64::from(reading.minute) << 14);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("memory beyond"), "{found:?}");
    }

    #[test]
    fn what_is_left_over_is_named() {
        let found = findings(|reading| reading.tasks += usize::from(reading.minute == 7));
        assert_eq!(found, ["minute 7: tasks is 67, and was 66 before"]);
    }

    #[test]
    fn one_crossing_is_enough() {
        let found = findings(|reading| reading.crossings = u64::from(reading.minute == 20));
        assert_eq!(found, ["minute 20: 1 answers crossed"]);
    }

    #[test]
    fn a_run_in_which_nothing_was_shared_shows_nothing() {
        assert_eq!(findings(|reading| reading.collapsed = 0).len(), 1);
    }
}
