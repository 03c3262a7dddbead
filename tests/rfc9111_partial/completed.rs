//! §3.3, the last paragraph: a part is completed by asking for the rest.

use std::time::Duration;

use axum::body::Body;
use http::{Response, StatusCode};
use tokio::time::sleep;

use crate::file::{LASTS, TAG, WHOLE, asked, by_parts, file, file_site, part, range};
use crate::support::{Site, all, page, status, written};

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
async fn the_rest_is_asked_for_by_a_date_where_there_is_no_tag() {
    const CHANGED: &str = "Fri, 15 Jan 2027 07:00:00 GMT";
    let dated = ("date", "Fri, 15 Jan 2027 08:00:00 GMT");
    let fields = [LASTS, ("last-modified", CHANGED), dated];
    let site = Site::with(by_parts(), move |call| async move { file(&call, &fields) });
    range(&site, "bytes=0-4").await;
    assert_eq!(site.get("/").await.text(), WHOLE);
    assert_eq!(asked(&site, "if-range"), ["", CHANGED]);
    assert_eq!(site.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_crowd_completes_a_part_once() {
    let site = file_site(&[LASTS, TAG]);
    range(&site, "bytes=0-4").await;
    for answer in all(site.crowd("/", 20)).await {
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
