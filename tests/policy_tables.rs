//! Private answers and directives in doubt: attacks on a shared cache and what
//! its rules answer, row by row.

mod policy_support;

use floodwall::policy::{RequestDirectives, Reuse, Rules, Shareable};
use http::StatusCode;

use policy_support::rows::{
    COOKIE, Fate, Line, SIGNED_IN, answered, check, check_lines, head, life, request,
};
use policy_support::{date, facts_of, judged, moment, secs, shared};

#[test]
fn p01_p02_authorization_opens_by_three_directives_and_no_other() {
    use Fate::{Kept, Private};
    check_lines(
        &[SIGNED_IN],
        [
            ("max-age=60", Private),
            ("max-age=60, proxy-revalidate", Private),
            ("max-age=60, immutable", Private),
            ("max-age=60, no-cache", Private),
            ("max-age=60, stale-while-revalidate=60", Private),
            ("max-age=60, publicly", Private),
            ("max-age=60, public=\"x\"", Private),
            ("max-age=60, public", Kept(60)),
            ("max-age=60, must-revalidate", Kept(60)),
            ("s-maxage=60", Kept(60)),
            ("S-MaxAge=60", Kept(60)),
        ],
    );
    let expires = date(60);
    check(&[SIGNED_IN], &[("expires", expires.as_bytes())], Private);
}

#[test]
fn p02_leave_that_cannot_be_read_is_no_leave() {
    for line in [
        "max-age=60, s-maxage",
        "max-age=60, s-maxage=",
        "max-age=60, s-maxage=x",
        "max-age=60, s-maxage=\"60\"",
        "max-age=60, s-maxage=-1",
        "max-age=60, \"public\"",
        "max-age=60; public",
        "public; max-age=60",
    ] {
        check_lines(&[SIGNED_IN], [(line, Fate::Private)]);
        check_lines(&[COOKIE], [(line, Fate::Private)]);
    }
    for line in [
        "max-age=60, must-revalidate=x",
        "max-age=60, \"must-revalidate\"",
    ] {
        check_lines(&[SIGNED_IN], [(line, Fate::Private)]);
    }
}

#[test]
fn p03_a_cookie_makes_an_answer_private_without_public_or_s_maxage() {
    use Fate::{Kept, Private};
    check_lines(
        &[COOKIE],
        [
            ("max-age=60", Private),
            ("max-age=60, must-revalidate", Private),
            ("max-age=60, public", Kept(60)),
            ("max-age=60, s-maxage=30", Kept(30)),
        ],
    );
    let varied: [Line<'_>; 2] = [("cache-control", b"max-age=60"), ("vary", b"Cookie")];
    check(&[COOKIE], &varied, Private);
}

#[test]
fn p01_p03_what_anyone_caused_is_not_proved_for_credentials() {
    let (facts, _) = answered(&[], &[("cache-control", b"max-age=60")]).expect("shareable");
    for (credential, expected) in [
        (SIGNED_IN, false),
        (COOKIE, false),
        (("x-a", &b"1"[..]), true),
    ] {
        let other = request(&[credential]);
        let asked = facts_of(&other, &Rules::default()).expect("a request for the cache");
        let proof = Shareable::prove(&facts, (&other).into(), &asked);
        assert_eq!(proof.is_ok(), expected, "{credential:?}");
    }
}

#[test]
fn p07_restrictions_count_in_any_case() {
    use Fate::{Private, Validated};
    check_lines(
        &[],
        [
            ("nO-StOrE, max-age=60", Private),
            ("Private, max-age=60", Private),
            ("NO-CACHE, max-age=60", Validated),
            ("NO-CACHE", Validated),
        ],
    );
}

#[test]
fn p08_restrictions_count_on_any_line() {
    let lines: [&[&[u8]]; 5] = [
        &[b"max-age=60", b"private"],
        &[b"max-age=60", b"\xff\xfe", b"private"],
        &[b"max-age=60, x=\xff", b"no-store"],
        &[b"max-age=60", b"ext=\"\xff\"", b"private"],
        &[b"private", b"max-age=60", b"public"],
    ];
    for lines in lines {
        let said: Vec<Line<'_>> = lines.iter().map(|line| ("cache-control", *line)).collect();
        check(&[], &said, Fate::Private);
    }
}

#[test]
fn p09_p10_p11_a_qualified_restriction_restricts_all() {
    for line in [
        "private=\"set-cookie\", max-age=60",
        "private=\" authorization\", max-age=60",
        "private =\"authorization\", max-age=60",
        "private= \"x\", max-age=60",
        "private=\"\", max-age=60",
        "private=, max-age=60",
        "private, private=\"x\", max-age=60",
        "max-age=60, private=\"unterminated",
        "private=\"unterminated, max-age=60",
        "private=(\"x\"), max-age=60",
        "private;max-age=60",
        "max-age=60; private",
        "max-age=60 private",
        "\"private\", max-age=60",
        "\"max-age=60, no-store\"",
        "max-age=60, x\"y, no-store, \"z",
        "max-age=60, ext=\"a\"b, ext=\"no-store",
        "no-cache=\"set-cookie\", max-age=60",
        "no-cache=\"\tauthorization\", max-age=60",
    ] {
        check_lines(&[], [(line, Fate::Private)]);
    }
}

#[test]
fn p12_quoted_text_is_no_directive() {
    use Fate::{Kept, Private};
    check_lines(
        &[],
        [
            ("max-age=60, ext=\"a, max-age=0, no-store\"", Kept(60)),
            ("max-age=60, ext=\"\\\"\", private", Private),
            ("max-age=60, ext=\"\\\", private\"", Kept(60)),
        ],
    );
}

#[test]
fn p13_numbers_are_read_to_the_letter_or_are_zero() {
    use Fate::Kept;
    for junk in ["-1", "1.5", "\"60\"", "0x10", "", " 60", "60 0", "+60"] {
        let line = format!("max-age={junk}");
        check_lines(&[], [(&line, Kept(0))]);
        check_lines(&[], [(&format!("max-age=60, {line}"), Kept(0))]);
    }
    check_lines(
        &[],
        [
            ("max-age", Kept(0)),
            ("max-age=2147483648", Kept(1 << 31)),
            ("max-age=18446744073709551616", Kept(1 << 31)),
            ("max-age=60, max-age=0", Kept(0)),
            ("max-age=0, max-age=60", Kept(0)),
            ("s-maxage=0, max-age=60", Kept(0)),
            ("s-maxage=x, max-age=60", Kept(0)),
        ],
    );
}

#[test]
fn p14_ages_and_dates_in_doubt_are_old_or_none() {
    use Fate::{Kept, Unstored};
    let fresh: Line<'_> = ("cache-control", b"max-age=60");
    let ages: [(&[u8], u64); 7] = [
        (b"-1", 60),
        (b"1, 2", 59),
        (b"99999999999999999999", 0),
        (b"1.5", 60),
        (b"59", 1),
        (b"x, 59", 1),
        (b"\", 59", 1),
    ];
    for (age, left) in ages {
        check(&[], &[fresh, ("age", age)], Kept(left));
        check(&[], &[fresh, ("age", b"-1"), ("age", age)], Kept(left));
    }
    for (offset, left) in [(86_400, 60), (-86_400, 0), (-10, 50), (0, 60)] {
        check(&[], &[fresh, ("date", date(offset).as_bytes())], Kept(left));
    }
    let (tomorrow, soon) = (date(86_400), date(60));
    let expiries: [(&[u8], u64); 4] = [
        (b"0", 0),
        (b"-1", 0),
        (b"Sunday, 06-Nov-94 08:49:37 GMT", 0),
        (tomorrow.as_bytes(), 86_400),
    ];
    for (expires, left) in expiries {
        check(&[], &[("expires", expires)], Kept(left));
    }
    let both: [Line<'_>; 2] = [("expires", soon.as_bytes()), ("expires", soon.as_bytes())];
    check(&[], &both, Kept(0));
    check(&[], &[("date", soon.as_bytes())], Unstored);
    let (old, new) = (date(-50), date(0));
    for dates in [[&new, &old], [&old, &new]] {
        let [one, other] = dates.map(|date| ("date", date.as_bytes()));
        check(&[], &[fresh, one, other], Kept(10));
        check(&[], &[("expires", soon.as_bytes()), one, other], Kept(10));
    }
}

#[test]
fn an_end_that_cannot_be_read_has_no_window_after_it() {
    let windows: Line<'_> = (
        "cache-control",
        b"stale-while-revalidate=60, stale-if-error=60",
    );
    let junk = life(&[("expires", b"0"), windows]);
    assert!(junk.never_stale && !junk.serves_on_error(&asked(""), moment(0), None));
    let past = date(-10);
    let past = life(&[("expires", past.as_bytes()), windows]);
    assert!(past.serves_on_error(&asked(""), moment(0), None));
}

#[test]
fn what_changes_in_the_future_is_fresh_for_no_guessed_time() {
    let mut rules = Rules::default();
    rules.heuristics = true;
    rules.default_fresh_for = Some(secs(30));
    let (request, tomorrow) = (request(&[]), date(86_400));
    let facts = facts_of(&request, &rules).expect("a request for the cache");
    let headers = head(&[("last-modified", tomorrow.as_bytes())]);
    let verdict = judged(&request, &facts, StatusCode::OK, &headers, &rules);
    let life = shared(verdict).and_then(|(facts, _)| facts.lifetime);
    assert_eq!(life.expect("it is guessed").fresh_for, secs(0));
}

fn asked(said: &str) -> RequestDirectives {
    RequestDirectives::read(&head(&[("cache-control", said.as_bytes())]))
}

fn reuse(said: &str, by: &str, at: u64) -> Reuse {
    life(&[("cache-control", said.as_bytes())]).reuse(&asked(by), moment(at), None)
}

fn serves_on_error(said: &str, by: &str, at: u64) -> bool {
    life(&[("cache-control", said.as_bytes())]).serves_on_error(&asked(by), moment(at), None)
}

#[test]
fn p15_what_may_never_be_stale_never_is() {
    let windows = "stale-while-revalidate=60, stale-if-error=60";
    for line in [
        "max-age=1, must-revalidate",
        "max-age=1, proxy-revalidate",
        "s-maxage=1",
        "max-age=1, must-revalidate=x",
        "max-age=x",
    ] {
        let line = format!("{line}, {windows}");
        for asked in ["", "max-stale", "max-stale=600"] {
            let reuse = reuse(&line, asked, 1);
            assert!(matches!(reuse, Reuse::Validate(_)), "{line} {asked}");
        }
        for asked in ["", "stale-if-error=600"] {
            assert!(!serves_on_error(&line, asked, 1), "{line} {asked}");
        }
    }
    let plain = format!("max-age=1, {windows}");
    assert_eq!(reuse(&plain, "", 1), Reuse::StaleWhileRevalidate);
    assert!(serves_on_error(&plain, "", 60));
}

/// RFC 5861 §4: the window of the response, or the one that the request opens.
#[test]
fn a_request_may_accept_more_staleness_where_the_origin_fails() {
    for (said, by, until) in [
        ("max-age=10", "", 10),
        ("max-age=10", "stale-if-error=20", 30),
        ("max-age=10, stale-if-error=5", "stale-if-error=20", 30),
        ("max-age=10, stale-if-error=20", "stale-if-error=5", 30),
        ("max-age=10, stale-if-error=20", "stale-if-error=0", 30),
        ("max-age=10, stale-if-error=0", "stale-if-error=20", 30),
        ("max-age=10", "stale-if-error=20, stale-if-error=5", 15),
        ("max-age=10", "stale-if-error=x", 10),
        ("max-age=10", "stale-if-error", 10),
    ] {
        assert!(serves_on_error(said, by, until - 1), "{said} {by}");
        assert!(!serves_on_error(said, by, until), "{said} {by}");
    }
}

#[test]
fn what_is_too_little_fresh_is_not_served_stale_instead() {
    assert!(matches!(
        reuse("max-age=60", "min-fresh=10, max-stale=99", 55),
        Reuse::Validate(_)
    ));
    assert!(matches!(
        reuse("max-age=60", "min-fresh=10, max-stale=99", 65),
        Reuse::Validate(_)
    ));
    assert!(matches!(
        reuse("max-age=60", "min-fresh=x", 1),
        Reuse::Validate(_)
    ));
    for asked in [
        "max-stale=5, max-stale",
        "max-stale, max-stale=5",
        "max-stale, max-stale=x",
    ] {
        assert!(
            matches!(reuse("max-age=60", asked, 66), Reuse::Validate(_)),
            "{asked}"
        );
    }
    assert_eq!(reuse("max-age=60", "max-stale=5", 65), Reuse::MaxStale);
}

#[test]
fn p17_pragma_asks_in_requests_and_says_nothing_in_responses() {
    let stored = life(&[("cache-control", b"max-age=60")]);
    let asked = |lines: &[Line<'_>]| RequestDirectives::read(&head(lines));
    let pragma: Line<'_> = ("pragma", b"no-cache");
    let reuse = stored.reuse(&asked(&[pragma]), moment(1), None);
    assert!(matches!(reuse, Reuse::Validate(_)));
    let beside = asked(&[pragma, ("cache-control", b"max-age=30")]);
    assert_eq!(stored.reuse(&beside, moment(1), None), Reuse::Fresh);
    check(&[], &[pragma], Fate::Unstored);
    check(
        &[],
        &[pragma, ("cache-control", b"max-age=60")],
        Fate::Kept(60),
    );
}

#[test]
fn d08_no_lifetime_is_guessed() {
    let changed = date(-315_360_000);
    check(
        &[COOKIE],
        &[("last-modified", changed.as_bytes())],
        Fate::Private,
    );
    check(
        &[],
        &[("last-modified", changed.as_bytes())],
        Fate::Unstored,
    );
}

#[test]
fn a_status_that_may_not_be_stored_by_default_is_not_for_no_cache() {
    let said = head(&[
        ("cache-control", b"no-cache"),
        ("etag", b"\"a\""),
        ("location", b"/x"),
    ]);
    for (status, expected) in [(200, true), (301, true), (302, false), (307, false)] {
        let (request, rules) = (request(&[]), Rules::default());
        let facts = facts_of(&request, &rules).expect("a request for the cache");
        let status = StatusCode::from_u16(status).expect("a status");
        let verdict = shared(judged(&request, &facts, status, &said, &rules));
        assert_eq!(verdict.map(|(_, store)| store), Some(expected), "{status}");
    }
}
