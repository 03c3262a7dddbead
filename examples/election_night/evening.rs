//! The evening everybody shares: the crowd asks how many come at a time, the site asks what is
//! wrong with it, the report asks what the clock says. One module, so that the three agree.
//!
//! Three hours, 22:00 to 01:00, are compressed into one act.

use std::time::Duration;

use tokio::time::Instant;

/// Minutes after 22:00.
pub(crate) type Minute = f64;

pub(crate) const LENGTH: Minute = 180.0;
/// 22:40: the first results are in, and the rise begins.
pub(crate) const RISE: Minute = 40.0;
/// 23:00: the peak.
pub(crate) const PEAK: Minute = 60.0;
/// 00:00: the ebb.
pub(crate) const EBB: Minute = 120.0;

/// How much larger than usual the crowd was.
pub(crate) const PEAK_FACTOR: f64 = 12.0;
/// The ebb halves the crowd's excess every so many minutes.
const EBB_HALVES: Minute = 20.0;

/// An act is told in this many moments: a chart's points, and the bins of every count over time.
pub(crate) const MOMENTS: usize = 80;

/// The crowd at a time, in multiples of the usual one.
pub(crate) fn crowd_at(minute: Minute) -> f64 {
    let above = PEAK_FACTOR - 1.0;
    if minute < RISE {
        1.0
    } else if minute < PEAK {
        let risen = (minute - RISE) / (PEAK - RISE);
        1.0 + above * risen * risen * (3.0 - 2.0 * risen)
    } else if minute < EBB {
        PEAK_FACTOR
    } else {
        1.0 + above * 0.5_f64.powf((minute - EBB) / EBB_HALVES)
    }
}

/// The evening's clock, running at the speed of one act.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Instant,
    act: Duration,
}

impl Clock {
    pub(crate) fn start(act: Duration) -> Self {
        let started = Instant::now();
        Self { started, act }
    }

    pub(crate) fn minute(&self) -> Minute {
        minute_of(self.started.elapsed(), self.act)
    }

    pub(crate) fn moment(&self) -> usize {
        moment_of(self.started.elapsed(), self.act)
    }

    /// The real instant at which the evening's clock shows `minute`.
    pub(crate) fn instant_of(&self, minute: Minute) -> Instant {
        self.started + self.act.mul_f64(minute / LENGTH)
    }
}

pub(crate) fn minute_of(since_start: Duration, act: Duration) -> Minute {
    since_start.as_secs_f64() / act.as_secs_f64() * LENGTH
}

/// The moment a time falls into. What comes after the end belongs to the last one.
pub(crate) fn moment_of(since_start: Duration, act: Duration) -> usize {
    let share = since_start.as_secs_f64() / act.as_secs_f64();
    ((share * MOMENTS as f64) as usize).min(MOMENTS - 1)
}

/// The minute at which a moment begins.
pub(crate) fn minute_of_moment(moment: usize) -> Minute {
    moment as f64 / MOMENTS as f64 * LENGTH
}

/// What the clock on the wall says.
pub(crate) fn clock_face(minute: Minute) -> String {
    let minutes = 22 * 60 + minute.min(LENGTH) as u32;
    format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60)
}
