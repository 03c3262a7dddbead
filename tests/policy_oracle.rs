//! The rules against the `http-cache-semantics` crate, as a shared cache.
//!
//! Where both are asked the same question they must give the same answer, but
//! for these differences. Each is a predicate below that leaves out exactly its
//! cases, and each is shown to exist, so that the list cannot rot.
//!
//! What is stored:
//! - [`guessed`]: the oracle guesses a lifetime where none is named (RFC 9111
//!   §4.2.2); we store nothing that names none;
//! - [`an_error_or_empty`]: it stores 204, 404, 405, 410, 414 and 501; we store
//!   errors only where the operator says so, and never an empty answer;
//! - [`sets_cookie`]: it stores `Set-Cookie` (RFC 9111 §7.3 does not forbid
//!   it); we do not;
//! - [`forbids_fields`]: it stores what says `no-cache` of some fields only (RFC
//!   9111 §5.2.2.4 allows that without the fields); we take none out, and do not;
//! - [`has_cookie`]: it knows no cookies in requests; we need `public` or
//!   `s-maxage` (`Cookies::RequirePermission`);
//! - [`varies_on_all`]: it stores `Vary: *` and never uses it; we do not share it;
//! - [`leads_nowhere`]: it stores a redirection without `Location`;
//! - [`is_stream`]: it stores event streams, which never end;
//! - [`of_no_use`]: it stores what is stale on arrival and cannot be validated.
//!
//! How long it is fresh:
//! - [`dated_older`]: its age leaves `Date` out (RFC 9111 §4.2.3 does not);
//! - [`for_proxies`]: it takes `proxy-revalidate` for no lifetime at all;
//! - [`twice`]: of two values it takes the first, we take the smaller;
//! - [`longer_than_can_be_held`]: it keeps more than 2^31 seconds, and takes what
//!   it cannot hold for zero (RFC 9111 §1.2.2 wants 2^31).
//!
//! When it is used:
//! - [`reloads`]: `max-age=0` asks always with us, unless it is immutable, when
//!   it does not ask at all (RFC 8246 §2); the oracle compares ages;
//! - [`stale_accepted_to_the_second`]: it takes `max-stale` for "less than";
//!   RFC 9111 §5.2.1.2 says "no more than";
//! - [`never_stale`]: it serves what says `proxy-revalidate`, `s-maxage` or
//!   `no-cache` stale to `max-stale`; we never do;
//! - [`fresh_for_no_longer`]: it serves what is stale to `min-fresh=0`;
//! - [`pragma_beside_cache_control`]: it heeds `Pragma` beside `Cache-Control`
//!   (RFC 9111 §5.4 does not);
//! - [`several_lines`]: it compares the first line of a field that is varied on;
//! - [`is_encoded`]: it gives a coded body without `Vary` to anyone;
//! - it knows no `stale-while-revalidate`: see `policy_model.rs`.
//!
//! What a 304 is of:
//! - [`names_nothing`]: it refuses a 304 without validators for what has some;
//!   we sent them, so it is of them;
//! - [`new_weak_tag`]: it takes a weak tag for what had none, if the dates agree.
//!
//! How heads are read, which is shown in `heads_are_read_more_strictly` alone,
//! as what is generated here is well formed: the oracle minds the case of
//! directives, splits quoted strings, drops lines that are not ASCII, ignores
//! ages that are too large, and reads quoted numbers. By default neither honours
//! `must-understand` (RFC 9111 §5.2.2.3): `no-store` always counts.

mod policy_support;

use std::time::Duration;

use floodwall::policy::{RequestDirectives, Reuse};
use http::{Request, StatusCode};
use proptest::prelude::Strategy;
use proptest::prop_assert_eq;
use proptest::sample::select;

use policy_support::heads::{Asker, Expires, Origin, asker, origin};
use policy_support::oracle::{
    an_error_or_empty, dated_older, forbids_fields, get, guessed, has_cookie, is_encoded, is_ours,
    is_stream, is_theirs, kept, leads_nowhere, names_nothing, new_weak_tag, of_no_use, ours, plain,
    policy, pragma_beside_cache_control, same_lifetime, same_use, sets_cookie, several_lines,
    theirs, twice, validated, varies_on_all,
};
use policy_support::rows::head;
use policy_support::seeds::for_all;
use policy_support::{moment, wall};

#[test]
fn both_store_the_same() {
    for_all(4000, (asker(), origin()), |(asker, origin)| {
        let stored = ours(&asker, &origin).is_some();
        let differs = guessed(&origin)
            || an_error_or_empty(&origin)
            || sets_cookie(&origin)
            || forbids_fields(&origin)
            || has_cookie(&asker, &origin)
            || varies_on_all(&origin)
            || leads_nowhere(&origin)
            || is_stream(&origin)
            || of_no_use(&asker, &origin)
            || twice(&origin.said);
        let storable = theirs(&asker, &origin).is_storable();
        // What differs differs to one side: we never store what it would not.
        assert!(storable || !stored, "stored by us alone");
        if !differs {
            prop_assert_eq!(stored, storable);
        }
        Ok(())
    });
}

fn later() -> impl Strategy<Value = u64> {
    select(&[0, 1, 29, 30, 59, 60, 61, 600, 86_400][..])
}

#[test]
fn both_count_the_same_time_to_live() {
    for_all(
        4000,
        (asker(), origin(), later()),
        |(asker, origin, later)| {
            let life = ours(&asker, &origin).and_then(|facts| facts.lifetime);
            if let Some(life) = life.filter(|_| same_lifetime(&origin)) {
                let now = wall(i64::try_from(later).expect("small"));
                let left = life.fresh_for.saturating_sub(life.age(moment(later)));
                let left = if life.validate_always {
                    Duration::ZERO
                } else {
                    left
                };
                let theirs = theirs(&asker, &origin);
                prop_assert_eq!(theirs.age(now), life.age(moment(later)));
                prop_assert_eq!(theirs.time_to_live(now), left);
            }
            Ok(())
        },
    );
}

#[test]
fn both_use_what_is_stored_for_the_same_requests() {
    let all = (asker(), asker(), origin(), later());
    for_all(5000, all, |(asker, other, origin, later)| {
        let Some(facts) = ours(&asker, &origin) else {
            return Ok(());
        };
        let same = same_lifetime(&origin)
            && same_use(&other, &facts, later)
            && !several_lines(&asker)
            && !several_lines(&other)
            && !is_encoded(&origin);
        if !same {
            return Ok(());
        }
        let request = other.request();
        let asked = RequestDirectives::read(request.headers());
        let life = facts.lifetime.expect("what is stored has a lifetime");
        let reuse = life.reuse(&asked, moment(later), None);
        let used = matches!(reuse, Reuse::Fresh | Reuse::MaxStale);
        let now = wall(i64::try_from(later).expect("small"));
        let theirs = theirs(&asker, &origin).before_request(&request, now);
        let matches = facts.variant.matches(request.headers());
        if reuse != Reuse::StaleWhileRevalidate {
            prop_assert_eq!(used && matches, theirs.satisfies_without_revalidation());
        }
        Ok(())
    });
}

#[test]
fn both_take_the_same_304() {
    for_all(4000, (origin(), origin()), |(new, old)| {
        if !names_nothing(&new, &old) && !new_weak_tag(&new, &old) {
            prop_assert_eq!(is_ours(&new, &old), is_theirs(&new, &old));
        }
        Ok(())
    });
}

/// The oracle stores it, and we do not.
fn stored_by_it_alone(asker: &Asker, origin: &Origin) {
    assert!(theirs(asker, origin).is_storable(), "{origin:?}");
    assert!(ours(asker, origin).is_none(), "{origin:?}");
}

#[test]
fn we_store_less() {
    let anyone = get(&[], &[]);
    let with = |others: &[(&'static str, &'static str)], vary: &[&'static str]| Origin {
        others: others.to_vec(),
        vary: vary.to_vec(),
        ..plain(&["max-age=60"])
    };
    let status = |status| Origin {
        status,
        ..plain(&["max-age=60"])
    };
    let old = Origin {
        changed: Some(-864_000),
        ..plain(&[])
    };
    assert!(guessed(&old));
    stored_by_it_alone(&anyone, &old);
    for code in [204, 404, 405, 410, 414, 501] {
        assert!(an_error_or_empty(&status(code)));
        stored_by_it_alone(&anyone, &status(code));
    }
    let cookie = get(&[], &[("cookie", "a=b")]);
    assert!(has_cookie(&cookie, &status(200)));
    stored_by_it_alone(&cookie, &status(200));
    stored_by_it_alone(&anyone, &with(&[("set-cookie", "a=b")], &[]));
    stored_by_it_alone(
        &anyone,
        &with(&[("content-type", "text/event-stream")], &[]),
    );
    stored_by_it_alone(&anyone, &with(&[], &["*"]));
    let fields = plain(&["no-cache=\"x-secret\"", "max-age=60"]);
    assert!(forbids_fields(&fields));
    stored_by_it_alone(&anyone, &fields);
    stored_by_it_alone(&anyone, &status(301));
    stored_by_it_alone(&anyone, &plain(&["max-age=0"]));
}

/// Seconds left by the oracle's count and by ours, on arrival.
fn left(origin: &Origin) -> (u64, u64) {
    let anyone = get(&[], &[]);
    let life = ours(&anyone, origin).and_then(|facts| facts.lifetime);
    let life = life.expect("the rows are stored");
    let left = life.fresh_for.saturating_sub(life.initial_age);
    (
        theirs(&anyone, origin).time_to_live(wall(0)).as_secs(),
        left.as_secs(),
    )
}

#[test]
fn lifetimes_differ() {
    let dated = Origin {
        date: Some(-10),
        ..plain(&["max-age=60"])
    };
    assert!(dated_older(&dated));
    for (origin, expected) in [
        (dated, (60, 50)),
        (plain(&["max-age=60", "proxy-revalidate"]), (0, 60)),
        (plain(&["max-age=60", "max-age=5"]), (60, 5)),
        (plain(&["max-age=4294967296"]), (1 << 32, 1 << 31)),
        (plain(&["max-age=99999999999999999999"]), (0, 1 << 31)),
    ] {
        assert_eq!(left(&origin), expected, "{origin:?}");
    }
}

/// Whether the oracle and we use what is stored, `later` after it came.
fn used(said: &[&str], asker: &Asker, later: u64) -> (bool, bool) {
    let origin = Origin {
        tag: Some("\"a\""),
        ..plain(said)
    };
    let request = asker.request();
    let life = ours(&get(&[], &[]), &origin).and_then(|facts| facts.lifetime);
    let asked = RequestDirectives::read(request.headers());
    let reuse = life
        .expect("the rows are stored")
        .reuse(&asked, moment(later), None);
    let now = wall(i64::try_from(later).expect("small"));
    let theirs = theirs(&get(&[], &[]), &origin).before_request(&request, now);
    (
        theirs.satisfies_without_revalidation(),
        !matches!(reuse, Reuse::Validate(_)),
    )
}

#[test]
fn uses_differ() {
    for (said, asked, later, expected) in [
        (&["max-age=60"][..], &["max-age=0"][..], 0, (true, false)),
        (
            &["max-age=60", "immutable"],
            &["max-age=0"],
            1,
            (false, true),
        ),
        (&["max-age=60"], &["max-stale=5"], 65, (false, true)),
        (
            &["max-age=60", "no-cache"],
            &["max-stale"],
            1,
            (true, false),
        ),
        (
            &["max-age=60", "proxy-revalidate"],
            &["max-stale"],
            61,
            (true, false),
        ),
        (&["s-maxage=60"], &["max-stale"], 61, (true, false)),
        (
            &["max-age=60"],
            &["max-stale", "min-fresh=0"],
            61,
            (true, false),
        ),
        (
            &["max-age=1", "stale-while-revalidate=9"],
            &[],
            2,
            (false, true),
        ),
    ] {
        assert_eq!(
            used(said, &get(asked, &[]), later),
            expected,
            "{said:?} {asked:?}"
        );
    }
    let beside = get(&["ext=1"], &[("pragma", "no-cache")]);
    assert!(pragma_beside_cache_control(&beside));
    assert_eq!(used(&["max-age=60"], &beside, 1), (false, true));
}

#[test]
fn the_304s_taken_differ() {
    let tagged = validated(Some("\"a\""), None);
    let bare = validated(None, None);
    assert!(names_nothing(&bare, &tagged));
    assert_eq!(
        (is_theirs(&bare, &tagged), is_ours(&bare, &tagged)),
        (false, true)
    );
    let weak = validated(Some("W/\"a\""), Some(-60));
    let dated = validated(None, Some(-60));
    assert!(new_weak_tag(&weak, &dated));
    assert_eq!(
        (is_theirs(&weak, &dated), is_ours(&weak, &dated)),
        (true, false)
    );
}

#[test]
fn heads_are_read_more_strictly() {
    let request = Request::new(());
    for (line, fresh) in [
        (&b"NO-STORE, max-age=60"[..], true),
        (b"max-age=60, PRIVATE", true),
        (b"max-age=\"60\"", true),
        (b"max-age=60, ext=\"a", true),
        (b"ext=\"a, no-store, b\", max-age=60", false),
    ] {
        let headers = head(&[("cache-control", line)]);
        let kept = kept(&request, StatusCode::OK, &headers).is_some();
        let theirs = policy(&request, StatusCode::OK, &headers);
        let text = line.escape_ascii();
        assert_eq!(
            theirs.is_storable() && !theirs.is_stale(wall(0)),
            fresh,
            "{text}"
        );
        assert_eq!(kept, !fresh, "{text}");
    }
    let headers = head(&[
        ("cache-control", b"max-age=60"),
        ("cache-control", b"private, x=\"\xff\""),
    ]);
    assert!(policy(&request, StatusCode::OK, &headers).is_storable());
    assert!(kept(&request, StatusCode::OK, &headers).is_none());
    let neither = plain(&["must-understand", "no-store", "max-age=60"]).headers();
    assert!(!policy(&request, StatusCode::OK, &neither).is_storable());
    assert!(kept(&request, StatusCode::OK, &neither).is_none());
}

#[test]
fn a_coding_selects_a_variant_with_us_alone() {
    let gzip = Origin {
        others: vec![("content-encoding", "gzip")],
        ..plain(&["max-age=60"])
    };
    let asker = get(&[], &[("accept-encoding", "gzip")]);
    let anyone = get(&[], &[]).request();
    let facts = ours(&asker, &gzip).expect("stored");
    assert!(!facts.variant.matches(anyone.headers()));
    let theirs = theirs(&asker, &gzip).before_request(&anyone, wall(0));
    assert!(theirs.satisfies_without_revalidation());
}

#[test]
fn all_lines_select_a_variant_with_us_alone() {
    let varied = Origin {
        vary: vec!["X-V"],
        ..plain(&["max-age=60"])
    };
    let (one, other) = (
        get(&[], &[("x-v", "a"), ("x-v", "b")]),
        get(&[], &[("x-v", "a"), ("x-v", "c")]),
    );
    let request = other.request();
    let facts = ours(&one, &varied).expect("stored");
    assert!(!facts.variant.matches(request.headers()));
    let theirs = theirs(&one, &varied).before_request(&request, wall(0));
    assert!(theirs.satisfies_without_revalidation());
}

#[test]
fn dates_are_read_alike() {
    let anyone = get(&[], &[]);
    let until = Origin {
        expires: Some(Expires::At(60)),
        ..plain(&[])
    };
    assert_eq!(left(&until), (60, 60));
    assert!(!theirs(&anyone, &until).is_stale(wall(59)));
}
