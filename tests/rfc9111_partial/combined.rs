//! §3.4 and RFC 9110 §15.3.7.3: which parts are combined.

use std::time::Duration;

use http::StatusCode;
use tokio::time::sleep;

use crate::file::{
    Fields, LASTS, TAG, WHOLE, by_parts, file, file_site, is_nothing_stored, part, range,
};
use crate::support::{Site, method, page, status};

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
    site.until(|now| now.held_bytes == now.stored_bytes).await;
}

#[tokio::test(start_paused = true)]
async fn parts_that_are_not_of_the_same_bytes_are_not_combined() {
    const FIRST: Fields = &[LASTS, TAG, ("content-type", "text/plain")];
    let rows: [(Fields, &str); 8] = [
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
        (
            &[LASTS, TAG, ("repr-digest", "sha-256=:AAAA:")],
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

/// RFC 9530: one digest is of what a message carries, the other of the representation.
#[tokio::test(start_paused = true)]
async fn the_digest_of_a_part_is_not_that_of_what_is_made_of_it() {
    let site = Site::with(by_parts(), |call| async move {
        let digest = format!("sha-256=:{:04}:", call.number);
        let part = ("content-digest", digest.as_str());
        file(
            &call,
            &[LASTS, TAG, part, ("repr-digest", "sha-256=:AAAA:")],
        )
    });
    range(&site, "bytes=0-9").await;
    assert_eq!(range(&site, "bytes=0-4").await.field("content-digest"), "");
    range(&site, "bytes=10-14").await;
    for _ in 0..2 {
        let whole = site.get("/").await;
        assert_eq!(whole.text(), WHOLE);
        assert_eq!(whole.field("content-digest"), "");
        assert_eq!(whole.field("repr-digest"), "sha-256=:AAAA:");
        site.until_quiet().await;
    }
    assert_eq!(site.calls(), 3);
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
    is_nothing_stored(&site, "alone");
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
