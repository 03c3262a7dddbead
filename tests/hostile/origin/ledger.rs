//! What the origin was asked for one page, and how it is to answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::recipe::Recipe;
use crate::wire::Lines;

/// Beyond so many requests only their number is kept.
const MOST_KEPT: usize = 4096;
/// Beyond so many targets, the gauge is that of all others together.
const MOST_TARGETS: usize = 4096;
/// The longest that a row waits for the origin to be asked.
const PATIENCE: Duration = Duration::from_secs(20);

/// One request as it arrived.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Every byte of it, as far as it could be read.
    pub(crate) raw: Vec<u8>,
    pub(crate) method: String,
    pub(crate) target: Vec<u8>,
    pub(crate) lines: Lines,
    /// The serial number of the answer to it.
    pub(crate) serial: u64,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.lines.get(name)
    }

    /// Who asks, for `for=`: the nonce, else the canary in a cookie or a credential.
    pub(crate) fn nonce(&self) -> String {
        let names = ["x-lab-nonce", "cookie", "authorization"];
        let first = names.iter().find_map(|name| self.header(name));
        first.unwrap_or_else(|| "-".to_owned())
    }

    pub(crate) fn target_has(&self, part: &str) -> bool {
        crate::wire::contains(&self.target, part)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    recipes: Mutex<Vec<Recipe>>,
    books: Mutex<Books>,
    total: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Books {
    seen: Vec<Arc<Seen>>,
    all: Gauge,
    targets: HashMap<Vec<u8>, Gauge>,
}

/// How many requests are being answered.
#[derive(Clone, Copy, Debug, Default)]
struct Gauge {
    now: u64,
    most: u64,
    total: u64,
}

impl Gauge {
    fn enter(&mut self) {
        self.now += 1;
        self.total += 1;
        self.most = self.most.max(self.now);
    }
}

impl Ledger {
    pub(super) fn add(&self, recipe: Recipe) {
        lock(&self.recipes).push(recipe);
    }

    pub(super) fn add_first(&self, recipe: Recipe) {
        lock(&self.recipes).insert(0, recipe);
    }

    /// Forgets all recipes: from now on the default answers.
    pub(crate) fn unscript(&self) {
        lock(&self.recipes).clear();
    }

    /// Whether a request is answered before its body has come.
    pub(super) fn answers_early(&self, seen: &Seen) -> bool {
        let recipes = lock(&self.recipes);
        let found = recipes.iter().find(|recipe| recipe.matches(seen));
        found.is_some_and(|recipe| recipe.early)
    }

    /// Takes the recipe for a request, and one of the times that it may be used.
    pub(super) fn recipe(&self, seen: &Seen) -> Recipe {
        let mut recipes = lock(&self.recipes);
        let found = recipes.iter_mut().find(|recipe| recipe.matches(seen));
        found.map_or_else(Recipe::new, |recipe| {
            recipe.use_once();
            recipe.clone()
        })
    }

    /// Notes a request; the place is held until it is answered.
    pub(super) fn enter(self: &Arc<Self>, seen: Seen) -> Place {
        let target = seen.target.clone();
        {
            let mut books = lock(&self.books);
            books.all.enter();
            if books.targets.len() < MOST_TARGETS || books.targets.contains_key(&target) {
                books.targets.entry(target.clone()).or_default().enter();
            }
            if books.seen.len() < MOST_KEPT {
                books.seen.push(Arc::new(seen));
            }
        }
        self.total.send_modify(|total| *total += 1);
        Place {
            ledger: Arc::clone(self),
            target,
        }
    }

    /// How many requests came.
    pub(crate) fn count(&self) -> u64 {
        *self.total.borrow()
    }

    /// How many came for one target.
    pub(crate) fn count_of(&self, target: &[u8]) -> u64 {
        self.gauge(target).total
    }

    /// The most that were being answered at once, for one target.
    pub(crate) fn most_at_once(&self, target: &[u8]) -> u64 {
        self.gauge(target).most
    }

    /// The most that were being answered at once, for all targets together.
    pub(crate) fn most_at_once_in_all(&self) -> u64 {
        lock(&self.books).all.most
    }

    /// How many are being answered now.
    pub(crate) fn under_way(&self) -> u64 {
        lock(&self.books).all.now
    }

    fn gauge(&self, target: &[u8]) -> Gauge {
        let books = lock(&self.books);
        books.targets.get(target).copied().unwrap_or_default()
    }

    /// The requests in their order, the first few thousand.
    pub(crate) fn seen(&self) -> Vec<Arc<Seen>> {
        lock(&self.books).seen.clone()
    }

    pub(crate) fn last(&self) -> Option<Arc<Seen>> {
        lock(&self.books).seen.last().cloned()
    }

    /// Returns once so many requests have come; `false` if that takes too long.
    pub(crate) async fn arrived(&self, count: u64) -> bool {
        let mut total = self.total.subscribe();
        let arrived = total.wait_for(|total| *total >= count);
        tokio::time::timeout(PATIENCE, arrived).await.is_ok()
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Place {
    ledger: Arc<Ledger>,
    target: Vec<u8>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut books = lock(&self.ledger.books);
        books.all.now -= 1;
        if let Some(gauge) = books.targets.get_mut(&self.target) {
            gauge.now -= 1;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
