//! Clients who ask at random for URLs of two paths, while what the answers say of their
//! queries changes, and what is stored is purged, validated, and let go stale.
//!
//! Whatever happens, an answer is one that the origin gave for a URL which its own word makes
//! equivalent to the one that was asked for, to the same user; and if that URL was purged
//! before it was asked for, the origin gave it, or renewed it, after that.

#[path = "support/dice.rs"]
mod dice;
#[path = "support/seeds.rs"]
mod seeds;
mod support;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::Body;
use dice::Dice;
use floodwall::{Cache, CacheBuilder, KeyRules, Purge};
use http::Response;
use support::{Answer, Call, Site, method, status, with};
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep};

const RULES: [&str; 6] = [
    "",
    r#"params=("a")"#,
    r#"params=("b")"#,
    r#"except=("a")"#,
    "key-order",
    "except=()",
];
/// `d` is what the operator may drop.
const URLS: [&str; 12] = [
    "/p",
    "/p?",
    "/p?a=1",
    "/p?a=2",
    "/p?b=1",
    "/p?b=2",
    "/p?a=1&b=1",
    "/p?b=1&a=1",
    "/p?a=2&b=2",
    "/p?a=1&d=3",
    "/p?b=1&d=5&a=2",
    "/q?a=1",
];
const USERS: [&str; 3] = ["", "x", "y"];
const STEPS: usize = 40;

/// What the origin gave: a page, or leave to go on with one.
#[derive(Clone, Debug)]
struct Given {
    /// When, in the order of all that happens.
    at: u64,
    tag: String,
    target: String,
    rule: &'static str,
    user: String,
}

/// What has happened in one walk.
#[derive(Default)]
struct History {
    last: u64,
    given: Vec<Given>,
    /// When each URL was last purged.
    purged: HashMap<&'static str, u64>,
}

impl History {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// When it was last purged; nothing if it never was.
    fn purged(&self, url: &str) -> u64 {
        self.purged.get(url).copied().unwrap_or_default()
    }
}

/// One walk: its settings, its site, and what happens.
#[derive(Clone)]
struct Walk {
    history: Arc<Mutex<History>>,
    dice: Arc<Mutex<Dice>>,
    /// How many of the rules there are.
    rules: usize,
    /// The operator drops `d`.
    drops: bool,
}

impl Walk {
    fn new(dice: Dice) -> Self {
        let mut dice = dice;
        Self {
            history: Arc::default(),
            rules: *dice.pick(&[2, 3, 6]),
            drops: dice.percent(50),
            dice: Arc::new(Mutex::new(dice)),
        }
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().expect("no walk goes on after a panic")
    }

    fn dice(&self) -> MutexGuard<'_, Dice> {
        self.dice.lock().expect("no walk goes on after a panic")
    }

    fn below(&self, end: usize) -> usize {
        self.dice().below(end)
    }

    fn settings(&self) -> CacheBuilder {
        let keys = match self.drops {
            true => KeyRules::new().drop_query("d"),
            false => KeyRules::new(),
        };
        let window = Duration::from_secs(20 * self.below(2) as u64);
        Cache::builder()
            .key(keys)
            .store_posts(self.below(2) == 0)
            .store_parts(self.below(2) == 0)
            .stale_while_revalidate(window)
    }

    /// Notes what the origin gives, and to whom.
    fn give(&self, call: &Call, renewed: Option<&str>, rule: &'static str) -> String {
        let mut history = self.history();
        let at = history.next();
        let tag = renewed.map_or_else(|| format!("\"{at}\""), str::to_owned);
        history.given.push(Given {
            at,
            tag: tag.clone(),
            target: call.request.uri().to_string(),
            rule,
            user: call.field("x-user").unwrap_or_default().to_owned(),
        });
        tag
    }

    /// What the origin answers.
    async fn answer(&self, call: Call) -> Response<Body> {
        let known = call.field("if-none-match").filter(|_| self.below(2) == 0);
        let renews = known.is_some();
        let rule = RULES[self.below(self.rules)];
        let tag = self.give(&call, known, rule);
        let target = call.request.uri().to_string();
        let (slow, kind) = (self.below(4), self.below(12));
        sleep(Duration::from_millis(slow as u64)).await;
        let lasts = match self.below(2) {
            0 => "max-age=5",
            _ => "max-age=5, stale-if-error=60",
        };
        let mut fields = vec![("etag", &*tag), ("vary", "x-user")];
        fields.extend((!rule.is_empty()).then_some(("no-vary-search", rule)));
        if *call.request.method() == "POST" {
            fields.push(("content-location", &target));
        }
        let lasting = [&fields[..], &[("cache-control", lasts)]].concat();
        match kind {
            _ if renews => status(304, &lasting, ""),
            0 => status(
                200,
                &[("cache-control", "no-store"), ("etag", &*tag)],
                "page",
            ),
            1 => status(200, &fields, "page"),
            2 => status(404, &fields, "page"),
            3 => status(503, &[], ""),
            _ => status(200, &lasting, "page"),
        }
    }

    /// Purges a URL, and notes when that was over. A soft purge leaves what there is to be
    /// served stale.
    fn purge(&self, site: &Site) {
        let url = URLS[self.below(URLS.len())];
        let uri = |uri: &str| Purge::uri(uri).expect("legal");
        let (purge, names) = match self.below(5) {
            0 => (Purge::everything(), &URLS[..]),
            1 => (Purge::prefix(url).expect("legal"), &[url][..]),
            2 => (uri(url), &[url][..]),
            3 => (uri(&format!("http://good.test{url}")), &[url][..]),
            _ => (uri(url).soft(), &[][..]),
        };
        site.cache.purge(purge);
        let mut history = self.history();
        let at = history.next();
        history.purged.extend(names.iter().map(|url| (*url, at)));
    }

    /// Asks for something, and checks what comes.
    async fn ask(self, site: Site) {
        let (url, user) = (URLS[self.below(URLS.len())], USERS[self.below(USERS.len())]);
        let method_name = match self.below(16) {
            0 => "HEAD",
            1 => "POST",
            _ => "GET",
        };
        let mut fields = Vec::new();
        fields.extend((!user.is_empty()).then_some(("x-user", user)));
        fields.extend(match self.below(12) {
            0 => Some(("cache-control", "no-cache")),
            1 => Some(("cache-control", "max-stale=100")),
            2 => Some(("range", "bytes=0-0")),
            _ => None,
        });
        let purged = self.history().purged(url);
        let answer = site.send(with(method(method_name, url), &fields)).await;
        if method_name != "POST" {
            self.check(url, user, purged, &answer);
        }
    }

    fn check(&self, url: &str, user: &str, purged: u64, answer: &Answer) {
        let tag = answer.field("etag");
        if tag.is_empty() {
            return;
        }
        let history = self.history();
        let given = history.given.iter().filter(|given| given.tag == tag);
        let for_it: Vec<&Given> = given
            .filter(|given| given.user == user && self.covers(given, url))
            .collect();
        let told = format!("{url} {user:?}: {tag} {}", answer.cache_status());
        assert!(!for_it.is_empty(), "{told} is for others");
        let newest = for_it.iter().map(|given| given.at).max();
        assert!(newest > Some(purged), "{told} was purged at {purged}");
    }

    /// Whether what was given for one URL is the answer to another, by its own word.
    fn covers(&self, given: &Given, url: &str) -> bool {
        given.target == url
            || left(given, &given.target, self.drops) == left(given, url, self.drops)
    }
}

/// What is left of a URL: its path, and the parameters that count.
fn left<'a>(given: &Given, url: &'a str, drops: bool) -> (&'a str, Option<Vec<&'a str>>) {
    let (path, query) = match url.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (url, None),
    };
    let kept = query.map(|query| {
        let parts = query
            .split('&')
            .filter(|part| !(drops && part.starts_with("d=")));
        parts.collect::<Vec<_>>()
    });
    // A query of which all is dropped is none.
    let kept = kept.filter(|kept| !kept.is_empty());
    if given.rule.is_empty() {
        return (path, kept);
    }
    let mut parts = kept.unwrap_or_default();
    parts.retain(|part| {
        !part.is_empty()
            && match given.rule {
                r#"params=("a")"# => !part.starts_with("a="),
                r#"params=("b")"# => !part.starts_with("b="),
                r#"except=("a")"# => part.starts_with("a="),
                "except=()" => false,
                _ => true,
            }
    });
    if given.rule == "key-order" {
        parts.sort_by_key(|part| part.split('=').next());
    }
    (path, Some(parts))
}

async fn go(dice: Dice) {
    let walk = Walk::new(dice);
    let origin = walk.clone();
    let site = Site::with(walk.settings(), move |call| {
        let origin = origin.clone();
        async move { origin.answer(call).await }
    });
    let mut asking = JoinSet::new();
    for _ in 0..STEPS {
        match walk.below(12) {
            0 => sleep(Duration::from_millis(walk.below(7000) as u64)).await,
            1 => tokio::task::yield_now().await,
            2 | 3 => walk.purge(&site),
            4..=6 => walk.clone().ask(site.clone()).await,
            _ => {
                let (walk, site) = (walk.clone(), site.clone());
                asking.spawn(walk.ask(site));
            }
        }
    }
    while let Some(asked) = asking.join_next().await {
        asked.expect("every answer is for who asked");
    }
    // Nobody waits for the last refreshes.
    sleep(Duration::from_secs(1)).await;
    site.until_quiet().await;
}

#[test]
fn answers_are_for_the_url_that_was_asked_for_whatever_was_said_of_it() {
    let seed = seeds::of(&|| ());
    for case in 0..u64::from(seeds::cases(300)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let walked =
            std::panic::AssertUnwindSafe(|| runtime.block_on(go(Dice::of_part(seed, case))));
        let walked = std::panic::catch_unwind(walked);
        assert!(walked.is_ok(), "case {case} of seed {seed:#x}");
    }
}
