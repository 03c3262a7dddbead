//! RFC 10008, the QUERY method: what its section on caching asks, and its own examples, over
//! real sockets.

mod support;
#[path = "support/wire.rs"]
mod wire;

use std::convert::Infallible;

use axum::body::Body;
use bytes::Bytes;
use floodwall::policy::QueryContent;
use floodwall::{Cache, Purge, Verb};
use futures_util::stream;
use http::{HeaderMap, Request};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use support::{Answer, Site, all, get, held_with, is_quiet, method, status, with};
use tokio::time::{Duration, sleep};
use wire::{serve, told, told_of};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const LASTS: (&str, &str) = ("cache-control", "max-age=600");
const ASKED: &str = "select=surname,givenname,email&limit=10&match=%22email=*@example.*%22";

/// Answers with what it was asked: the method, the target, the media type and the content.
fn site() -> Site {
    Site::with_queries(Cache::builder(), |call| async move {
        let said = format!(
            "{} {} {}: ",
            call.request.method(),
            call.request.uri(),
            call.field("content-type").unwrap_or("none"),
        );
        assert!(call.request.extensions().get::<QueryContent>().is_none());
        let content = call.request.into_body().collect().await;
        let content = content.expect("it comes whole").to_bytes();
        let vary = ("vary", "accept");
        status(200, &[LASTS, vary], [said.as_bytes(), &content].concat())
    })
}

type Fields = &'static [(&'static str, &'static str)];

fn query(target: &str, fields: &[(&str, &str)], content: impl Into<Body>) -> Request<Body> {
    with(method("QUERY", target), fields).map(|_| content.into())
}

/// §2.7: the key has the content and what is said about it, byte by byte.
#[tokio::test]
async fn the_content_and_its_metadata_are_in_the_key() {
    let plain: Fields = &[FORM];
    let rows: [(&str, &str, Fields, &str); 15] = [
        ("QUERY", "/contacts", plain, ASKED),
        ("QUERY", "/contacts", plain, "select=surname"),
        ("QUERY", "/contacts", plain, "select=surname "),
        ("QUERY", "/contacts", plain, ""),
        ("QUERY", "/contacts?limit=1", plain, ASKED),
        ("QUERY", "/other", plain, ASKED),
        (
            "QUERY",
            "/contacts",
            &[("content-type", "application/sql")],
            ASKED,
        ),
        (
            "QUERY",
            "/contacts",
            &[FORM, ("content-language", "en")],
            ASKED,
        ),
        (
            "QUERY",
            "/contacts",
            &[FORM, ("content-encoding", "identity")],
            ASKED,
        ),
        (
            "QUERY",
            "/contacts",
            &[FORM, ("content-location", "/q")],
            ASKED,
        ),
        // As a CGI program sees it, that is one field with the other.
        (
            "QUERY",
            "/contacts",
            &[FORM, ("content_type", "application/sql")],
            ASKED,
        ),
        ("QUERY", "/contacts", &[FORM, ("accept", "text/csv")], ASKED),
        ("QUERY", "/contacts", &[FORM, ("x-api-key", "1")], ASKED),
        ("QUERY", "/contacts", plain, "\u{1}x-api-key\0\u{2}1\0\u{4}"),
        ("GET", "/contacts", &[], ""),
    ];
    let site = site();
    let wire = serve(&site).await;
    for hit in [false, true] {
        for (method, target, fields, content) in rows {
            let answer = match method {
                "GET" => told(wire, method, target, fields).await,
                _ => told_of(wire, method, target, fields, content).await,
            };
            let row = format!("{method} {target} {fields:?} {content}");
            assert_eq!(answer.is_hit(), hit, "{row}: {}", answer.cache_status());
            assert!(answer.text().ends_with(content), "{row}");
            assert!(
                answer.text().starts_with(&format!("{method} {target} ")),
                "{row}"
            );
            site.until(is_quiet).await;
        }
    }
    assert_eq!(site.calls(), rows.len());
}

/// Appendix A: what the examples of the document ask for, and what comes of it when each
/// is asked again. The resources that a result and a query are given are asked for by GET;
/// an indirect answer is followed by the client; what QUERY takes is told by the handler.
#[tokio::test]
async fn the_examples_of_appendix_a() {
    let site = Site::with_queries(Cache::builder(), |call| async move {
        let request = &call.request;
        let last = ("last-modified", "Sat, 25 Aug 2012 23:34:45 GMT");
        match (request.method().as_str(), request.uri().path()) {
            ("OPTIONS", _) => status(200, &[("allow", "GET, QUERY, OPTIONS, HEAD")], ""),
            ("HEAD", _) => status(200, &[("accept-query", "\"application/sql\"")], ""),
            ("QUERY", "/contacts") => {
                let result = ("content-location", "/contacts/stored-results/17");
                let stored = ("location", "/contacts/stored-queries/42");
                status(
                    200,
                    &[LASTS, last, ("etag", "\"42-1\""), result, stored],
                    "rows",
                )
            }
            ("QUERY", "/indirect") => status(
                303,
                &[LASTS, ("location", "/contacts/stored-queries/42")],
                "",
            ),
            ("GET", "/contacts/stored-results/17") => status(200, &[LASTS, last], "rows of 17"),
            ("GET", "/contacts/stored-queries/42") => {
                status(200, &[LASTS, ("etag", "\"42-1\"")], "rows of 42")
            }
            _ => status(404, &[], "none"),
        }
    });
    let wire = serve(&site).await;
    let same: Fields = &[("if-none-match", "\"42-1\"")];
    let since: Fields = &[FORM, ("if-modified-since", "Sat, 25 Aug 2012 23:34:45 GMT")];
    // Method, target, fields, whether there is content; status, body, whether it is stored.
    let rows: [(&str, &str, Fields, bool, u16, &str, bool); 9] = [
        ("QUERY", "/contacts", &[FORM], true, 200, "rows", true),
        (
            "GET",
            "/contacts/stored-results/17",
            &[],
            false,
            200,
            "rows of 17",
            true,
        ),
        (
            "GET",
            "/contacts/stored-queries/42",
            &[],
            false,
            200,
            "rows of 42",
            true,
        ),
        (
            "GET",
            "/contacts/stored-queries/42",
            same,
            false,
            304,
            "",
            true,
        ),
        ("QUERY", "/contacts", since, true, 304, "", true),
        ("QUERY", "/indirect", &[FORM], true, 303, "", true),
        ("OPTIONS", "/contacts", &[], false, 200, "", false),
        ("HEAD", "/contacts", &[], false, 200, "", false),
        // What was asked by QUERY does not answer a GET of the same target.
        ("GET", "/contacts", &[], false, 404, "none", false),
    ];
    for round in 0..2 {
        for (method, target, fields, asks, expected, body, stored) in rows {
            let answer = match asks {
                true => told_of(wire, method, target, fields, ASKED).await,
                false => told(wire, method, target, fields).await,
            };
            let row = format!("{method} {target} {fields:?}");
            assert_eq!(
                (answer.status.as_u16(), answer.text()),
                (expected, body),
                "{row}"
            );
            if round > 0 {
                assert_eq!(answer.is_hit(), stored, "{row}: {}", answer.cache_status());
            }
            match (method, target) {
                ("OPTIONS", _) => assert_eq!(answer.field("allow"), "GET, QUERY, OPTIONS, HEAD"),
                ("HEAD", _) => assert_eq!(answer.field("accept-query"), "\"application/sql\""),
                ("QUERY", "/contacts") => {
                    assert_eq!(
                        answer.field("content-location"),
                        "/contacts/stored-results/17"
                    );
                    assert_eq!(answer.field("etag"), "\"42-1\"");
                }
                (_, "/indirect") => {
                    assert_eq!(answer.field("location"), "/contacts/stored-queries/42");
                }
                _ => {}
            }
            site.until(is_quiet).await;
        }
    }
}

/// Those who ask the same at once are one call.
#[tokio::test]
async fn a_crowd_with_one_query_is_one_call() {
    let site = Site::with_queries(Cache::builder(), |_| async {
        tokio::task::yield_now().await;
        status(200, &[LASTS], "rows")
    });
    let wire = serve(&site).await;
    let one = || async move { told_of(wire, "QUERY", "/contacts", &[FORM], ASKED).await };
    let crowd: Vec<_> = (0..100).map(|_| tokio::spawn(one())).collect();
    for answer in all(crowd).await {
        assert_eq!(answer.text(), "rows");
    }
    assert_eq!(site.calls(), 1);
}

/// §2.6: a conditional QUERY, answered from what is stored; ranges are those of a GET (§2.8),
/// and a HEAD is not about it.
#[tokio::test(start_paused = true)]
async fn conditions_are_judged_for_the_result() {
    let site = Site::with_queries(Cache::builder(), |call| async move {
        let fields = [
            ("cache-control", "max-age=10"),
            ("etag", "\"42-1\""),
            ("location", "/contacts/stored-queries/42"),
        ];
        match call.field("if-none-match") {
            Some(_) => status(304, &fields, ""),
            None => status(200, &fields, "0123456789"),
        }
    });
    let asked = |fields: &[(&str, &str)]| {
        let fields = [&[FORM][..], fields].concat();
        let (site, request) = (site.clone(), query("/contacts", &fields, ASKED));
        async move { site.send(request).await }
    };
    assert_eq!(asked(&[]).await.text(), "0123456789");
    site.until_quiet().await;
    let known = asked(&[("if-none-match", "\"42-1\"")]).await;
    assert_eq!((known.status.as_u16(), known.text()), (304, ""));
    let part = asked(&[("range", "bytes=0-1")]).await;
    assert_eq!((part.status.as_u16(), part.text()), (206, "01"));
    assert_eq!(site.calls(), 1);
    assert!(!site.send(method("HEAD", "/contacts")).await.is_hit());
    // What is stored is validated by a QUERY with the same content.
    sleep(Duration::from_secs(11)).await;
    assert_eq!(asked(&[]).await.text(), "0123456789");
    let last = site.seen().pop().expect("it was called");
    assert_eq!(
        (last.method.as_str(), &last.headers["if-none-match"]),
        ("QUERY", &"\"42-1\"".parse().expect("legal"))
    );
    assert_eq!(site.stats().validated, 1);
}

/// §2: a QUERY changes nothing; what changes its target takes its results too.
#[tokio::test(start_paused = true)]
async fn results_are_purged_and_invalidated_with_their_page() {
    let purge = |uri| Purge::uri(uri).expect("legal");
    for taken in [
        Err(method("POST", "/contacts")),
        Err(method("DELETE", "/contacts")),
        Ok(purge("/contacts")),
        Ok(Purge::prefix("/contacts").expect("legal")),
    ] {
        let site = site();
        let ask = || site.send(query("/contacts", &[FORM], ASKED));
        ask().await;
        site.get("/contacts").await;
        site.until_quiet().await;
        assert!(ask().await.is_hit() && site.get("/contacts").await.is_hit());
        match taken {
            Ok(purge) => site.cache.purge(purge),
            Err(change) => drop(site.send(change).await),
        }
        assert!(!ask().await.is_hit());
        site.until_quiet().await;
        assert!(ask().await.is_hit());
    }
}

/// What is not safely a key is handed on as it came, whole.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_a_key_passes_untouched() {
    let site = site();
    let long = "x".repeat(8 << 10) + "y";
    let pieces = |text: &'static str| {
        let halves = text
            .as_bytes()
            .chunks(5)
            .map(|half| Ok::<_, Infallible>(Bytes::from_static(half)));
        Body::from_stream(stream::iter(halves.collect::<Vec<_>>()))
    };
    let rows: [(Fields, Body, &str); 5] = [
        (&[FORM], Body::from(long.clone()), &long),
        (&[FORM], pieces(ASKED), ASKED),
        (&[], Body::from(ASKED), ASKED),
        (&[FORM, ("trailer", "x-sum")], Body::from(ASKED), ASKED),
        (&[FORM, ("if-match", "\"x\"")], Body::from(ASKED), ASKED),
    ];
    for (fields, body, content) in rows {
        let answer = site.send(query("/contacts", fields, body)).await;
        assert!(answer.text().ends_with(content), "{fields:?}");
        let word = match fields {
            [_, ("if-match", _)] => "fwd=request;",
            _ => "fwd=method;",
        };
        assert!(answer.cache_status().starts_with(word), "{fields:?}");
        assert!(!answer.cache_status().contains("stored"), "{fields:?}");
    }
    assert_eq!(site.stats().passes, 5);
    // As long as may be is short enough.
    let fits = &long[1..];
    site.send(query("/contacts", &[FORM], fits.to_owned()))
        .await;
    site.until_quiet().await;
    let again = site
        .send(query("/contacts", &[FORM], fits.to_owned()))
        .await;
    assert!(again.is_hit());
}

/// Nothing is asked on behalf of a request that does not say all that it has to say.
#[tokio::test(start_paused = true)]
async fn a_query_that_breaks_off_is_refused() {
    let site = site();
    struct Said<B>(B);
    impl<B: http_body::Body + Unpin> http_body::Body for Said<B> {
        type Data = B::Data;
        type Error = B::Error;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<Frame<B::Data>, B::Error>>> {
            std::pin::Pin::new(&mut self.0).poll_frame(cx)
        }
        fn size_hint(&self) -> http_body::SizeHint {
            http_body::SizeHint::with_exact(8)
        }
    }
    let half = || Ok::<_, &str>(Frame::data(Bytes::from_static(b"half")));
    let trailers = || Ok(Frame::trailers(HeaderMap::new()));
    for (frames, status) in [
        (vec![half(), Err("gone")], 400),
        (vec![half()], 400),
        (vec![half(), trailers(), half()], 200),
    ] {
        let calls = site.calls();
        let body = Body::new(Said(StreamBody::new(stream::iter(frames))));
        let answer: Answer = site.send(query("/contacts", &[FORM], body)).await;
        assert_eq!(answer.status, status);
        assert_eq!(
            answer.cache_status() == "detail=request-body",
            status == 400
        );
        assert_eq!(site.calls() - calls, usize::from(status == 200));
    }
    // Nor is more read than was announced.
    let endless = Body::new(Said(StreamBody::new(stream::repeat_with(half))));
    let answer = site.send(query("/contacts", &[FORM], endless)).await;
    assert_eq!(answer.status, 400);
}

/// Without a layer that reads them, all of them pass.
#[tokio::test(start_paused = true)]
async fn a_layer_that_reads_nothing_passes_queries() {
    let (site, turns) = held_with(Cache::builder(), vec![LASTS]);
    turns.add_permits(2);
    for _ in 0..2 {
        let answer = site.send(query("/contacts", &[FORM], ASKED)).await;
        assert_eq!(
            answer.cache_status(),
            "fwd=method; fwd-status=200; detail=method"
        );
    }
    assert_eq!(site.calls(), 2);
}

/// The rules are those of a GET.
#[tokio::test(start_paused = true)]
async fn results_are_as_private_as_pages() {
    let site = Site::with_queries(Cache::builder(), |call| async move {
        let said = call.field("x-says").unwrap_or_default().to_owned();
        let fields: HeaderMap = [("cache-control", said.as_str())]
            .into_iter()
            .map(|(name, value)| (name.parse().expect("legal"), value.parse().expect("legal")))
            .collect();
        let mut answer = status(200, &[], "rows");
        *answer.headers_mut() = fields;
        answer
    });
    for (at, (says, asks, stored)) in [
        ("max-age=60", None, true),
        ("private, max-age=60", None, false),
        ("no-store", None, false),
        ("", None, false),
        ("max-age=60", Some(("cookie", "a=b")), false),
        ("max-age=60", Some(("authorization", "x")), false),
        ("max-age=60, public", Some(("authorization", "x")), true),
    ]
    .into_iter()
    .enumerate()
    {
        let mut fields = vec![FORM, ("x-says", says)];
        fields.extend(asks);
        let target = format!("/{at}");
        site.send(query(&target, &fields, ASKED)).await;
        site.until_quiet().await;
        let again = site.send(query(&target, &fields, ASKED)).await;
        assert_eq!(again.is_hit(), stored, "{says} {asks:?}");
        site.until_quiet().await;
    }
    assert!(!site.send(get("/0")).await.is_hit());
}

/// For shells of one's own: `explain` knows what is in the extensions.
#[tokio::test(start_paused = true)]
async fn a_query_whose_content_was_read_can_be_explained() {
    let site = site();
    let mut request = query("/contacts", &[FORM], Body::empty());
    assert_eq!(site.cache.explain(&request).verb, Verb::Pass);
    let content = QueryContent(Bytes::from_static(ASKED.as_bytes()));
    request.extensions_mut().insert(content);
    assert_eq!(site.cache.explain(&request).verb, Verb::Fill);
    site.send(query("/contacts", &[FORM], ASKED)).await;
    site.until_quiet().await;
    assert_eq!(site.cache.explain(&request).verb, Verb::Hit);
}

#[test]
fn keys_have_a_longest_content() {
    let error = Cache::builder().max_query_bytes(65_537).build().map(drop);
    let error = error.expect_err("too long").to_string();
    assert_eq!(error, "max_query_bytes must be at most 65536, not 65537");
}
