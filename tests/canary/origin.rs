//! A handler that makes every page for whoever asks, says at random who else may
//! have it, and takes its time.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::{Duration, UNIX_EPOCH};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use tokio::sync::oneshot;

use crate::dice::Dice;
use crate::ledger::{Ledger, Made, canaries, canary};
use crate::people::{self, User};

/// What the handler says of a page, again and again.
#[derive(Clone, Debug)]
struct Head {
    status: u16,
    said: Option<Vec<&'static str>>,
    vary: Option<Vec<&'static str>>,
    sets_cookie: bool,
    is_coded: bool,
    has_validator: bool,
}

/// What some may share.
const OPEN: [&[&str]; 15] = [
    &["max-age=5"],
    &["max-age=60"],
    &["max-age=60", "public"],
    &["public, max-age=60"],
    &["public, max-age=5, stale-while-revalidate=30"],
    &["public, max-age=5, stale-if-error=30"],
    &["max-age=5, stale-while-revalidate=30, stale-if-error=30"],
    &["s-maxage=60"],
    &["s-maxage=5, max-age=60"],
    &["max-age=60, must-revalidate"],
    &["must-revalidate, max-age=5"],
    &["no-cache"],
    &["public, no-cache"],
    &["max-age=0"],
    &["public, max-age=0, stale-while-revalidate=30"],
];

/// What nobody may share, or nobody who is known.
const CLOSED: [&[&str]; 11] = [
    &["private"],
    &["max-age=60, private"],
    &["max-age=60", "Private"],
    &["public, max-age=60, private=\"x-canary\""],
    &["no-store"],
    &["public, NO-STORE, max-age=60"],
    &["max-age=60; private"],
    &["public; max-age=60"],
    &["max-age=60, s-maxage=x"],
    &["public, max-age=60, x=\"a"],
    &["max-age=60, \"public\""],
];

const VARY: [&[&str]; 10] = [
    &["cookie"],
    &["Authorization"],
    &["x-part"],
    &["X-Part, Cookie"],
    &["accept-language", "x-part"],
    &["Accept-Language"],
    &["accept-encoding, authorization, cookie"],
    &["*"],
    &["x-part, *"],
    &["x-part;"],
];

const STATUSES: [u16; 9] = [206, 301, 302, 401, 404, 410, 429, 500, 503];

impl Head {
    fn draw(dice: &mut Dice) -> Self {
        let kinds: &[&[&str]] = if dice.percent(70) { &OPEN } else { &CLOSED };
        let said = dice.percent(85).then(|| dice.pick(kinds).to_vec());
        let vary = dice.percent(40).then(|| dice.pick(&VARY).to_vec());
        let odd = dice.percent(10).then(|| *dice.pick(&STATUSES));
        Self {
            status: odd.unwrap_or(200),
            said,
            vary,
            sets_cookie: dice.percent(5),
            is_coded: dice.percent(5),
            has_validator: dice.percent(70),
        }
    }
}

/// The handler of one world, and its memory.
#[derive(Debug)]
pub(crate) struct Origin {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    dice: Dice,
    /// What is said of any page; the first one most of the time.
    heads: Vec<Head>,
    ledger: Ledger,
    /// Where somebody waits until the world goes on.
    held: Vec<oneshot::Sender<()>>,
}

impl Origin {
    pub(crate) fn new(mut dice: Dice) -> Arc<Self> {
        let heads = 1 + dice.below(4);
        let heads = (0..heads).map(|_| Head::draw(&mut dice)).collect();
        Arc::new(Self {
            state: Mutex::new(State {
                dice,
                heads,
                ledger: Ledger::default(),
                held: Vec::new(),
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics under the lock")
    }

    /// Does something with the ledger.
    pub(crate) fn with_ledger<T>(&self, act: impl FnOnce(&mut Ledger) -> T) -> T {
        act(&mut self.state().ledger)
    }

    /// Lets one of those who are held go on; says whether there was one.
    pub(crate) fn let_go(&self, dice: &mut Dice) -> bool {
        let mut state = self.state();
        if state.held.is_empty() {
            return false;
        }
        let at = dice.below(state.held.len());
        // Who does not wait any more is let go as well.
        let _ = state.held.swap_remove(at).send(());
        true
    }

    /// Answers a request.
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: Request<Body>,
    ) -> io::Result<Response<Body>> {
        let turn = self.state().may_hold(20);
        if let Some(turn) = turn {
            let _ = turn.await;
        }
        let mut state = self.state();
        if state.dice.percent(3) {
            return Err(io::Error::other("gone"));
        }
        let known = named(&request, "if-none-match");
        if let Some(known) = known.filter(|_| state.dice.percent(60)) {
            return Ok(state.not_modified(&request, known));
        }
        let several = state.heads.len();
        let at = if state.dice.percent(60) {
            0
        } else {
            state.dice.below(several)
        };
        let head = state.heads[at].clone();
        Ok(state.whole(&request, &head))
    }
}

impl State {
    fn may_hold(&mut self, chance: usize) -> Option<oneshot::Receiver<()>> {
        self.dice.percent(chance).then(|| {
            let (go, turn) = oneshot::channel();
            self.held.push(go);
            turn
        })
    }

    fn note<B>(
        &mut self,
        request: &Request<B>,
        status: u16,
        head: &Head,
        renews: Option<usize>,
    ) -> (usize, String) {
        let number = self.ledger.made.len();
        let user = User::of_request(request);
        self.ledger.made.push(Made {
            ask: people::number_of(request),
            user,
            status,
            said: head.said.clone(),
            vary: head.vary.clone(),
            sets_cookie: head.sets_cookie,
            is_coded: head.is_coded,
            renews,
        });
        (number, canary(user, number))
    }

    /// The copy that the request names is still good, or one that it did not name.
    fn not_modified<B>(&mut self, request: &Request<B>, known: usize) -> Response<Body> {
        let head = Head::draw(&mut self.dice);
        // Each renewal has a date of its own, so that the next one can tell what it
        // renews: the tag stays the same.
        let dated = request.headers().get("if-modified-since");
        let dated = dated.and_then(|date| number_of(date.to_str().ok()?));
        let renews = dated.unwrap_or(known);
        let another = self.dice.percent(10);
        let (number, canary) = self.note(request, 304, &head, (!another).then_some(renews));
        let mut response = Response::builder()
            .status(304)
            .body(Body::empty())
            .expect("legal");
        let headers = response.headers_mut();
        write(headers, &head, &canary);
        let tag = if another {
            HeaderValue::from_static("\"another\"")
        } else {
            request.headers()["if-none-match"].clone()
        };
        headers.insert("etag", tag);
        headers.insert("last-modified", date_of(number));
        headers.insert("content-length", HeaderValue::from_static("0"));
        response
    }

    fn whole<B>(&mut self, request: &Request<B>, head: &Head) -> Response<Body> {
        let (number, canary) = self.note(request, head.status, head, None);
        let body = self.body(&canary);
        let mut response = Response::builder()
            .status(head.status)
            .body(body)
            .expect("legal");
        response.extensions_mut().insert(Beside(canary.clone()));
        let headers = response.headers_mut();
        write(headers, head, &canary);
        if head.has_validator {
            headers.insert("etag", value(&format!("\"{canary}\"")));
            headers.insert("last-modified", date_of(number));
        }
        for (status, name, said) in [
            (206, "content-range", format!("bytes 0-9/{number}")),
            (301, "location", format!("/{canary}")),
            (302, "location", format!("/{canary}")),
        ] {
            if head.status == status {
                headers.insert(name, value(&said));
            }
        }
        response
    }

    fn body(&mut self, canary: &str) -> Body {
        let mut pieces = VecDeque::new();
        for _ in 0..=self.dice.below(4) {
            if let Some(turn) = self.may_hold(10) {
                pieces.push_back(Piece::Pause(turn));
            }
            pieces.push_back(Piece::Text(Bytes::from(canary.to_owned())));
        }
        if self.dice.percent(5) {
            pieces.push_back(Piece::Break);
        } else if self.dice.percent(10) {
            let trailers = [("x-trailer".parse().expect("a name"), value(canary))];
            pieces.push_back(Piece::Trailers(trailers.into_iter().collect()));
        }
        Body::new(Written(pieces))
    }
}

/// What a handler can put beside a head.
#[derive(Clone, Debug)]
pub(crate) struct Beside(pub(crate) String);

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("canaries are legal in fields")
}

fn write(headers: &mut HeaderMap, head: &Head, canary: &str) {
    let mut add = |name: &'static str, text: &str| {
        headers.append(name, value(text));
    };
    add("x-canary", canary);
    add("link", &format!("</{canary}>"));
    add("content-type", &format!("text/plain; c=\"{canary}\""));
    add("surrogate-key", &format!("one {canary}"));
    if let Some(said) = &head.said {
        said.iter().for_each(|line| add("cache-control", line));
        add("cache-control", &format!("c=\"{canary}\""));
    }
    for line in head.vary.iter().flatten() {
        add("vary", line);
    }
    if head.sets_cookie {
        add("set-cookie", &format!("c={canary}"));
    }
    if head.is_coded {
        add("content-encoding", "gzip");
    }
}

/// The response whose canary a field of a request names.
fn named<B>(request: &Request<B>, field: &str) -> Option<usize> {
    let mut found = Vec::new();
    canaries(request.headers().get(field)?.as_bytes(), &mut found);
    found.first().copied()
}

/// Dates of last change, one for each response.
const FIRST_DATE: u64 = 1_500_000_000;

fn date_of(number: usize) -> HeaderValue {
    let date = UNIX_EPOCH + Duration::from_secs(FIRST_DATE + number as u64);
    value(&httpdate::fmt_http_date(date))
}

fn number_of(date: &str) -> Option<usize> {
    let date = httpdate::parse_http_date(date).ok()?;
    let since = date.duration_since(UNIX_EPOCH).ok()?.as_secs();
    usize::try_from(since.checked_sub(FIRST_DATE)?)
        .ok()
        .filter(|number| *number < 1 << 30)
}

enum Piece {
    Text(Bytes),
    Pause(oneshot::Receiver<()>),
    Trailers(HeaderMap),
    Break,
}

/// A body that comes in pieces, with pauses between them.
struct Written(VecDeque<Piece>);

impl http_body::Body for Written {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        while let Some(Piece::Pause(turn)) = self.0.front_mut() {
            if Pin::new(turn).poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.0.pop_front();
        }
        Poll::Ready(self.0.pop_front().map(|piece| match piece {
            Piece::Text(text) => Ok(Frame::data(text)),
            Piece::Trailers(trailers) => Ok(Frame::trailers(trailers)),
            Piece::Break | Piece::Pause(_) => Err(io::Error::other("broken off")),
        }))
    }
}
