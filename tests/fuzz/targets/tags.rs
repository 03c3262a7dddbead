//! `Surrogate-Key`, `Cache-Tag` and `Cache-Groups`.

use floodwall::policy::{Reason, Rules, Verdict};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::{naive, text};

pub(crate) const WORDS: &[&str] = &[
    "surrogate-key: ",
    "cache-tag: ",
    "cache-groups: ",
    "\"one\"",
    "\"a\\\"b\"",
    "one two",
    "one, two",
    ";q=1",
    "\\",
    "\"",
    ", ",
    "\n",
];

pub(crate) fn check(data: &[u8]) {
    let head = text::head(data);
    let rules = Rules::default();
    let read = read(&head, &rules);
    let plain: Vec<Vec<u8>> = ["surrogate-key", "cache-tag"]
        .into_iter()
        .flat_map(|name| {
            let separates = move |byte: &u8| match name {
                "cache-tag" => *byte == b',',
                _ => b" \t".contains(byte),
            };
            let lines = text::values(&head, name).into_iter();
            let members = lines.flat_map(move |line| line.split(separates));
            members
                .map(|member| member.trim_ascii().to_vec())
                .collect::<Vec<_>>()
        })
        .filter(|tag| !tag.is_empty())
        .collect();
    match &read {
        Ok(tags) => {
            assert_eq!(
                tags[..plain.len()],
                plain,
                "those without quotes come first"
            );
            let bytes: usize = tags.iter().map(Vec::len).sum();
            let given: usize = head.values().map(HeaderValue::len).sum();
            assert!(bytes <= given);
            assert!(tags.len() <= rules.max_tags);
            assert!(tags.iter().all(|tag| tag.len() <= rules.max_tag_bytes));
        }
        Err(reason) => {
            assert_eq!(*reason, Reason::TooManyTags);
            let longest = head.values().map(HeaderValue::len).max();
            let commas = head
                .values()
                .map(|value| value.len() / 2 + 1)
                .sum::<usize>();
            assert!(longest > Some(rules.max_tag_bytes) || commas > rules.max_tags);
        }
    }
    groups_come_back(data);
}

fn read(head: &HeaderMap, rules: &Rules) -> Result<Vec<Vec<u8>>, Reason> {
    match text::judged(StatusCode::OK, head, rules) {
        Verdict::Shareable { facts, .. } => Ok(facts.tags.iter().map(<[u8]>::to_vec).collect()),
        Verdict::Unshareable(Reason::TooManyTags, _) => Err(Reason::TooManyTags),
        // Something else stands against it.
        Verdict::Unshareable(..) => {
            let tags = ["surrogate-key", "cache-tag", "cache-groups"];
            let kept = head
                .iter()
                .filter(|(name, _)| tags.contains(&name.as_str()));
            let kept = kept.map(|(name, value)| (name.clone(), value.clone()));
            let kept = text::append(kept);
            assert!(
                kept.len() < head.len(),
                "tags alone are refused for their number only"
            );
            read(&kept, rules)
        }
    }
}

/// Whatever strings are written as RFC 9875 wants them are read back.
fn groups_come_back(data: &[u8]) {
    let names: Vec<String> = text::lines(data)
        .map(|line| {
            naive::text(line)
                .chars()
                .filter(|c| matches!(c, ' '..='~'))
                .collect()
        })
        .take(200)
        .collect();
    let written =
        |name: &String| format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
    let line = names.iter().map(written).collect::<Vec<_>>().join(", ");
    let value = HeaderValue::try_from(line).expect("printable");
    let head = HeaderMap::from_iter([("cache-groups".parse().expect("a name"), value)]);
    let mut rules = Rules::default();
    rules.max_tag_bytes = usize::MAX;
    let tags = read(&head, &rules).expect("they are not too many");
    let names: Vec<Vec<u8>> = names.into_iter().map(String::into_bytes).collect();
    assert_eq!(tags, names);
}
