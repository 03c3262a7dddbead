//! How large an evening this machine can stage honestly, when nobody said how large it should be.

use std::error::Error;
use std::process::Command;
use std::time::Duration;

use crate::act::serve;
use crate::audience;
use crate::evening::{Clock, PEAK_FACTOR};
use crate::plot::Plot;
use crate::pool::{RENDER, slots_for};
use crate::server::Port;
use crate::site::Site;

/// The crowd, the site and the wall share the machine. At this share of what the crowd alone can
/// do there is time to spare for all three, and the crowd stays punctual.
const SHARE: f64 = 0.15;

/// Below this, a moment of the evening has too few visitors to speak of.
pub(crate) const LEAST_RPS: u32 = 60;

/// Descriptors that are not a visitor's connection.
const OTHER_DESCRIPTORS: usize = 128;

/// Where a system does not say how many files a process may open.
const CAUTIOUS: usize = 256;

/// How many connections a crowd of this size gets: twice what it needs, so that a crowd that fell
/// behind does not drown in connections of its own making, and never more than the system allows.
pub(crate) fn connections(peak_rps: u32) -> usize {
    (2 * connections_needed(peak_rps.into())).min(connections_allowed())
}

/// So many that neither side runs out of descriptors.
fn connections_allowed() -> usize {
    descriptors()
        .saturating_sub(OTHER_DESCRIPTORS)
        .max(CAUTIOUS / 2)
}

fn descriptors() -> usize {
    let asked = Command::new("sh").args(["-c", "ulimit -n"]).output();
    let said = asked.ok().and_then(|it| String::from_utf8(it.stdout).ok());
    match said.as_deref().map(str::trim) {
        Some("unlimited") => 1 << 20,
        Some(number) => number.parse().unwrap_or(CAUTIOUS),
        None => CAUTIOUS,
    }
}

/// The connections that a crowd of this size needs when the bare site is full: those in its pool
/// and its queue, and some that are just being turned away.
pub(crate) fn connections_needed(peak_rps: f64) -> usize {
    let inside = 2 * slots_for(peak_rps / PEAK_FACTOR);
    inside + inside / 2 + 16
}

/// The requests per second that a crowd can make on this machine against a file at rest.
pub(crate) async fn measure() -> Result<f64, Box<dyn Error>> {
    let clock = Clock::start(Duration::from_secs(1));
    let site = Site::new(Plot::Bare, clock, 1, slots_for(1.0 / RENDER.as_secs_f64()));
    let server = serve(&site, Port::any()?)?;
    audience::measure_rate(server.address()).await
}

/// The peak for such a machine: a share of what it can do, and no more than it has connections
/// for, in a round number.
pub(crate) fn peak_for(measured_rps: f64) -> u32 {
    let mut peak = round(measured_rps * SHARE);
    let allowed = connections_allowed();
    while connections_needed(peak.into()) > allowed && peak > LEAST_RPS {
        peak = round(f64::from(peak) * 0.9);
    }
    peak.max(LEAST_RPS)
}

/// Down to two significant digits.
fn round(rps: f64) -> u32 {
    let unit = 10_f64.powf(rps.max(1.0).log10().floor() - 1.0).max(1.0);
    ((rps / unit).floor() * unit) as u32
}
