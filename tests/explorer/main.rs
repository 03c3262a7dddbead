//! The whole engine in simulated time, with everything going wrong that can.
//!
//! See README.md beside this file.

mod client;
mod facts;
mod history;
mod options;
mod plan;
mod promises;
mod sabotage;
mod site;
mod totals;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use clap::Parser;

use history::History;
use options::Options;
use plan::Plan;
use promises::{Broken, broken};
use sabotage::{Sabotage, Saboteur};
use totals::Totals;

/// So many seeds are taken at once by one thread.
const HANDFUL: u64 = 32;
/// So many seeds are told for each promise.
const MOST_TOLD: usize = 5;

fn main() -> ExitCode {
    let options = Options::parse();
    if !options.is_meant() {
        return ExitCode::SUCCESS;
    }
    let first = options.first_seed();
    let is_good = match options.replay {
        Some(seed) => replay(seed, options.sabotage),
        None if options.self_test => sabotage::self_test(first),
        None if options.is_bare() => sabotage::self_test(first) && explore(&options, first),
        None => explore(&options, first),
    };
    if is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// One run, and what it does not keep.
fn run(seed: u64, sabotage: Option<Sabotage>) -> (Option<History>, Vec<Broken>) {
    let run = || world::run(Plan::drawn(seed), Saboteur::new(sabotage));
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(history) => {
            let broken = broken(&history);
            (Some(history), broken)
        }
        Err(_) => {
            let how = "the run itself panicked".to_owned();
            let promise = "explorer";
            (None, vec![Broken { promise, how }])
        }
    }
}

fn replay(seed: u64, sabotage: Option<Sabotage>) -> bool {
    let (history, broken) = run(seed, sabotage);
    if let Some(history) = history {
        println!("{}", history::show(&history));
    }
    for broken in &broken {
        println!("seed {seed}: {}: {}", broken.promise, broken.how);
        println!("  promised: {}", promises::text(broken.promise));
    }
    println!("seed {seed}: {} promises broken", broken.len());
    broken.is_empty()
}

/// What one thread found.
#[derive(Default)]
struct Found {
    totals: Totals,
    broken: Vec<(u64, Broken)>,
}

#[allow(clippy::disallowed_methods, reason = "the machine's own time is told")]
fn explore(options: &Options, first: u64) -> bool {
    let many = options.seeds();
    let last = first.saturating_add(many).saturating_sub(1);
    println!("seeds {first} to {last}, on {} threads", options.threads());
    let started = std::time::Instant::now();
    let next = AtomicU64::new(0);
    let mut found = Found::default();
    thread::scope(|scope| {
        let work = || {
            let mut found = Found::default();
            loop {
                let from = next.fetch_add(HANDFUL, Ordering::Relaxed);
                if from >= many {
                    return found;
                }
                for seed in from..(from + HANDFUL).min(many) {
                    found.look(first.saturating_add(seed), options.sabotage);
                }
            }
        };
        let threads: Vec<_> = (0..options.threads()).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            found.join(thread.join().unwrap_or_default());
        }
    });
    let took = started.elapsed();
    println!("{}", found.totals);
    let speed = many as f64 / took.as_secs_f64();
    println!("seeds {first} to {last}: {took:.1?}, {speed:.0} seeds a second");
    found.tell()
}

impl Found {
    fn look(&mut self, seed: u64, sabotage: Option<Sabotage>) {
        let (history, broken) = run(seed, sabotage);
        if let Some(history) = history {
            self.totals.add(&history);
        }
        self.broken
            .extend(broken.into_iter().map(|broken| (seed, broken)));
    }

    fn join(&mut self, other: Self) {
        self.totals.join(&other.totals);
        self.broken.extend(other.broken);
    }

    /// Tells what was broken, and how to see it again.
    fn tell(&mut self) -> bool {
        self.broken
            .sort_by_key(|(seed, broken)| (broken.promise, *seed));
        for told in self
            .broken
            .chunk_by(|(_, one), (_, other)| one.promise == other.promise)
        {
            let name = told[0].1.promise;
            println!(
                "\nbroken {} times: {name}: {}",
                told.len(),
                promises::text(name)
            );
            for (seed, broken) in told.iter().take(MOST_TOLD) {
                println!("  seed {seed}: {}", broken.how);
            }
            let seed = told[0].0;
            println!("  cargo test --features simulate --test explorer -- --replay {seed}");
        }
        self.broken.is_empty()
    }
}
