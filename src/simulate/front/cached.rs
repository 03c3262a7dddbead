//! A cache of ours: the engine as it runs in production, with a shell around it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{Request, Response};

use super::{Answer, Ask, Asked, By, Front, GONE, read, within};
use crate::cache::Cache;
use crate::engine::{Engine, Lookup, Origin, OriginBody, Origins, Pass, Settled, Wait};
use crate::error::BoxError;
use crate::policy::RequestHead;
use crate::simulate::site::SITE;
use crate::simulate::{Errand, LiveSite, SimulatedRuntime};

/// A cache before the site.
pub(in crate::simulate) struct Cached {
    pub(in crate::simulate) cache: Cache,
    pub(in crate::simulate) site: Arc<LiveSite>,
    pub(in crate::simulate) runtime: SimulatedRuntime,
    pub(in crate::simulate) patience: Duration,
}

impl Front for Cached {
    fn ask(&self, ask: Ask) -> Asked {
        let engine = self.cache.engine();
        let mut leader = Leader {
            site: Arc::clone(&self.site),
            takes: ask.arrival.takes,
            has_led: false,
        };
        match engine.lookup(RequestHead::from(&*ask.parts), false) {
            Lookup::Reply(reply, refresh) => {
                if let Some(refresh) = refresh {
                    refresh.start(leader.errand(true), &ask.parts);
                }
                Asked::Now(ours(&reply, By::Store))
            }
            Lookup::Wait(mut wait) => {
                wait.start(&ask.parts, &mut leader);
                Asked::Later(Box::pin(self.waiting(ask, leader).settle(wait)))
            }
            Lookup::Pass(pass) => Asked::Later(Box::pin(self.waiting(ask, leader).pass(pass))),
        }
    }
}

impl Cached {
    fn waiting(&self, ask: Ask, leader: Leader) -> Waiting {
        Waiting {
            engine: Arc::clone(self.cache.engine()),
            ask,
            leader,
            runtime: self.runtime.clone(),
            patience: self.patience,
        }
    }
}

/// A request that was not answered at once.
struct Waiting {
    engine: Arc<Engine>,
    ask: Ask,
    leader: Leader,
    runtime: SimulatedRuntime,
    patience: Duration,
}

impl Waiting {
    async fn settle(mut self, wait: Wait) -> Answer {
        let parts = &self.ask.parts;
        let reply = match self.engine.settle(wait, parts, &mut self.leader).await {
            Settled::Reply(reply) => reply,
            Settled::Pass(pass) => return self.pass(pass).await,
        };
        let by = match self.leader.has_led {
            true => By::Site,
            false => By::Another,
        };
        let answer = ours(&reply, by);
        finished(answer, read(reply.into_body()).await)
    }

    /// The site itself answers, for as long as the client waits.
    async fn pass(self, pass: Pass) -> Answer {
        let request = Request::from_parts((*self.ask.parts).clone(), ());
        let site = &self.leader.site;
        let errand = Errand {
            takes: self.ask.arrival.takes,
            is_refresh: false,
        };
        let fetched = within(&self.runtime, self.patience, site.fetch(&request, errand));
        let Some(mut response) = fetched.await else {
            return GONE;
        };
        // What it would record is for answers to POSTs and ranges, which crowds do not
        // ask for a second time.
        drop(pass.finish(&mut response, None));
        let answer = Answer::of(&response, By::Site);
        finished(answer, read(response.into_body()).await)
    }
}

/// An answer of the cache: what the site has not signed, it made itself.
fn ours<B>(reply: &Response<B>, by: By) -> Answer {
    let by = match reply.headers().contains_key(SITE) {
        true => by,
        false => By::Cache,
    };
    Answer::of(reply, by)
}

/// What breaks off is an error.
const fn finished(answer: Answer, is_whole: bool) -> Answer {
    match is_whole {
        true => answer,
        false => Answer {
            status: 502,
            ..answer
        },
    }
}

/// Makes the fetches of one request.
struct Leader {
    site: Arc<LiveSite>,
    takes: Option<Duration>,
    /// Whether there was one.
    has_led: bool,
}

impl Leader {
    fn errand(&self, is_refresh: bool) -> Box<Visit> {
        Box::new(Visit {
            site: Arc::clone(&self.site),
            errand: Errand {
                takes: self.takes,
                is_refresh,
            },
        })
    }
}

impl Origins for Leader {
    fn origin(&mut self) -> Box<dyn Origin> {
        self.has_led = true;
        self.errand(false)
    }
}

/// One fetch's view of the site.
struct Visit {
    site: Arc<LiveSite>,
    errand: Errand,
}

#[async_trait]
impl Origin for Visit {
    async fn fetch(&mut self, request: Request<()>) -> Result<Response<OriginBody>, BoxError> {
        Ok(self.site.fetch(&request, self.errand).await)
    }
}
