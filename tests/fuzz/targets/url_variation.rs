//! `No-Vary-Search`, and two queries.

use std::collections::BTreeSet;

use floodwall::policy::UrlVariation;
use sfv::{BareItem, Dictionary, ListEntry, Parser};

use super::text;

pub(crate) const WORDS: &[&str] = &[
    "key-order",
    "params",
    "except",
    "=(\"a\")",
    "=(\"a\" \"b\")",
    "=(\"%61+%C3%A9\")",
    "=()",
    "=?0",
    "=?1",
    ", ",
    "a=1",
    "b=2",
    "&",
    "=",
    "+",
    "%20",
    "%61",
    "%26",
    "%3D",
    "%ff",
    "%",
    "\n\n",
];

pub(crate) fn check(data: &[u8]) {
    let mut blocks = text::blocks(data);
    let response = text::field("no-vary-search", blocks.next().unwrap_or_default());
    let mut query = || String::from_utf8_lossy(blocks.next().unwrap_or_default()).into_owned();
    let (one, other) = (query(), query());
    let Some(read) = UrlVariation::read(&response) else {
        assert!(response.is_empty());
        return;
    };
    let left = |query: &str| {
        let left = read.significant(Some(query)).expect("of a query is left");
        left.into_owned()
    };
    let said = text::joined(&response, "no-vary-search").expect("it has a line");
    let Some(rule) = Rule::read(&said) else {
        assert!(read.is_default());
        assert_eq!(left(&one), one);
        assert_eq!(read.significant(None), None);
        return;
    };
    assert!(!read.is_default());
    let same = rule.parameters(&one) == rule.parameters(&other);
    assert_eq!(left(&one) == left(&other), same, "{one:?} {other:?}");
    assert_eq!(
        left(&left(&one)),
        left(&one),
        "what is left is all that counts"
    );
    assert_eq!(read.significant(None).as_deref(), Some(&*left("")));
}

/// What a field says, step by step as the document has it; nothing where that comes to
/// the default.
struct Rule {
    ordered: bool,
    except: bool,
    names: BTreeSet<String>,
}

impl Rule {
    fn read(said: &[u8]) -> Option<Self> {
        let said: Dictionary = Parser::new(said).parse().ok()?;
        let mut rule = Self {
            ordered: true,
            except: false,
            names: BTreeSet::new(),
        };
        for (key, value) in &said {
            match (key.as_str(), value) {
                ("key-order", ListEntry::Item(item)) => match item.bare_item {
                    BareItem::Boolean(said) => rule.ordered = !said,
                    _ => return None,
                },
                ("params" | "except", ListEntry::InnerList(list)) => {
                    rule.except = key.as_str() == "except";
                    for item in &list.items {
                        let BareItem::String(name) = &item.bare_item else {
                            return None;
                        };
                        rule.names
                            .insert(String::from_utf8(bytes(name.as_str())).ok()?);
                    }
                }
                ("key-order" | "params" | "except", _) => return None,
                _ => {}
            }
        }
        let both = ["params", "except"]
            .iter()
            .all(|key| said.contains_key(*key));
        let default = rule.ordered && !rule.except && rule.names.is_empty();
        // An input of this length names no more than may be named.
        (!both && !default).then_some(rule)
    }

    fn parameters(&self, query: &str) -> Vec<(String, String)> {
        let mut parameters = Vec::new();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let [name, value] =
                [name, value].map(|text| String::from_utf8_lossy(&bytes(text)).into_owned());
            if self.names.contains(&name) == self.except {
                parameters.push((name, value));
            }
        }
        if !self.ordered {
            parameters.sort_by_key(|(name, _)| name.clone());
        }
        parameters
    }
}

/// The bytes that a text stands for: `+` is a space, `%61` an `a`.
fn bytes(text: &str) -> Vec<u8> {
    let text = text.as_bytes();
    let mut bytes = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let digits = text.get(at + 1..at + 3).filter(|_| text[at] == b'%');
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                at += 2;
            }
            None => bytes.push(if text[at] == b'+' { b' ' } else { text[at] }),
        }
        at += 1;
    }
    bytes
}
