//! `Vary`, and the values that two requests have for what it names.

use std::collections::BTreeSet;

use floodwall::policy::{Reason, Rules, Variant, VaryNames};
use http::HeaderMap;

use super::{accept_encoding, naive, text};

pub(crate) const WORDS: &[&str] = &[
    "accept-encoding",
    "Cookie",
    "x-v",
    "*",
    ", ",
    "\"",
    "a",
    "b",
    "x-v: a",
    "x-v:",
    "cookie: a",
    "accept-encoding: ",
    "gzip, br;q=0",
    "accept-language",
    "accept-language: ",
    "en;q=0.5, de",
    "DE , en; q=0.500",
    "\n",
    "\n\n",
];

pub(crate) fn check(data: &[u8]) {
    let mut blocks = text::blocks(data);
    let mut block = || blocks.next().unwrap_or_default();
    let response = text::field("vary", block());
    let (one, other) = (text::head(block()), text::head(block()));
    let rules = Rules::default();
    let read = VaryNames::read(&response, &rules);
    let Some(names) = names(&response, rules.max_vary_names) else {
        assert!(read.is_err(), "{read:?}");
        return;
    };
    if names.iter().any(|name| name.contains('*')) {
        assert_eq!(read, Err(Reason::VaryStar));
        return;
    }
    let read = read.expect("every name is a name, and they are not many");
    let variant = Variant::of(&read, &one);
    assert_eq!(variant.names(), read);
    assert!(variant.matches(&one));
    let same = names
        .iter()
        .all(|name| said(&one, name) == said(&other, name));
    assert_eq!(variant.matches(&other), same, "{variant:?}");
    assert_eq!(Variant::of(&read, &other).matches(&one), same);
    assert_eq!(Variant::of(&read, &other) == variant, same);
    let bytes = |name: &String| name.len() + held(&one, name);
    assert_eq!(variant.size(), names.iter().map(bytes).sum());
    let mut absorbed = VaryNames::default();
    absorbed.absorb(&variant);
    absorbed.absorb(&variant);
    assert_eq!(absorbed, read);
    by_grammar(&response, &one, &other, &names);
}

/// Compared by what they mean, more requests are alike, and never fewer.
fn by_grammar(response: &HeaderMap, one: &HeaderMap, other: &HeaderMap, names: &BTreeSet<String>) {
    let mut rules = Rules::default();
    rules.normalise_vary = true;
    let read = VaryNames::read(response, &rules).expect("it was read before");
    let variant = Variant::of(&read, one);
    assert!(variant.matches(one));
    let alike = variant.matches(other);
    assert_eq!(Variant::of(&read, other).matches(one), alike, "{variant:?}");
    for name in names {
        let same = said(one, name) == said(other, name);
        let may_differ = match name.as_str() {
            "cookie" | "authorization" | "accept-encoding" => false,
            "accept-language" => true,
            name => members(one, name) == members(other, name),
        };
        assert!(!alike || same || may_differ, "{name}");
    }
    let all_same = names
        .iter()
        .all(|name| said(one, name) == said(other, name));
    assert!(alike || !all_same);
}

/// The members of a list, if it is there and ends.
fn members(request: &HeaderMap, name: &str) -> Option<Option<Vec<String>>> {
    text::joined(request, name).map(|value| naive::members(&value))
}

/// The names, in lower case; nothing if one is no name, or there are too many.
fn names(response: &HeaderMap, most: usize) -> Option<BTreeSet<String>> {
    let lines = text::values(response, "vary").into_iter().map(naive::text);
    let names: BTreeSet<String> = lines
        .flat_map(|line| {
            line.split(',')
                .map(|name| naive::trim(name).to_lowercase())
                .collect::<Vec<_>>()
        })
        .filter(|name| !name.is_empty())
        .collect();
    let legal = names.iter().all(|name| naive::is_token(name));
    (legal && names.len() <= most).then_some(names)
}

/// What a request says of a field, as far as it tells requests apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Bytes(Option<Vec<u8>>),
    Codings(accept_encoding::Accepted),
}

pub(crate) fn said(request: &HeaderMap, name: &str) -> Said {
    match text::joined(request, name) {
        Some(value) if name == "accept-encoding" => {
            Said::Codings(accept_encoding::accepted(&value))
        }
        value => Said::Bytes(value),
    }
}

/// How many bytes of it are kept.
fn held(request: &HeaderMap, name: &str) -> usize {
    match said(request, name) {
        Said::Bytes(value) => value.map_or(0, |value| value.len()),
        Said::Codings(_) => 0,
    }
}
