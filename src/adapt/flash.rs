//! Whether a crowd has come.
//!
//! A crowd grows fast and wants the same few pages; an attack with addresses of its own
//! grows as fast and scatters (Jung, Krishnamurthy and Rabinovich, 2002). So two things are
//! watched, second by second: how the last seconds compare with the last minutes, and how
//! many different pages there are among the first requests of a second.
//!
//! While a crowd is there, what is usual stays what it was before, for an hour at most:
//! otherwise the crowd itself would become the measure by which it is no crowd.

/// What a second brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Second {
    /// Requests.
    pub(crate) arrivals: u64,
    /// The first of them, of which it is known what they were for,
    pub(crate) sampled: u32,
    /// and for how many different pages.
    pub(crate) distinct: u32,
}

/// How many requests of each second are looked at.
pub(crate) const SAMPLE: u32 = 64;

/// What the traffic is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Weather {
    /// As usual, or nobody knows yet.
    #[default]
    Calm,
    /// Many more than usual, and they want the same.
    Crowd,
    /// Many more than usual, and each wants something else.
    Scatter,
}

/// The seconds over which the present is averaged,
const PRESENT: f64 = 5.0;
/// and those over which it is known what is usual.
const USUAL: f64 = 300.0;
/// Growth by this factor is no fluctuation,
const GROWTH: f64 = 3.0;
/// if it lasts for so many seconds more than it does not,
const LASTS: u32 = 8;
/// and if there are so many requests a second: three where one is usual are no crowd.
const LEAST: f64 = 20.0;
/// Nothing is known of what is usual before so many seconds.
const WARM: u32 = 60;
/// It is over when no more than this times the usual
const OVER: f64 = 1.5;
/// came for so many seconds,
const STAYS_OVER: u32 = 30;
/// or after an hour: then it is usual.
const MOST: u32 = 3600;
/// The share of different pages may be greater by this than usual: the shape of what is
/// wanted stays the same in many a crowd, and samples vary.
const WIDER: f64 = 0.1;

/// An average that forgets, and is right from its first value on.
#[derive(Clone, Copy, Debug)]
struct Average {
    sum: f64,
    weight: f64,
    keeps: f64,
}

impl Average {
    fn over(seconds: f64) -> Self {
        let keeps = (-1.0 / seconds).exp();
        let (sum, weight) = (0.0, 0.0);
        Self { sum, weight, keeps }
    }

    fn add(&mut self, value: f64) {
        self.sum = self.sum * self.keeps + value;
        self.weight = self.weight * self.keeps + 1.0;
    }

    fn value(&self) -> f64 {
        self.sum / self.weight.max(1.0)
    }
}

/// A rate of requests, and the share of different pages among them.
#[derive(Clone, Copy, Debug)]
struct Level {
    rate: Average,
    spread: Average,
}

impl Level {
    fn over(seconds: f64) -> Self {
        let average = Average::over(seconds);
        Self {
            rate: average,
            spread: average,
        }
    }

    fn add(&mut self, second: Second) {
        self.rate.add(second.arrivals as f64);
        if second.sampled > 0 {
            let spread = f64::from(second.distinct) / f64::from(second.sampled);
            self.spread.add(spread);
        }
    }
}

/// Watches the traffic.
#[derive(Clone, Debug)]
pub(crate) struct Detector {
    present: Level,
    usual: Level,
    weather: Weather,
    /// Seconds of calm that are known, up to [`WARM`].
    known: u32,
    /// For how many seconds the other weather has been due.
    due: u32,
    /// For how many seconds this one has lasted.
    lasted: u32,
}

impl Default for Detector {
    fn default() -> Self {
        Self {
            present: Level::over(PRESENT),
            usual: Level::over(USUAL),
            weather: Weather::Calm,
            known: 0,
            due: 0,
            lasted: 0,
        }
    }
}

impl Detector {
    /// Takes in a second, and says what the traffic is like after it. To be told of each
    /// second, those without a request too.
    pub(crate) fn second(&mut self, second: Second) -> Weather {
        self.present.add(second);
        self.lasted = self.lasted.saturating_add(1);
        match self.weather {
            Weather::Calm => self.calm(second),
            Weather::Crowd | Weather::Scatter => self.unusual(),
        }
        self.weather
    }

    /// Requests a second now, and as usual: the evidence.
    pub(crate) fn rates(&self) -> (f64, f64) {
        (self.present.rate.value(), self.usual.rate.value())
    }

    fn calm(&mut self, second: Second) {
        let (now, usual) = self.rates();
        let grows = self.known == WARM && now >= LEAST && now > GROWTH * usual;
        self.due = if grows {
            self.due + 1
        } else {
            // One slow second among fast ones is chance.
            self.due.saturating_sub(1)
        };
        if self.due >= LASTS {
            let weather = if self.scatters() {
                Weather::Scatter
            } else {
                Weather::Crowd
            };
            return self.turn(weather);
        }
        // What may be the beginning of something is no measure of what is usual.
        if !grows {
            self.usual.add(second);
            self.known = (self.known + 1).min(WARM);
        }
    }

    fn unusual(&mut self) {
        let (now, usual) = self.rates();
        self.due = if now <= OVER * usual { self.due + 1 } else { 0 };
        if self.lasted >= MOST {
            self.usual = Level {
                rate: self.present.rate,
                spread: self.present.spread,
            }
            .kept_for(USUAL);
            self.turn(Weather::Calm);
        } else if self.due >= STAYS_OVER {
            self.turn(Weather::Calm);
        } else if self.weather == Weather::Crowd && self.scatters() {
            self.weather = Weather::Scatter;
        } else if self.weather == Weather::Scatter && !self.scatters() {
            self.weather = Weather::Crowd;
        }
    }

    fn scatters(&self) -> bool {
        self.present.spread.value() > self.usual.spread.value() + WIDER
    }

    fn turn(&mut self, weather: Weather) {
        self.weather = weather;
        self.due = 0;
        self.lasted = 0;
    }
}

impl Level {
    /// The same values, which are forgotten as slowly as `seconds` says.
    fn kept_for(self, seconds: f64) -> Self {
        let mut kept = Self::over(seconds);
        kept.rate.add(self.rate.value());
        kept.spread.add(self.spread.value());
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SplitMix64, as numbers from 0 to 1.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.0;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
        }

        /// About `mean`, as many as come at random.
        fn poisson(&mut self, mean: f64) -> u64 {
            if mean > 60.0 {
                let sum: f64 = (0..12).map(|_| self.roll()).sum();
                return (mean + (sum - 6.0) * mean.sqrt()).max(0.0) as u64;
            }
            let (least, mut product, mut count) = ((-mean).exp(), self.roll(), 0);
            while product > least {
                product *= self.roll();
                count += 1;
            }
            count
        }

        /// A page of a thousand, the first ones most wanted; or one that nobody else wants.
        fn page(&mut self, scatter: f64) -> u64 {
            if self.roll() < scatter {
                return 1000 + (self.roll() * 1e15) as u64;
            }
            (1000_f64.powf(self.roll()) - 1.0) as u64
        }

        fn second(&mut self, rate: f64, scatter: f64) -> Second {
            let arrivals = self.poisson(rate);
            let sampled = u32::try_from(arrivals).unwrap_or(SAMPLE).min(SAMPLE);
            let mut pages: Vec<u64> = (0..sampled).map(|_| self.page(scatter)).collect();
            pages.sort_unstable();
            pages.dedup();
            let distinct = u32::try_from(pages.len()).expect("few");
            Second {
                arrivals,
                sampled,
                distinct,
            }
        }
    }

    fn seeds() -> impl Iterator<Item = Dice> {
        (1..=20).map(Dice)
    }

    /// A detector that has seen ten minutes of so many requests a second.
    fn used_to(rate: f64, dice: &mut Dice) -> Detector {
        let mut detector = Detector::default();
        for _ in 0..600 {
            assert_eq!(detector.second(dice.second(rate, 0.0)), Weather::Calm);
        }
        detector
    }

    #[test]
    fn a_crowd_is_seen_within_twenty_seconds() {
        for mut dice in seeds() {
            for usual in [8.0, 40.0, 900.0] {
                for (times, ramp) in [(12.0, 0.0), (12.0, 60.0), (5.0, 0.0), (5.0, 30.0)] {
                    let mut detector = used_to(usual, &mut dice);
                    // From when there are three times as many as usual.
                    let rate = |at: f64| {
                        let share = if ramp == 0.0 {
                            1.0
                        } else {
                            (at / ramp).min(1.0)
                        };
                        usual * (1.0 + (times - 1.0) * share)
                    };
                    let seconds = (0..200).map(f64::from);
                    let begins = seconds.clone().find(|at| rate(*at) >= 3.0 * usual);
                    let seen = seconds
                        .clone()
                        .find(|at| detector.second(dice.second(rate(*at), 0.0)) == Weather::Crowd);
                    let (begins, seen) = (begins.expect("it does"), seen.expect("it is seen"));
                    assert!(
                        seen - begins <= 20.0,
                        "{usual} x {times} in {ramp}: {begins} {seen}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_day_of_calm_has_no_crowd() {
        let day = 24.0 * 3600.0;
        for mut dice in seeds().take(2) {
            for busiest in [3.0, 30.0, 300.0] {
                let mut detector = Detector::default();
                let mut alarms = 0;
                for second in 0..86_400 {
                    // From a tenth at night to all at noon, and a crawler once an hour.
                    let hour = f64::from(second) / day * std::f64::consts::TAU;
                    let rate = busiest * (0.55 - 0.45 * hour.cos());
                    let crawls = second % 3600 < 60;
                    let (rate, scatter) = if crawls {
                        (rate + 10.0, 0.3)
                    } else {
                        (rate, 0.02)
                    };
                    let before = detector.weather;
                    let after = detector.second(dice.second(rate, scatter));
                    alarms += u32::from(before == Weather::Calm && after == Weather::Crowd);
                }
                assert_eq!(alarms, 0, "{busiest} requests a second");
            }
        }
    }

    #[test]
    fn addresses_that_nobody_else_wants_are_no_crowd() {
        for mut dice in seeds() {
            let mut detector = used_to(100.0, &mut dice);
            let mut weather = Weather::Calm;
            for _ in 0..60 {
                weather = detector.second(dice.second(1000.0, 0.9));
                assert_ne!(weather, Weather::Crowd);
            }
            assert_eq!(weather, Weather::Scatter);
        }
    }

    #[test]
    fn it_is_over_when_they_have_gone_and_does_not_become_usual_before() {
        for mut dice in seeds() {
            let mut detector = used_to(50.0, &mut dice);
            for second in 0..1800 {
                let weather = detector.second(dice.second(600.0, 0.0));
                assert_eq!(
                    weather == Weather::Crowd,
                    second >= 10 || weather != Weather::Calm
                );
            }
            let gone = (0..120).find(|_| detector.second(dice.second(50.0, 0.0)) == Weather::Calm);
            assert!(gone.is_some_and(|after| after <= 60), "{gone:?}");
        }
    }

    #[test]
    fn after_an_hour_a_crowd_is_what_is_usual() {
        let mut dice = Dice(7);
        let mut detector = used_to(50.0, &mut dice);
        for _ in 0..3700 {
            detector.second(dice.second(600.0, 0.0));
        }
        for _ in 0..600 {
            assert_eq!(detector.second(dice.second(600.0, 0.0)), Weather::Calm);
        }
    }

    #[test]
    fn nothing_is_unusual_before_it_is_known_what_is_usual() {
        let mut dice = Dice(3);
        let mut detector = Detector::default();
        for _ in 0..30 {
            detector.second(Second::default());
        }
        for _ in 0..25 {
            assert_eq!(detector.second(dice.second(900.0, 0.0)), Weather::Calm);
        }
    }
}
