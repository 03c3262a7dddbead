//! How often each value came, in little room.

/// So many values in each doubling are told apart: a quantile is at most a thousandth
/// too low.
const FINE: u64 = 1024;

/// Counts of values; below 2048 each has its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Histogram {
    counts: Vec<u64>,
    all: u64,
}

impl Histogram {
    pub(super) fn add(&mut self, value: u64) {
        let at = index(value);
        if at >= self.counts.len() {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] += 1;
        self.all += 1;
    }

    /// The least value that so large a share of all does not exceed; zero if there is
    /// none.
    pub(super) fn quantile(&self, share: f64) -> u64 {
        let rank = ((self.all as f64 * share).ceil() as u64).max(1);
        let mut passed = 0;
        for (at, count) in self.counts.iter().enumerate() {
            passed += count;
            if passed >= rank {
                return least(at as u64);
            }
        }
        0
    }
}

fn index(value: u64) -> usize {
    if value < 2 * FINE {
        return value as usize;
    }
    let shift = u64::from(value.ilog2() - FINE.ilog2());
    (shift * FINE + (value >> shift)) as usize
}

/// The least value that has an index.
const fn least(index: u64) -> u64 {
    if index < 2 * FINE {
        return index;
    }
    let shift = index / FINE - 1;
    (index - shift * FINE) << shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_apart_to_a_thousandth() {
        let mut value: u64 = 0;
        while value < u64::MAX / 2 {
            let told = least(index(value) as u64);
            assert!(told <= value && value - told <= value / FINE, "{value}");
            value += value / 3 + 1;
        }
        assert!(least(index(u64::MAX) as u64) > u64::MAX / 2);
    }

    #[test]
    fn quantiles_are_by_nearest_rank() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), 0);
        for value in 1..=100 {
            histogram.add(value);
        }
        assert_eq!(histogram.quantile(0.5), 50);
        assert_eq!(histogram.quantile(0.99), 99);
        assert_eq!(histogram.quantile(1.0), 100);
    }
}
