//! A site in one run.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ETAG, IF_NONE_MATCH};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};

use super::changes::Course;
use super::machine::{Job, Machine};
use super::{Outage, Page, Site};
use crate::clock::Clock;
use crate::engine::OriginBody;
use crate::hash::HashMap;
use crate::runtime::{Runtime, Task};
use crate::simulate::report::Tally;
use crate::simulate::{Random, SimulatedRuntime, nanos};
use crate::sync::Mutex;

/// Signs an answer as the site's, with the number of its content from 0; with a word
/// where it has none.
pub(in crate::simulate) const SITE: HeaderName = HeaderName::from_static("x-version");

/// A site in one run, to be asked.
///
/// Who writes a [`Front`](crate::simulate::Front) has this behind it.
pub struct LiveSite {
    site: Site,
    seed: u64,
    runtime: SimulatedRuntime,
    tally: Arc<Tally>,
    state: Mutex<State>,
}

/// What is told of a fetch besides the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Errand {
    /// How long the answer takes to make, if it is not the page's own time.
    pub takes: Option<Duration>,
    /// Whether nobody waits for it: it is a refresh, and counts against a budget.
    pub is_refresh: bool,
}

struct State {
    machine: Machine,
    pages: HashMap<u32, PageState>,
    jobs: Vec<Waiting>,
    free: Vec<u32>,
    /// When the machine looks next, and how it is told to look sooner.
    looks_at: Option<u64>,
    waker: Option<Waker>,
}

struct PageState {
    page: Arc<Page>,
    course: Course,
    fetches: u64,
}

#[derive(Default)]
struct Waiting {
    is_done: bool,
    waker: Option<Waker>,
}

impl LiveSite {
    /// Opens a site in a simulation.
    pub(in crate::simulate) fn open(
        site: &Site,
        seed: u64,
        runtime: &SimulatedRuntime,
        tally: &Arc<Tally>,
    ) -> Arc<Self> {
        let state = State {
            machine: Machine::new(site.speed()),
            pages: HashMap::default(),
            jobs: Vec::new(),
            free: Vec::new(),
            looks_at: None,
            waker: None,
        };
        let live = Arc::new(Self {
            site: site.clone(),
            seed,
            runtime: runtime.clone(),
            tally: Arc::clone(tally),
            state: Mutex::new(state),
        });
        runtime.start(Minding {
            site: Arc::clone(&live),
            timer: None,
        });
        live
    }

    /// Answers a request. What hangs is never ready; dropping the future is going away.
    ///
    /// An answer has the page's fields, an `ETag`, and in `X-Version` the number of its
    /// content; one of an outage has `X-Version: none`, and so has the 404 for a path
    /// that is no page.
    pub async fn fetch(&self, request: &Request<()>, errand: Errand) -> Response<OriginBody> {
        let Some(number) = page_number(request.uri().path()) else {
            return bare(StatusCode::NOT_FOUND);
        };
        let _present = Present::enter(self, number, errand.is_refresh);
        match self.site.outages.refuses(self.runtime.elapsed()) {
            Some(Outage::Hang) => std::future::pending::<()>().await,
            Some(Outage::Fail(status)) => {
                return bare(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY));
            }
            Some(Outage::Slow(_)) | None => {}
        }
        let known = request.headers().get(IF_NONE_MATCH);
        let work = self.work(number, errand.takes, known);
        self.serve(work).await;
        self.answer(number, known)
    }

    /// For how long a version of a page has been out of date; none if it is the present
    /// one.
    #[must_use]
    pub fn staleness(&self, page: u32, version: u64) -> Option<Duration> {
        let now = self.now();
        let mut state = self.state.lock();
        let course = &mut self.page(&mut state, page).course;
        course.staleness(version, now).map(Duration::from_nanos)
    }

    /// The work of one answer, in nanoseconds.
    fn work(&self, number: u32, takes: Option<Duration>, known: Option<&HeaderValue>) -> u64 {
        let now = self.now();
        let mut state = self.state.lock();
        let state = self.page(&mut state, number);
        state.fetches += 1;
        let page_seed = Random::of(self.seed, u64::from(number) << 1 | 1).next();
        let mut random = Random::of(page_seed, state.fetches);
        let work = takes.map_or_else(|| state.page.service.work(&mut random), nanos);
        let version = state.course.version(now);
        if known.is_some_and(|known| *known == tag(version)) {
            return (work as f64 * self.site.unchanged_cost) as u64;
        }
        work
    }

    fn answer(&self, number: u32, known: Option<&HeaderValue>) -> Response<OriginBody> {
        let now = self.now();
        let (page, version) = {
            let mut state = self.state.lock();
            let state = self.page(&mut state, number);
            (Arc::clone(&state.page), state.course.version(now))
        };
        let tag = tag(version);
        let is_known = self.site.validators && known.is_some_and(|known| *known == tag);
        let mut response = match is_known {
            true => bare(StatusCode::NOT_MODIFIED),
            false => Response::new(content(number, version, page.size)),
        };
        let headers = response.headers_mut();
        headers.reserve(page.headers.len() + 2);
        headers.extend(
            page.headers
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        headers.insert(SITE, version.into());
        if self.site.validators {
            headers.insert(ETAG, tag);
        }
        response
    }

    fn page<'a>(&self, state: &'a mut State, number: u32) -> &'a mut PageState {
        state.pages.entry(number).or_insert_with(|| {
            let page = (self.site.page)(number);
            let random = Random::of(self.seed, u64::from(number) << 1);
            PageState {
                course: Course::new(page.changes.clone(), random),
                page: Arc::new(page),
                fetches: 0,
            }
        })
    }

    /// Waits until so much work is done.
    async fn serve(&self, work: u64) {
        if work == 0 {
            return;
        }
        let mut served = self.begin(work);
        poll_fn(|cx| served.poll(cx)).await;
    }

    fn begin(&self, work: u64) -> Served<'_> {
        let now = self.now();
        let mut woken = Vec::new();
        let job = {
            let mut state = self.state.lock();
            state.go_on_to(now, &mut woken);
            let name = state.free.pop().unwrap_or_else(|| {
                state.jobs.push(Waiting::default());
                (state.jobs.len() - 1) as u32
            });
            let job = state.machine.join(work, name);
            let next = state.machine.next();
            // Whoever looks too early looks again; too late is too late.
            if state
                .looks_at
                .is_none_or(|looks| next.is_some_and(|next| next < looks))
            {
                woken.extend(state.waker.take());
            }
            job
        };
        woken.into_iter().for_each(Waker::wake);
        Served {
            site: self,
            job,
            is_over: false,
        }
    }

    fn now(&self) -> u64 {
        nanos(self.runtime.now().since_start())
    }
}

impl State {
    fn go_on_to(&mut self, now: u64, woken: &mut Vec<Waker>) {
        let jobs = &mut self.jobs;
        self.machine.go_on_to(now, |name| {
            let waiting = &mut jobs[name as usize];
            waiting.is_done = true;
            woken.extend(waiting.waker.take());
        });
    }
}

/// One who is served.
struct Served<'a> {
    site: &'a LiveSite,
    job: Job,
    is_over: bool,
}

impl Served<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.site.state.lock();
        let name = self.job.name;
        let waiting = &mut state.jobs[name as usize];
        if !waiting.is_done {
            waiting.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        *waiting = Waiting::default();
        state.free.push(name);
        self.is_over = true;
        Poll::Ready(())
    }
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let now = self.site.now();
        let mut woken = Vec::new();
        {
            let mut state = self.site.state.lock();
            state.go_on_to(now, &mut woken);
            state.machine.leave(self.job);
            let name = self.job.name;
            state.jobs[name as usize] = Waiting::default();
            state.free.push(name);
            // The others are faster from now on.
            woken.extend(state.waker.take());
        }
        woken.into_iter().for_each(Waker::wake);
    }
}

/// The task that looks after the machine: it sleeps until someone is done.
struct Minding {
    site: Arc<LiveSite>,
    timer: Option<(u64, Task)>,
}

impl Future for Minding {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let now = self.site.now();
            let mut woken = Vec::new();
            let next = {
                let mut state = self.site.state.lock();
                state.go_on_to(now, &mut woken);
                state.looks_at = state.machine.next();
                state.waker = Some(cx.waker().clone());
                state.looks_at
            };
            woken.into_iter().for_each(Waker::wake);
            let Some(next) = next else {
                self.timer = None;
                return Poll::Pending;
            };
            if self.timer.as_ref().is_none_or(|(at, _)| *at != next) {
                let span = Duration::from_nanos(next.saturating_sub(now));
                self.timer = Some((next, self.site.runtime.sleep(span)));
            }
            if let Some((_, timer)) = &mut self.timer {
                if timer.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
            }
            self.timer = None;
        }
    }
}

/// A request that is at the site. Dropping it is leaving.
struct Present<'a>(&'a LiveSite);

impl<'a> Present<'a> {
    fn enter(site: &'a LiveSite, page: u32, is_refresh: bool) -> Self {
        site.tally.fetched(site.now(), page, is_refresh);
        Self(site)
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.0.tally.left(self.0.now());
    }
}

impl fmt::Debug for LiveSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveSite")
            .field("site", &self.site)
            .finish_non_exhaustive()
    }
}

fn page_number(path: &str) -> Option<u32> {
    path.strip_prefix("/p")?.parse().ok()
}

fn tag(version: u64) -> HeaderValue {
    let text = format!("\"v{version}\"");
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("\"v\""))
}

/// A body that tells its version by its bytes.
fn content(page: u32, version: u64, size: usize) -> OriginBody {
    let mut bytes = format!("page {page}, version {version}\n").into_bytes();
    bytes.resize(size.max(bytes.len()), b'.');
    Full::new(Bytes::from(bytes))
        .map_err(|never| match never {})
        .boxed_unsync()
}

fn bare(status: StatusCode) -> Response<OriginBody> {
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let signed = HeaderValue::from_static("none");
    response.headers_mut().insert(SITE, signed);
    response
}
