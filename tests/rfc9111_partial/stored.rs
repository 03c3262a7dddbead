//! §3.3: which parts are stored, and what they answer.

use floodwall::Cache;
use http::StatusCode;
use std::time::Duration;
use tokio::time::sleep;

use crate::file::{
    Fields, LASTS, TAG, WHOLE, by_parts, file, file_site, is_nothing_stored, part, range,
};
use crate::support::{Site, get, method, page, status, with, written};

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
        is_nothing_stored(&site, &format!("{said:?}"));
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
        is_nothing_stored(&site, &format!("{fields:?}"));
    }
    let site = Site::with(by_parts(), |_| async { part((0, 5), &[LASTS, TAG]) });
    for verb in ["HEAD", "POST"] {
        site.send(with(method(verb, "/"), &[("range", "bytes=0-4")]))
            .await;
        is_nothing_stored(&site, verb);
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
    is_nothing_stored(&site, "cut");
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
        is_nothing_stored(&site, &format!("{pieces:?}"));
    }
    // Nor one whose reader leaves.
    let site = file_site(&[LASTS, TAG]);
    drop(site.open(with(get("/"), &[("range", "bytes=0-9")])).await);
    is_nothing_stored(&site, "left");
}

/// RFC 9111 §4.3.5: the length that a HEAD is told is that of the whole, of which this is a
/// part.
#[tokio::test(start_paused = true)]
async fn a_head_that_describes_the_whole_leaves_its_part() {
    for (length, kept) in [("20", true), ("21", false)] {
        let site = Site::with(by_parts(), move |call| async move {
            match call.request.method().as_str() {
                "HEAD" => page(&[LASTS, TAG, ("content-length", length)], ""),
                _ => file(&call, &[LASTS, TAG]),
            }
        });
        range(&site, "bytes=0-9").await;
        site.until_quiet().await;
        let head = with(method("HEAD", "/"), &[("if-match", "\"a\"")]);
        assert_eq!(site.send(head).await.status, 200);
        assert_eq!(range(&site, "bytes=0-4").await.is_hit(), kept, "{length}");
    }
}
