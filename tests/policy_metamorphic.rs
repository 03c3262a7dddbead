//! A field that is written badly never permits more than the same field written
//! well; one that is written differently permits the same.
//!
//! What a change of form may do is known beforehand, so that no model is needed:
//!
//! - case, white space, empty members, lines, order and repetition of a list mean
//!   nothing, nor does an extension, nor a field that other caches read;
//! - junk beside what can be read takes nothing back: not a restriction, not a
//!   date, not a tag;
//! - a further value counts only where it restricts. The one exception is `Age`,
//!   of which the first that can be read counts (RFC 9111 §5.1);
//! - a value that cannot be read at all restricts, but for `Age`, `Date`,
//!   `Last-Modified` and `Content-Type`, which are then as if absent
//!   (RFC 9111 §5.1, RFC 9110 §6.6.1).

mod policy_support;

use floodwall::policy::Rules;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use proptest::collection::vec;
use proptest::prelude::Strategy;
use proptest::sample::{select, subsequence};
use proptest::test_runner::TestCaseError;
use proptest::{option, prop_assert, prop_assert_eq};

use policy_support::date;
use policy_support::forms::{Bad, Change, bad, same};
use policy_support::heads::{origin, request_directive, rules};
use policy_support::leave::{Asked, Leave};
use policy_support::seeds::for_all;

/// So many changes are made to each head, one after the other.
const CHANGES: usize = 8;

/// The fields of a response whose form means nothing.
const REWRITTEN: [&str; 11] = [
    "cache-control",
    "vary",
    "content-encoding",
    "cache-tag",
    "surrogate-key",
    "age",
    "date",
    "expires",
    "last-modified",
    "etag",
    "content-type",
];

#[test]
fn a_response_that_is_written_differently_permits_the_same() {
    let all = (origin(), rules(), vec(same(), CHANGES));
    for_all(400, all, |(origin, rules, changes)| {
        let mut head = origin.headers();
        let plain = Leave::of(origin.status(), &head, &rules);
        for change in &changes {
            change.make(&mut head, &REWRITTEN);
            let other = Leave::of(origin.status(), &head, &rules);
            prop_assert_eq!(&other, &plain, "{:?} in {:?}", change, head);
        }
        Ok(())
    });
}

/// The fields of a response that are written badly; directives most of all.
const SPOILT: [&str; 13] = [
    "cache-control",
    "cache-control",
    "cache-control",
    "vary",
    "content-encoding",
    "age",
    "date",
    "expires",
    "last-modified",
    "etag",
    "content-type",
    "set-cookie",
    "content-range",
];

/// What is as if absent when nothing of it can be read.
const IGNORED: [&str; 4] = ["age", "date", "last-modified", "content-type"];

#[test]
fn a_response_that_is_written_badly_permits_no_more() {
    let all = (origin(), rules(), vec(bad(), CHANGES));
    for_all(400, all, |(origin, rules, changes)| {
        permits_no_more(origin.status(), &origin.headers(), &rules, &changes)
    });
}

fn permits_no_more(
    status: StatusCode,
    plain: &HeaderMap,
    rules: &Rules,
    changes: &[Change<Bad>],
) -> Result<(), TestCaseError> {
    let leave = |head: &HeaderMap| Leave::of(status, head, rules);
    let mut head = plain.clone();
    let mut ignored = Vec::new();
    for change in changes {
        let Some(field) = change.spoil(&mut head, plain, &SPOILT) else {
            continue;
        };
        ignored.retain(|other| *other != field);
        if change.ruins(field) && IGNORED.contains(&field) {
            ignored.push(field);
        }
        let mut readable = plain.clone();
        for field in &ignored {
            readable.remove(*field);
        }
        let most = leave(&readable);
        let spoilt = leave(&head);
        prop_assert!(
            spoilt.is_within(&most),
            "{change:?} in {field}: {head:?}\n{spoilt:?} is not within\n{most:?}"
        );
    }
    Ok(())
}

const TARGETED: &str = "cdn-cache-control";

/// A targeted field that is well formed, and speaks of what matters.
fn targeted() -> impl Strategy<Value = String> {
    let members = [
        "max-age=60",
        "max-age=600",
        "s-maxage=30",
        "no-store",
        "private",
        "public",
        "no-cache",
        "must-revalidate",
        "stale-while-revalidate=30",
        "ext=\"a, b\"",
    ];
    subsequence(members.to_vec(), 1..=4).prop_map(|said| said.join(", "))
}

/// What stands in a field, if it is a Dictionary with members (RFC 9213 §2.1), in its one
/// canonical form.
fn canonical(head: &HeaderMap) -> Option<HeaderValue> {
    let lines = head.get_all(TARGETED).into_iter();
    let lines: Vec<&[u8]> = lines.map(HeaderValue::as_bytes).collect();
    let read: sfv::Dictionary = sfv::Parser::new(&lines.join(&b", "[..])).parse().ok()?;
    let written = sfv::FieldType::serialize(&read)?;
    Some(written.parse().expect("printable"))
}

/// However a targeted field is mangled, it says what its canonical form says, or nothing,
/// and then `Cache-Control` stands (RFC 9213 §2.2): there is no third reading.
#[test]
fn a_targeted_field_counts_as_a_whole_or_not_at_all() {
    let all = (origin(), rules(), targeted(), vec(bad(), CHANGES));
    for_all(400, all, |(origin, mut rules, said, changes)| {
        let name = HeaderName::from_static(TARGETED);
        rules.targets = vec![name.clone()];
        let mut plain = origin.headers();
        plain.insert(name.clone(), said.parse().expect("printable"));
        let mut head = plain.clone();
        for change in &changes {
            change.spoil(&mut head, &plain, &[TARGETED]);
            let mut readable = head.clone();
            readable.remove(TARGETED);
            if let Some(value) = canonical(&head) {
                readable.insert(name.clone(), value);
            }
            let leave = |head: &HeaderMap| Leave::of(origin.status(), head, &rules);
            prop_assert_eq!(leave(&head), leave(&readable), "{:?} in {:?}", change, head);
        }
        Ok(())
    });
}

/// A request with conditions, ranges and directives.
fn conditional() -> impl Strategy<Value = HeaderMap> {
    let tags = ["\"a\"", "W/\"a\"", "\"b\"", "\"c\"", "\"\""].to_vec();
    let joined = |list: Vec<&str>| (!list.is_empty()).then(|| list.join(","));
    let dates = [-3600, -600, -60, 0].map(date);
    let named = ["\"a\"".to_owned(), "\"b\"".to_owned(), date(-600), date(0)];
    let ranges = [
        "bytes=0-4",
        "bytes=5-",
        "bytes=-5",
        "bytes=0-0,9-9",
        "bytes=99-200",
    ];
    let said = vec(request_directive(), 1..4);
    (
        subsequence(tags, 0..=3).prop_map(joined),
        option::of(select(dates.to_vec())),
        option::of(select(named.to_vec())),
        option::of(select(ranges.to_vec()).prop_map(str::to_owned)),
        option::of(said.prop_map(|said| said.join(","))),
        option::of(select(vec!["no-cache".to_owned()])),
    )
        .prop_map(|(tags, since, named, range, said, pragma)| {
            let fields = [
                ("if-none-match", tags),
                ("if-modified-since", since),
                ("if-range", named),
                ("range", range),
                ("cache-control", said),
                ("pragma", pragma),
            ];
            let said = fields
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)));
            let line = |(name, value): (&'static str, String)| {
                let value = value.parse().expect("the values are legal");
                (HeaderName::from_static(name), value)
            };
            said.map(line).collect()
        })
}

/// The fields that a head has. Another would be no change of form:
/// `If-None-Match` silences `If-Modified-Since`, and `Cache-Control` `Pragma`.
fn names(head: &HeaderMap) -> Vec<&str> {
    head.keys().map(HeaderName::as_str).collect()
}

#[test]
fn a_request_that_is_written_differently_permits_the_same() {
    let all = (conditional(), vec(same(), CHANGES));
    for_all(400, all, |(plain, changes)| {
        let (permitted, fields) = (Asked::of(&plain), names(&plain));
        let mut head = plain.clone();
        for change in &changes {
            change.make(&mut head, &fields);
            let other = Asked::of(&head);
            prop_assert_eq!(&other, &permitted, "{:?} in {:?}", change, head);
        }
        Ok(())
    });
}

#[test]
fn a_request_that_is_written_badly_permits_no_more() {
    let all = (conditional(), vec(bad(), CHANGES));
    for_all(400, all, |(plain, changes)| {
        let (permitted, fields) = (Asked::of(&plain), names(&plain));
        let mut head = plain.clone();
        for change in &changes {
            let Some(field) = change.spoil(&mut head, &plain, &fields) else {
                continue;
            };
            let spoilt = Asked::of(&head);
            prop_assert!(
                spoilt.is_within(&permitted),
                "{change:?} in {field}: {head:?}\n{spoilt:?} is not within\n{permitted:?}"
            );
        }
        Ok(())
    });
}
