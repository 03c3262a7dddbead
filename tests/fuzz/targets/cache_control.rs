//! `Cache-Control` of responses and requests, and `Pragma`.

use floodwall::policy::{RequestDirectives, ResponseDirectives};
use http::{HeaderMap, HeaderValue};

use super::{naive, text};

pub(crate) const WORDS: &[&str] = &[
    "no-store",
    "private",
    "no-cache",
    "must-revalidate",
    "proxy-revalidate",
    "public",
    "immutable",
    "max-age=",
    "s-maxage=",
    "stale-while-revalidate=",
    "stale-if-error=",
    "min-fresh=",
    "max-stale",
    "only-if-cached",
    "\"",
    "\\",
    ", ",
    "=",
    ";",
    "60",
    "0",
    "99999999999999999999",
    "-1",
    "\n",
];

pub(crate) fn check(data: &[u8]) {
    let head = text::field("cache-control", data);
    responses(&head);
    requests(&head);
    let pragma = text::field("pragma", data);
    let asked = RequestDirectives::read(&pragma);
    for member in members(&pragma, "pragma") {
        assert!(asked.no_cache || member != "no-cache");
    }
}

/// The members of all lines that can be read to their end.
fn members(head: &HeaderMap, name: &str) -> Vec<String> {
    let lines = text::values(head, name).into_iter();
    lines.filter_map(naive::members).flatten().collect()
}

fn responses(head: &HeaderMap) {
    let said = ResponseDirectives::read(head);
    let members = members(head, "cache-control");
    for member in &members {
        let (name, value) = member.split_once('=').unwrap_or((member, ""));
        let unread = naive::seconds(value).is_none();
        let at_most = |span: Option<std::time::Duration>| {
            let value = naive::seconds(value).unwrap_or_default();
            span.is_some_and(|span| span.as_secs() <= value)
        };
        assert!(
            match naive::trim(name) {
                "no-store" => said.no_store,
                "private" => said.private,
                "no-cache" => said.no_cache,
                "must-revalidate" => said.must_revalidate,
                "proxy-revalidate" => said.proxy_revalidate,
                // Until when, nobody knows: then it is never used stale.
                "max-age" | "s-maxage" if unread && !said.must_revalidate => false,
                "max-age" => at_most(said.max_age),
                "s-maxage" => at_most(said.s_maxage),
                "stale-while-revalidate" => at_most(said.stale_while_revalidate),
                "stale-if-error" => at_most(said.stale_if_error),
                _ => true,
            },
            "{member:?} is overlooked: {said:?}"
        );
    }
    let unclosed = |line: &&[u8]| naive::members(line).is_none();
    let torn = text::values(head, "cache-control").iter().any(unclosed);
    assert_eq!(said.malformed, torn);
    let says = |word: &str| members.iter().any(|member| member == word);
    let for_shared = |member: &String| {
        let value = member.strip_prefix("s-maxage=");
        value.is_some_and(|value| naive::seconds(value).is_some())
    };
    if !torn {
        assert_eq!(said.public, says("public"));
        assert_eq!(said.immutable, says("immutable"));
        let loose = members.iter().any(|member| {
            let (name, value) = member.split_once('=').unwrap_or_default();
            naive::trim(name) == "s-maxage" && naive::seconds(value).is_some()
        });
        assert_eq!(
            said.shares,
            said.public || loose || members.iter().any(for_shared)
        );
        assert_eq!(said.shares_authorized, says("must-revalidate"));
    }
    form_means_nothing(head, ResponseDirectives::read);
    more_lines_only_restrict(head);
    assert_eq!(ResponseDirectives::read(&written(&said)), said);
}

/// Case and the order of lines.
fn form_means_nothing<T: PartialEq + std::fmt::Debug>(head: &HeaderMap, read: fn(&HeaderMap) -> T) {
    let rewritten = |lines: &mut dyn Iterator<Item = Vec<u8>>| -> HeaderMap {
        let values = lines.filter_map(|line| HeaderValue::from_bytes(&line).ok());
        text::append(values.map(|value| (http::header::CACHE_CONTROL, value)))
    };
    let lines = text::values(head, "cache-control");
    let mut upper = lines.iter().map(|line| line.to_ascii_uppercase());
    assert_eq!(read(&rewritten(&mut upper)), read(head));
    let mut reversed = lines.iter().rev().map(|line| line.to_vec());
    assert_eq!(read(&rewritten(&mut reversed)), read(head));
}

fn more_lines_only_restrict(head: &HeaderMap) {
    let mut fewer = HeaderMap::new();
    let mut before = ResponseDirectives::read(&fewer);
    for line in head.get_all("cache-control") {
        fewer.append("cache-control", line.clone());
        let after = ResponseDirectives::read(&fewer);
        let flags = |said: &ResponseDirectives| {
            [
                said.no_store,
                said.private,
                said.no_cache,
                said.must_revalidate,
                said.proxy_revalidate,
                said.malformed,
            ]
        };
        let spans = |said: &ResponseDirectives| {
            [
                said.max_age,
                said.s_maxage,
                said.stale_while_revalidate,
                said.stale_if_error,
            ]
        };
        assert!(
            flags(&before)
                .iter()
                .zip(flags(&after))
                .all(|(before, after)| *before <= after)
        );
        for (before, after) in spans(&before).into_iter().zip(spans(&after)) {
            assert!(before.is_none() || after.is_some_and(|after| Some(after) <= before));
        }
        before = after;
    }
}

/// A head that says what was read, and nothing else.
fn written(said: &ResponseDirectives) -> HeaderMap {
    let flags = [
        ("no-store", said.no_store),
        ("private", said.private),
        ("no-cache", said.no_cache),
        ("must-revalidate", said.shares_authorized),
        ("must-revalidate=0", said.must_revalidate),
        ("proxy-revalidate", said.proxy_revalidate),
        ("public", said.public),
        ("immutable", said.immutable),
        ("\"", said.malformed),
    ];
    let spans = [
        ("max-age", said.max_age),
        ("s-maxage", said.s_maxage.filter(|_| said.shares)),
        ("stale-while-revalidate", said.stale_while_revalidate),
        ("stale-if-error", said.stale_if_error),
    ];
    let flags = flags.into_iter().filter(|(_, said)| *said);
    let flags = flags.map(|(name, _)| name.to_owned());
    let spans = spans
        .into_iter()
        .filter_map(|(name, span)| Some((name, span?)));
    let spans = spans.map(|(name, span)| format!("{name}={}", span.as_secs()));
    // One that cannot be read gives no leave to share.
    let unread = said
        .s_maxage
        .filter(|_| !said.shares)
        .map(|_| "s-maxage".to_owned());
    let lines = flags.chain(spans).chain(unread);
    let values = lines.map(|line| HeaderValue::try_from(line).expect("a legal value"));
    text::append(values.map(|value| (http::header::CACHE_CONTROL, value)))
}

fn requests(head: &HeaderMap) {
    let asked = RequestDirectives::read(head);
    for member in members(head, "cache-control") {
        let (name, value) = member.split_once('=').unwrap_or((&member, ""));
        let value = naive::seconds(value);
        let seconds = |span: std::time::Duration| span.as_secs();
        assert!(
            match naive::trim(name) {
                "no-store" => asked.no_store,
                "no-cache" => asked.no_cache,
                "only-if-cached" => asked.only_if_cached,
                "max-age" => asked.max_age.map(seconds) <= Some(value.unwrap_or(0)),
                "min-fresh" => asked.min_fresh.map(seconds) >= Some(value.unwrap_or(1 << 31)),
                "max-stale" if value.is_some() => asked.max_stale.map(seconds) <= value,
                "stale-if-error" => asked.stale_if_error.map(seconds) <= value,
                _ => true,
            },
            "{member:?} is overlooked: {asked:?}"
        );
    }
    form_means_nothing(head, RequestDirectives::read);
}
