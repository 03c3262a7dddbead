//! The whole cache against a naive one, on histories: requests of all kinds for one page,
//! one after the other, answers that change from one to the next, changes by POST, and
//! time that goes by.
//!
//! What a response permits is what [`model`] makes of it; what is kept of a history, and
//! what is chosen of that, is written down here once more, as a list. Nothing is at once
//! here and nothing fails: that is what `tests/explorer` tries.
//!
//! Choices of ours that the model makes too, beside those of `tests/policy_model.rs`:
//!
//! - an answer that is private or not to be kept, and a 404 or 410, ends the stale copy
//!   that was asked about, with the older ones that the same request would have found next;
//! - what is not for the one who asks, though it is stored, is no reason to ask for all.

mod policy_support;
mod support;

use std::cell::Cell;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use floodwall::policy::{Authorization, Cookies, Rules};
use floodwall::{Cache, CacheBuilder, Clock, Moment, Runtime, Task};
use http::{Request, Response};
use proptest::collection::vec;
use proptest::prelude::Strategy;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;
use proptest::{bool, prop_assert_eq};

use policy_support::heads::{Asker, Origin, asker, origin, rules};
use policy_support::model::{self, Said, Use};
use policy_support::seeds::{cases, for_all};
use support::{PausedTime, Site};

/// One request, and what the handler answers if it is called for it.
#[derive(Clone, Debug)]
struct Step {
    /// Seconds since the one before; some, as of two fetches one begins later.
    pause: u64,
    asker: Asker,
    origin: Origin,
}

fn step() -> impl Strategy<Value = Step> {
    let pause = select(&[1, 1, 1, 5, 29, 30, 31, 60, 90, 600][..]);
    let post = bool::weighted(0.05);
    (pause, asker(), origin(), post).prop_map(|(pause, mut asker, mut origin, post)| {
        if post {
            asker.method = "POST";
        }
        // Nobody asked whether anything was modified, and what fails is another matter.
        if matches!(origin.status, 304 | 500 | 502 | 503 | 504) {
            origin.status = 200;
        }
        Step {
            pause,
            asker,
            origin,
        }
    })
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Came {
    /// What the handler answered to this step, or to an earlier one, and how old that is.
    Answer { of: usize, age: Option<u64> },
    /// Nothing that is stored will do, and nothing else is wanted.
    Nothing,
}

/// What is kept: the answer to a step, and when it came.
#[derive(Clone, Copy, Debug)]
struct Kept {
    of: usize,
    at: u64,
}

/// A cache as a list, newest first.
struct Naive<'a> {
    steps: &'a [Step],
    rules: &'a Rules,
    kept: Vec<Kept>,
}

impl Naive<'_> {
    /// What comes of a step, and whether the handler is called.
    fn take(&mut self, of: usize, now: u64) -> (Came, bool) {
        let Step { asker, origin, .. } = &self.steps[of];
        let made = (Came::Answer { of, age: None }, true);
        let stored_only = Said::of(&asker.said).has("only-if-cached");
        if asker.method == "POST" {
            // RFC 9111 §4.4: a non-error answer to an unsafe method.
            if origin.status < 400 {
                self.kept.clear();
            }
            return made;
        }
        let found = self.found(asker);
        let usable = found.filter(|kept| model::permits(self.origin(*kept), asker, self.rules));
        let used = usable.map(|kept| (kept, self.reuse(kept, asker, now)));
        match used {
            _ if passes(asker, self.rules) && stored_only => (Came::Nothing, false),
            _ if passes(asker, self.rules) => made,
            Some((kept, Use::Fresh | Use::AcceptedStale)) => (self.answer(kept, now), false),
            Some((kept, Use::Refreshing)) => {
                let came = self.answer(kept, now);
                self.fetched(of, Some(kept), now);
                (came, true)
            }
            _ if stored_only => (Came::Nothing, false),
            // It is stored, and not for this one.
            None if found.is_some() => made,
            _ => {
                self.fetched(of, usable, now);
                made
            }
        }
    }

    /// RFC 9111 §4.1: of those that the request selects, the newest.
    fn found(&self, asker: &Asker) -> Option<Kept> {
        let selects = |kept: &&Kept| self.selects(**kept, asker);
        self.kept.iter().find(selects).copied()
    }

    fn selects(&self, kept: Kept, asker: &Asker) -> bool {
        model::same_variant(self.origin(kept), &self.steps[kept.of].asker, asker)
    }

    fn reuse(&self, kept: Kept, asker: &Asker, now: u64) -> Use {
        model::reuse(&self.life(kept), asker, now - kept.at, None)
    }

    fn answer(&self, kept: Kept, now: u64) -> Came {
        let age = Some(self.life(kept).age + now - kept.at);
        Came::Answer { of: kept.of, age }
    }

    fn fetched(&mut self, of: usize, asked_about: Option<Kept>, now: u64) {
        let Step { asker, origin, .. } = &self.steps[of];
        let store = model::verdict(asker, origin, self.rules);
        let gone = matches!(origin.status, 404 | 410) && store.is_some();
        if gone || model::is_refused_to_all(origin, self.rules) {
            self.end(asked_about, of, now);
        }
        if store == Some(true) {
            self.kept.insert(0, Kept { of, at: now });
        }
    }

    /// Ends a stale copy, and those that it hid from the one who asks.
    fn end(&mut self, asked_about: Option<Kept>, by: usize, now: u64) {
        let is_stale = |kept: &Kept| {
            let life = self.life(*kept);
            life.age + now - kept.at >= life.fresh
        };
        let Some(stale) = asked_about.filter(is_stale) else {
            return;
        };
        let asker = &self.steps[by].asker;
        let kept = std::mem::take(&mut self.kept);
        let stays = |kept: &Kept| kept.of > stale.of || !self.selects(*kept, asker);
        self.kept = kept.into_iter().filter(stays).collect();
    }

    fn origin(&self, kept: Kept) -> &Origin {
        &self.steps[kept.of].origin
    }

    fn life(&self, kept: Kept) -> model::Life {
        model::life(self.origin(kept), self.rules).expect("what is kept has one")
    }
}

/// Whether a request is none for the cache.
fn passes(asker: &Asker, rules: &Rules) -> bool {
    asker.has("cookie") && rules.cookies == Cookies::Pass
        || asker.has("authorization") && rules.authorization == Authorization::Pass
}

/// Paused time in whole seconds, so that both sides count the same.
struct Seconds(PausedTime);

impl Clock for Seconds {
    fn now(&self) -> Moment {
        let now = self.0.now().since_start();
        Moment::new(Duration::from_secs(now.as_secs()))
    }

    fn wall(&self) -> SystemTime {
        self.0.wall()
    }
}

impl Runtime for Seconds {
    fn sleep(&self, span: Duration) -> Task {
        self.0.sleep(span)
    }

    fn spawn(&self, task: Task) {
        self.0.spawn(task);
    }
}

/// A cache with these rules, which remembers nothing of what it does not store.
fn builder(rules: &Rules) -> CacheBuilder {
    let mut builder = Cache::builder()
        .unshareable_memory(Duration::ZERO)
        .heuristics(rules.heuristics)
        .store_errors(rules.store_errors)
        .statuses(rules.statuses)
        .strict_collapse(rules.strict_collapse)
        .cookies(rules.cookies)
        .authorization(rules.authorization)
        .set_cookie(rules.set_cookie);
    if let Some(span) = rules.default_fresh_for {
        builder = builder.default_fresh_for(span);
    }
    if let Some(span) = rules.stale_while_revalidate {
        builder = builder.stale_while_revalidate(span);
    }
    if let Some(span) = rules.stale_if_error {
        builder = builder.stale_if_error(span);
    }
    builder
}

/// Plays a history on both sides, and says how many hits there were.
async fn agrees(rules: &Rules, steps: &[Step]) -> Result<u64, TestCaseError> {
    let runtime = Seconds(PausedTime::new());
    let said = steps.to_vec();
    let told = Arc::new(Mutex::new((0, 0)));
    let present = Arc::clone(&told);
    let site = Site::on(builder(rules).runtime(runtime), move |_| {
        let (of, now) = *present.lock().expect("nothing panics under it");
        let step: &Step = &said[of];
        let mut answer = Response::new(of.to_string().into());
        *answer.status_mut() = step.origin.status();
        *answer.headers_mut() = step.origin.headers_at(i64::try_from(now).expect("small"));
        answer.headers_mut().insert("x-step", of.into());
        async move { answer }
    });
    let mut naive = Naive {
        steps,
        rules,
        kept: Vec::new(),
    };
    let (mut now, mut hits) = (0, 0);
    for (of, step) in steps.iter().enumerate() {
        now += step.pause;
        tokio::time::sleep(Duration::from_secs(step.pause)).await;
        *told.lock().expect("nothing panics under it") = (of, now);
        let calls = site.calls();
        let request: Request<()> = step.asker.request();
        let answer = site.send(request.map(|()| axum::body::Body::empty())).await;
        site.until_quiet().await;
        let (came, called) = naive.take(of, now);
        let made_by = answer.field("x-step");
        let ours = match made_by.parse() {
            Ok(of) if answer.cache_status().starts_with("hit") => {
                let age = Some(answer.field("age").parse().expect("a hit has an age"));
                Came::Answer { of, age }
            }
            Ok(of) => Came::Answer { of, age: None },
            Err(_) => Came::Nothing,
        };
        let line = answer.cache_status();
        hits += u64::from(answer.is_hit());
        prop_assert_eq!(ours, came, "step {} at {}: {}", of, now, line);
        prop_assert_eq!(
            site.calls() - calls,
            usize::from(called),
            "step {}: {}",
            of,
            line
        );
    }
    Ok(hits)
}

#[test]
fn a_history_goes_as_in_a_naive_cache() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let hits = Cell::new(0);
    let steps = vec(step(), 1..9);
    for_all(200, (rules(), steps), |(rules, steps)| {
        let found = runtime.block_on(agrees(&rules, &steps))?;
        hits.set(hits.get() + found);
        Ok(())
    });
    // Histories without any would agree about nothing.
    let few = u64::from(cases(200)) / 4;
    assert!(hits.get() > few, "{} hits", hits.get());
}
