//! A rate that changes over time, and when its requests come.

use std::time::Duration;

/// A rate over time, and how far along it we are. Between two points it is a straight
/// line.
#[derive(Clone, Debug)]
pub(super) struct Rate {
    /// Seconds, and requests a second.
    points: Vec<(f64, f64)>,
    /// The piece that we are in ends with this point,
    piece: usize,
    /// and so many requests were due since it began. (Counted so, and not by the time,
    /// equal distances add up.)
    due: f64,
}

impl Rate {
    /// `rate` times the curve, until it ends.
    pub(super) fn new(rate: f64, curve: &[(Duration, f64)], lasting: Duration) -> Self {
        let end = lasting.as_secs_f64();
        let mut points = vec![(0.0, curve.first().map_or(1.0, |(_, factor)| *factor))];
        points.extend(curve.iter().map(|(at, factor)| (at.as_secs_f64(), *factor)));
        let last = points.last().map_or(1.0, |(_, factor)| *factor);
        points.push((end.max(points.last().map_or(0.0, |(at, _)| *at)), last));
        let rate = |factor: f64| {
            if rate * factor > 0.0 {
                rate * factor
            } else {
                0.0
            }
        };
        let mut points: Vec<_> = points.into_iter().map(|(at, f)| (at, rate(f))).collect();
        cut(&mut points, end);
        Self {
            points,
            piece: 1,
            due: 0.0,
        }
    }

    /// Goes on until so many more requests were due; the moment, unless it is all over
    /// before.
    pub(super) fn go_on_by(&mut self, many: f64) -> Option<Duration> {
        self.due += many;
        while self.piece < self.points.len() {
            let (start, first) = self.points[self.piece - 1];
            let (end, last) = self.points[self.piece];
            let span = end - start;
            let whole = span * (first + last) / 2.0;
            if whole > self.due {
                // The time at which the area under the line is `due`, in the form of
                // the root that is exact where the line is flat.
                let slope = (last - first) / span;
                let root = (first * first + 2.0 * slope * self.due).max(0.0).sqrt();
                let sum = first + root;
                let along = if sum > 0.0 { 2.0 * self.due / sum } else { 0.0 };
                return Some(Duration::from_secs_f64(start + along.min(span)));
            }
            self.due -= whole;
            self.piece += 1;
        }
        None
    }
}

/// Leaves off what comes after the end.
fn cut(points: &mut Vec<(f64, f64)>, end: f64) {
    let Some(past) = points.iter().position(|(at, _)| *at > end) else {
        return;
    };
    let ((from, first), (to, last)) = (points[past - 1], points[past]);
    let share = (end - from) / (to - from);
    points.truncate(past);
    points.push((end, first + (last - first) * share));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(mut rate: Rate, step: f64) -> Vec<f64> {
        std::iter::from_fn(|| rate.go_on_by(step))
            .map(|at| at.as_secs_f64())
            .collect()
    }

    #[test]
    fn a_flat_rate_has_equal_distances() {
        let flat = Rate::new(2.0, &[], Duration::from_secs(2));
        assert_eq!(seconds(flat, 1.0), [0.5, 1.0, 1.5]);
    }

    #[test]
    fn a_rising_rate_comes_ever_faster() {
        let s = Duration::from_secs;
        // From 0 to 2 a second in 2 s: t² / 2 are due by t.
        let rising = Rate::new(2.0, &[(s(0), 0.0), (s(2), 1.0)], s(3));
        let came = seconds(rising, 0.5);
        let expected = [1.0, 2_f64.sqrt(), 3_f64.sqrt(), 2.0, 2.25, 2.5, 2.75];
        assert_eq!(came.len(), expected.len());
        for (came, expected) in came.iter().zip(expected) {
            assert!((came - expected).abs() < 1e-6, "{came}, not {expected}");
        }
    }

    #[test]
    fn a_rate_of_nothing_waits_for_the_next() {
        let s = Duration::from_secs;
        let pause = [(s(1), 1.0), (s(1), 0.0), (s(5), 0.0), (s(5), 1.0)];
        let came = seconds(Rate::new(1.0, &pause, s(7)), 0.75);
        assert_eq!(came, [0.75, 5.5, 6.25]);
        let never = Rate::new(0.0, &[], s(7));
        assert!(seconds(never, 1.0).is_empty());
    }

    #[test]
    fn a_curve_that_outlasts_the_crowd_is_cut() {
        let s = Duration::from_secs;
        let mut cut = Rate::new(1.0, &[(s(0), 0.0), (s(10), 10.0)], s(2));
        assert_eq!(cut.go_on_by(1.9).map(|at| at < s(2)), Some(true));
        assert_eq!(cut.go_on_by(0.2), None);
    }
}
