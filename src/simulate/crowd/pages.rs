//! Which page is asked for.

use std::sync::Arc;

use crate::simulate::Random;

/// Pages, by how much they are wanted.
#[derive(Clone, Debug)]
pub(super) struct Pages {
    pub(super) first: u32,
    /// For each page, the share of the requests that are for it or one before it.
    /// Empty for one page alone.
    shares: Arc<[f64]>,
}

impl Pages {
    pub(super) fn new() -> Self {
        Self {
            first: 0,
            shares: Arc::new([]),
        }
    }

    pub(super) fn only(&mut self, page: u32) {
        self.first = page;
        self.shares = Arc::new([]);
    }

    pub(super) fn zipf(&mut self, pages: u32, exponent: f64) {
        let mut sum = 0.0;
        let sums = (1..=pages).map(|rank| {
            sum += f64::from(rank).powf(-exponent);
            sum
        });
        let sums: Vec<f64> = sums.collect();
        self.shares = sums.iter().map(|so_far| so_far / sum).collect();
    }

    pub(super) fn draw(&self, random: &mut Random) -> u32 {
        if self.shares.is_empty() {
            return self.first;
        }
        let drawn = random.unit();
        let at = self.shares.partition_point(|share| *share <= drawn);
        self.first + at.min(self.shares.len() - 1) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_wanted_by_rank() {
        let mut pages = Pages::new();
        pages.zipf(4, 1.0);
        let mut random = Random::new(1);
        let mut counts = [0_i32; 4];
        for _ in 0..100_000 {
            counts[pages.draw(&mut random) as usize] += 1;
        }
        // 12, 6, 4 and 3 of 25.
        for (count, expected) in counts.into_iter().zip([48_000, 24_000, 16_000, 12_000]) {
            assert!((count - expected).abs() < 600, "{counts:?}");
        }
    }
}
