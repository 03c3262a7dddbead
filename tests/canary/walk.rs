//! A random walk: people ask, leave and come back, the handler stalls and fails,
//! pages are purged, time goes by. Whatever anyone is sent is checked.

use std::fmt;
use std::io;
use std::ops::AddAssign;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use floodwall::{Cache, Purge};
use http::{Request, Response};
use http_body_util::BodyExt;
use tokio::task::{JoinHandle, yield_now};
use tower::util::BoxCloneService;
use tower::{Layer, ServiceExt, service_fn};

use crate::dice::Dice;
use crate::ledger::{Answer, Crossing, Source};
use crate::model::Policy;
use crate::origin::{Beside, Origin};
use crate::people::Ask;
use crate::settings;
use crate::support::PausedTime;

/// Whatever answers requests.
pub(crate) type Front = BoxCloneService<Request<Body>, Response<Body>, io::Error>;

/// What happened on a walk, in numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) steps: u64,
    pub(crate) worlds: u64,
    pub(crate) own: u64,
    pub(crate) shared: u64,
    pub(crate) crossed: u64,
    pub(crate) hits: u64,
    pub(crate) collapsed: u64,
    pub(crate) released: u64,
    pub(crate) stale: u64,
    pub(crate) validated: u64,
    pub(crate) unshareable: u64,
    pub(crate) purges: u64,
    pub(crate) not_modified: u64,
    pub(crate) partial: u64,
}

/// A world: an origin, a cache in front of it, and those who ask.
pub(crate) struct World {
    dice: Dice,
    policy: Policy,
    origin: Arc<Origin>,
    cache: Option<Cache>,
    front: Front,
    /// By the number of the request.
    waiting: Vec<(usize, JoinHandle<Option<Answer>>)>,
    /// Entity tags that somebody has been sent.
    tags: Vec<String>,
    tally: Tally,
}

/// An answer that nobody may have been sent, with all that led to it.
#[derive(Debug)]
pub(crate) struct Report(pub(crate) Crossing, String);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}\n{}", self.0.why, self.1)
    }
}

impl World {
    /// A world whose front is floodwall, with settings at random.
    pub(crate) fn walled(mut dice: Dice) -> Self {
        let (builder, policy) = settings::draw(&mut dice);
        let builder = builder.runtime(PausedTime::new());
        let cache = builder.build().expect("the settings are legal");
        let origin = Origin::new(Dice::new(dice.number()));
        let behind = Arc::clone(&origin);
        let handler = service_fn(move |request| Arc::clone(&behind).answer(request));
        let front = cache.layer().layer(handler);
        let front = front.map_response(|response: Response<_>| response.map(Body::new));
        let front = BoxCloneService::new(front);
        Self {
            cache: Some(cache),
            ..Self::new(dice, policy, origin, front)
        }
    }

    /// A world with another front.
    pub(crate) fn new(dice: Dice, policy: Policy, origin: Arc<Origin>, front: Front) -> Self {
        Self {
            dice,
            policy,
            origin,
            cache: None,
            front,
            waiting: Vec::new(),
            tags: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// Walks so many steps, and waits until everyone has been answered.
    pub(crate) async fn walk(mut self, steps: u64) -> Result<Tally, Box<Report>> {
        for _ in 0..steps {
            self.step().await;
            for _ in 0..*self.dice.pick(&[0, 1, 1, 2, 5, 10]) {
                yield_now().await;
            }
            self.check_answers().await?;
        }
        self.end().await?;
        self.tally.steps = steps;
        self.tally.worlds = 1;
        Ok(self.tally)
    }

    async fn step(&mut self) {
        match self.dice.below(100) {
            0..64 => self.ask(),
            64..80 => drop(self.origin.let_go(&mut self.dice)),
            80..86 => self.leave(),
            86..96 => {
                // Longer than any pause between two tries, which is of random
                // length: the walk must not depend on it.
                let span = *self.dice.pick(&[5, 5, 5, 11, 31, 61, 130]);
                tokio::time::advance(Duration::from_secs(span)).await;
            }
            _ => self.purge(),
        }
    }

    fn ask(&mut self) {
        let number = self.origin.with_ledger(|ledger| ledger.asked.len());
        let ask = Ask::draw(&mut self.dice, number, &self.tags);
        let answer = attend(self.front.clone(), ask.request());
        self.waiting.push((number, tokio::spawn(answer)));
        self.origin.with_ledger(|ledger| ledger.asked.push(ask));
    }

    fn leave(&mut self) {
        if !self.waiting.is_empty() {
            let at = self.dice.below(self.waiting.len());
            self.waiting.swap_remove(at).1.abort();
        }
    }

    fn purge(&mut self) {
        let Some(cache) = &self.cache else {
            return;
        };
        let purge = match self.dice.below(4) {
            0 => Purge::everything(),
            1 => Purge::uri("/a").expect("a path"),
            2 => Purge::prefix("/b").expect("a path"),
            _ => Purge::tag("one"),
        };
        let soft = self.dice.percent(60);
        cache.purge(if soft { purge.soft() } else { purge });
    }

    /// Checks the answers that have come.
    async fn check_answers(&mut self) -> Result<(), Box<Report>> {
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        let (come, waiting) = waiting.partition(|(_, answer)| answer.is_finished());
        self.waiting = waiting;
        let come: Vec<_> = come;
        for (number, answer) in come {
            let answer = answer.await.expect("no request panics");
            if let Some(answer) = answer {
                self.check(number, &answer)?;
            }
        }
        Ok(())
    }

    fn check(&mut self, number: usize, answer: &Answer) -> Result<(), Box<Report>> {
        let checked = self
            .origin
            .with_ledger(|ledger| ledger.check(&self.policy, number, answer));
        let tally = &mut self.tally;
        match checked {
            Ok(Source::Ours) => {}
            Ok(Source::Own) => tally.own += 1,
            Ok(Source::Shared) => tally.shared += 1,
            Ok(Source::Crossed) => tally.crossed += 1,
            Err(crossing) => return Err(Box::new(self.report(crossing, number, answer))),
        }
        tally.not_modified += u64::from(answer.status == 304);
        tally.partial += u64::from(answer.status == 206);
        let tag = answer.headers.get("etag").and_then(|tag| tag.to_str().ok());
        if let Some(tag) = tag.filter(|_| self.dice.percent(20)) {
            self.tags.push(tag.to_owned());
        }
        Ok(())
    }

    fn report(&self, crossing: Crossing, number: usize, answer: &Answer) -> Report {
        let told = self.origin.with_ledger(|ledger| {
            let parts = crossing.made.iter().map(|number| {
                let made = &ledger.made[*number];
                format!("{number}: {made:?}\n  for {:?}\n", ledger.asked[made.ask])
            });
            let asked = &ledger.asked[number];
            format!(
                "{asked:?}\nwas sent {answer:?}\nmade of\n{}",
                parts.collect::<String>()
            )
        });
        Report(crossing, format!("{:?}\n{told}", self.policy))
    }

    /// Lets everything come to its end.
    async fn end(&mut self) -> Result<(), Box<Report>> {
        for _ in 0..10_000 {
            while self.origin.let_go(&mut self.dice) {}
            yield_now().await;
            self.check_answers().await?;
            if self.waiting.is_empty() {
                self.count();
                return Ok(());
            }
        }
        panic!(
            "{} are never answered: {:?}",
            self.waiting.len(),
            self.cache.as_ref().map(Cache::stats)
        );
    }

    fn count(&mut self) {
        if let Some(stats) = self.cache.as_ref().map(Cache::stats) {
            self.tally.hits = stats.hits;
            self.tally.collapsed = stats.collapsed;
            self.tally.released = stats.released;
            self.tally.stale = stats.stale_served;
            self.tally.validated = stats.validated;
            self.tally.unshareable = stats.unshareable;
            self.tally.purges = stats.purges;
        }
    }
}

/// Sends a request, and reads all of the answer that comes; nothing if the handler
/// fails and nobody makes an answer of that.
async fn attend(front: Front, request: Request<Body>) -> Option<Answer> {
    let (head, mut body) = front.oneshot(request).await.ok()?.into_parts();
    let mut answer = Answer {
        status: head.status,
        headers: head.headers,
        body: Vec::new(),
        extension: head.extensions.get().map(|Beside(canary)| canary.clone()),
    };
    while let Some(Ok(frame)) = body.frame().await {
        match frame.into_data() {
            Ok(data) => answer.body.extend_from_slice(&data),
            Err(frame) => answer.headers.extend(frame.into_trailers().ok()?),
        }
    }
    Some(answer)
}

impl Tally {
    /// Checks that everything happened that a walk is about.
    pub(crate) fn was_worth_it(&self) {
        let happened = [
            self.own,
            self.shared,
            self.crossed,
            self.hits,
            self.collapsed,
            self.released,
            self.stale,
            self.validated,
            self.unshareable,
            self.purges,
            self.not_modified,
            self.partial,
        ];
        let enough = self.steps / 5_000;
        assert!(happened.iter().all(|times| *times >= enough), "{self:?}");
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.steps += other.steps;
        self.worlds += other.worlds;
        self.own += other.own;
        self.shared += other.shared;
        self.crossed += other.crossed;
        self.hits += other.hits;
        self.collapsed += other.collapsed;
        self.released += other.released;
        self.stale += other.stale;
        self.validated += other.validated;
        self.unshareable += other.unshareable;
        self.purges += other.purges;
        self.not_modified += other.not_modified;
        self.partial += other.partial;
    }
}
