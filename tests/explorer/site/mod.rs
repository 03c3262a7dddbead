//! The handler behind the cache: it does what a seed tells it, and notes it.

mod body;
mod content;
mod said;
mod script;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use floodwall::engine::{Origin, OriginBody, Origins};
use floodwall::{BoxError, Runtime};
use http::header::{CONTENT_LENGTH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};

pub(crate) use content::{bytes as bytes_of, is_of};
pub(crate) use said::{Said, Vary, X_BODY, X_FOR, X_HEAD, etag, topic_name};

use crate::client::{self, Fields};
use crate::history::{BodySent, Caller, Failed, FlightId, Head, RequestId, Serial};
use crate::plan::{PagePlan, Plan, Rates};
use crate::world::World;
use body::ScriptedBody;
use floodwall::simulate::{Random, panic_on_purpose};
use script::{BodyScript, Does, Ends, Occasion, Script, Told};

/// What the handler draws on.
pub(crate) struct Site(Mutex<State>);

struct State {
    random: Random,
    pages: Vec<PagePlan>,
    rates: Rates,
    is_healthy: bool,
}

impl Site {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self(Mutex::new(State {
            random: Random::new(plan.site_seed),
            pages: plan.pages.clone(),
            rates: plan.rates.clone(),
            is_healthy: false,
        }))
    }

    /// From now on, nothing goes wrong.
    pub(crate) fn heal(&self) {
        self.lock().is_healthy = true;
    }

    /// From now on, a page is of another kind.
    pub(crate) fn change(&self, page: usize) {
        let state = &mut *self.lock();
        let page = &mut state.pages[page];
        page.said = Said::drawn(&mut state.random, page.odd);
    }

    fn draw(&self, now: &Occasion) -> Script {
        let state = &mut *self.lock();
        let page = &mut state.pages[now.page];
        if state.is_healthy {
            let status = 200;
            let max_age = Some(60);
            return Script::healthy(Said {
                status,
                max_age,
                ..Said::default()
            });
        }
        if state.random.percent(page.fickle) {
            page.said = Said::drawn(&mut state.random, page.odd);
        }
        Script::drawn(&mut state.random, &state.rates, page.said, now)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The handler, as one fetch of the cache sees it.
struct FlightOrigin {
    world: Arc<World>,
    flight: FlightId,
}

#[async_trait]
impl Origin for FlightOrigin {
    async fn fetch(&mut self, request: Request<()>) -> Result<Response<OriginBody>, BoxError> {
        handle(&self.world, Caller::Flight(self.flight), &request).await
    }
}

impl Drop for FlightOrigin {
    fn drop(&mut self) {
        let how = self.world.over();
        self.world.recorder.flight_over(self.flight, how);
    }
}

/// Makes the handler's view for the fetches that one request starts.
pub(crate) struct Leader {
    pub(crate) world: Arc<World>,
    pub(crate) page: usize,
    pub(crate) request: RequestId,
}

impl Leader {
    /// The handler for a fetch behind a stale answer.
    pub(crate) fn refresh(&self) -> Box<dyn Origin> {
        self.fly(true)
    }

    fn fly(&self, is_refresh: bool) -> Box<dyn Origin> {
        let recorder = &self.world.recorder;
        let flight = recorder.flight(self.page, self.request, is_refresh);
        let world = Arc::clone(&self.world);
        Box::new(FlightOrigin { world, flight })
    }
}

impl Origins for Leader {
    fn origin(&mut self) -> Box<dyn Origin> {
        self.fly(false)
    }
}

/// Calls the handler.
pub(crate) async fn handle(
    world: &Arc<World>,
    caller: Caller,
    request: &Request<()>,
) -> Result<Response<OriginBody>, BoxError> {
    let call = Calling::begin(world, caller, request);
    let _beside = world.sabotage.call(world, caller, request, call.page);
    let script = world.site.draw(&call.occasion());
    for _ in 0..script.yields {
        yield_now().await;
    }
    if !script.takes.is_zero() {
        world.runtime.sleep(script.takes).await;
    }
    if let Some(ask) = script.asks {
        client::ask_inside(world, ask, call.serial).await;
    }
    match script.does {
        Does::Answer(said, body) => Ok(call.answer(said, body)),
        Does::Confirm { said, honest } => Ok(call.confirm(said, honest)),
        Does::Fail { timed_out } => Err(call.fail(timed_out)),
        Does::Panic => panic_on_purpose(),
        Does::Hang => std::future::pending().await,
    }
}

/// One call of the handler, while it goes on.
pub(crate) struct Calling {
    world: Arc<World>,
    serial: Serial,
    page: usize,
    fields: Fields,
    asked: Option<Serial>,
    is_over: bool,
}

impl Calling {
    pub(crate) fn begin(world: &Arc<World>, caller: Caller, request: &Request<()>) -> Self {
        let headers = request.headers();
        let page = request.uri().path()[1..].parse().unwrap_or_default();
        let fields = Fields::read(headers);
        let asked = headers.get(IF_NONE_MATCH).and_then(read_etag);
        Self {
            serial: world.recorder.call(page, caller, fields, asked),
            world: Arc::clone(world),
            page,
            fields,
            asked,
            is_over: false,
        }
    }

    fn occasion(&self) -> Occasion {
        let plan = &self.world.plan;
        Occasion {
            page: self.page,
            pages: plan.pages.len(),
            fields: self.fields,
            is_conditional: self.asked.is_some(),
            depth: self.world.recorder.depth(self.serial),
            grain: plan.grain,
        }
    }

    fn answer(mut self, said: Said, script: BodyScript) -> Response<OriginBody> {
        let mut headers = self.signed();
        headers.insert(X_BODY, HeaderValue::from(self.serial.0));
        said.write(&mut headers, self.serial, self.world.true_time());
        if script.told == Told::Field {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(script.length));
        }
        let sent = BodySent {
            length: script.length,
            is_whole: script.ends == Ends::Whole,
            ..BodySent::default()
        };
        let told = (script.told != Told::Not).then_some(script.length);
        self.note(said.status, Some(said), true, told, sent);
        let body = ScriptedBody::new(&self.world, self.serial, script);
        respond(said.status, headers, body.boxed_unsync())
    }

    fn confirm(mut self, said: Option<Said>, honest: bool) -> Response<OriginBody> {
        let mut headers = self.signed();
        if let Some(said) = said {
            said.write(&mut headers, self.serial, self.world.true_time());
        }
        let named = match (honest, self.asked) {
            (true, Some(asked)) => asked,
            _ => Serial(u32::MAX),
        };
        let tag = HeaderValue::from_str(&etag(named)).expect("digits and quotes");
        headers.insert(http::header::ETAG, tag);
        self.note(304, said, honest, Some(0), BodySent::default());
        let body = Empty::new().map_err(|never| match never {});
        respond(304, headers, body.boxed_unsync())
    }

    fn fail(mut self, timed_out: bool) -> BoxError {
        self.is_over = true;
        if timed_out {
            self.world
                .recorder
                .call_failed(self.serial, Failed::TimedOut);
            return std::io::Error::from(std::io::ErrorKind::TimedOut).into();
        }
        self.world.recorder.call_failed(self.serial, Failed::Error);
        "the handler is out of order".into()
    }

    fn signed(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        said::sign(&mut headers, self.serial, self.fields.identity);
        headers
    }

    fn note(
        &mut self,
        status: u16,
        said: Option<Said>,
        honest: bool,
        told: Option<u64>,
        sent: BodySent,
    ) {
        self.is_over = true;
        let wall = floodwall::Clock::wall(&self.world.runtime);
        self.world.recorder.head(self.serial, sent, |stamp| Head {
            stamp,
            wall,
            status,
            said,
            honest,
            told,
        });
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        if !self.is_over {
            let how = self.world.over();
            self.world
                .recorder
                .call_failed(self.serial, Failed::Gone(how));
        }
    }
}

fn respond(status: u16, headers: HeaderMap, body: OriginBody) -> Response<OriginBody> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    *response.headers_mut() = headers;
    response
}

fn read_etag(value: &HeaderValue) -> Option<Serial> {
    let digits = value.to_str().ok()?.trim_matches('"');
    digits.parse().ok().map(Serial)
}

/// Lets others go first.
pub(crate) async fn yield_now() {
    let mut is_first = true;
    std::future::poll_fn(|cx| {
        if std::mem::take(&mut is_first) {
            cx.waker().wake_by_ref();
            return std::task::Poll::Pending;
        }
        std::task::Poll::Ready(())
    })
    .await;
}
