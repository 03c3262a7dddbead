//! A field that is written badly never permits more than the same field written
//! well; one that is written differently permits the same.

mod policy_support;

use floodwall::policy::{Rules, Shareable};
use http::{HeaderMap, Request, StatusCode};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::sample::{Index, select};
use proptest::{prop_assert, prop_assert_eq, prop_oneof};

use policy_support::heads::{Origin, origin, rules};
use policy_support::{facts_of, for_all, judged, secs, shared};

/// How much a response permits, each part by itself; more is more permissive.
#[derive(Debug, Default, PartialEq)]
struct Leave {
    /// Who may cause it and have it shared: no credentials, cookie, signed in.
    shared: [bool; 3],
    /// Who may have it, when nobody's credentials caused it.
    had: [bool; 3],
    /// Whether it answers anything later without the origin's word. A stored
    /// response that is validated before each use permits nothing by itself.
    useful: bool,
    /// Seconds of freshness, and the ends of the two windows.
    until: [u64; 3],
    /// Stale use on request.
    may_be_stale: bool,
}

impl Leave {
    fn at_most(&self, other: &Self) -> bool {
        let each =
            |ours: &[bool; 3], theirs: &[bool; 3]| ours.iter().zip(theirs).all(|(a, b)| a <= b);
        each(&self.shared, &other.shared)
            && each(&self.had, &other.had)
            && self.useful <= other.useful
            && self.until.iter().zip(&other.until).all(|(a, b)| a <= b)
            && self.may_be_stale <= other.may_be_stale
    }
}

fn requests() -> [Request<()>; 3] {
    ["x-none", "cookie", "authorization"].map(|name| {
        let request = Request::builder().uri("/").header(name, "a=b");
        request.body(()).expect("a legal request")
    })
}

fn leave(status: StatusCode, headers: &HeaderMap, rules: &Rules) -> Leave {
    let requests = requests();
    let mut leave = Leave::default();
    for (at, request) in requests.iter().enumerate() {
        let asked = facts_of(request, rules);
        let verdict = asked.map(|asked| judged(request, &asked, status, headers, rules));
        leave.shared[at] = verdict.and_then(shared).is_some();
    }
    let asked = facts_of(&requests[0], rules).expect("nothing to pass it for");
    let Some((facts, stored)) = shared(judged(&requests[0], &asked, status, headers, rules)) else {
        return leave;
    };
    for (at, request) in requests.iter().enumerate() {
        let proof = facts_of(request, rules)
            .map(|asked| Shareable::prove(&facts, request.into(), &asked).is_ok());
        leave.had[at] = proof == Some(true);
    }
    let Some(life) = facts
        .lifetime
        .filter(|life| stored && !life.validate_always)
    else {
        return leave;
    };
    let ends = [secs(0), life.stale_while_revalidate, life.stale_if_error];
    leave.until = ends.map(|window| {
        let left = (life.fresh_for + window).saturating_sub(life.initial_age);
        left.as_secs()
    });
    leave.useful = leave.until.iter().any(|left| *left > 0);
    leave.may_be_stale = leave.useful && !life.never_stale;
    leave
}

/// Ways to write the same.
#[derive(Clone, Debug)]
enum Same {
    Upper,
    Space,
    EmptyMembers,
    Lines,
    Reversed,
    Extension,
}

fn rewritten(said: &[String], how: &Same) -> Vec<Vec<u8>> {
    let line = match how {
        Same::Upper => said.join(", ").to_uppercase(),
        Same::Space => format!(" \t{}\t ", said.join(" \t,")),
        Same::EmptyMembers => format!(",, {} ,", said.join(" ,,\t, ")),
        Same::Lines => return said.iter().map(|one| one.clone().into_bytes()).collect(),
        Same::Reversed => said.iter().rev().cloned().collect::<Vec<_>>().join(","),
        Same::Extension => format!(r#"x="a, no-store, \", private", {}"#, said.join(", ")),
    };
    vec![line.into_bytes()]
}

#[test]
fn what_is_written_differently_permits_the_same() {
    let how = select(vec![
        Same::Upper,
        Same::Space,
        Same::EmptyMembers,
        Same::Lines,
        Same::Reversed,
        Same::Extension,
    ]);
    for_all(4000, (origin(), rules(), how), |(origin, rules, how)| {
        let lines = rewritten(&origin.said, &how);
        let plain = leave(origin.status(), &origin.headers(), &rules);
        let other = leave(origin.status(), &origin.headers_saying(&lines), &rules);
        prop_assert_eq!(plain, other, "{:?}", lines);
        Ok(())
    });
}

/// Ways to write it badly.
#[derive(Clone, Debug)]
enum Bad {
    /// A member that means nothing, before or after.
    Junk(&'static str, bool),
    /// The same directive once more, with another value.
    Twice(Index, &'static str),
    /// A directive in quotes, or with its value in quotes.
    Quoted(Index, bool),
    /// Something put into the line at any place between two members.
    Between(Index, &'static [u8]),
    /// A byte put into a directive, at its start or end or around its sign.
    Torn(Index, &'static [u8], u8),
    /// Another separator than a comma.
    Separator(&'static str),
    /// A line of bytes that are no text, before or after.
    Bytes(bool),
}

const JUNK: [&str; 17] = [
    "publicly",
    "public=\"x\"",
    "public=1",
    "\"public\"",
    "s-maxage",
    "s-maxage=",
    "s-maxage=x",
    "s-maxage=\"600\"",
    "s-maxage=-1",
    "max-age=x",
    "max-age",
    "must-revalidate=x",
    "must-revalidate=\"\"",
    "stale-if-error=x",
    "stale-while-revalidate=1.5",
    "=",
    "\"",
];

fn bad() -> impl Strategy<Value = Bad> {
    let value = select(&["=0", "=x", "=99999999999999999999", "=\"", "", "= 60"][..]);
    let bytes = select(vec![
        &b"\xff\xfe"[..],
        b"\"",
        b"\"\"",
        b"; ",
        b";ext=\"a",
        b";ext=\"a\"b;",
        b"\\",
        b"(",
    ]);
    prop_oneof![
        (select(&JUNK[..]), any::<bool>()).prop_map(|(junk, first)| Bad::Junk(junk, first)),
        (any::<Index>(), value).prop_map(|(at, value)| Bad::Twice(at, value)),
        (any::<Index>(), any::<bool>()).prop_map(|(at, whole)| Bad::Quoted(at, whole)),
        (any::<Index>(), bytes.clone()).prop_map(|(at, bytes)| Bad::Between(at, bytes)),
        (any::<Index>(), bytes, 0..3_u8).prop_map(|(at, bytes, place)| Bad::Torn(at, bytes, place)),
        select(&[";", " ", "; ", "\t"][..]).prop_map(Bad::Separator),
        any::<bool>().prop_map(Bad::Bytes),
        Just(Bad::Separator("\" ,")),
    ]
}

/// `one` after another one, or before.
fn beside(line: String, one: &[u8], first: bool) -> Vec<Vec<u8>> {
    let mut lines = vec![line.into_bytes(), one.to_vec()];
    if first {
        lines.reverse();
    }
    lines
}

fn spoilt(said: &[String], how: &Bad) -> Vec<Vec<u8>> {
    let line = said.join(", ");
    let mut members: Vec<Vec<u8>> = said.iter().map(|one| one.clone().into_bytes()).collect();
    match how {
        Bad::Junk(junk, first) => return beside(line, junk.as_bytes(), *first),
        Bad::Bytes(first) => return beside(line, b"\xff\x80, \"\xff\", x", *first),
        Bad::Separator(separator) => return vec![said.join(separator).into_bytes()],
        Bad::Twice(at, value) => {
            let name = at.get(said).split('=').next().unwrap_or_default();
            members.push(format!("{name}{value}").into_bytes());
        }
        Bad::Quoted(at, whole) => {
            let at = at.index(members.len());
            let quoted = match said[at].split_once('=') {
                Some((name, value)) if !whole => format!("{name}=\"{value}\""),
                _ => format!("\"{}\"", said[at]),
            };
            members[at] = quoted.into_bytes();
        }
        Bad::Between(at, bytes) => members.insert(at.index(members.len() + 1), bytes.to_vec()),
        Bad::Torn(at, bytes, place) => {
            let at = at.index(members.len());
            tear(&mut members[at], bytes, *place);
        }
    }
    vec![members.join(&b", "[..])]
}

fn tear(member: &mut Vec<u8>, bytes: &[u8], place: u8) {
    let at = match place {
        0 => 0,
        1 => member.len(),
        _ => member.iter().position(|byte| *byte == b'=').unwrap_or(0),
    };
    member.splice(at..at, bytes.iter().copied());
}

#[test]
fn what_is_written_badly_permits_no_more() {
    let spoiled = (origin(), rules(), vec(bad(), 1..2));
    for_all(8000, spoiled, |(origin, rules, hows)| {
        if origin.said.is_empty() {
            return Ok(());
        }
        for how in &hows {
            permits_no_more(&origin, &rules, &spoilt(&origin.said, how))?;
        }
        Ok(())
    });
}

fn permits_no_more(
    origin: &Origin,
    rules: &Rules,
    lines: &[Vec<u8>],
) -> Result<(), proptest::test_runner::TestCaseError> {
    let plain = leave(origin.status(), &origin.headers(), rules);
    let spoilt = leave(origin.status(), &origin.headers_saying(lines), rules);
    let text: Vec<_> = lines
        .iter()
        .map(|line| line.escape_ascii().to_string())
        .collect();
    prop_assert!(spoilt.at_most(&plain), "{text:?}: {spoilt:?} > {plain:?}");
    Ok(())
}
