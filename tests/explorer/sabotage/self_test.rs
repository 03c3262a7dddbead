//! Showing that whatever is done wrong is noticed.

use clap::ValueEnum;

use super::Sabotage;
use crate::promises::PROMISES;
use crate::run;

/// So many seeds must be enough to notice.
const MOST_SEEDS: u64 = 2_000;

/// Does everything wrong that there is, one after the other, and says whether each
/// was noticed by the promise that it breaks, and each promise can be broken.
pub(crate) fn self_test(first: u64) -> bool {
    println!("self-test from seed {first}");
    let all = Sabotage::value_variants();
    let mut is_good = true;
    for sabotage in all {
        let name = format!("{sabotage:?}");
        match noticed_after(*sabotage, first) {
            Some(seeds) => println!("{name:>12}: {} after {seeds} seeds", sabotage.breaks()),
            None => {
                println!(
                    "{name:>12}: {} held for {MOST_SEEDS} seeds",
                    sabotage.breaks()
                );
                is_good = false;
            }
        }
    }
    for promise in &PROMISES {
        if all.iter().all(|sabotage| sabotage.breaks() != promise.name) {
            println!("nothing breaks {}", promise.name);
            is_good = false;
        }
    }
    is_good
}

/// How many seeds it took to notice.
fn noticed_after(sabotage: Sabotage, first: u64) -> Option<u64> {
    (1..=MOST_SEEDS).find(|seeds| {
        let seed = first.saturating_add(seeds - 1);
        let (_, broken) = run(seed, Some(sabotage));
        broken
            .iter()
            .any(|broken| broken.promise == sabotage.breaks())
    })
}
