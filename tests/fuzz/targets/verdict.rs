//! Whole heads of responses, as they are judged.

use floodwall::Moment;
use floodwall::policy::{ResponseFacts, Rules, Standing, Verdict};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::{naive, text};

pub(crate) const WORDS: &[&str] = &[
    "200",
    "206",
    "301",
    "404",
    "503",
    "cache-control: ",
    "public, ",
    "max-age=60",
    "s-maxage=60",
    "no-cache",
    "private",
    "no-store",
    "expires: ",
    "date: ",
    "age: ",
    "vary: x",
    "etag: \"a\"",
    "set-cookie: a",
    "content-range: ",
    "content-type: text/event-stream",
    "location: /x",
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Fri, 15 Jan 2027 08:00:00 GMT",
    "\n",
    "\n\n",
];

/// Each of these makes a response one for the asker alone, whatever else it says.
const REFUSALS: [(&str, &str); 7] = [
    ("cache-control", "x; PRIVATE"),
    ("cache-control", "\"no-store\""),
    ("cache-control", "x=\""),
    ("set-cookie", ""),
    ("vary", ",*"),
    ("content-range", ""),
    ("content-type", "x, Text/Event-Stream"),
];

pub(crate) fn check(data: &[u8]) {
    let mut blocks = text::blocks(data);
    let status = naive::text(blocks.next().unwrap_or_default());
    let status = status
        .parse()
        .ok()
        .and_then(|code: u16| StatusCode::from_u16(code).ok());
    let status = status.unwrap_or(StatusCode::OK);
    let head = text::head(blocks.next().unwrap_or_default());
    let junk = blocks.next().unwrap_or_default();
    let rules = Rules::default();
    for (name, value) in REFUSALS {
        let verdict = text::judged(status, &with(&head, name, value.as_bytes()), &rules);
        assert!(
            matches!(verdict, Verdict::Unshareable(..)),
            "{name}: {value}"
        );
    }
    let Some((facts, stored)) = shared(text::judged(status, &head, &rules)) else {
        return;
    };
    assert!(!head.contains_key("set-cookie") && !head.contains_key("content-range"));
    assert_ne!(status, StatusCode::PARTIAL_CONTENT);
    assert!(!stored || facts.lifetime.is_some());
    // A member of junk has no comma in it, and no quotation mark: what stands after
    // those might be a directive.
    let words: Vec<u8> = junk
        .iter()
        .copied()
        .filter(|byte| !b",\"\n\r\0".contains(byte))
        .collect();
    let spoilt = with(&head, "cache-control", &[b"; ", &words[..]].concat());
    if let Some((after, kept)) = shared(text::judged(status, &spoilt, &rules)) {
        assert!(after.permission.cookie <= facts.permission.cookie);
        assert!(after.permission.authorization <= facts.permission.authorization);
        let (before, after) = (left(&facts, stored), left(&after, kept));
        assert!(
            after
                .iter()
                .zip(&before)
                .all(|(after, before)| after <= before)
        );
    }
}

fn with(head: &HeaderMap, name: &'static str, value: &[u8]) -> HeaderMap {
    let mut head = head.clone();
    if let Ok(value) = HeaderValue::from_bytes(value) {
        head.append(HeaderName::from_static(name), value);
    }
    head
}

fn shared(verdict: Verdict) -> Option<(ResponseFacts, bool)> {
    match verdict {
        Verdict::Shareable { facts, store } => Some((*facts, store.is_ok())),
        Verdict::Unshareable(..) => None,
    }
}

/// Seconds until a response may not be used without asking, by each kind of use.
fn left(facts: &ResponseFacts, stored: bool) -> [u64; 3] {
    let life = facts
        .lifetime
        .filter(|life| stored && !life.validate_always);
    let Some(life) = life else {
        return [0; 3];
    };
    let fresh = match life.standing(Moment::default(), None) {
        Standing::Fresh(left) => left.as_secs(),
        Standing::Stale(_) => 0,
    };
    let until = |window: std::time::Duration| {
        (life.fresh_for + window)
            .saturating_sub(life.initial_age)
            .as_secs()
    };
    [
        fresh,
        until(life.stale_while_revalidate),
        until(life.stale_if_error),
    ]
}
