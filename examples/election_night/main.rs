//! On the night of 8 November 2016 Canada's immigration site answered HTTP 500 to legitimate
//! visitors: twelve times its usual crowd had come, nearly all of them for the same few pages, in
//! English and in French. This example stages that evening on loopback, four times over, with real
//! servers and real sockets:
//!
//! 1. the bare site;
//! 2. the site behind floodwall;
//! 3. the same, and the site fails at the peak: it answers 500, then it hangs, then it resets;
//! 4. the same, and the site is restarted at the peak.
//!
//! ```sh
//! cargo run --release --example election_night
//! ```
//!
//! Nothing is scripted to lose. The site ([`pool`]) serves its usual crowd with more than half of
//! its strength to spare; in the first act nothing is wrong with it but the crowd ([`crowd`]). The
//! crowd is an open loop in a process of its own and reports its own lateness, so that a slow
//! generator cannot flatter. What reached the site is counted at the site ([`meter`]), not at the
//! wall ([`wall`]). Each visitor looks at the page that came: the right one, in the right language,
//! and, on the private page, nobody else's.

mod act;
mod audience;
mod bars;
mod crowd;
mod evening;
mod figures;
mod findings;
mod flags;
mod machine;
mod meter;
mod pages;
mod plot;
mod pool;
mod report;
mod server;
mod site;
mod summary;
mod terminal;
mod wall;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

use act::{Act, Stage};
use flags::{Flags, Part};
use plot::Plot;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let flags = Flags::parse();
    let outcome = match &flags.part {
        None => stage(&flags),
        Some(Part::Crowd(crowd)) => crowd::play(crowd).map(|()| ExitCode::SUCCESS),
        Some(Part::Calibrate { site }) => crowd::calibrate(*site).map(|()| ExitCode::SUCCESS),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("election_night: {error}");
        ExitCode::FAILURE
    })
}

#[tokio::main]
async fn stage(flags: &Flags) -> Outcome<ExitCode> {
    let stage = prepare(flags).await?;
    terminal::say(&terminal::plan(&stage))?;
    let mut acts = Vec::new();
    for plot in Plot::ALL {
        acts.push(play(plot, &stage).await?);
    }
    terminal::say(&terminal::table(&stage, &acts))?;
    if let Some(warning) = bars::crowd_too_late(&acts) {
        terminal::say(&format!("  note    {warning}"))?;
    }
    publish(flags, &stage, &acts)?;
    if flags.check {
        return check(&stage, &acts);
    }
    Ok(ExitCode::SUCCESS)
}

async fn prepare(flags: &Flags) -> Outcome<Stage> {
    let measured_rps = match flags.peak_rps {
        Some(_) => None,
        None => Some(machine::measure().await?),
    };
    let found = measured_rps.map_or(machine::LEAST_RPS, machine::peak_for);
    let peak_rps = flags.peak_rps.unwrap_or(found);
    Ok(Stage {
        seconds: flags.seconds,
        seed: flags.seed,
        peak_rps,
        measured_rps,
        connections: machine::connections(peak_rps),
    })
}

async fn play(plot: Plot, stage: &Stage) -> Outcome<Act> {
    let bar = terminal::bar(plot);
    let act = Act::play(plot, stage, |minute, so_far| {
        terminal::advance(&bar, minute, so_far)
    });
    let act = act.await?;
    bar.finish_and_clear();
    terminal::say(&terminal::conclusion(&act))?;
    Ok(act)
}

/// Writes the report, and the figures if they were asked for.
fn publish(flags: &Flags, stage: &Stage, acts: &[Act]) -> Outcome<()> {
    let html = report::html(stage, acts);
    let path = match &flags.report {
        Some(path) => write(path, &html)?,
        None => write_somewhere(&html)?,
    };
    terminal::say(&format!("  report  {}", path.display()))?;
    if let Some(path) = &flags.json {
        let figures = figures::to_json(stage, acts);
        let path = write(path, &format!("{figures:#}\n"))?;
        terminal::say(&format!("  figures {}", path.display()))?;
    }
    Ok(())
}

/// Beside what cargo built, or, where that cannot be written, among the temporary files.
fn write_somewhere(html: &str) -> Outcome<PathBuf> {
    const NAME: &str = "election_night.html";
    let target = Path::new("target");
    let beside = fs::create_dir_all(target).map_err(Into::into);
    beside
        .and_then(|()| write(&target.join(NAME), html))
        .or_else(|_| write(&std::env::temp_dir().join(NAME), html))
}

fn write(path: &Path, text: &str) -> Outcome<PathBuf> {
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(fs::canonicalize(path)?)
}

/// Says which bars were missed, and whether any was.
fn check(stage: &Stage, acts: &[Act]) -> Outcome<ExitCode> {
    let missed = bars::missed(stage, acts);
    for sentence in &missed {
        terminal::say(&format!("  missed  {sentence}"))?;
    }
    if missed.is_empty() {
        terminal::say("  every bar is met")?;
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}
