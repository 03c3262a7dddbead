//! Requests that differ in any part that a key or a variant is made of never share an
//! answer, neither a stored one nor one that is being fetched; equal ones do.
//!
//! Run with `RUSTC_WORKSPACE_WRAPPER=scripts/one-hash`, all of them have one hash.

#[path = "support/identity.rs"]
mod identity;
#[path = "support/seeds.rs"]
mod seeds;
mod support;

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use floodwall::Cache;
use futures_util::future::join_all;
use http::Request;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy};
use proptest::sample::select;
use proptest::test_runner::TestCaseError;
use proptest::{prop_assert_eq, prop_oneof};

use identity::{VARY, identity, rules};
use seeds::for_all;
use support::{Answer, Site, page};

/// Request fields by name, each with its lines.
type Fields = BTreeMap<&'static str, &'static [&'static str]>;

/// A request, part by part.
#[derive(Clone, Debug)]
struct Asked {
    scheme: Option<&'static str>,
    host: &'static str,
    path: &'static str,
    query: Option<&'static str>,
    fields: Fields,
}

/// One part of a request, and what it is instead.
#[derive(Clone, Debug)]
enum Part {
    Scheme(Option<&'static str>),
    Host(&'static str),
    Path(&'static str),
    Query(Option<&'static str>),
    Field(&'static str, &'static [&'static str]),
    NoField(&'static str),
}

const SCHEMES: [Option<&str>; 4] = [None, Some("http"), Some("HTTP"), Some("https")];

const HOSTS: [&str; 12] = [
    "good.test",
    "GOOD.test",
    "good.test:80",
    "good.test:443",
    "good.test:8080",
    "good.test.",
    "good.tes",
    "ood.test",
    "www.good.test",
    "127.0.0.1",
    "[::1]",
    "[::1]:80",
];

const PATHS: [&str; 14] = [
    "/p", "/P", "/p/", "/p//", "/p/.", "/%70", "/p%2F", "/p%2f", "/p;x", "/p%00", "/p%3Fa=1", "/",
    "//p", "/p%20",
];

const QUERIES: [Option<&str>; 15] = [
    None,
    Some(""),
    Some("a=1"),
    Some("a=1&"),
    Some("&a=1"),
    Some("A=1"),
    Some("a=2"),
    Some("a%3D1"),
    Some("?a=1"),
    Some("a=1&b=2"),
    Some("b=2&a=1"),
    Some("utm=1"),
    Some("a=1&utm=2"),
    Some("utm&a=1"),
    Some("a=1;utm=1"),
];

/// The fields that are changed: of each kind that the key has, and those that the
/// answers vary on.
const FIELDS: [&str; 5] = [
    "forwarded",
    "x-forwarded-host",
    "x-tenant",
    "accept-language",
    "x-v",
];

const LINES: [&[&str]; 9] = [
    &[""],
    &["a"],
    &["A"],
    &["a "],
    &["a, b"],
    &["a,b"],
    &["a", "b"],
    &["b", "a"],
    &["a", "", "b"],
];

fn part() -> impl Strategy<Value = Part> {
    let name = || select(FIELDS.to_vec());
    prop_oneof![
        1 => select(SCHEMES.to_vec()).prop_map(Part::Scheme),
        1 => select(HOSTS.to_vec()).prop_map(Part::Host),
        1 => select(PATHS.to_vec()).prop_map(Part::Path),
        1 => select(QUERIES.to_vec()).prop_map(Part::Query),
        3 => (name(), select(LINES.to_vec())).prop_map(|(name, lines)| Part::Field(name, lines)),
        1 => name().prop_map(Part::NoField),
    ]
}

/// A plain request with any of its parts changed.
fn asked() -> impl Strategy<Value = Asked> {
    let plain = Asked {
        scheme: None,
        host: "good.test",
        path: "/p",
        query: Some("a=1"),
        fields: Fields::new(),
    };
    let parts = vec(part(), 0..8);
    (Just(plain), parts)
        .prop_map(|(plain, parts)| parts.iter().fold(plain, |one, part| one.with(part)))
}

impl Asked {
    /// The same request but for one part.
    fn with(&self, part: &Part) -> Self {
        let mut other = self.clone();
        match *part {
            Part::Scheme(scheme) => other.scheme = scheme,
            Part::Host(host) => other.host = host,
            Part::Path(path) => other.path = path,
            Part::Query(query) => other.query = query,
            Part::Field(name, lines) => drop(other.fields.insert(name, lines)),
            Part::NoField(name) => drop(other.fields.remove(name)),
        }
        other
    }

    fn request(&self) -> Request<Body> {
        let start = self
            .scheme
            .map(|scheme| format!("{scheme}://{}", self.host));
        let query = self.query.map(|query| format!("?{query}"));
        let (start, query) = (start.unwrap_or_default(), query.unwrap_or_default());
        let request = Request::builder().uri(format!("{start}{}{query}", self.path));
        let lines = self
            .fields
            .iter()
            .flat_map(|(name, lines)| lines.iter().map(move |line| (*name, *line)));
        lines
            .fold(
                request.header("host", self.host),
                |request, (name, line)| request.header(name, line),
            )
            .body(Body::empty())
            .expect("a legal request")
    }
}

/// A site that answers with the identity of the request that it is asked, after the
/// others have had their turn.
fn site() -> Site {
    Site::with(Cache::builder().key(rules()), |call| async move {
        tokio::task::yield_now().await;
        let (uri, headers) = (call.request.uri(), call.request.headers());
        assert!(!uri.query().unwrap_or_default().contains("&utm"), "{uri}");
        let fields = [("cache-control", "public, max-age=60"), ("vary", VARY)];
        page(&fields, identity(uri, headers))
    })
}

/// Whether each has its own answer, after as many calls as there are identities.
fn each_has_its_own(site: &Site, crowd: &[Asked], answers: &[Answer]) -> Result<(), TestCaseError> {
    let mut identities = BTreeSet::new();
    for (asked, answer) in crowd.iter().zip(answers) {
        let request = asked.request();
        let own = identity(request.uri(), request.headers());
        prop_assert_eq!(answer.text(), &own, "{:?}", asked);
        identities.insert(own);
    }
    prop_assert_eq!(site.calls(), identities.len(), "{:?}", identities);
    Ok(())
}

/// A crowd whose requests are each one part away from the first.
fn crowd() -> impl Strategy<Value = Vec<Asked>> {
    (asked(), vec(part(), 1..6)).prop_map(|(first, parts)| {
        let others: Vec<Asked> = parts.iter().map(|part| first.with(part)).collect();
        [vec![first], others].concat()
    })
}

fn paused() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true);
    builder.build().expect("a runtime")
}

#[test]
fn what_is_stored_is_found_by_its_equals_alone() {
    let runtime = paused();
    for_all(200, crowd(), |crowd| {
        runtime.block_on(async {
            let site = site();
            for _ in 0..2 {
                let mut answers = Vec::new();
                for asked in &crowd {
                    answers.push(site.send(asked.request()).await);
                }
                each_has_its_own(&site, &crowd, &answers)?;
            }
            Ok(())
        })
    });
}

#[test]
fn what_is_being_fetched_is_joined_by_its_equals_alone() {
    let runtime = paused();
    for_all(200, crowd(), |crowd| {
        runtime.block_on(async {
            let site = site();
            let all = crowd.iter().map(|asked| site.send(asked.request()));
            let answers = join_all(all).await;
            each_has_its_own(&site, &crowd, &answers)
        })
    });
}

#[test]
fn a_crowd_of_strangers_keeps_apart() {
    let runtime = paused();
    for_all(20, vec(asked(), 100), |crowd| {
        runtime.block_on(async {
            let site = site();
            for _ in 0..2 {
                let all = crowd.iter().map(|asked| site.send(asked.request()));
                let answers = join_all(all).await;
                each_has_its_own(&site, &crowd, &answers)?;
            }
            Ok(())
        })
    });
}
