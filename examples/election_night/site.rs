//! The immigration site: an ordinary axum application with a render pool, and the troubles of the
//! night in front of it. Behind a wall it also says how long its pages may be kept; it says the
//! same when it stands bare.

use std::future::pending;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_TYPE, COOKIE, VARY};
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use hyper::body::Incoming;
use tower::ServiceExt;

use crate::evening::Clock;
use crate::meter::Meter;
use crate::pages::{self, Language, Page};
use crate::plot::{Plot, Trouble};
use crate::pool::{Overrun, RenderPool};

/// How long a page is fresh, in seconds. Short: an evening of three hours is compressed into one
/// act, and a page that never expires would prove nothing.
pub(crate) const FRESH: u32 = 2;

#[derive(Debug)]
pub(crate) struct Site {
    plot: Plot,
    clock: Clock,
    pool: RenderPool,
    meter: Meter,
    lifetimes: HeaderValue,
}

/// The site and its routes, ready to be served; a clone is another handle on the same site.
#[derive(Clone, Debug)]
pub(crate) struct OpenSite {
    site: Arc<Site>,
    routes: Router,
}

impl Site {
    pub(crate) fn new(plot: Plot, clock: Clock, act_seconds: u32, slots: usize) -> Arc<Self> {
        let pool = RenderPool::new(slots);
        let meter = Meter::new(clock);
        Arc::new(Self {
            plot,
            clock,
            pool,
            meter,
            lifetimes: lifetimes(act_seconds),
        })
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    pub(crate) fn open(self: Arc<Self>) -> OpenSite {
        let mut routes = Router::new().route(pages::STYLESHEET, get(stylesheet));
        routes = routes.route("/", get(front_door));
        for language in Language::BOTH {
            for page in [Page::Home, Page::Immigrate, Page::Eligibility, Page::Forms] {
                let handler = move |State(site): State<Arc<Site>>| public(site, page, language);
                routes = routes.route(page.path(language), get(handler));
            }
            let handler = move |State(site): State<Arc<Site>>, headers: HeaderMap| async move {
                status(site, language, &headers).await
            };
            routes = routes.route(Page::Status.path(language), get(handler));
        }
        OpenSite {
            routes: routes.with_state(Arc::clone(&self)),
            site: self,
        }
    }
}

impl OpenSite {
    /// Answers one request, or fails as the night has it. An error here closes the connection
    /// under the request.
    pub(crate) async fn answer(self, request: Request<Incoming>) -> io::Result<Response<Body>> {
        let path = request.uri().path();
        if path == pages::STYLESHEET {
            return Ok(self.route(request).await);
        }
        let private = Language::BOTH
            .iter()
            .any(|it| Page::Status.path(*it) == path);
        let _in_hand = self.site.meter.enter(private);
        match self.site.plot.trouble_at(self.site.clock.minute()) {
            None => Ok(self.route(request).await),
            Some(Trouble::Errors) => Ok(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
            Some(Trouble::Hangs) => pending().await,
            Some(Trouble::Resets) => Err(io::ErrorKind::ConnectionReset.into()),
        }
    }

    async fn route(&self, request: Request<Incoming>) -> Response<Body> {
        match self.routes.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// The stale windows are longer than any trouble of the act, as a site that has thought about its
/// worst evening would set them.
fn lifetimes(act_seconds: u32) -> HeaderValue {
    let refresh = (act_seconds / 2).max(10);
    let error = (act_seconds * 3).max(60);
    let value = format!(
        "public, max-age={FRESH}, stale-while-revalidate={refresh}, stale-if-error={error}"
    );
    HeaderValue::try_from(value).expect("digits and commas make a header value")
}

async fn front_door(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response<Body> {
    let accept = headers
        .get(ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok());
    let language = Language::negotiate(accept.unwrap_or_default());
    let mut response = public(site, Page::FrontDoor, language).await;
    response
        .headers_mut()
        .insert(VARY, HeaderValue::from_name(ACCEPT_LANGUAGE));
    response
}

async fn public(site: Arc<Site>, page: Page, language: Language) -> Response<Body> {
    let lifetimes = site.lifetimes.clone();
    render(&site, || html(page.html(language, None), lifetimes)).await
}

async fn status(site: Arc<Site>, language: Language, headers: &HeaderMap) -> Response<Body> {
    let Some(applicant) = applicant(headers) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let private = HeaderValue::from_static("private, no-store");
    render(&site, || {
        html(Page::Status.html(language, Some(applicant)), private)
    })
    .await
}

async fn render(site: &Site, page: impl FnOnce() -> Response<Body>) -> Response<Body> {
    let slowness = site.plot.slowness_at(site.clock.minute());
    match site.pool.render(slowness).await {
        Ok(()) => page(),
        Err(Overrun) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn html(body: String, lifetimes: HeaderValue) -> Response<Body> {
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, lifetimes)], body).into_response()
}

async fn stylesheet() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/css")], pages::stylesheet())
}

fn applicant(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get(COOKIE)?.to_str().ok()?;
    let named = cookies.split("; ").filter_map(|pair| pair.split_once('='));
    named
        .into_iter()
        .find(|(name, _)| *name == pages::COOKIE)
        .map(|(_, value)| value)
}
