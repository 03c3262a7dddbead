//! Numbers from a seed.

use std::f64::consts::TAU;

/// SplitMix64 (Steele, Lea and Flood, 2014): eight bytes of state, every seed is
/// as good as any other, and what a seed gives never changes with a dependency.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Numbers that belong to one thing among many, whatever was drawn for the
    /// others: the same `seed` and `which` give the same.
    pub(super) fn of(seed: u64, which: u64) -> Self {
        let mut outer = Self(seed);
        let mut inner = Self(outer.next() ^ which);
        Self(inner.next())
    }

    /// The next number.
    #[allow(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(bound);
        (wide >> 64) as u64
    }

    /// An index into something of `length`, which is not zero.
    pub fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// True so many times in a hundred.
    pub fn percent(&mut self, chance: u64) -> bool {
        chance > 0 && self.below(100) < chance
    }

    /// One of `choices`.
    ///
    /// # Panics
    /// If there is none.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.index(choices.len())]
    }

    /// A number from 0 up to, but not, 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number that is exponentially distributed, with this mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// A number that is lognormally distributed: `sigma` is the deviation of its
    /// logarithm.
    pub fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        // Box and Muller, 1958.
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        median * (sigma * radius * (TAU * self.unit()).cos()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(draw: impl FnMut() -> f64) -> f64 {
        std::iter::repeat_with(draw).take(100_000).sum::<f64>() / 100_000.0
    }

    #[test]
    fn draws_have_the_means_that_they_should() {
        let mut random = Random::new(3);
        assert!((mean(|| random.unit()) - 0.5).abs() < 0.01);
        assert!((mean(|| random.exponential(7.0)) - 7.0).abs() < 0.1);
        // The mean of a lognormal number is its median times e^(sigma²/2).
        let expected = 2.0 * (0.5_f64 * 0.5 / 2.0).exp();
        assert!((mean(|| random.lognormal(2.0, 0.5)) - expected).abs() < 0.02);
    }

    #[test]
    fn neighbours_are_not_alike() {
        let first: Vec<u64> = (0..100).map(|which| Random::of(1, which).next()).collect();
        let below = first.iter().filter(|drawn| **drawn < u64::MAX / 2).count();
        assert!((30..70).contains(&below), "{below} of 100 are small");
        assert_ne!(Random::of(1, 5).next(), Random::of(2, 5).next());
    }
}
