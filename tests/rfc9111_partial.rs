//! RFC 9111 §3.3 and §3.4, RFC 9110 §15.3.7: parts that are stored, combined, completed.

mod support;

use std::time::Duration;

use axum::body::Body;
use floodwall::{Cache, CacheBuilder, KeyRules, Purge};
use http::{Response, StatusCode};
use support::{Answer, Call, Site, get, method, next_chunk, page, status, with, written};
use tokio::time::sleep;

const WHOLE: &str = "0123456789abcdefghij";
const LASTS: (&str, &str) = ("cache-control", "max-age=60");
const TAG: (&str, &str) = ("etag", "\"a\"");

type Fields = &'static [(&'static str, &'static str)];

fn by_parts() -> CacheBuilder {
    Cache::builder().store_parts(true)
}

/// What a file server answers from `WHOLE`, with these fields.
fn file(call: &Call, fields: &[(&str, &str)]) -> Response<Body> {
    let tag = fields.iter().find(|field| field.0 == "etag");
    let same = match (call.field("if-range"), tag) {
        (Some(named), Some((_, tag))) => named == *tag,
        (named, _) => named.is_none(),
    };
    match call.field("range").filter(|_| same) {
        Some(range) => part(bounds(range), fields),
        None => page(fields, WHOLE),
    }
}

/// The first byte that a range names, and the one after the last.
fn bounds(range: &str) -> (usize, usize) {
    let total = WHOLE.len();
    let (first, last) = range
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
        .expect("tests ask the file for one range");
    let number = |text: &str| text.parse::<usize>().expect("digits");
    match (first, last) {
        ("", last) => (total - number(last), total),
        (first, "") => (number(first), total),
        (first, last) => (number(first), total.min(number(last) + 1)),
    }
}

fn part((from, to): (usize, usize), fields: &[(&str, &str)]) -> Response<Body> {
    let range = format!("bytes {from}-{}/{}", to - 1, WHOLE.len());
    let mut answer = status(206, fields, &WHOLE[from..to]);
    let range = range.parse().expect("a legal value");
    answer.headers_mut().insert("content-range", range);
    answer
}

/// A file behind a cache that stores parts.
fn file_site(fields: Fields) -> Site {
    Site::with(by_parts(), move |call| async move { file(&call, fields) })
}

async fn range(site: &Site, range: &str) -> Answer {
    site.get_with("/", &[("range", range)]).await
}

/// What the handler was asked for, in order.
fn asked(site: &Site, name: &str) -> Vec<String> {
    let text = |parts: &http::request::Parts| {
        let value = parts.headers.get(name);
        value
            .map_or("", |value| value.to_str().expect("text"))
            .to_owned()
    };
    site.seen().iter().map(text).collect()
}

/// That nothing of an answer was stored: neither a range nor the whole is a hit, and no
/// byte is held.
async fn is_nothing_stored(site: &Site, case: &str) {
    assert_eq!(site.stats().stored, 0, "{case}");
    assert_eq!(site.stats().held_bytes, 0, "{case}");
}

// §3.3: what may be stored

#[tokio::test(start_paused = true)]
async fn a_part_answers_ranges_that_lie_wholly_within_it() {
    let site = file_site(&[LASTS, TAG, ("content-type", "text/plain")]);
    let first = range(&site, "bytes=4-13").await;
    assert_eq!(first.text(), "456789abcd");
    assert!(
        first.cache_status().starts_with("fwd=uri-miss"),
        "{first:?}"
    );
    assert!(first.cache_status().contains("stored"), "{first:?}");
    for (asked, bytes, place) in [
        ("bytes=4-13", "456789abcd", "bytes 4-13/20"),
        ("bytes=4-4", "4", "bytes 4-4/20"),
        ("bytes=10-13", "abcd", "bytes 10-13/20"),
    ] {
        let answer = range(&site, asked).await;
        assert!(answer.is_hit(), "{asked}: {answer:?}");
        // A part is never sent but as one.
        assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT);
        assert_eq!(answer.text(), bytes);
        assert_eq!(answer.field("content-range"), place);
        assert_eq!(answer.field("content-length"), bytes.len().to_string());
        assert_eq!(answer.field("content-type"), "text/plain");
        assert_eq!(answer.headers.get_all("content-range").iter().count(), 1);
    }
    let two = range(&site, "bytes=4-5,12-13").await;
    assert!(two.is_hit());
    assert!(two.text().contains("bytes 12-13/20\r\n\r\ncd\r\n"));
    assert_eq!(site.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_whole_answers_the_end() {
    let site = file_site(&[LASTS, TAG]);
    assert_eq!(range(&site, "bytes=-8").await.text(), "cdefghij");
    for (asked, bytes) in [
        ("bytes=15-", "fghij"),
        ("bytes=-1", "j"),
        ("bytes=18-99", "ij"),
    ] {
        let answer = range(&site, asked).await;
        assert!(answer.is_hit(), "{asked}");
        assert_eq!(answer.text(), bytes);
    }
}

#[tokio::test(start_paused = true)]
async fn a_part_answers_nothing_else() {
    for (verb, fields, expected) in [
        ("GET", [("range", "bytes=3-5")], "345"),
        ("GET", [("range", "bytes=12-14")], "cde"),
        ("GET", [("range", "bytes=15-")], "fghij"),
        ("GET", [("range", "bytes=-2")], "ij"),
        ("GET", [("accept", "*/*")], WHOLE),
        ("HEAD", [("range", "bytes=4-5")], ""),
        ("HEAD", [("accept", "*/*")], ""),
    ] {
        let site = file_site(&[LASTS, TAG]);
        range(&site, "bytes=4-13").await;
        let answer = site.send(with(method(verb, "/"), &fields)).await;
        assert!(!answer.is_hit(), "{verb} {fields:?}");
        if verb == "GET" {
            assert_eq!(answer.text(), expected, "{fields:?}");
            assert!(answer.cache_status().contains("fwd=partial"), "{answer:?}");
        }
        assert_eq!(site.calls(), 2);
    }
    let site = file_site(&[LASTS, TAG]);
    range(&site, "bytes=4-13").await;
    // What a client has already is told by the same validator, within the part.
    let same = [("range", "bytes=4-5"), ("if-none-match", "\"a\"")];
    assert_eq!(site.get_with("/", &same).await.status, 304);
    let held = [("range", "bytes=4-5"), ("if-range", "\"a\"")];
    assert!(site.get_with("/", &held).await.is_hit());
    let other = [("range", "bytes=4-5"), ("if-range", "\"b\"")];
    let answer = site.get_with("/", &other).await;
    assert!(!answer.is_hit());
    assert_eq!(answer.text(), WHOLE);
    let only = [("cache-control", "only-if-cached")];
    assert_eq!(site.get_with("/", &only).await.status, 504);
}

#[tokio::test(start_paused = true)]
async fn a_part_is_as_fresh_as_a_whole() {
    let site = file_site(&[LASTS, TAG, ("age", "10")]);
    range(&site, "bytes=0-9").await;
    sleep(Duration::from_secs(49)).await;
    let answer = range(&site, "bytes=0-9").await;
    assert!(answer.is_hit());
    assert_eq!(answer.field("age"), "59");
    sleep(Duration::from_secs(1)).await;
    let accepts = [("range", "bytes=0-9"), ("cache-control", "max-stale=5")];
    assert!(site.get_with("/", &accepts).await.is_hit());
    let answer = range(&site, "bytes=0-9").await;
    assert!(answer.cache_status().starts_with("fwd=stale"), "{answer:?}");
    assert!(answer.cache_status().contains("stored"), "{answer:?}");
    assert!(range(&site, "bytes=0-9").await.is_hit());
    let reload = [("range", "bytes=0-9"), ("cache-control", "no-cache")];
    assert!(!site.get_with("/", &reload).await.is_hit());
    assert_eq!(site.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_part_that_can_be_told_is_not_stored() {
    const AT: (&str, &str) = ("content-range", "bytes 0-4/20");
    let rows: [Fields; 24] = [
        &[LASTS, AT],
        &[LASTS, AT, ("etag", "W/\"a\"")],
        &[LASTS, AT, TAG, TAG],
        &[LASTS, AT, ("etag", "a")],
        // Weak: nobody says when it was sent, or it had just been changed.
        &[
            LASTS,
            AT,
            ("last-modified", "Fri, 15 Jan 2027 07:00:00 GMT"),
        ],
        &[
            LASTS,
            AT,
            ("last-modified", "Fri, 15 Jan 2027 07:59:30 GMT"),
            ("date", "Fri, 15 Jan 2027 08:00:00 GMT"),
        ],
        &[
            LASTS,
            AT,
            ("etag", "W/\"a\""),
            ("last-modified", "Fri, 15 Jan 2027 07:00:00 GMT"),
            ("date", "Fri, 15 Jan 2027 08:00:00 GMT"),
        ],
        &[LASTS, TAG],
        &[LASTS, TAG, AT, AT],
        &[LASTS, TAG, ("content-range", "bytes 0-4/*")],
        &[LASTS, TAG, ("content-range", "bytes */20")],
        &[LASTS, TAG, ("content-range", "bytes 0-5/20")],
        &[LASTS, TAG, ("content-range", "bytes 0-4/4")],
        &[LASTS, TAG, ("content-range", "bytes 4-0/20")],
        &[LASTS, TAG, ("content-range", "bytes=0-4/20")],
        &[LASTS, TAG, ("content-range", "lines 0-4/20")],
        // Not what was asked for.
        &[LASTS, TAG, ("content-range", "bytes 1-5/20")],
        &[
            LASTS,
            TAG,
            AT,
            ("content-type", "multipart/byteranges; boundary=x"),
        ],
        &[TAG, AT],
        &[TAG, AT, ("cache-control", "max-age=60, no-store")],
        &[TAG, AT, ("cache-control", "max-age=60, private")],
        &[TAG, AT, LASTS, ("vary", "*")],
        &[TAG, AT, LASTS, ("set-cookie", "a=1")],
        &[TAG, AT, LASTS, ("content-length", "6")],
    ];
    for said in rows {
        let site = Site::with(
            by_parts(),
            move |_| async move { status(206, said, "01234") },
        );
        assert_eq!(range(&site, "bytes=0-4").await.text(), "01234");
        is_nothing_stored(&site, &format!("{said:?}")).await;
        assert!(!range(&site, "bytes=0-4").await.is_hit(), "{said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_answers_no_single_range_is_not_stored() {
    for fields in [
        vec![],
        vec![("range", "bytes=0-1,2-4")],
        vec![("range", "bytes=0-4"), ("range", "bytes=0-4")],
        vec![("range", "lines=0-4")],
        vec![("range", "bytes=4-0")],
        vec![("range", "bytes=0-4"), ("cache-control", "no-store")],
        vec![("range", "bytes=0-4"), ("if-range", "\"a\"")],
        vec![("range", "bytes=0-4"), ("if-match", "\"a\"")],
        vec![("range", "bytes=0-4"), ("content-length", "1")],
    ] {
        let site = Site::with(by_parts(), |_| async { part((0, 5), &[LASTS, TAG]) });
        site.get_with("/", &fields).await;
        site.until_quiet().await;
        is_nothing_stored(&site, &format!("{fields:?}")).await;
    }
    let site = Site::with(by_parts(), |_| async { part((0, 5), &[LASTS, TAG]) });
    for verb in ["HEAD", "POST"] {
        site.send(with(method(verb, "/"), &[("range", "bytes=0-4")]))
            .await;
        is_nothing_stored(&site, verb).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_date_that_is_strong_is_a_validator() {
    let site = file_site(&[
        LASTS,
        ("last-modified", "Fri, 15 Jan 2027 07:59:00 GMT"),
        ("date", "Fri, 15 Jan 2027 08:00:00 GMT"),
    ]);
    range(&site, "bytes=0-9").await;
    assert!(range(&site, "bytes=0-9").await.is_hit());
    range(&site, "bytes=10-").await;
    assert!(site.get("/").await.is_hit());
}

#[tokio::test(start_paused = true)]
async fn parts_are_stored_by_the_book_and_not_by_default() {
    let ranged = [("range", "bytes=0-4")];
    for (builder, stored) in [
        (Cache::builder(), false),
        (Cache::builder().by_the_book(), true),
        (Cache::builder().by_the_book().store_parts(false), false),
    ] {
        let fields = [LASTS, TAG];
        let site = Site::with(builder, move |call| async move { file(&call, &fields) });
        site.get_with("/", &ranged).await;
        assert_eq!(site.get_with("/", &ranged).await.is_hit(), stored);
    }
}

#[tokio::test(start_paused = true)]
async fn a_whole_that_is_cut_short_is_not_stored() {
    let site = Site::with(by_parts(), |call| async move {
        if call.number > 0 {
            return file(&call, &[LASTS, TAG]);
        }
        let (pen, body) = written();
        pen.send(Ok("01234".into())).expect("the body is held");
        drop(pen);
        page(&[LASTS, TAG, ("content-length", "20")], body)
    });
    assert!(site.get("/").await.body.is_err());
    site.until_quiet().await;
    is_nothing_stored(&site, "cut").await;
    assert!(!range(&site, "bytes=0-4").await.is_hit());
}

#[tokio::test(start_paused = true)]
async fn a_part_that_does_not_come_whole_is_not_stored() {
    for (pieces, ends_well) in [
        (vec!["01234", "567"], true),
        (vec!["01234", "567"], false),
        (vec!["01234", "56789a"], true),
    ] {
        let sent = pieces.clone();
        let site = Site::with(by_parts(), move |_| {
            let pieces = sent.clone();
            async move {
                let (pen, body) = written();
                for piece in pieces {
                    pen.send(Ok(piece.into())).expect("the body is held");
                }
                if !ends_well {
                    let broken = std::io::Error::other("the disk is gone");
                    pen.send(Err(broken)).expect("the body is held");
                }
                let mut answer = part((0, 10), &[LASTS, TAG, ("content-length", "10")]);
                *answer.body_mut() = body;
                answer
            }
        });
        range(&site, "bytes=0-9").await;
        is_nothing_stored(&site, &format!("{pieces:?}")).await;
    }
    // Nor one whose reader leaves.
    let site = file_site(&[LASTS, TAG]);
    drop(site.open(with(get("/"), &[("range", "bytes=0-9")])).await);
    is_nothing_stored(&site, "left").await;
}

// §3.4 and RFC 9110 §15.3.7.3: what may be combined

#[tokio::test(start_paused = true)]
async fn parts_with_the_same_strong_validator_are_combined() {
    for parts in [
        ["bytes=0-4", "bytes=5-9", "bytes=10-"],
        ["bytes=10-", "bytes=5-9", "bytes=0-4"],
        ["bytes=5-9", "bytes=0-4", "bytes=10-19"],
        ["bytes=0-7", "bytes=3-12", "bytes=-10"],
        ["bytes=5-9", "bytes=2-12", "bytes=0-19"],
    ] {
        let site = file_site(&[LASTS, TAG]);
        for asked in parts {
            assert!(!range(&site, asked).await.is_hit(), "{parts:?}");
        }
        let across = range(&site, "bytes=1-18").await;
        assert!(across.is_hit(), "{parts:?}");
        assert_eq!(across.text(), &WHOLE[1..19]);
        let whole = site.get("/").await;
        assert!(whole.is_hit(), "{parts:?}");
        assert_eq!(whole.status, StatusCode::OK);
        assert_eq!(whole.text(), WHOLE);
        assert_eq!(whole.field("content-length"), "20");
        assert_eq!(whole.field("content-range"), "");
        assert!(site.send(method("HEAD", "/")).await.is_hit());
        assert_eq!(site.calls(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn many_small_parts_become_a_whole() {
    let site = file_site(&[LASTS, TAG]);
    for at in 0..WHOLE.len() {
        let answer = range(&site, &format!("bytes={at}-{at}")).await;
        assert_eq!(answer.text(), &WHOLE[at..=at]);
    }
    let whole = site.get("/").await;
    assert!(whole.is_hit());
    assert_eq!(whole.text(), WHOLE);
    let stats = site.stats();
    assert_eq!(stats.held_bytes, stats.stored_bytes);
}

#[tokio::test(start_paused = true)]
async fn parts_that_are_not_of_the_same_bytes_are_not_combined() {
    const FIRST: Fields = &[LASTS, TAG, ("content-type", "text/plain")];
    let rows: [(Fields, &str); 7] = [
        (&[LASTS, ("etag", "\"b\"")], "bytes 10-19/20"),
        (&[LASTS, ("etag", "W/\"a\"")], "bytes 10-19/20"),
        (&[LASTS], "bytes 10-19/20"),
        (&[LASTS, TAG], "bytes 10-19/21"),
        (
            &[LASTS, TAG, ("content-encoding", "gzip")],
            "bytes 10-19/20",
        ),
        (
            &[LASTS, TAG, ("content-type", "text/css")],
            "bytes 10-19/20",
        ),
        (&[LASTS, TAG, ("set-cookie", "a=1")], "bytes 10-19/20"),
    ];
    for (said, place) in rows {
        let site = Site::with(by_parts(), move |call| async move {
            match call.field("range") {
                Some("bytes=0-9") => part((0, 10), FIRST),
                Some("bytes=10-19") => status(
                    206,
                    &[said, &[("content-range", place)]].concat(),
                    "ABCDEFGHIJ",
                ),
                _ => page(&[], "whole"),
            }
        });
        range(&site, "bytes=0-9").await;
        range(&site, "bytes=10-19").await;
        let whole = site.get("/").await;
        assert_eq!(whole.text(), "whole", "{said:?} {place}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_parts_that_do_not_touch_the_last_is_kept() {
    let site = file_site(&[LASTS, TAG]);
    range(&site, "bytes=0-4").await;
    range(&site, "bytes=10-14").await;
    assert!(range(&site, "bytes=10-14").await.is_hit());
    assert!(!range(&site, "bytes=0-4").await.is_hit());
    assert_eq!(site.stats().stored_keys, 1);
}

#[tokio::test(start_paused = true)]
async fn the_head_of_what_is_combined_is_updated_by_the_newer_part() {
    let site = Site::with(by_parts(), |call| async move {
        match call.number {
            0 => file(&call, &[LASTS, TAG, ("x-a", "1"), ("x-b", "1")]),
            _ => file(
                &call,
                &[("cache-control", "max-age=600"), TAG, ("x-a", "2")],
            ),
        }
    });
    range(&site, "bytes=0-9").await;
    sleep(Duration::from_secs(50)).await;
    range(&site, "bytes=10-").await;
    sleep(Duration::from_secs(50)).await;
    let whole = site.get("/").await;
    assert!(whole.is_hit());
    assert_eq!(whole.field("x-a"), "2");
    assert_eq!(whole.field("x-b"), "1");
    assert_eq!(whole.field("cache-control"), "max-age=600");
    assert_eq!(whole.field("age"), "50");
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_if_range_is_added_and_never_stored_alone() {
    let site = Site::with(by_parts(), |call| async move {
        // What the client knows already is left out.
        let typed = ("content-type", "text/plain");
        match call.field("if-range") {
            Some(_) => file(&call, &[LASTS, TAG]),
            None => file(&call, &[LASTS, TAG, typed]),
        }
    });
    let resumed = [("range", "bytes=10-"), ("if-range", "\"a\"")];
    let answer = site.get_with("/", &resumed).await;
    assert!(!answer.cache_status().contains("stored"));
    is_nothing_stored(&site, "alone").await;
    range(&site, "bytes=0-9").await;
    let answer = site.get_with("/", &resumed).await;
    assert!(answer.cache_status().contains("stored"), "{answer:?}");
    let whole = site.get("/").await;
    assert!(whole.is_hit());
    assert_eq!(whole.text(), WHOLE);
    assert_eq!(whole.field("content-type"), "text/plain");
    // One that has nothing to be added to leaves what there is alone.
    let site = file_site(&[LASTS, TAG]);
    range(&site, "bytes=0-4").await;
    site.get_with("/", &resumed).await;
    assert!(range(&site, "bytes=0-4").await.is_hit());
}

// §3.3, last paragraph: completing

#[tokio::test(start_paused = true)]
async fn a_get_of_the_whole_asks_for_what_is_missing() {
    for (first, rest) in [
        ("bytes=0-4", "bytes=5-"),
        ("bytes=-5", "bytes=0-14"),
        // Two pieces are missing, and no part says which of several it brings.
        ("bytes=4-9", ""),
    ] {
        let site = file_site(&[LASTS, TAG]);
        range(&site, first).await;
        let whole = site.get("/").await;
        assert_eq!(whole.status, StatusCode::OK);
        assert_eq!(whole.text(), WHOLE);
        assert_eq!(whole.field("content-range"), "");
        assert!(whole.cache_status().starts_with("fwd=partial"), "{whole:?}");
        assert!(whole.cache_status().contains("stored"), "{whole:?}");
        assert_eq!(asked(&site, "range"), [first, rest]);
        let condition = if rest.is_empty() { "" } else { "\"a\"" };
        assert_eq!(asked(&site, "if-range"), ["", condition]);
        let said = if rest.is_empty() { "200" } else { "206" };
        assert!(whole.cache_status().contains(&format!("fwd-status={said}")));
        site.until_quiet().await;
        assert!(site.get("/").await.is_hit());
        assert_eq!(site.calls(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_crowd_completes_a_part_once() {
    let site = file_site(&[LASTS, TAG]);
    range(&site, "bytes=0-4").await;
    for answer in support::all(site.crowd("/", 20)).await {
        assert_eq!(answer.text(), WHOLE);
    }
    assert_eq!(site.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_stale_part_is_completed_if_it_is_still_the_same() {
    let site = file_site(&[LASTS, TAG]);
    range(&site, "bytes=0-4").await;
    sleep(Duration::from_secs(61)).await;
    assert_eq!(site.get("/").await.text(), WHOLE);
    assert_eq!(asked(&site, "range"), ["bytes=0-4", "bytes=5-"]);
    assert!(site.get("/").await.is_hit());
}

#[tokio::test(start_paused = true)]
async fn another_answer_to_the_question_for_the_rest_takes_the_place_of_the_part() {
    // What the question for the rest is answered with, and how many questions that makes.
    type Row = (fn() -> Response<Body>, usize);
    let rows: [Row; 6] = [
        (|| page(&[LASTS, ("etag", "\"b\"")], "new"), 2),
        (|| part((5, 20), &[LASTS, ("etag", "\"b\"")]), 3),
        (|| part((5, 20), &[LASTS, ("etag", "W/\"a\"")]), 3),
        (|| part((5, 10), &[LASTS, TAG]), 3),
        (|| part((0, 20), &[LASTS, TAG]), 3),
        (|| status(416, &[("content-range", "bytes */3")], ""), 3),
    ];
    for (at, (answer, questions)) in rows.into_iter().enumerate() {
        let site = Site::with(by_parts(), move |call| async move {
            match (call.number, call.field("range")) {
                (0, _) => file(&call, &[LASTS, TAG]),
                (_, Some(_)) => answer(),
                (_, None) => page(&[LASTS, ("etag", "\"b\"")], "new"),
            }
        });
        range(&site, "bytes=0-4").await;
        let whole = site.get("/").await;
        assert_eq!(
            (whole.status, whole.text()),
            (StatusCode::OK, "new"),
            "{at}"
        );
        assert_eq!(site.calls(), questions, "{at}");
        site.until_quiet().await;
        let piece = range(&site, "bytes=0-1").await;
        assert!(piece.is_hit(), "{at}");
        assert_eq!(piece.text(), "ne", "{at}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rest_that_breaks_off_is_cut_and_the_part_stays() {
    for sent in ["0123456789", "0123456789abcdef"] {
        let site = Site::with(by_parts(), move |call| async move {
            let mut answer = file(&call, &[LASTS, TAG]);
            if call.number == 1 {
                // As its `Content-Length` says, the rest has 15 bytes.
                answer.headers_mut().insert("content-length", 15.into());
                let (pen, body) = written();
                pen.send(Ok(sent.into())).expect("the body is held");
                *answer.body_mut() = body;
            }
            answer
        });
        range(&site, "bytes=-5").await;
        let whole = site.get("/").await;
        let came = whole.body.expect_err("it is cut");
        assert!(sent.as_bytes().starts_with(&came), "{came:?}");
        site.until_quiet().await;
        assert!(range(&site, "bytes=-5").await.is_hit());
        assert_eq!(site.get("/").await.text(), WHOLE);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rest_that_fails_is_a_failure() {
    let site = Site::with(by_parts(), |call| async move {
        match call.number {
            0 => file(
                &call,
                &[("cache-control", "max-age=60, stale-if-error=600"), TAG],
            ),
            _ => status(503, &[], "down"),
        }
    });
    range(&site, "bytes=0-4").await;
    let whole = site.get("/").await;
    assert_eq!((whole.status.as_u16(), whole.text()), (503, "down"));
    assert!(range(&site, "bytes=0-4").await.is_hit());
}

#[tokio::test(start_paused = true)]
async fn a_rest_that_is_private_is_for_the_one_who_asked() {
    let site = Site::with(by_parts(), |call| async move {
        match call.number {
            0 => file(&call, &[LASTS, TAG]),
            _ => file(&call, &[("cache-control", "private"), TAG]),
        }
    });
    range(&site, "bytes=0-4").await;
    assert_eq!(site.get("/").await.text(), WHOLE);
    site.until_quiet().await;
    assert_eq!(site.stats().stored, 1);
    assert!(!site.get("/").await.is_hit());
}

// What holds for wholes holds for parts

#[tokio::test(start_paused = true)]
async fn a_part_is_for_those_who_send_the_same() {
    let site = file_site(&[LASTS, TAG, ("vary", "accept-language")]);
    let of = |language| [("range", "bytes=0-4"), ("accept-language", language)];
    site.get_with("/", &of("en")).await;
    assert!(site.get_with("/", &of("en")).await.is_hit());
    assert!(!site.get_with("/", &of("de")).await.is_hit());
    // Nor is a part of one variant added to one of another.
    site.get_with("/", &[("range", "bytes=5-"), ("accept-language", "de")])
        .await;
    assert!(
        site.get_with("/", &[("accept-language", "de")])
            .await
            .is_hit()
    );
    let whole = site.get_with("/", &[("accept-language", "en")]).await;
    assert!(whole.cache_status().starts_with("fwd=partial"), "{whole:?}");
}

#[tokio::test(start_paused = true)]
async fn who_is_known_needs_permission() {
    for (name, value) in [("authorization", "Basic x"), ("cookie", "sid=1")] {
        let known = [("range", "bytes=0-4"), (name, value)];
        let site = file_site(&[LASTS, TAG]);
        site.get_with("/", &known).await;
        is_nothing_stored(&site, name).await;
        range(&site, "bytes=0-4").await;
        assert!(!site.get_with("/", &known).await.is_hit(), "{name}");
        assert!(range(&site, "bytes=0-4").await.is_hit());
        // What is made for one who is known completes nothing either.
        site.get_with("/", &[("range", "bytes=5-"), (name, value)])
            .await;
        assert!(!range(&site, "bytes=5-").await.is_hit(), "{name}");
        let site = file_site(&[("cache-control", "public, max-age=60"), TAG]);
        site.get_with("/", &known).await;
        assert!(range(&site, "bytes=0-4").await.is_hit());
    }
}

#[tokio::test(start_paused = true)]
async fn a_purge_takes_parts_too() {
    let site = file_site(&[LASTS, TAG, ("surrogate-key", "shelf")]);
    for purge in [
        Purge::everything(),
        Purge::tag("shelf"),
        Purge::uri("http://good.test/").expect("legal"),
    ] {
        range(&site, "bytes=0-4").await;
        assert!(range(&site, "bytes=0-4").await.is_hit());
        site.cache.purge(purge.clone());
        assert!(!range(&site, "bytes=0-4").await.is_hit(), "{purge:?}");
        site.cache.purge(purge.clone());
        // What was stored before is not completed either.
        assert!(!range(&site, "bytes=5-").await.is_hit());
        assert!(!range(&site, "bytes=0-4").await.is_hit(), "{purge:?}");
        site.cache.purge(purge.clone());
    }
    // What says no tag any more can be purged by the one that it had.
    let site = Site::with(by_parts(), |call| async move {
        match call.number {
            0 => file(&call, &[LASTS, TAG, ("surrogate-key", "shelf")]),
            _ => file(&call, &[LASTS, TAG]),
        }
    });
    range(&site, "bytes=0-4").await;
    range(&site, "bytes=5-").await;
    assert!(site.get("/").await.is_hit());
    site.cache.purge(Purge::tag("shelf"));
    assert!(!site.get("/").await.is_hit());
}

/// A site whose parts come as the test writes them, and what it writes with.
fn by_hand() -> (Site, std::sync::Arc<tokio::sync::Mutex<Vec<support::Pen>>>) {
    let pens = std::sync::Arc::new(tokio::sync::Mutex::new(Vec::new()));
    let kept = std::sync::Arc::clone(&pens);
    let site = Site::with(by_parts(), move |call| {
        let kept = std::sync::Arc::clone(&kept);
        async move {
            let tag = call.field("x-tag").unwrap_or("\"a\"").to_owned();
            let length = call.field("range").map_or(WHOLE.len(), |range| {
                let (from, to) = bounds(range);
                to - from
            });
            let length = length.to_string();
            let mut answer = file(&call, &[LASTS, ("etag", &tag), ("content-length", &length)]);
            let (pen, body) = written();
            *answer.body_mut() = body;
            kept.lock().await.push(pen);
            answer
        }
    });
    (site, pens)
}

async fn write(pens: &tokio::sync::Mutex<Vec<support::Pen>>, at: usize, text: &'static str) {
    pens.lock().await[at]
        .send(Ok(text.into()))
        .expect("it is read");
}

#[tokio::test(start_paused = true)]
async fn a_purge_while_a_part_is_sent_wins() {
    let (site, pens) = by_hand();
    let slow = site.open(with(get("/"), &[("range", "bytes=0-4")])).await;
    site.cache.purge(Purge::everything());
    write(&pens, 0, "01234").await;
    pens.lock().await.remove(0);
    assert_eq!(Answer::read(slow).await.text(), "01234");
    is_nothing_stored(&site, "purged").await;
}

#[tokio::test(start_paused = true)]
async fn an_older_part_never_takes_the_place_of_a_newer_one() {
    for (tag, text) in [("\"b\"", "FGHIJ"), ("\"a\"", "56789")] {
        let (site, pens) = by_hand();
        let ask = |range: &'static str, tag| with(get("/"), &[("range", range), ("x-tag", tag)]);
        let mut old = site.open(ask("bytes=0-4", "\"a\"")).await.into_body();
        sleep(Duration::from_secs(1)).await;
        let mut new = site.open(ask("bytes=5-9", tag)).await.into_body();
        write(&pens, 1, text).await;
        assert!(next_chunk(&mut new).await.is_some());
        write(&pens, 0, "01234").await;
        assert!(next_chunk(&mut old).await.is_some());
        assert_eq!(site.stats().stored, 1, "{tag}");
        let answer = site.get_with("/", &[("range", "bytes=5-9")]).await;
        assert!(answer.is_hit(), "{tag}");
        assert_eq!(answer.text(), text, "{tag}");
    }
}

#[tokio::test(start_paused = true)]
async fn parts_that_are_asked_for_at_once_are_combined_as_they_come() {
    let (site, pens) = by_hand();
    let mut bodies = Vec::new();
    for asked in ["bytes=0-9", "bytes=10-19"] {
        let answer = site.open(with(get("/"), &[("range", asked)])).await;
        bodies.push(answer.into_body());
        sleep(Duration::from_secs(1)).await;
    }
    for (at, text) in ["0123456789", "abcdefghij"].into_iter().enumerate() {
        write(&pens, at, text).await;
        assert!(next_chunk(&mut bodies[at]).await.is_some());
    }
    let whole = site.get("/").await;
    assert!(whole.is_hit());
    assert_eq!(whole.text(), WHOLE);
}

#[tokio::test(start_paused = true)]
async fn a_part_that_comes_too_late_is_not_stored() {
    let (site, pens) = by_hand();
    let slow = site.open(with(get("/"), &[("range", "bytes=0-4")])).await;
    sleep(Duration::from_secs(301)).await;
    write(&pens, 0, "01234").await;
    pens.lock().await.remove(0);
    assert_eq!(Answer::read(slow).await.text(), "01234");
    is_nothing_stored(&site, "late").await;
    assert_eq!(site.stats().too_late, 1);
}

#[tokio::test(start_paused = true)]
async fn a_part_is_bounded_by_what_there_is_of_it() {
    let fields = [LASTS, TAG];
    let builder = by_parts().max_object_size(8);
    let site = Site::with(builder, move |call| async move { file(&call, &fields) });
    range(&site, "bytes=0-7").await;
    assert!(range(&site, "bytes=0-7").await.is_hit());
    range(&site, "bytes=0-8").await;
    assert_eq!(site.stats().too_large, 1);
    // Together they would be too large: the newer one is kept.
    range(&site, "bytes=8-12").await;
    assert!(range(&site, "bytes=8-12").await.is_hit());
    assert!(!range(&site, "bytes=0-7").await.is_hit());
    // The whole is too large to be shared, and is sent all the same.
    let whole = site.get("/").await;
    assert_eq!(whole.text(), WHOLE);
    site.until_quiet().await;
    let stats = site.stats();
    assert_eq!(stats.held_bytes, stats.stored_bytes);
}

#[tokio::test(start_paused = true)]
async fn without_room_nothing_is_stored() {
    let fields = [LASTS, TAG];
    let builder = by_parts().capacity(1 << 10);
    let site = Site::with(builder, move |call| async move { file(&call, &fields) });
    assert_eq!(range(&site, "bytes=0-4").await.text(), "01234");
    is_nothing_stored(&site, "no room").await;
    assert!(site.stats().no_room > 0);
}

/// A request that passes is shown to the handler as it came: what the key does not cover
/// might be in the answer.
#[tokio::test(start_paused = true)]
async fn a_part_that_was_made_of_more_than_the_key_is_not_stored() {
    let fields = [LASTS, TAG];
    let builder = by_parts().key(KeyRules::new().drop_query("utm"));
    let site = Site::with(builder, move |call| async move { file(&call, &fields) });
    let ranged = [("range", "bytes=0-4")];
    site.get_with("/?utm=x", &ranged).await;
    is_nothing_stored(&site, "query").await;
    let mut odd = with(get("/"), &ranged);
    odd.headers_mut()
        .insert("host", "GOOD.test".parse().expect("legal"));
    site.send(odd).await;
    is_nothing_stored(&site, "host").await;
    site.get_with("/", &ranged).await;
    assert!(site.get_with("/?utm=x", &ranged).await.is_hit());

    let strict = by_parts().key(KeyRules::new().strict_forwarding(true));
    let site = Site::with(strict, move |call| async move { file(&call, &fields) });
    site.get_with("/", &[("range", "bytes=0-4"), ("x-odd", "1")])
        .await;
    is_nothing_stored(&site, "field").await;
    site.get_with("/", &ranged).await;
    assert!(site.get_with("/", &ranged).await.is_hit());
}

#[tokio::test(start_paused = true)]
async fn a_change_makes_a_part_invalid() {
    let site = file_site(&[LASTS, TAG]);
    range(&site, "bytes=0-4").await;
    site.send(method("DELETE", "/")).await;
    assert!(!range(&site, "bytes=0-4").await.is_hit());
}

#[tokio::test(start_paused = true)]
async fn what_would_be_done_is_told() {
    let site = file_site(&[LASTS, TAG]);
    range(&site, "bytes=0-4").await;
    let explain = |fields: &[(&str, &str)]| site.cache.explain(&with(get("/"), fields)).to_string();
    assert_eq!(
        explain(&[("range", "bytes=1-2")]),
        "hit (fresh), age 0 s, ttl 60 s"
    );
    let pass = explain(&[("range", "bytes=4-5")]);
    assert_eq!(pass, "pass (part-miss), age 0 s, ttl 60 s");
    assert_eq!(explain(&[]), "fill (part-miss), age 0 s, ttl 60 s");
}
