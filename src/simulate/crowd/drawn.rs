//! A crowd that is drawn from a seed.

use std::time::Duration;

use super::Arrival;
use super::pages::Pages;
use super::rate::Rate;
use crate::simulate::Random;

/// A crowd that is drawn from a seed.
#[derive(Clone, Debug)]
pub(super) struct Drawn {
    rate: f64,
    lasting: Duration,
    /// At equal distances, or at random.
    is_even: bool,
    pub(super) begins: Duration,
    pub(super) curve: Vec<(Duration, f64)>,
    pub(super) pages: Pages,
    /// The share of requests with a query string of their own.
    pub(super) unique: f64,
}

impl Drawn {
    pub(super) fn new(rate: f64, lasting: Duration, is_even: bool) -> Self {
        Self {
            rate,
            lasting,
            is_even,
            begins: Duration::ZERO,
            curve: Vec::new(),
            pages: Pages::new(),
            unique: 0.0,
        }
    }

    pub(super) fn arrivals(&self, seed: u64) -> impl Iterator<Item = Arrival> + Send + 'static {
        let drawn = self.clone();
        let mut random = Random::new(seed);
        let mut rate = Rate::new(drawn.rate, &drawn.curve, drawn.lasting);
        // The first of an even crowd comes at once.
        let mut is_first = drawn.is_even;
        std::iter::from_fn(move || {
            let many = match (std::mem::take(&mut is_first), drawn.is_even) {
                (true, _) => 0.0,
                (false, true) => 1.0,
                (false, false) => random.exponential(1.0),
            };
            let at = drawn.begins + rate.go_on_by(many)?;
            let arrival = Arrival::new(at, drawn.pages.draw(&mut random));
            let is_unique = drawn.unique > 0.0 && random.unit() < drawn.unique;
            Some(match is_unique {
                true => arrival.query(random.next()),
                false => arrival,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_crowd_is_as_large_as_it_should_be() {
        let drawn = Drawn::new(100.0, Duration::from_secs(100), false);
        let many = drawn.arrivals(5).count() as f64;
        assert!((many - 10_000.0).abs() < 300.0, "{many}");
    }

    #[test]
    fn an_even_crowd_is_counted_out() {
        let drawn = Drawn::new(10.0, Duration::from_secs(1), true);
        let came: Vec<_> = drawn.arrivals(5).map(|arrival| arrival.at).collect();
        assert_eq!(came.len(), 10);
        assert_eq!(came[0], Duration::ZERO);
        assert_eq!(came[3], Duration::from_millis(300));
    }

    #[test]
    fn queries_are_as_unique_as_was_said() {
        let mut drawn = Drawn::new(100.0, Duration::from_secs(100), false);
        drawn.unique = 0.25;
        let mut queries: Vec<_> = drawn.arrivals(5).filter_map(|one| one.query).collect();
        let many = queries.len() as f64;
        assert!((many - 2500.0).abs() < 200.0, "{many}");
        queries.sort_unstable();
        queries.dedup();
        assert_eq!(queries.len() as f64, many);
    }
}
