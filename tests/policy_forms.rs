//! Variants, ranges and 304s: attacks on a shared cache and what its rules
//! answer, row by row.

mod policy_support;

use floodwall::policy::{Rules, Shareable, if_range_holds, updated, validates};
use http::HeaderMap;

use policy_support::rows::{COOKIE, Line, answered, head, life, request};
use policy_support::{date, facts_of, moment, secs};

/// Whether what `one` caused may be given to `other`.
fn crosses(vary: &[Line<'_>], one: &[Line<'_>], other: &[Line<'_>]) -> bool {
    let mut said = vec![("cache-control", &b"public, max-age=60"[..])];
    said.extend_from_slice(vary);
    let other = request(other);
    let asked = facts_of(&other, &Rules::default()).expect("a request for the cache");
    answered(one, &said)
        .is_some_and(|(facts, _)| Shareable::prove(&facts, (&other).into(), &asked).is_ok())
}

#[test]
fn k27_k28_absent_empty_and_every_line_tell_variants_apart() {
    let by_user: [Line<'_>; 1] = [("vary", b"X-User")];
    let line = |value: &'static str| ("x-user", value.as_bytes());
    let rows: [&[Line<'_>]; 5] = [
        &[],
        &[line("")],
        &[line("a"), line("b")],
        &[line("a"), line("c")],
        &[line("b"), line("a")],
    ];
    for (at, one) in rows.iter().enumerate() {
        for (also, other) in rows.iter().enumerate() {
            assert_eq!(
                crosses(&by_user, one, other),
                at == also,
                "{one:?} {other:?}"
            );
        }
    }
}

#[test]
fn k29_an_untidy_vary_is_read_or_refused() {
    let two = ("cookie", &b"sid=b"[..]);
    let rows: [&[Line<'_>]; 4] = [
        &[("vary", b"  cookie ")],
        &[("vary", b"Accept,,\tCOOKIE ,")],
        &[("vary", b"Accept"), ("vary", b"Cookie")],
        &[("vary", b"Cookie, Cookie")],
    ];
    for vary in rows {
        assert!(crosses(vary, &[COOKIE], &[COOKIE]), "{vary:?}");
        assert!(!crosses(vary, &[COOKIE], &[two]), "{vary:?}");
        assert!(!crosses(vary, &[COOKIE], &[]), "{vary:?}");
    }
    for vary in [&b"Cookie\xe9"[..], b"\"Cookie\"", b"Cookie; x", b"a b"] {
        assert!(
            !crosses(&[("vary", vary)], &[COOKIE], &[COOKIE]),
            "{vary:?}"
        );
    }
}

#[test]
fn k30_a_star_anywhere_is_for_nobody_else() {
    let rows: [&[Line<'_>]; 6] = [
        &[("vary", b"*")],
        &[("vary", b"Foo, *")],
        &[("vary", b"*, Foo")],
        &[("vary", b"Foo"), ("vary", b"*")],
        &[("vary", b",*")],
        &[("vary", b"\t* ,")],
    ];
    for vary in rows {
        assert!(!crosses(vary, &[], &[]), "{vary:?}");
    }
}

#[test]
fn r06_if_range_wants_the_very_bytes() {
    let (old, now) = (date(-600), date(0));
    let dated = head(&[("last-modified", old.as_bytes()), ("date", now.as_bytes())]);
    let strong = head(&[("etag", b"\"x\"")]);
    let weak = head(&[("etag", b"W/\"x\"")]);
    let rows: [(&[u8], &HeaderMap, bool); 8] = [
        (b"W/\"x\"", &weak, false),
        (b"W/\"x\"", &strong, false),
        (b"\"x\"", &weak, false),
        (b"\"y\"", &strong, false),
        (b"x", &strong, false),
        (b"\"x\"", &strong, true),
        (old.as_bytes(), &dated, true),
        (now.as_bytes(), &dated, false),
    ];
    for (named, stored, expected) in rows {
        let asked = head(&[("if-range", named)]);
        assert_eq!(
            if_range_holds(&asked, stored),
            expected,
            "{asked:?} {stored:?}"
        );
    }
}

#[test]
fn r08_a_304_with_another_validator_is_not_of_the_entry() {
    let (old, new) = (date(-600), date(-60));
    let tagged = head(&[("etag", b"\"a\""), ("last-modified", old.as_bytes())]);
    let bare = head(&[]);
    let rows: [(&[Line<'_>], &HeaderMap, bool); 8] = [
        (&[("etag", b"\"a\"")], &tagged, true),
        (&[("etag", b"\"b\"")], &tagged, false),
        (&[("etag", b"\"a\""), ("etag", b"\"b\"")], &tagged, false),
        (&[("etag", b"a")], &tagged, false),
        (&[("etag", b"\"a\"")], &bare, false),
        (&[("last-modified", new.as_bytes())], &tagged, false),
        (&[("last-modified", b"junk")], &tagged, false),
        (&[("last-modified", b"junk")], &bare, false),
    ];
    for (said, stored, expected) in rows {
        assert_eq!(validates(&head(said), stored), expected, "{said:?}");
    }
}

#[test]
fn r09_a_304_changes_nothing_of_the_body_and_brings_no_hop() {
    let stored: [Line<'_>; 3] = [
        ("content-length", b"5"),
        ("etag", b"\"a\""),
        ("x-kept", b"1"),
    ];
    let merged = updated(
        &head(&stored),
        &head(&[
            ("content-length", b"0"),
            ("content-encoding", b"br"),
            ("transfer-encoding", b"chunked"),
            ("content-range", b"bytes 0-0/5"),
            ("set-cookie", b"sid=1"),
            ("connection", b"X-Secret, cache-control"),
            ("x-secret", b"U1"),
        ]),
    );
    assert_eq!(merged, head(&stored));
    let private: [Line<'_>; 2] = [
        ("connection", b"cache-control"),
        ("cache-control", b"private"),
    ];
    assert_eq!(
        updated(&head(&stored), &head(&private))["cache-control"],
        "private"
    );
}

#[test]
fn a_304_without_a_date_is_of_now() {
    let before = date(-3600);
    let stored = head(&[
        ("cache-control", b"max-age=60"),
        ("date", before.as_bytes()),
        ("age", b"7"),
    ]);
    let merged = updated(&stored, &head(&[]));
    let lines: Vec<Line<'_>> = merged
        .iter()
        .map(|(_, value)| ("cache-control", value.as_bytes()))
        .collect();
    assert_eq!(lines.len(), 1, "neither Date nor Age is of this answer");
    assert_eq!(life(&lines).age(moment(0)), secs(0));
}

#[test]
fn r13_a_coded_body_is_for_those_who_asked_for_it() {
    let gzip: [Line<'_>; 1] = [("content-encoding", b"gzip")];
    let asked: [Line<'_>; 1] = [("accept-encoding", b"gzip")];
    assert!(crosses(&gzip, &asked, &asked));
    assert!(!crosses(&gzip, &asked, &[]));
    assert!(!crosses(&gzip, &asked, &[("accept-encoding", b"br")]));
    assert!(crosses(&[("content-encoding", b"identity")], &asked, &[]));
}
