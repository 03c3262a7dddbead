//! The site: one handler for all pages, with the trouble that the weather makes.

use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use floodwall::Cache;
use futures_util::stream;
use http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_LENGTH, COOKIE, ETAG, IF_NONE_MATCH, LAST_MODIFIED,
    SET_COOKIE, VARY,
};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode, response};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::page::{EVERYONE, FOR, Kind, LENGTH, Pattern, SERIAL, USER};
use crate::weather::{EXPECTED, Mood};

/// Longer than any of the cache's deadlines, and shorter than a visitor's patience: a request that
/// passes has nobody but the handler to end it.
const HANGS: Duration = Duration::from_secs(3);

pub(crate) struct Site {
    serial: AtomicU64,
    dice: Mutex<StdRng>,
    mood: Mutex<Mood>,
}

/// How a body ends, and how fast it gets there.
#[derive(Clone, Copy, Debug)]
struct Manner {
    pattern: Pattern,
    length: usize,
    trouble: Option<(usize, Trouble)>,
    slow: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Trouble {
    Cut,
    Panics,
    Hangs,
}

/// The site behind the cache, ready to be served.
pub(crate) fn app(site: &Arc<Site>, cache: &Cache) -> Router {
    let site = Arc::clone(site);
    let handler = tower::service_fn(move |request: Request<Body>| {
        let site = Arc::clone(&site);
        let asked = request.into_parts().0;
        async move { Ok::<_, Infallible>(site.answer(asked).await) }
    });
    Router::new().fallback_service(handler).layer(cache.layer())
}

impl Site {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            serial: AtomicU64::new(1),
            dice: Mutex::new(StdRng::seed_from_u64(seed)),
            mood: Mutex::new(Mood::Fine),
        })
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    fn dice(&self) -> MutexGuard<'_, StdRng> {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, asked: Parts) -> Response<Body> {
        let mood = *self.mood.lock().unwrap_or_else(PoisonError::into_inner);
        let delay = mood.delay(&mut self.dice());
        tokio::time::sleep(delay).await;
        let (hangs, panics, fails) = {
            let mut dice = self.dice();
            let hangs = dice.random_bool(mood.share_that_hangs());
            let panics = dice.random_bool(mood.share_that_panics());
            (hangs, panics, dice.random_bool(mood.share_that_fails()))
        };
        if hangs {
            tokio::time::sleep(HANGS).await;
        }
        assert!(!panics, "{EXPECTED}");
        if fails {
            return bare(StatusCode::SERVICE_UNAVAILABLE);
        }
        match (&asked.method, Kind::of(asked.uri.path())) {
            (&Method::GET | &Method::HEAD, Some(kind)) => self.page(kind, &asked.headers, mood),
            (&Method::POST, Some(_)) => bare(StatusCode::NO_CONTENT),
            _ => bare(StatusCode::NOT_FOUND),
        }
    }

    fn page(&self, kind: Kind, asked: &HeaderMap, mood: Mood) -> Response<Body> {
        let private = kind == Kind::Turning && self.dice().random_bool(0.3);
        let whom = whom(kind, private, asked);
        if let Some(tag) = self.unchanged(&whom, asked) {
            return with_caching(Response::builder().status(304), kind, private)
                .header(ETAG, tag)
                .body(Body::empty())
                .expect("the page's own fields are legal");
        }
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let manner = self.manner(kind, serial, &whom, mood);
        let mut answer = with_caching(Response::builder(), kind, private)
            .header(FOR, &whom)
            .header(SERIAL, serial)
            .header(LENGTH, manner.length)
            .header(ETAG, format!("\"{serial}-{whom}\""))
            .header("surrogate-key", format!("{kind} shelf-{}", serial % 10));
        if kind == Kind::Session {
            answer = answer.header(SET_COOKIE, format!("session={serial}"));
        }
        if self.dice().random_bool(0.5) {
            answer = answer.header(CONTENT_LENGTH, manner.length);
        }
        let answer = answer.body(Body::from_stream(stream::unfold((manner, 0), chunk)));
        answer.expect("the page's own fields are legal")
    }

    /// The tag that was asked about, if it is one of the same person's, and still good.
    fn unchanged(&self, whom: &str, asked: &HeaderMap) -> Option<String> {
        let tag = asked.get(IF_NONE_MATCH)?.to_str().ok()?;
        let same = tag.trim_matches('"').split_once('-')?.1 == whom;
        (same && self.dice().random_bool(0.5)).then(|| tag.to_owned())
    }

    fn manner(&self, kind: Kind, serial: u64, whom: &str, mood: Mood) -> Manner {
        let mut dice = self.dice();
        let length = kind.length(&mut dice);
        let broken = length > 0 && dice.random_bool(mood.share_of_broken_bodies());
        let at = dice.random_range(0..length.max(1));
        let trouble = broken.then(|| match dice.random_range(0..10) {
            0..6 => (at, Trouble::Cut),
            6..8 => (at, Trouble::Panics),
            _ => (at, Trouble::Hangs),
        });
        // A large page has many pieces: it would take longer than a visitor waits.
        let slow = if kind != Kind::Large && dice.random_bool(0.1) {
            Duration::from_millis(dice.random_range(1..20))
        } else {
            Duration::ZERO
        };
        Manner {
            pattern: Pattern::of(serial, whom),
            length,
            trouble,
            slow,
        }
    }
}

/// For whom a page is made: read from what names the visitor on pages of this kind.
fn whom(kind: Kind, private: bool, asked: &HeaderMap) -> String {
    let field = |name: &str| asked.get(name).and_then(|value| value.to_str().ok());
    let named = match kind {
        Kind::Public | Kind::Large => None,
        Kind::Language => field(ACCEPT_LANGUAGE.as_str()),
        Kind::Department => field(USER),
        Kind::Turning if !private => None,
        _ => field(COOKIE.as_str()).and_then(|cookie| cookie.strip_prefix("user=")),
    };
    named.unwrap_or(EVERYONE).to_owned()
}

fn with_caching(answer: response::Builder, kind: Kind, private: bool) -> response::Builder {
    let cache_control = if private {
        Some("private")
    } else {
        kind.cache_control()
    };
    let fields = [
        (CACHE_CONTROL, cache_control),
        (VARY, kind.vary()),
        // As old as it gets: whoever guesses a lifetime guesses a long one.
        (LAST_MODIFIED, Some("Sun, 06 Nov 1994 08:49:37 GMT")),
    ];
    let said = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    said.fold(answer, |answer, (name, value)| answer.header(name, value))
}

fn bare(status: StatusCode) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    answer
}

async fn chunk((manner, offset): (Manner, usize)) -> Option<(io::Result<Bytes>, (Manner, usize))> {
    if offset >= manner.length {
        return None;
    }
    if !manner.slow.is_zero() {
        tokio::time::sleep(manner.slow).await;
    }
    let bytes = manner.pattern.chunk(offset, manner.length);
    let next = offset + bytes.len();
    match manner.trouble {
        Some((at, trouble)) if at < next => match trouble {
            Trouble::Cut => Some((Err(io::ErrorKind::ConnectionReset.into()), (manner, next))),
            Trouble::Panics => panic!("{EXPECTED}"),
            Trouble::Hangs => {
                tokio::time::sleep(HANGS).await;
                Some((Err(io::ErrorKind::TimedOut.into()), (manner, next)))
            }
        },
        _ => Some((Ok(bytes), (manner, next))),
    }
}
