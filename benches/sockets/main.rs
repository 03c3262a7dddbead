//! What does the whole stack do, over real sockets on loopback?
//!
//! ```sh
//! cargo bench --bench sockets                                # all sections
//! cargo bench --bench sockets -- flood --rounds 9            # one of them
//! cargo bench --bench sockets -- --check --json figures.json # for a machine
//! ```
//!
//! - `flood`: how much later than without the layer is the last of ten thousand
//!   answered, when all of them ask for one cold page at once?
//! - `private`: how long does a crowd wait in vain for what turns out to be for
//!   one person alone, and is any of it shared?
//! - `first-byte`: how long after the origin wrote a chunk does a follower read
//!   it, while the origin goes on?
//! - `leader-gone`: is anyone left without an answer when the client who caused
//!   the fetch goes away?
//!
//! The table has the bar beside each figure that has one; with `--check` a missed
//! bar is exit 1. `bare` is the same server without the layer: the floor.
//!
//! The flood needs `ulimit -n 12000` and two cores: the server is a process of its
//! own, this program started again, with one worker thread unless `--workers`
//! says more; the client has one thread. So each has a core, and neither subject
//! gains by taking the client's.

// A bench is what reads the clock.
#![allow(clippy::disallowed_methods)]

mod client;
mod first_byte;
mod flood;
mod leader_gone;
mod local;
mod private;
#[path = "../report/mod.rs"]
mod report;
mod server;
mod site;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use report::{Outlet, Report};
use server::Subject;

#[derive(Parser)]
struct Options {
    /// The sections to run; all of them if none is named.
    sections: Vec<Section>,
    /// How often each case is run.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How many threads the server has.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    workers: u32,
    /// Be the server.
    #[arg(long, hide = true)]
    serve: Option<Subject>,
    #[command(flatten)]
    outlet: Outlet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Section {
    Flood,
    Private,
    FirstByte,
    LeaderGone,
}

/// How much of everything there is.
#[derive(Clone, Copy, Debug)]
struct Scale {
    rounds: u32,
    workers: u32,
    flood: usize,
    strangers: usize,
    followers: usize,
    chunks: usize,
}

impl Scale {
    const fn of(options: &Options) -> Self {
        if options.outlet.is_smoke() {
            return Self {
                rounds: 1,
                workers: options.workers,
                flood: 20,
                strangers: 5,
                followers: 5,
                chunks: 3,
            };
        }
        Self {
            rounds: options.rounds,
            workers: options.workers,
            flood: 10_000,
            strangers: 200,
            followers: 100,
            chunks: 21,
        }
    }
}

fn main() -> io::Result<ExitCode> {
    let options = Options::parse();
    if let Some(subject) = options.serve {
        return server::run(subject, options.workers);
    }
    let scale = Scale::of(&options);
    let mut report = Report::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    for section in Section::value_variants() {
        if !options.sections.is_empty() && !options.sections.contains(section) {
            continue;
        }
        eprintln!("{section:?} ...");
        runtime.block_on(async {
            match section {
                Section::Flood => flood::run(scale, &mut report).await,
                Section::Private => private::run(scale, &mut report).await,
                Section::FirstByte => first_byte::run(scale, &mut report).await,
                Section::LeaderGone => leader_gone::run(scale, &mut report).await,
            }
        })?;
    }
    report.finish(&options.outlet)
}

/// How long any state is waited for before the bench gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Looks again and again until something is so.
async fn until(what: &str, mut so: impl FnMut() -> io::Result<bool>) -> io::Result<()> {
    let looking = async {
        while !so()? {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    };
    tokio::time::timeout(PATIENCE, looking)
        .await
        .map_err(|_| io::Error::other(format!("waited in vain until {what}")))?
}

/// Milliseconds, for the table.
fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

/// The value below which `share` of the sorted values lie.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let at = (share * last as f64).ceil() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let values = sorted(values);
    let (low, high) = ((values.len().max(1) - 1) / 2, values.len() / 2);
    match (values.get(low), values.get(high)) {
        (Some(low), Some(high)) => f64::midpoint(*low, *high),
        _ => f64::NAN,
    }
}
