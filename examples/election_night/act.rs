//! One act: a site, a wall if the plot has one, a crowd, and what became of them.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use floodwall::Stats;
use hyper::service::service_fn;

use crate::audience::Audience;
use crate::evening::{Clock, Minute, PEAK_FACTOR, RISE, minute_of_moment};
use crate::findings::{Counts, Findings, Progress};
use crate::flags::CrowdFlags;
use crate::plot::{DOWN_FROM, DOWN_UNTIL, Plot};
use crate::pool::slots_for;
use crate::server::{Port, Server};
use crate::site::Site;
use crate::wall::Wall;

/// What all four acts have in common.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub(crate) seconds: u32,
    pub(crate) seed: u64,
    pub(crate) peak_rps: u32,
    /// What the calibration measured, if there was one.
    pub(crate) measured_rps: Option<f64>,
    pub(crate) connections: usize,
}

/// What became of one act.
#[derive(Clone, Debug)]
pub(crate) struct Act {
    pub(crate) plot: Plot,
    pub(crate) findings: Findings,
    /// Requests for public pages that reached the site, and the most it had in hand at once.
    pub(crate) fetches: u64,
    pub(crate) peak_concurrency: usize,
    pub(crate) fetches_over_time: Vec<u64>,
    pub(crate) private_fetches: u64,
    pub(crate) private_peak_concurrency: usize,
    pub(crate) stale_served: u64,
    pub(crate) collapsed: u64,
}

impl Stage {
    pub(crate) fn length(&self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }

    /// The usual crowd, twelve times smaller than the peak.
    pub(crate) fn base_rps(&self) -> f64 {
        f64::from(self.peak_rps) / PEAK_FACTOR
    }

    /// How many pages the site can render at once.
    pub(crate) fn slots(&self) -> usize {
        slots_for(self.base_rps())
    }

    fn crowd(&self) -> CrowdFlags {
        CrowdFlags {
            seconds: self.seconds,
            peak_rps: self.peak_rps,
            seed: self.seed,
            connections: self.connections,
        }
    }
}

impl Act {
    /// Plays the act. `heard` is told the evening's time and how far the crowd is.
    pub(crate) async fn play(
        plot: Plot,
        stage: &Stage,
        mut heard: impl FnMut(Minute, Progress),
    ) -> Result<Self, Box<dyn Error>> {
        let audience = Audience::gather(&stage.crowd()).await?;
        let clock = Clock::start(stage.length());
        let site = Site::new(plot, clock, stage.seconds, stage.slots());
        let server = serve(&site, Port::any()?)?;
        let wall = plot
            .has_wall()
            .then(|| Wall::raise(server.address()))
            .transpose()?;
        let entrance = wall.as_ref().map_or(server.address(), Wall::address);

        let visit = audience.visit(entrance, |progress| heard(clock.minute(), progress));
        let host = async { Ok(host(server, &site, plot, clock).await?) };
        let (findings, _server) = tokio::try_join!(visit, host)?;
        Ok(Self::told(
            plot,
            findings,
            &site,
            wall.map(|it| it.cache().stats()),
        ))
    }

    fn told(plot: Plot, findings: Findings, site: &Site, stats: Option<Stats>) -> Self {
        let (public, private) = (site.meter().public(), site.meter().private());
        let stats = stats.as_ref();
        Self {
            plot,
            findings,
            fetches: public.fetches(),
            peak_concurrency: public.peak(),
            fetches_over_time: public.over_time(),
            private_fetches: private.fetches(),
            private_peak_concurrency: private.peak(),
            stale_served: stats.map_or(0, |it| it.stale_served),
            collapsed: stats.map_or(0, |it| it.collapsed),
        }
    }

    /// What the public pages went through before the rise.
    pub(crate) fn calm(&self) -> Counts {
        let moments = self.findings.moments.iter().enumerate();
        moments
            .take_while(|(moment, _)| minute_of_moment(moment + 1) <= RISE)
            .fold(Counts::default(), |sum, (_, moment)| sum.and(moment.counts))
    }
}

pub(crate) fn serve(site: &Arc<Site>, port: Port) -> io::Result<Server> {
    let open = Arc::clone(site).open();
    port.serve(service_fn(move |request| open.clone().answer(request)))
}

/// Keeps the site up, or, if the plot says so, takes it away for a while and starts it again.
async fn host(server: Server, site: &Arc<Site>, plot: Plot, clock: Clock) -> io::Result<Server> {
    if !plot.restarts() {
        return Ok(server);
    }
    tokio::time::sleep_until(clock.instant_of(DOWN_FROM)).await;
    let port = server.cut().await?;
    tokio::time::sleep_until(clock.instant_of(DOWN_UNTIL)).await;
    serve(site, port)
}
