//! One request whose fetch is under way, and those that wait for the same page.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::case::Case;
use crate::client::{Answer, Request, h1};
use crate::origin::Page;
use crate::verdict::{Finding, bound};

/// How many follow the first one.
pub(super) const FOLLOWERS: usize = 50;

/// What the origin takes over an answer when nothing is wrong.
pub(super) const NOMINAL: Duration = Duration::from_millis(200);

/// What a busy machine may add to a time limit.
pub(super) const NOISE: Duration = Duration::from_millis(150);

/// How long the lab waits for a state that has to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a state is looked at.
const POLL: Duration = Duration::from_millis(2);

#[derive(Debug)]
pub(super) struct Crowd {
    /// The first one's before those of the others.
    pub(super) requests: Vec<Request>,
    pub(super) clients: Vec<h1::Connection>,
}

impl Crowd {
    /// The usual crowd for a page, all of whom wait for one fetch.
    pub(super) async fn of(case: &Case, page: &Page) -> Self {
        let requests = (0..=FOLLOWERS).map(|_| case.get(&page.path)).collect();
        Self::behind_one(case, page, requests).await
    }

    /// Sends the first request, and the others once the origin has that one. Returns when all
    /// of them wait.
    pub(super) async fn behind_one(case: &Case, page: &Page, requests: Vec<Request>) -> Self {
        let (before, waiting) = (page.count(), case.stat("waiting").await);
        let mut clients = vec![case.send(requests[0].bytes()).await];
        assert!(page.arrived(before + 1).await, "the origin is not asked");
        let others = requests[1..]
            .iter()
            .map(|request| case.send(request.bytes()));
        clients.extend(join_all(others).await);
        let everyone = waiting.unwrap_or(0) + requests.len() as u64;
        all_wait(case, everyone).await;
        Self { requests, clients }
    }

    /// Sends the requests all at once.
    pub(super) async fn at_once(case: &Case, requests: Vec<Request>) -> Self {
        let clients = requests.iter().map(|request| case.send(request.bytes()));
        let clients = join_all(clients).await;
        Self { requests, clients }
    }

    /// The answers in the order of the requests, all read at the same time.
    pub(super) async fn answers(&mut self) -> Vec<Answer> {
        let pairs = self.clients.iter_mut().zip(&self.requests);
        join_all(pairs.map(|(client, request)| client.answer(&request.method))).await
    }

    /// The first client, who leaves the others behind.
    pub(super) fn part(&mut self) -> h1::Connection {
        self.requests.remove(0);
        self.clients.remove(0)
    }
}

/// Returns when so many requests wait for a fetch. Of a foreign subject nobody can tell; there it
/// is the time in which they should.
pub(super) async fn all_wait(case: &Case, many: u64) {
    if case.subject.is_ours() {
        until(case, "waiting", |now| now >= many).await;
    } else {
        case.let_pass(NOMINAL).await;
    }
}

/// Waits until a counter of the subject is as wanted.
///
/// # Panics
/// If that does not happen.
pub(super) async fn until(case: &Case, name: &str, wanted: impl Fn(u64) -> bool) {
    let last = Instant::now() + PATIENCE;
    loop {
        let now = case.stat(name).await;
        if now.is_none_or(&wanted) {
            return;
        }
        assert!(Instant::now() < last, "{name} stays at {now:?}");
        tokio::time::sleep(POLL).await;
    }
}

/// Waits for what the lab itself can see.
///
/// # Panics
/// If it does not happen.
pub(super) async fn eventually(what: &str, happened: impl Fn() -> bool) {
    let last = Instant::now() + PATIENCE;
    while !happened() {
        assert!(Instant::now() < last, "{what} does not happen");
        tokio::time::sleep(POLL).await;
    }
}

/// All of them got this status, whole.
pub(super) fn all_got(answers: &[Answer], status: u16) -> Finding {
    let good = |answer: &&Answer| answer.status == status && answer.is_whole();
    let seen = tally(answers);
    Finding::of(answers.iter().filter(good).count() == answers.len(), seen)
}

/// All of them got the same whole 200, byte for byte.
pub(super) fn all_alike(answers: &[Answer]) -> Finding {
    let Some(first) = answers.first() else {
        return Finding::no_control("nobody was left to answer");
    };
    let other = |answer: &&Answer| answer.body.bytes != first.body.bytes;
    let alike = match answers.iter().find(other) {
        None => Finding::safe("alike"),
        Some(other) => Finding::bad(format!(
            "bodies differ: {} of {} bytes, {} of {} bytes",
            first.summary(),
            first.body.length,
            other.summary(),
            other.body.length
        )),
    };
    all_got(answers, 200).and(alike)
}

/// None of them was told of a whole answer: it was cut for all.
pub(super) fn all_cut(answers: &[Answer]) -> Finding {
    let cut = answers.iter().all(|answer| !answer.is_whole());
    Finding::of(cut, tally(answers))
}

/// How many got what, and of how many answers of the origin where that is not the same one.
pub(super) fn tally(answers: &[Answer]) -> String {
    let mut kinds: BTreeMap<String, (usize, BTreeSet<Option<u64>>)> = BTreeMap::new();
    for answer in answers {
        let kind = format!("{} {:?}", answer.status, answer.end);
        let (count, serials) = kinds.entry(kind).or_default();
        *count += 1;
        serials.insert(answer.serial());
    }
    let told = |(kind, (count, serials)): (&String, &(usize, BTreeSet<_>))| match serials.len() {
        1 => format!("{count} x {kind}"),
        many => format!("{count} x {kind} from {many} answers"),
    };
    let kinds: Vec<String> = kinds.iter().map(told).collect();
    kinds.join(", ")
}

/// The page was asked for so often at the origin, and by so many at once.
pub(super) fn asked(page: &Page, calls: u64, at_once: u64) -> Finding {
    let (count, most) = (page.count(), page.most_at_once_in_all());
    let seen = format!("{count} origin calls, {most} at once");
    Finding::of(count == calls && most <= at_once, seen)
}

/// The last of the answers came no later than this, counted from when they were awaited.
pub(super) fn in_time(answers: &[Answer], limit: Duration) -> Finding {
    let (slowest, limit) = (slowest(answers), millis(limit));
    if slowest <= limit {
        return Finding::safe(format!("within {limit:.0} ms"));
    }
    bound("the last answer after", slowest, limit, "ms")
}

/// When the last of the answers came, in milliseconds.
pub(super) fn slowest(answers: &[Answer]) -> f64 {
    let times = answers.iter().map(|answer| answer.after);
    millis(times.max().unwrap_or_default())
}

pub(super) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
