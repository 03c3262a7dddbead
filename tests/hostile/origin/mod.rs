//! The lab origin: it answers by recipe, and keeps books on what it was asked.
//!
//! Each case asks for pages of its own. A page has a name that occurs nowhere else; a request
//! belongs to the page whose name is in its target or, where a row needs the whole target for
//! itself, in its `Host`. So rows see only what they caused, whatever runs beside them.

mod door;
mod gate;
mod ledger;
mod recipe;
mod serve;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use door::Door;
pub(crate) use door::Failing;
pub(crate) use gate::Gate;
pub(crate) use ledger::{Ledger, Seen};
pub(crate) use recipe::{Cut, Recipe};
pub(crate) use serve::date;

/// How a page's name begins; sixteen hexadecimal digits follow.
const MARK: &str = "lab";
const DIGITS: usize = 16;

#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    door: Mutex<Door>,
}

#[derive(Debug, Default)]
struct Shared {
    pages: Mutex<HashMap<String, Arc<Ledger>>>,
    /// Serial numbers of answers.
    serial: AtomicU64,
}

impl Shared {
    fn pages(&self) -> MutexGuard<'_, HashMap<String, Arc<Ledger>>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The page that a request is for.
    fn page_of(&self, seen: &Seen) -> Option<Arc<Ledger>> {
        let host = seen.header("host").unwrap_or_default();
        let name = page_name(&seen.target).or_else(|| page_name(host.as_bytes()))?;
        self.pages().get(&name).map(Arc::clone)
    }
}

/// The first page name in these bytes, whatever became of its letter case.
fn page_name(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    text.match_indices(MARK).find_map(|(at, _)| {
        let name = text.get(at..at + MARK.len() + DIGITS)?;
        let digits = name.as_bytes()[MARK.len()..].iter();
        digits
            .copied()
            .all(|byte| byte.is_ascii_hexdigit())
            .then(|| name.to_owned())
    })
}

impl Origin {
    pub(crate) async fn start(address: SocketAddr) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (address, door) = Door::open(address, &shared)?;
        Ok(Self {
            address,
            shared,
            door: Mutex::new(door),
        })
    }

    /// Ends all connections and takes no more of them, until the outage is over.
    pub(crate) async fn fail(&self, how: Failing) -> Outage<'_> {
        let open = std::mem::take(&mut *self.door());
        *self.door() = open.shut(self.address, how).await;
        Outage(self)
    }

    fn door(&self) -> MutexGuard<'_, Door> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A page of its own; `number` must be new.
    pub(crate) fn page(&self, case: &str, number: u64) -> Page {
        let name = format!("{MARK}{number:0DIGITS$x}");
        let ledger = Arc::new(Ledger::default());
        self.shared
            .pages()
            .insert(name.clone(), Arc::clone(&ledger));
        Page {
            path: format!("/{}/{name}", case.to_ascii_lowercase()),
            host: format!("{name}.test"),
            name,
            ledger,
            shared: Arc::clone(&self.shared),
        }
    }
}

/// A time without an origin; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Outage<'a>(&'a Origin);

impl Drop for Outage<'_> {
    fn drop(&mut self) {
        let mut door = self.0.door();
        *door = std::mem::take(&mut *door).reopen(&self.0.shared);
    }
}

/// A part of the origin that belongs to one case. Forgotten when dropped.
#[derive(Debug)]
pub(crate) struct Page {
    /// `/<case-id>/<name>`: where its targets begin.
    pub(crate) path: String,
    /// A host that also leads to it, for targets without the name.
    pub(crate) host: String,
    name: String,
    ledger: Arc<Ledger>,
    shared: Arc<Shared>,
}

impl Page {
    /// A target below the page.
    pub(crate) fn with(&self, rest: impl AsRef<[u8]>) -> Vec<u8> {
        [self.path.as_bytes(), rest.as_ref()].concat()
    }

    /// Adds a recipe behind those that are there. The first that matches a request answers it;
    /// where none does, the answer is the default one.
    pub(crate) fn script(&self, recipe: Recipe) -> &Self {
        self.ledger.add(recipe);
        self
    }

    /// Adds a recipe before those that are there.
    pub(crate) fn script_first(&self, recipe: Recipe) -> &Self {
        self.ledger.add_first(recipe);
        self
    }
}

impl std::ops::Deref for Page {
    type Target = Ledger;

    fn deref(&self) -> &Ledger {
        &self.ledger
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.shared.pages().remove(&self.name);
    }
}
