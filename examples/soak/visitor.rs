//! A visitor: asks, reads in their own manner, and checks what came.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_LANGUAGE, CONTENT_RANGE, COOKIE, ETAG, HOST, IF_NONE_MATCH, RANGE};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::net::TcpStream;

use crate::Soak;
use crate::page::{EVERYONE, FOR, Kind, LENGTH, Pattern, SERIAL, USER};
use crate::tally::Outcome;

/// Few, so that strangers meet on the same pages all the time.
const PEOPLE: u32 = 8;
/// Longer than the cache's own deadlines: who waits this long was forgotten.
const PATIENCE: Duration = Duration::from_secs(10);

/// What one visit asks for.
#[derive(Debug)]
struct Visit {
    kind: Kind,
    method: Method,
    path: String,
    user: String,
    language: &'static str,
    range: Option<usize>,
    tag: Option<String>,
    /// Leaves after this long, answered or not.
    leaves: Option<Duration>,
    /// Waits between two pieces of the body.
    slow: Duration,
}

/// Visits over one connection after the other, until aborted.
pub(crate) async fn visit_for_ever(soak: Arc<Soak>, seed: u64, number: u32) {
    let mut dice = StdRng::seed_from_u64(seed ^ (u64::from(number) + 1) << 32);
    let user = format!("u{}", number % PEOPLE);
    loop {
        let busy = soak.calm.read().await;
        let visits = dice.random_range(1..30);
        if let Some(mut wire) = connect(&soak).await {
            let mut seen = None;
            for _ in 0..visits {
                if soak.wants_calm() {
                    break;
                }
                let visit = Visit::draw(&mut dice, &user, seen.take());
                let (outcome, tag) = attend(&mut wire, &visit).await;
                soak.tally.add(outcome);
                seen = tag;
                if !matches!(outcome, Outcome::Answered | Outcome::Refused) {
                    break;
                }
            }
        }
        drop(busy);
        // Somebody may be waiting to have a pause.
        tokio::task::yield_now().await;
    }
}

async fn connect(soak: &Soak) -> Option<SendRequest<Empty<Bytes>>> {
    let stream = TcpStream::connect(soak.address).await.ok()?;
    let (wire, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    // How it ends is seen by the visit on it.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Some(wire)
}

impl Visit {
    fn draw(dice: &mut StdRng, user: &str, tag: Option<String>) -> Self {
        let kind = Kind::draw(dice);
        // The smaller of two: some pages are asked for much more than others.
        let page = dice.random_range(0..40).min(dice.random_range(0..40));
        let method = match dice.random_range(0..100) {
            0..4 => Method::HEAD,
            4 => Method::POST,
            _ => Method::GET,
        };
        let sometimes = |dice: &mut StdRng, share| dice.random_bool(share);
        Self {
            kind,
            method,
            path: format!("/{kind}/{page}"),
            user: user.to_owned(),
            language: if sometimes(dice, 0.5) { "en" } else { "fr" },
            range: sometimes(dice, 0.04).then(|| dice.random_range(0..2048)),
            tag: tag.filter(|_| sometimes(dice, 0.3)),
            leaves: sometimes(dice, 0.05).then(|| Duration::from_millis(dice.random_range(0..30))),
            slow: Duration::from_millis(if sometimes(dice, 0.03) { 3 } else { 0 }),
        }
    }

    fn request(&self) -> Request<Empty<Bytes>> {
        let mut request = Request::builder()
            .method(&self.method)
            .uri(&self.path)
            .header(HOST, "soak.test")
            .header(ACCEPT_LANGUAGE, self.language);
        request = match self.kind {
            Kind::Department => request.header(USER, &self.user),
            Kind::Public | Kind::Language | Kind::Large => request,
            _ => request.header(COOKIE, format!("user={}", self.user)),
        };
        if let Some(start) = self.range {
            request = request.header(RANGE, format!("bytes={start}-"));
        }
        if let Some(tag) = &self.tag {
            request = request.header(IF_NONE_MATCH, tag);
        }
        let request = request.body(Empty::new());
        request.expect("what a visitor says is legal")
    }

    /// Whether an answer made for `whom` may come to this visitor.
    fn may_see(&self, whom: &str) -> bool {
        match self.kind {
            Kind::Language => whom == self.language,
            Kind::Public | Kind::Large => whom == EVERYONE,
            kind => whom == self.user || (!kind.is_personal() && whom == EVERYONE),
        }
    }
}

async fn attend(wire: &mut SendRequest<Empty<Bytes>>, visit: &Visit) -> (Outcome, Option<String>) {
    let patience = visit.leaves.unwrap_or(PATIENCE);
    let attended = tokio::time::timeout(patience, ask(wire, visit)).await;
    match attended {
        Ok(found) => found,
        Err(_) if visit.leaves.is_some() => (Outcome::Left, None),
        Err(_) => {
            eprintln!("soak: wrong: no end after {PATIENCE:?} for {visit:?}");
            (Outcome::Wrong, None)
        }
    }
}

async fn ask(wire: &mut SendRequest<Empty<Bytes>>, visit: &Visit) -> (Outcome, Option<String>) {
    let ready = wire.ready().await.is_ok();
    let answer = match wire.send_request(visit.request()).await {
        Ok(answer) if ready => answer,
        _ => return (Outcome::Cut, None),
    };
    let tag = answer.headers().get(ETAG);
    let tag = tag.and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    (judge(visit, answer).await, tag)
}

async fn judge(visit: &Visit, answer: Response<Incoming>) -> Outcome {
    let status = answer.status();
    let made = Made::read(answer.headers());
    let crossed = made.as_ref().is_some_and(|made| !visit.may_see(&made.whom));
    if crossed {
        return Outcome::Crossed;
    }
    let Ok(read) = read(visit, made.as_ref(), answer.into_body()).await else {
        return Outcome::Cut;
    };
    let right = match (status, made) {
        (StatusCode::NOT_MODIFIED, _) => visit.tag.is_some() && read.is_nothing(),
        (StatusCode::NO_CONTENT, None) => visit.method == Method::POST,
        (StatusCode::RANGE_NOT_SATISFIABLE, _) => visit.range.is_some(),
        (status, None) if status.is_server_error() => return Outcome::Refused,
        (StatusCode::OK | StatusCode::PARTIAL_CONTENT, Some(_)) if visit.method == Method::HEAD => {
            read.is_nothing()
        }
        (StatusCode::OK, Some(made)) => made.starts.is_none() && read.is_rest(&made),
        (StatusCode::PARTIAL_CONTENT, Some(made)) => {
            made.starts.is_some() && made.starts == visit.range && read.is_rest(&made)
        }
        _ => false,
    };
    if right {
        return Outcome::Answered;
    }
    eprintln!("soak: wrong: {status} with {read:?} for {visit:?}");
    Outcome::Wrong
}

/// Reads the body to its end and keeps none of it.
async fn read(
    visit: &Visit,
    made: Option<&Made>,
    mut body: Incoming,
) -> Result<Bytewise, hyper::Error> {
    let mut read = Bytewise {
        reached: made.and_then(|made| made.starts).unwrap_or(0),
        any: false,
        fits: true,
    };
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            read.take(made, &data);
        }
        if !visit.slow.is_zero() {
            tokio::time::sleep(visit.slow).await;
        }
    }
    Ok(read)
}

/// A body as it was read, compared byte by byte with the one that was made.
#[derive(Debug)]
struct Bytewise {
    reached: usize,
    any: bool,
    fits: bool,
}

impl Bytewise {
    fn take(&mut self, made: Option<&Made>, data: &[u8]) {
        self.any |= !data.is_empty();
        self.fits &= made.is_none_or(|made| made.pattern.fits(self.reached, data));
        self.reached += data.len();
    }

    const fn is_nothing(&self) -> bool {
        !self.any
    }

    const fn is_rest(&self, made: &Made) -> bool {
        self.fits && self.reached == made.length
    }
}

/// What an answer says about who made it.
struct Made {
    whom: String,
    pattern: Pattern,
    length: usize,
    starts: Option<usize>,
}

impl Made {
    fn read(headers: &HeaderMap) -> Option<Self> {
        let text = |name: &str| headers.get(name)?.to_str().ok();
        let whom = text(FOR)?.to_owned();
        let serial = text(SERIAL)?.parse().ok()?;
        Some(Self {
            pattern: Pattern::of(serial, &whom),
            whom,
            length: text(LENGTH)?.parse().ok()?,
            starts: text(CONTENT_RANGE.as_str()).and_then(first_byte),
        })
    }
}

/// Where a `Content-Range: bytes 5-9/10` begins.
fn first_byte(range: &str) -> Option<usize> {
    range
        .strip_prefix("bytes ")?
        .split_once('-')?
        .0
        .parse()
        .ok()
}
