//! The command line of the harness.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::rows::{Class, Row};

/// Attacks a caching reverse proxy from outside, row by row, and judges what happens.
#[derive(Debug, Parser)]
#[command(name = "hostile", term_width = 100)]
pub(crate) struct Flags {
    /// The proxy to try, http://host:port, started by someone else and configured to pass
    /// requests to --origin-listen [default: the example reverse_proxy in its default settings]
    #[arg(long, value_name = "URL", requires = "origin_listen")]
    pub(crate) subject: Option<String>,
    /// Where the lab origin listens [default: a free port]
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) origin_listen: Option<SocketAddr>,
    /// The name of the subject in the report [default: the URL, or floodwall]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Only these rows, by id (K01) or by the beginning of ids (P)
    #[arg(long, value_delimiter = ',')]
    pub(crate) rows: Vec<String>,
    /// Only rows of these classes
    #[arg(long, value_delimiter = ',', value_enum, ignore_case = true)]
    pub(crate) class: Vec<Class>,
    /// Write the lines of JSON to this file too
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// List the rows and end
    #[arg(long)]
    pub(crate) list: bool,
    /// Repeat a run: the same names of pages and the same random choices [default: by the clock]
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Exhaustion rows in their full size, which takes minutes and gigabytes
    #[arg(long)]
    pub(crate) full: bool,
    /// Rows of classes C and I that run at once
    #[arg(long, value_name = "N", default_value = "4")]
    pub(crate) jobs: usize,
    /// Seconds that a row may take [default: 60; with --full, an hour]
    #[arg(long, value_name = "SECONDS")]
    limit: Option<u64>,
    /// Flags for the child process, for a subject that is ours: --proxy-flag=--swr=5s
    #[arg(
        long,
        value_name = "FLAG",
        allow_hyphen_values = true,
        conflicts_with = "subject"
    )]
    pub(crate) proxy_flag: Vec<String>,
}

impl Flags {
    /// How long a row may take.
    pub(crate) fn limit(&self) -> Duration {
        let by_default = if self.full { 3600 } else { 60 };
        Duration::from_secs(self.limit.unwrap_or(by_default))
    }

    pub(crate) fn want(&self, row: &Row) -> bool {
        let named = |wanted: &String| row.id.starts_with(&wanted.to_ascii_uppercase());
        (self.rows.is_empty() || self.rows.iter().any(named))
            && (self.class.is_empty() || self.class.contains(&row.class))
    }
}
