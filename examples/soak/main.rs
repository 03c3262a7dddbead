//! A long run with trouble in it: does anything leak, hang, or reach the wrong person?
//!
//! ```text
//! cargo run --release --example soak -- --minutes 10
//! ```
//!
//! A site of public, private and undecided pages stands behind floodwall on a real socket. Visitors
//! ask for them, some leaving in the middle, some reading slowly; the [`weather`] purges, makes the
//! handlers slow, failing, hanging or panicking, and lets whole runtimes die under their fetches. All
//! of it is drawn from one seed.
//!
//! Every minute the visitors pause. Then flights, waiting requests, tasks and descriptors must be back
//! where they were before the first visit, and a line says what they are, with the resident memory. The
//! run fails (status 1, and a sentence for each reason) if one of them drifts, if an answer reaches
//! somebody for whom it was not made, or if a body is not, byte for byte, what the handler made.

mod drift;
mod gauges;
mod page;
mod site;
mod tally;
mod visitor;
mod weather;

use std::alloc::System;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Parser;
use floodwall::Cache;
use rand::RngExt;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::net::TcpListener;
use tokio::sync::RwLock;
use tokio::time::Instant;

use drift::Watch;
use gauges::Reading;
use site::Site;
use tally::Tally;
use weather::{Mood, Weather};

/// Counts, so that what nobody freed can be told from what the system allocator keeps for later.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Small enough to be full within seconds, so that evictions are part of all of it.
const CAPACITY: u64 = 32 << 20;
/// Short, so that a fetch which hangs is over well within a pause.
const DEADLINE: Duration = Duration::from_secs(2);

/// Mixed traffic and random trouble around one cache, minute after minute.
#[derive(Debug, Parser)]
#[command(name = "soak")]
struct Flags {
    /// How long, in minutes; a minute is one of traffic plus the pause after it.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    minutes: u32,

    /// Seconds of traffic between two pauses.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    every: u64,

    /// Visitors at once.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096))]
    visitors: u32,

    /// What the visits and the troubles are drawn from [default: a random one, which is printed].
    #[arg(long)]
    seed: Option<u64>,
}

/// What everybody shares.
struct Soak {
    cache: Cache,
    site: Arc<Site>,
    address: SocketAddr,
    tally: Tally,
    /// Held for reading by whoever does something; whoever holds it for writing has a pause.
    calm: RwLock<()>,
    /// A pause is wanted: visitors hang up after the visit they are at.
    calling: AtomicBool,
}

impl Soak {
    fn wants_calm(&self) -> bool {
        self.calling.load(Ordering::Relaxed)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let flags = Flags::parse();
    weather::expect_panics();
    match run(&flags).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run(flags: &Flags) -> Result<bool, Box<dyn Error>> {
    let seed = flags.seed.unwrap_or_else(|| rand::rng().random());
    println!("seed {seed}: cargo run --release --example soak -- --seed {seed}");
    let soak = open(seed).await?;
    let weather = tokio::spawn(Weather::new(&soak, seed).blow());
    let visitors: Vec<_> = (0..flags.visitors)
        .map(|number| tokio::spawn(visitor::visit_for_ever(Arc::clone(&soak), seed, number)))
        .collect();

    let mut watch = begin(&soak).await;
    println!("{}", Reading::header());
    for minute in 1..=flags.minutes {
        tokio::time::sleep(Duration::from_secs(flags.every)).await;
        let reading = pause(&soak, &watch, minute).await;
        println!("{reading}");
        watch.note(reading);
    }
    weather.abort();
    visitors.iter().for_each(|visitor| visitor.abort());
    let found = watch.findings(Duration::from_secs(flags.every));
    println!("{}", watch.summary());
    for finding in &found {
        eprintln!("soak: {finding}");
    }
    Ok(found.is_empty())
}

async fn open(seed: u64) -> Result<Arc<Soak>, Box<dyn Error>> {
    let cache = Cache::builder()
        .capacity(CAPACITY)
        .fetch_deadline(DEADLINE)
        .body_idle_deadline(DEADLINE)
        .unshareable_memory(Duration::from_secs(1))
        .build()?;
    let site = Site::new(seed);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let app = site::app(&site, &cache);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(Arc::new(Soak {
        cache,
        site,
        address,
        tally: Tally::default(),
        calm: RwLock::default(),
        calling: AtomicBool::new(false),
    }))
}

/// What there is before anybody came. Visitors and weather are tasks already, and wait.
async fn begin(soak: &Soak) -> Watch {
    let _calm = soak.calm.write().await;
    Watch::new(Reading::take(soak, 0, Duration::ZERO), CAPACITY)
}

/// Stops everybody and waits until nothing is left of what they did, or too long.
async fn pause(soak: &Soak, watch: &Watch, minute: u32) -> Reading {
    soak.calling.store(true, Ordering::Relaxed);
    let calm = soak.calm.write().await;
    soak.site.set_mood(Mood::Fine);
    let stopped = Instant::now();
    let reading = loop {
        let reading = Reading::take(soak, minute, stopped.elapsed());
        if watch.is_settled(&reading) || stopped.elapsed() > drift::SETTLES {
            break reading;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    soak.calling.store(false, Ordering::Relaxed);
    drop(calm);
    reading
}
