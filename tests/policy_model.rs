//! The rules against a naive model of RFC 9111, on heads that are well formed.
//!
//! Where the two could differ and ours is a choice, the model makes it too:
//!
//! - of two values the smaller holds (RFC 9111 §4.2.1 leaves it open);
//! - `max-age=0` in a request asks always, unless the response is immutable
//!   (RFC 8246 §2), even at age zero: a reload means it;
//! - a 304 that names no validator is of what was asked about, and one that
//!   names `"a"` is of `W/"a"` too, because a server that codes bodies weakens
//!   the tag of the 200 and not of the 304 (RFC 9111 §4.3.4 is stricter);
//! - a response that says `no-cache` of some fields is private, as one that says
//!   `private` of some is, because no field is ever taken out;
//! - a response in a content coding varies on `Accept-Encoding`;
//! - `s-maxage` forbids all stale use, not only by shared caches that cannot
//!   reach the origin (RFC 9111 §5.2.2.10).

mod policy_support;

use std::ops::Range;

use floodwall::policy::{
    Lifetime, Ranges, RequestDirectives, ResponseDirectives, ResponseFacts, Reuse, Rules,
    Shareable, Variant, VaryNames, is_not_modified, updated, validates,
};
use http::header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy};
use proptest::sample::{select, subsequence};
use proptest::{option, prop_assert_eq, prop_oneof};

use policy_support::heads::{Asker, Origin, asker, origin, rules};
use policy_support::model::{self, Use};
use policy_support::seeds::for_all;
use policy_support::{date, facts_of, judged, moment, secs, shared};

/// The facts and the verdict, for a request that a cache may answer.
fn verdict(asker: &Asker, origin: &Origin, rules: &Rules) -> Option<Option<(ResponseFacts, bool)>> {
    let request = asker.request();
    let facts = facts_of(&request, rules)?;
    let verdict = judged(&request, &facts, origin.status(), &origin.headers(), rules);
    Some(shared(verdict))
}

#[test]
fn who_may_have_a_response_and_whether_it_is_stored() {
    for_all(
        4000,
        (asker(), origin(), rules()),
        |(asker, origin, rules)| {
            if let Some(ours) = verdict(&asker, &origin, &rules) {
                let stored = ours.map(|(_, store)| store);
                prop_assert_eq!(stored, model::verdict(&asker, &origin, &rules));
            }
            Ok(())
        },
    );
}

#[test]
fn another_may_have_it_by_permission_and_variant() {
    let all = (asker(), asker(), origin(), rules());
    for_all(4000, all, |(asker, other, origin, rules)| {
        let request = other.request();
        let facts = verdict(&asker, &origin, &rules).flatten();
        if let (Some((facts, _)), Some(asked)) = (facts, facts_of(&request, &rules)) {
            let proof = Shareable::prove(&facts, (&request).into(), &asked);
            let expected = model::permits(&origin, &other, &rules)
                && model::same_variant(&origin, &asker, &other);
            prop_assert_eq!(proof.is_ok(), expected);
        }
        Ok(())
    });
}

fn lifetime(origin: &Origin, rules: &Rules) -> Option<Lifetime> {
    let headers = origin.headers();
    let said = ResponseDirectives::read(&headers);
    let (received, wall) = (moment(0), policy_support::wall(0));
    Lifetime::read(origin.status(), &headers, &said, rules, received, wall)
}

#[test]
fn lifetimes_ages_and_windows() {
    for_all(2000, (origin(), rules()), |(origin, rules)| {
        let ours = lifetime(&origin, &rules).map(|life| {
            let spans = [
                life.fresh_for,
                life.age(moment(7)),
                life.stale_while_revalidate,
                life.stale_if_error,
            ];
            (
                spans,
                life.validate_always,
                life.never_stale,
                life.immutable,
            )
        });
        let theirs = model::life(&origin, &rules).map(|life| {
            let spans = [life.fresh, life.age + 7, life.refresh, life.error].map(secs);
            (spans, life.always, life.never, life.immutable)
        });
        prop_assert_eq!(ours, theirs);
        Ok(())
    });
}

/// Elapsed times, and how long before them a soft purge came.
fn times() -> impl Strategy<Value = (u64, Option<u64>)> {
    let elapsed = [
        0,
        1,
        29,
        30,
        31,
        59,
        60,
        61,
        120,
        600,
        4000,
        86_400,
        1 << 31,
    ];
    let purged = option::weighted(0.2, select(&[0, 1, 30, 60][..]));
    (select(elapsed.to_vec()), purged)
        .prop_map(|(elapsed, purged)| (elapsed, purged.map(|ago: u64| ago.min(elapsed))))
}

#[test]
fn what_is_stored_is_used_as_the_request_and_the_windows_allow() {
    let all = (asker(), origin(), rules(), times());
    for_all(5000, all, |(asker, origin, rules, (elapsed, purged))| {
        let Some(stored) = lifetime(&origin, &rules) else {
            return Ok(());
        };
        let life = model::life(&origin, &rules).expect("the model has one where the rules do");
        let asked = RequestDirectives::read(asker.request().headers());
        let now = moment(elapsed);
        let since = purged.map(|ago| moment(elapsed - ago));
        let ours = match stored.reuse(&asked, now, since) {
            Reuse::Fresh => Use::Fresh,
            Reuse::StaleWhileRevalidate => Use::Refreshing,
            Reuse::MaxStale => Use::AcceptedStale,
            Reuse::Validate(_) => Use::AskFirst,
        };
        prop_assert_eq!(ours, model::reuse(&life, &asker, elapsed, purged));
        let on_error = model::serves_on_error(&life, &asker, elapsed, purged);
        prop_assert_eq!(stored.serves_on_error(&asked, now, since), on_error);
        Ok(())
    });
}

#[test]
fn forbidden_staleness_is_never_served() {
    let all = (asker(), origin(), rules(), times());
    for_all(4000, all, |(asker, origin, rules, (elapsed, purged))| {
        let stored = lifetime(&origin, &rules).filter(|life| life.never_stale);
        let over = stored.filter(|life| life.age(moment(elapsed)) >= life.fresh_for);
        if let Some(life) = over {
            let since = purged.map(|ago| moment(elapsed - ago));
            let asked = RequestDirectives::read(asker.request().headers());
            let reuse = life.reuse(&asked, moment(elapsed), since);
            assert!(matches!(reuse, Reuse::Validate(_)), "{reuse:?}");
            assert!(!life.serves_on_error(&asked, moment(elapsed), since));
        }
        Ok(())
    });
}

/// Lines of two request fields, by name.
type Lines = Vec<(&'static str, &'static str)>;

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_static(name);
        headers.append(name, HeaderValue::from_static(value));
    }
    headers
}

#[test]
fn a_variant_is_the_joined_lines_of_each_nominated_field() {
    let lines = || {
        vec(
            (
                select(&["x-a", "x-b"][..]),
                select(&["", "a", "b", "a, b"][..]),
            ),
            0..4,
        )
    };
    let names = subsequence(vec!["X-A", "x-b", "X-Absent"], 0..=3);
    let joined = |lines: &Lines, name: &str| {
        let name = name.to_lowercase();
        let of_name = lines.iter().filter(|(line, _)| *line == name);
        let values: Vec<&str> = of_name.map(|(_, value)| *value).collect();
        (!values.is_empty()).then(|| values.join(", "))
    };
    for_all(2000, (names, lines(), lines()), |(names, one, other)| {
        let mut response = HeaderMap::new();
        for name in &names {
            response.append("vary", HeaderValue::from_static(name));
        }
        let read = VaryNames::read(&response, &Rules::default()).expect("legal names");
        let same = names
            .iter()
            .all(|name| joined(&one, name) == joined(&other, name));
        let variant = Variant::of(&read, &headers(&one));
        prop_assert_eq!(variant.matches(&headers(&other)), same);
        prop_assert_eq!(variant == Variant::of(&read, &headers(&other)), same);
        Ok(())
    });
}

/// Optional entity tag and date of last change.
fn validator() -> impl Strategy<Value = (Option<&'static str>, Option<i64>)> {
    let tag = select(&["\"a\"", "W/\"a\"", "\"b\"", "W/\"b\"", "\"\""][..]);
    (option::of(tag), option::of(select(&[-600, -60][..])))
}

fn validated((tag, changed): (Option<&'static str>, Option<i64>)) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(tag) = tag {
        headers.insert(ETAG, HeaderValue::from_static(tag));
    }
    if let Some(changed) = changed {
        headers.insert(LAST_MODIFIED, http_date(changed));
    }
    headers
}

fn http_date(offset: i64) -> HeaderValue {
    HeaderValue::try_from(date(offset)).expect("dates are legal values")
}

fn opaque(tag: &str) -> &str {
    tag.trim_start_matches("W/")
}

#[test]
fn a_304_is_of_the_entry_whose_validators_it_names() {
    for_all(2000, (validator(), validator()), |(new, old)| {
        let expected = match (new, old) {
            ((Some(new), _), (Some(old), _)) => opaque(new) == opaque(old),
            ((Some(_), _), (None, _)) => false,
            ((None, Some(new)), (_, old)) => Some(new) == old,
            ((None, None), _) => true,
        };
        prop_assert_eq!(validates(&validated(new), &validated(old)), expected);
        Ok(())
    });
}

#[test]
fn a_304_replaces_all_lines_of_what_it_says_and_nothing_of_the_body() {
    let lines = || {
        let names = [
            "cache-control",
            "vary",
            "date",
            "age",
            "x-a",
            "x-b",
            "x-hop",
            "content-length",
            "content-encoding",
            "content-type",
            "content-range",
            "content-digest",
            "repr-digest",
            "etag",
            "set-cookie",
            "transfer-encoding",
            "keep-alive",
        ];
        vec((select(names.to_vec()), select(&["1", "2"][..])), 0..6)
    };
    let kept = [
        "content-length",
        "content-encoding",
        "content-type",
        "content-range",
        "content-digest",
        "repr-digest",
        "etag",
        "set-cookie",
        "transfer-encoding",
        "keep-alive",
        "connection",
        "x-hop",
    ];
    for_all(2000, (lines(), lines()), |(old, mut new)| {
        new.push(("connection", "close, X-Hop"));
        let of = |lines: &Lines, name| -> Vec<&'static str> {
            let named = lines.iter().filter(|(line, _)| *line == name);
            named.map(|(_, value)| *value).collect()
        };
        let merged = updated(&headers(&old), &headers(&new));
        for name in old.iter().chain(&new).map(|(name, _)| *name) {
            let says = of(&new, name);
            let counted_anew = name == "date" || name == "age";
            let expected = if kept.contains(&name) || (says.is_empty() && !counted_anew) {
                of(&old, name)
            } else {
                says
            };
            let found: Vec<_> = merged.get_all(name).iter().collect();
            prop_assert_eq!(found, expected, "{}", name);
        }
        Ok(())
    });
}

#[test]
fn a_client_that_names_what_is_stored_has_it() {
    let tags = vec(select(&["\"a\"", "W/\"a\"", "\"b\"", "\"c\""][..]), 0..3);
    let asked = (tags, option::of(select(&[-601, -600, -60, 0][..])));
    for_all(
        4000,
        (asked, validator(), select(&[-600, 0][..])),
        |((tags, since), stored, sent)| {
            let mut request = HeaderMap::new();
            if !tags.is_empty() {
                let line = HeaderValue::try_from(tags.join(" , ")).expect("legal tags");
                request.insert(IF_NONE_MATCH, line);
            }
            if let Some(since) = since {
                request.insert(IF_MODIFIED_SINCE, http_date(since));
            }
            let mut head = validated(stored);
            head.insert("date", http_date(sent));
            let expected = match (tags.is_empty(), stored) {
                (false, (Some(tag), _)) => tags.iter().any(|named| opaque(named) == opaque(tag)),
                (false, (None, _)) => false,
                (true, (_, changed)) => since.is_some_and(|since| changed.unwrap_or(sent) <= since),
            };
            prop_assert_eq!(is_not_modified(&request, &head), expected);
            Ok(())
        },
    );
}

/// First and last position asked for, as numbers; one of them may be missing.
fn range_spec() -> impl Strategy<Value = (Option<u64>, Option<u64>)> {
    let place = || select(&[0, 1, 4, 5, 9, 10, 11, u64::MAX][..]);
    prop_oneof![
        (place(), place()).prop_map(|(first, last)| (Some(first), Some(last.max(first)))),
        place().prop_map(|first| (Some(first), None)),
        place().prop_map(|last| (None, Some(last))),
    ]
}

fn bytes_of((first, last): (Option<u64>, Option<u64>), length: u64) -> Range<u64> {
    match (first, last) {
        (None, suffix) => length - suffix.unwrap_or(0).min(length)..length,
        (Some(first), last) => {
            let end = last.map_or(length, |last| last.saturating_add(1).min(length));
            first.min(end)..end
        }
    }
}

#[test]
fn ranges_are_the_bytes_that_exist_of_those_asked_for() {
    let length = prop_oneof![4 => select(&[1, 5, 10, 11][..]), 1 => Just(0), 1 => Just(u64::MAX)];
    for_all(
        4000,
        (vec(range_spec(), 1..5), length),
        |(specs, length)| {
            let text = |place: Option<u64>| place.map_or(String::new(), |place| place.to_string());
            let line: Vec<String> = specs
                .iter()
                .map(|(first, last)| format!("{}-{}", text(*first), text(*last)))
                .collect();
            let request = Request::builder().header(RANGE, format!("bytes={}", line.join(", ")));
            let request = request.body(()).expect("a legal request");
            let parts: Vec<Range<u64>> = specs
                .iter()
                .map(|spec| bytes_of(*spec, length))
                .filter(|part| !part.is_empty())
                .collect();
            let total: u128 = parts
                .iter()
                .map(|part| u128::from(part.end - part.start))
                .sum();
            let expected = if specs.len() > 3 || total > u128::from(length) {
                Ranges::TooMany
            } else if parts.is_empty() {
                Ranges::Unsatisfiable
            } else {
                Ranges::Parts(parts)
            };
            prop_assert_eq!(Ranges::read(request.headers(), length, 3), expected);
            Ok(())
        },
    );
}
