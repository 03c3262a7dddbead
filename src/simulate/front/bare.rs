//! Nothing between a crowd and a site.

use std::sync::Arc;
use std::time::Duration;

use http::Request;

use super::{Answer, Ask, Asked, By, Front, GONE, within};
use crate::simulate::{Errand, LiveSite, SimulatedRuntime};

/// Nothing: every request goes to the site.
pub(in crate::simulate) struct Bare {
    pub(in crate::simulate) site: Arc<LiveSite>,
    pub(in crate::simulate) runtime: SimulatedRuntime,
    pub(in crate::simulate) patience: Duration,
}

impl Front for Bare {
    fn ask(&self, ask: Ask) -> Asked {
        let site = Arc::clone(&self.site);
        let (runtime, patience) = (self.runtime.clone(), self.patience);
        Asked::Later(Box::pin(async move {
            let request = Request::from_parts((*ask.parts).clone(), ());
            let errand = Errand {
                takes: ask.arrival.takes,
                is_refresh: false,
            };
            let fetched = within(&runtime, patience, site.fetch(&request, errand)).await;
            fetched.map_or(GONE, |response| Answer::of(&response, By::Site))
        }))
    }
}
