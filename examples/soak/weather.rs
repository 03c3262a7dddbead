//! The troubles: moods of the site, purges, and runtimes that die under their fetches.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use floodwall::Purge;
use http::Request;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tower::ServiceExt;

use crate::page::Kind;
use crate::{Soak, site};

/// What a handler says that panics on purpose.
pub(crate) const EXPECTED: &str = "the soak panics here";

/// The state of the site's handlers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Fine,
    Slow,
    Failing,
    Hanging,
}

impl Mood {
    fn draw(dice: &mut StdRng) -> Self {
        match dice.random_range(0..10) {
            0..6 => Self::Fine,
            6..8 => Self::Slow,
            8 => Self::Failing,
            _ => Self::Hanging,
        }
    }

    pub(crate) fn delay(self, dice: &mut StdRng) -> Duration {
        let most = if self == Self::Slow { 300 } else { 10 };
        Duration::from_millis(dice.random_range(0..most))
    }

    pub(crate) const fn share_that_hangs(self) -> f64 {
        if matches!(self, Self::Hanging) {
            0.2
        } else {
            0.0
        }
    }

    pub(crate) const fn share_that_fails(self) -> f64 {
        if matches!(self, Self::Failing) {
            0.7
        } else {
            0.01
        }
    }

    pub(crate) const fn share_that_panics(self) -> f64 {
        if matches!(self, Self::Failing) {
            0.1
        } else {
            0.002
        }
    }

    pub(crate) const fn share_of_broken_bodies(self) -> f64 {
        if matches!(self, Self::Failing) {
            0.2
        } else {
            0.02
        }
    }
}

/// Silences the panics that are part of the trouble; any other is reported as ever.
pub(crate) fn expect_panics() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let payload = panic.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        if text != Some(EXPECTED) {
            report(panic);
        }
    }));
}

pub(crate) struct Weather {
    soak: Arc<Soak>,
    dice: StdRng,
}

impl Weather {
    pub(crate) fn new(soak: &Arc<Soak>, seed: u64) -> Self {
        Self {
            soak: Arc::clone(soak),
            dice: StdRng::seed_from_u64(!seed),
        }
    }

    /// Makes trouble until aborted, except in the pauses.
    pub(crate) async fn blow(mut self) {
        loop {
            let pause = Duration::from_millis(self.dice.random_range(1..200));
            tokio::time::sleep(pause).await;
            let soak = Arc::clone(&self.soak);
            let _busy = soak.calm.read().await;
            match self.dice.random_range(0..100) {
                0..10 => soak.site.set_mood(Mood::draw(&mut self.dice)),
                10..96 => soak.cache.purge(self.purge()),
                _ => self.lose_a_runtime().await,
            }
        }
    }

    fn purge(&mut self) -> Purge {
        let kind = Kind::draw(&mut self.dice);
        let page = format!("/{kind}/{}", self.dice.random_range(0..40));
        let purge = match self.dice.random_range(0..200) {
            0 => Purge::everything(),
            1..10 => Purge::tag(format!("shelf-{}", self.dice.random_range(0..10))),
            10..14 => Purge::prefix(&format!("/{kind}")).expect("it starts with a slash"),
            _ => Purge::uri(&page).expect("it starts with a slash"),
        };
        if self.dice.random_bool(0.5) {
            purge.soft()
        } else {
            purge
        }
    }

    /// Fetches begin on a runtime of their own, and it goes away under them.
    async fn lose_a_runtime(&mut self) {
        let app = site::app(&self.soak.site, &self.soak.cache);
        let lives = Duration::from_millis(self.dice.random_range(0..20));
        let page = |number: u32| format!("/public/{number}");
        let pages: Vec<_> = (0..8)
            .map(|_| page(self.dice.random_range(0..40)))
            .collect();
        let lived = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                for page in pages {
                    let request = Request::get(page).body(Body::empty());
                    let request = request.expect("a page is a legal target");
                    tokio::spawn(app.clone().oneshot(request));
                }
                tokio::time::sleep(lives).await;
            });
            std::io::Result::Ok(())
        });
        // It fails only where the machine has no descriptors left, which the readings show.
        let _ = lived.await;
    }
}
