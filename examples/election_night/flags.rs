//! What can be said on the command line, and what is refused there.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Election night, 8 November 2016: a small immigration site meets twelve times its usual crowd,
/// four times over: bare, behind floodwall, failing at the peak, and restarted at the peak.
#[derive(Debug, Parser)]
#[command(name = "election_night", override_usage = "election_night [OPTIONS]")]
#[command(disable_help_subcommand = true)]
pub(crate) struct Flags {
    /// How long each of the four acts lasts, in seconds.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(4..=600))]
    pub(crate) seconds: u32,

    /// Requests per second at the peak [default: what this machine can honestly generate].
    #[arg(long, value_name = "RPS", value_parser = clap::value_parser!(u32).range(60..=100_000))]
    pub(crate) peak_rps: Option<u32>,

    /// The seed of the crowd: the same seed is the same evening.
    #[arg(long, default_value_t = 20_161_108)]
    pub(crate) seed: u64,

    /// Write the figures to FILE. Each act's own fields speak of the cacheable pages; the private
    /// page has an object of its own.
    #[arg(long, value_name = "FILE", value_parser = in_a_directory)]
    pub(crate) json: Option<PathBuf>,

    /// Write the HTML report to FILE [default: target/election_night.html].
    #[arg(long, value_name = "FILE", value_parser = in_a_directory)]
    pub(crate) report: Option<PathBuf>,

    /// Exit with 1, and a sentence for each, if the wall did not keep one of its promises.
    #[arg(long)]
    pub(crate) check: bool,

    #[command(subcommand)]
    pub(crate) part: Option<Part>,
}

/// The parts this program plays in a process of their own, started by itself.
#[derive(Debug, Subcommand)]
pub(crate) enum Part {
    /// Be the crowd of one act.
    #[command(hide = true)]
    Crowd(CrowdFlags),
    /// Find out how many requests a second a crowd on this machine can make.
    #[command(hide = true)]
    Calibrate {
        #[arg(long)]
        site: SocketAddr,
    },
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CrowdFlags {
    #[arg(long)]
    pub(crate) seconds: u32,
    #[arg(long)]
    pub(crate) peak_rps: u32,
    #[arg(long)]
    pub(crate) seed: u64,
    #[arg(long)]
    pub(crate) connections: usize,
}

/// A file that cannot be written is better refused now than when the evening is over.
fn in_a_directory(file: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(file);
    if path.file_name().is_none() || path.is_dir() {
        return Err("this is not the name of a file".to_owned());
    }
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() || parent.is_dir() => Ok(path),
        _ => Err("there is no such directory".to_owned()),
    }
}
