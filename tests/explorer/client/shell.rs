//! What a shell does: the engine's `Lookup`, step by step, without a framework.

use std::sync::Arc;

use floodwall::Reason;
use floodwall::engine::{Lookup, OriginBody, Pass, Reply, Settled, Wait};
use floodwall::policy::RequestHead;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, SET_COOKIE};
use http::{HeaderMap, HeaderName, Response, request};
use http_body::Body;
use http_body_util::BodyExt;

use super::{Ask, Method, PATIENCE, within};
use crate::history::{Answered, Caller, Looked, Purging, ReadEnd, RequestId, Serial, StatusLine};
use crate::site::{Leader, X_BODY, X_FOR, X_HEAD, handle};
use crate::world::World;

/// One request on its way through the shell.
pub(super) struct Shell {
    world: Arc<World>,
    pub(super) id: RequestId,
    ask: Ask,
    parts: request::Parts,
    leader: Leader,
}

/// What the first look came to.
pub(super) enum Called {
    Answer(Answer),
    Pass(Pass),
    Wait(Wait),
}

/// An answer, and whether what it waits for is the handler and not the cache.
pub(super) struct Answer {
    pub(super) response: Response<OriginBody>,
    pub(super) is_handlers: bool,
}

impl Shell {
    pub(super) fn new(world: &Arc<World>, id: RequestId, ask: Ask) -> Self {
        let (parts, ()) = ask.request().into_parts();
        let leader = Leader {
            world: Arc::clone(world),
            page: ask.page,
            request: id,
        };
        Self {
            world: Arc::clone(world),
            id,
            ask,
            parts,
            leader,
        }
    }

    /// What is done at once, before anything is awaited. If the client is so
    /// `hasty` as to be gone already, the fetch is not started.
    pub(super) fn call(&mut self, hasty: bool) -> Called {
        let world = Arc::clone(&self.world);
        let flights = world.recorder.look(|history| history.flights.len());
        let head = RequestHead::from(&self.parts);
        let looked = world.cache.engine().lookup(head, false);
        let called = match looked {
            Lookup::Reply(reply, refresh) => {
                world.recorder.looked_up(self.id, Looked::Replied);
                let answer = self.reply(*reply);
                match refresh {
                    Some(refresh) if !hasty => {
                        refresh.start(self.leader.refresh(), &self.parts);
                    }
                    Some(_) => world.recorder.lost(self.ask.page),
                    None => {}
                }
                Called::Answer(answer)
            }
            Lookup::Pass(pass) => {
                world.recorder.looked_up(self.id, Looked::Passed);
                world.recorder.passed(self.id, pass.reason());
                Called::Pass(pass)
            }
            Lookup::Wait(wait) if hasty => {
                // Whether there was a fetch to be started cannot be seen from here.
                world.recorder.lost(self.ask.page);
                Called::Wait(wait)
            }
            Lookup::Wait(mut wait) => {
                wait.start(&self.parts, &mut self.leader);
                let leads = world.recorder.look(|history| history.flights.len()) > flights;
                let looked = if leads {
                    Looked::Leads
                } else {
                    Looked::Follows
                };
                world.recorder.looked_up(self.id, looked);
                Called::Wait(wait)
            }
        };
        world.sabotage.looked_up(&world, self.id);
        called
    }

    /// The answer, when there is one; none if there never is, and the client has
    /// to go.
    pub(super) async fn answer(&mut self, called: Called) -> Option<Answer> {
        let world = Arc::clone(&self.world);
        let pass = match called {
            Called::Answer(answer) => return Some(answer),
            Called::Pass(pass) => pass,
            Called::Wait(wait) => {
                let settled = {
                    let engine = world.cache.engine();
                    let settle = engine.settle(wait, &self.parts, &mut self.leader);
                    world.sabotage.wait(&world, settle).await
                };
                match settled {
                    Settled::Reply(reply) => {
                        let answer = self.reply(*reply);
                        return Some(answer);
                    }
                    Settled::Pass(pass) => {
                        world.recorder.passed(self.id, pass.reason());
                        pass
                    }
                }
            }
        };
        world.sabotage.pass(&world, pass.reason()).await;
        self.pass(pass).await
    }

    async fn pass(&self, pass: Pass) -> Option<Answer> {
        let world = &self.world;
        let request = http::Request::from_parts(self.parts.clone(), ());
        let handled = handle(world, Caller::Pass(self.id), &request);
        let Ok(mut response) = within(world, PATIENCE, handled).await? else {
            world.recorder.read_ended(self.id, ReadEnd::Failed);
            return None;
        };
        pass.finish(&mut response, None);
        let status = response.status();
        if self.ask.method == Method::Post && (status.is_success() || status.is_redirection()) {
            world.recorder.purged(Purging::Page(self.ask.page), false);
        }
        self.note(&response);
        Some(Answer {
            response,
            is_handlers: true,
        })
    }

    fn reply(&self, reply: Reply) -> Answer {
        // What only the one who asked may have comes from the handler directly.
        let is_handlers = format!("{:?}", reply.body()).contains("own");
        let response = reply.map(BodyExt::boxed_unsync);
        let response = self.world.sabotage.answer(&self.world, &self.ask, response);
        self.note(&response);
        let is_refreshed = |line: &StatusLine| line.says(Reason::StaleWhileRevalidate);
        self.world.recorder.note(|history, _| {
            let answered = history.requests[self.id.0].answered.as_ref();
            // A fetch started by one who waited and was answered stale is behind
            // that answer.
            if answered.is_some_and(|answered| is_refreshed(&answered.status_line)) {
                let flights = history.flights.iter_mut();
                if let Some(last) = flights.filter(|flight| flight.leader == self.id).last() {
                    last.is_refresh |= last.calls.is_empty() && last.ended.is_none();
                }
            }
        });
        self.world.sabotage.answered(&self.world, self.id);
        Answer {
            response,
            is_handlers,
        }
    }

    fn note<B: Body>(&self, response: &Response<B>) {
        let headers = response.headers();
        let serial = |name: HeaderName| number(text(headers, &name)?).map(Serial);
        let rules =
            text(headers, &CACHE_CONTROL).and_then(|line| number(line.strip_prefix("rule=")?));
        let range =
            text(headers, &CONTENT_RANGE).and_then(|line| number(line.strip_prefix("bytes ")?));
        let told = text(headers, &CONTENT_LENGTH).and_then(|line| line.parse().ok());
        self.world.recorder.answered(self.id, |stamp| Answered {
            stamp,
            status: response.status().as_u16(),
            body: serial(X_BODY),
            head: serial(X_HEAD),
            rules: rules.map(Serial),
            canary: text(headers, &X_FOR).map(str::to_owned),
            sets_cookie: headers.contains_key(SET_COOKIE),
            status_line: StatusLine::read(headers),
            length: told.or_else(|| response.body().size_hint().exact()),
            starts_at: range.map_or(0, u64::from),
        });
    }
}

impl StatusLine {
    fn read(headers: &HeaderMap) -> Self {
        let mut line = Self::default();
        let said = text(headers, &HeaderName::from_static("cache-status")).unwrap_or_default();
        for word in said.split("; ") {
            match word.split_once('=') {
                None => {
                    line.hit |= word == "hit";
                    line.collapsed |= word == "collapsed";
                    line.stored |= word == "stored";
                }
                Some(("fwd", _)) => line.fwd = true,
                Some(("collapsed", "?0")) => line.released = true,
                Some(("detail", detail)) => line.detail = Some(detail.to_owned()),
                Some(_) => {}
            }
        }
        line
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The number at the start of `text`.
fn number(text: &str) -> Option<u32> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text[..end].parse().ok()
}
