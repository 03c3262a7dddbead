//! Processor sharing, in arithmetic: who is served, and when each is done.

use std::collections::BTreeSet;

use super::Speed;

/// A machine that serves all who are there at once, all at the same speed.
///
/// Everyone's progress is counted on one scale, the work that someone who was there
/// from the beginning would have got done: so a job's end on that scale is known when
/// it joins, and neither those who come nor those who go change it.
#[derive(Debug)]
pub(super) struct Machine {
    speed: Speed,
    /// The time up to which all is accounted for, in nanoseconds.
    at: u64,
    /// The work that was done up to then, in nanoseconds at full speed.
    done: f64,
    jobs: BTreeSet<Job>,
    /// How many there have been.
    made: u64,
}

/// One who is served. Ordered by the end, then by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Job {
    /// On the scale of work, as bits: they sort like the number, as it is positive.
    end: u64,
    number: u64,
    /// What the caller calls it.
    pub(super) name: u32,
}

impl Machine {
    pub(super) const fn new(speed: Speed) -> Self {
        Self {
            speed,
            at: 0,
            done: 0.0,
            jobs: BTreeSet::new(),
            made: 0,
        }
    }

    /// Someone comes, with so many nanoseconds of work. Time has been
    /// [brought](Self::go_on_to) up to now.
    pub(super) fn join(&mut self, work: u64, name: u32) -> Job {
        if self.jobs.is_empty() {
            // The scale begins anew, and with it the precision of its numbers.
            self.done = 0.0;
        }
        self.made += 1;
        let job = Job {
            end: (self.done + work as f64).to_bits(),
            number: self.made,
            name,
        };
        self.jobs.insert(job);
        job
    }

    /// Someone goes away before the end.
    pub(super) fn leave(&mut self, job: Job) {
        self.jobs.remove(&job);
    }

    /// Time goes on; tells who is done, in order.
    pub(super) fn go_on_to(&mut self, now: u64, mut done: impl FnMut(u32)) {
        while let Some((first, ends)) = self.first() {
            let edge = self.speed.next_edge().unwrap_or(u64::MAX);
            if ends <= now.min(edge) {
                self.at = ends;
                self.done = f64::from_bits(first.end);
                self.jobs.remove(&first);
                done(first.name);
                continue;
            }
            let until = now.min(edge);
            let each = self.speed.of_each(self.at, self.jobs.len());
            self.done += each * (until - self.at) as f64;
            self.at = until;
            if until == now {
                return;
            }
        }
        self.at = self.at.max(now);
    }

    /// When the next one is done, or the speed changes while someone is served.
    pub(super) fn next(&mut self) -> Option<u64> {
        let (_, ends) = self.first()?;
        Some(self.speed.next_edge().map_or(ends, |edge| edge.min(ends)))
    }

    /// Who is done first, and when at the present speed.
    fn first(&mut self) -> Option<(Job, u64)> {
        let first = *self.jobs.first()?;
        let each = self.speed.of_each(self.at, self.jobs.len());
        let left = (f64::from_bits(first.end) - self.done).max(0.0);
        // A nanosecond that has begun counts. (Floats that are too large become the
        // largest moment.)
        let ends = self.at.saturating_add((left / each).ceil() as u64);
        Some((first, ends))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Outage, Outages};
    use super::*;

    fn machine(knee: f64, collapse: f64, outages: &Outages) -> Machine {
        Machine::new(Speed::new(&[(Duration::ZERO, knee)], collapse, outages))
    }

    /// When each of these (start, work) is done, in the order of their ends.
    fn ends(machine: &mut Machine, jobs: &[(u64, u64)]) -> Vec<(u32, u64)> {
        let mut ends = Vec::new();
        let mut coming = jobs.iter().enumerate().peekable();
        loop {
            let comes = coming.peek().map(|(_, (start, _))| *start);
            let Some(now) = machine.next().into_iter().chain(comes).min() else {
                return ends;
            };
            machine.go_on_to(now, |name| ends.push((name, now)));
            while let Some((name, (_, work))) = coming.next_if(|(_, (start, _))| *start == now) {
                machine.join(*work, name as u32);
            }
        }
    }

    #[test]
    fn up_to_the_knee_nobody_slows_anybody() {
        let mut two = machine(2.0, 0.0, &Outages::default());
        assert_eq!(ends(&mut two, &[(0, 100), (50, 100)]), [(0, 100), (1, 150)]);
    }

    #[test]
    fn past_the_knee_all_share_it() {
        // Alone for 50, then two at half speed: the first has 50 left and ends at 150;
        // the second has then done 50 of 100, and does the rest alone.
        let mut one = machine(1.0, 0.0, &Outages::default());
        assert_eq!(ends(&mut one, &[(0, 100), (50, 100)]), [(0, 150), (1, 200)]);
        // Four at a knee of two: twice as long.
        let mut two = machine(2.0, 0.0, &Outages::default());
        let four = ends(&mut two, &[(0, 100); 4]);
        assert_eq!(four, [(0, 200), (1, 200), (2, 200), (3, 200)]);
    }

    #[test]
    fn past_the_knee_throughput_collapses_by_its_share() {
        // Two at a knee of one, which loses half: a quarter of full speed each.
        let mut one = machine(1.0, 0.5, &Outages::default());
        assert_eq!(ends(&mut one, &[(0, 100); 2]), [(0, 400), (1, 400)]);
    }

    #[test]
    fn who_leaves_makes_room() {
        let mut one = machine(1.0, 0.0, &Outages::default());
        let goes = one.join(1000, 0);
        one.join(100, 1);
        one.go_on_to(100, |_| panic!("nobody is done"));
        one.leave(goes);
        assert_eq!(one.next(), Some(150));
    }

    #[test]
    fn slowness_counts_for_its_time() {
        let mut outages = Outages::default();
        let span = Duration::from_nanos(50)..Duration::from_nanos(150);
        outages.add(span, Outage::Slow(4.0));
        let mut any = machine(f64::INFINITY, 0.0, &outages);
        // 50, then 100 at a quarter, then the other 25.
        assert_eq!(ends(&mut any, &[(0, 100)]), [(0, 175)]);
    }

    #[test]
    fn the_knee_moves() {
        let ns = Duration::from_nanos;
        let speed = Speed::new(&[(ns(0), 1.0), (ns(100), 2.0)], 0.0, &Outages::default());
        let mut machine = Machine::new(speed);
        // Two share one until 100, and have half left; then each has its own.
        assert_eq!(ends(&mut machine, &[(0, 100); 2]), [(0, 150), (1, 150)]);
    }
}
