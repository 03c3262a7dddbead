//! RFC 9110 §9.3.3: an answer to POST that later GETs may have.

mod support;

use std::time::Duration;

use axum::body::Body;
use floodwall::{Cache, CacheBuilder, KeyRules, Purge};
use http::{Request, Response};
use support::{Answer, Site, get, held_with, method, status, with};
use tokio::time::sleep;

type Fields = &'static [(&'static str, &'static str)];

const LASTS: (&str, &str) = ("cache-control", "max-age=60");
const HERE: (&str, &str) = ("content-location", "/page");

/// A site whose answers to POST say `said`.
fn site(builder: CacheBuilder, said: Fields) -> Site {
    Site::with(builder, move |call| async move {
        match call.request.method().as_str() {
            "POST" => status(200, said, format!("posted {}", call.number)),
            _ => status(200, &[], "got"),
        }
    })
}

async fn post(site: &Site) -> Answer {
    let request = method("POST", "/page").map(|_| Body::from("form"));
    site.send(request).await
}

fn ask() -> Request<Body> {
    get("/page")
}

#[tokio::test(start_paused = true)]
async fn one_that_says_so_answers_gets_and_heads() {
    let site = site(Cache::builder().by_the_book(), &[LASTS, HERE]);
    let posted = post(&site).await;
    assert_eq!(posted.text(), "posted 0");
    assert!(
        posted.cache_status().contains("stored"),
        "{}",
        posted.cache_status()
    );
    let got = site.send(ask()).await;
    assert!(got.is_hit());
    assert_eq!(got.text(), "posted 0");
    let mut head = ask();
    *head.method_mut() = http::Method::HEAD;
    assert!(site.send(head).await.is_hit());
    // Never another POST; that makes the first one's answer invalid, and stands in its
    // place.
    assert_eq!(post(&site).await.text(), "posted 1");
    assert_eq!(site.send(ask()).await.text(), "posted 1");
    sleep(Duration::from_secs(61)).await;
    assert_eq!(site.send(ask()).await.text(), "got");
    assert_eq!(site.stats().stored, 2);
}

#[tokio::test(start_paused = true)]
async fn any_other_answers_nothing() {
    let rows: [Fields; 12] = [
        &[LASTS],
        &[HERE],
        &[LASTS, ("content-location", "/other")],
        &[LASTS, ("content-location", "/page?x")],
        &[LASTS, ("content-location", "http://b.test/page")],
        &[LASTS, HERE, HERE],
        &[
            LASTS,
            HERE,
            ("set-cookie", "a=1"),
            ("cache-control", "private"),
        ],
        &[("cache-control", "no-store, max-age=60"), HERE],
        &[("cache-control", "max-age=0"), HERE],
        &[("last-modified", "Fri, 01 Jan 2010 00:00:00 GMT"), HERE],
        &[LASTS, HERE, ("vary", "*")],
        &[LASTS, HERE, ("content-length", "9")],
    ];
    for said in rows {
        let site = site(Cache::builder().by_the_book(), said);
        post(&site).await;
        assert_eq!(site.send(ask()).await.text(), "got", "{said:?}");
        assert_eq!(site.stats().held_bytes, site.stats().stored_bytes);
    }
    let site = site(Cache::builder(), &[LASTS, HERE]);
    post(&site).await;
    assert_eq!(site.send(ask()).await.text(), "got", "by default");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_not_read_to_its_end_is_not_stored() {
    let chunks = |cut: bool| {
        let last = if cut { Err("cut") } else { Ok("b") };
        Body::from_stream(futures_util::stream::iter([Ok("a"), last]))
    };
    for (cut, read) in [(true, true), (false, false)] {
        let site = Site::with(Cache::builder().by_the_book(), move |call| async move {
            match call.request.method().as_str() {
                "POST" => Response::builder()
                    .header(LASTS.0, LASTS.1)
                    .header(HERE.0, HERE.1)
                    .header("content-length", "2")
                    .body(chunks(cut))
                    .expect("legal"),
                _ => status(200, &[], "got"),
            }
        });
        let answer = site.open(method("POST", "/page")).await;
        if read {
            assert!(Answer::read(answer).await.body.is_err());
        } else {
            drop(answer);
        }
        assert_eq!(site.send(ask()).await.text(), "got");
        assert_eq!(site.stats().held_bytes, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_while_it_is_sent_wins() {
    let site = site(Cache::builder().by_the_book(), &[LASTS, HERE]);
    let slow = site.open(method("POST", "/page")).await;
    assert_eq!(post(&site).await.text(), "posted 1");
    assert_eq!(Answer::read(slow).await.text(), "posted 0");
    assert_eq!(site.send(ask()).await.text(), "posted 1");
}

#[tokio::test(start_paused = true)]
async fn a_purge_while_it_is_made_wins() {
    let uri = |uri| Purge::uri(uri).expect("legal");
    for (purge, stored) in [
        (uri("/page"), false),
        (uri("/page").soft(), false),
        (Purge::tag("a"), false),
        (Purge::everything(), false),
        (uri("/other"), true),
    ] {
        let (builder, tags) = (Cache::builder().by_the_book(), ("cache-tag", "a"));
        let (site, turns) = held_with(builder, vec![LASTS, HERE, tags]);
        let posted = site.spawn(method("POST", "/page"));
        site.until(|now| now.passes == 1).await;
        site.cache.purge(purge.clone());
        turns.add_permits(2);
        posted.await.expect("it is answered");
        assert_eq!(site.send(ask()).await.is_hit(), stored, "{purge:?}");
    }
}

/// RFC 9111 §5.2.1.5: nothing is stored of an answer to a request that says `no-store`.
#[tokio::test(start_paused = true)]
async fn one_to_a_request_that_says_no_store_is_not_stored() {
    let site = site(Cache::builder().by_the_book(), &[LASTS, HERE]);
    let request = with(method("POST", "/page"), &[("cache-control", "no-store")]);
    site.send(request.map(|_| Body::from("form"))).await;
    assert_eq!(site.send(ask()).await.text(), "got");
    assert_eq!(site.stats().stored, 0);
}

/// A POST passes as it came. What its handler saw, and no handler would see of a GET on
/// behalf of many, may be in the answer.
#[tokio::test(start_paused = true)]
async fn one_that_may_be_made_of_what_the_key_leaves_out_is_not_stored() {
    let here: Fields = &[LASTS, ("content-location", "/page?q=1&utm=x")];
    let keys = KeyRules::new().drop_query("utm");
    let plain = site(Cache::builder().by_the_book().key(keys.clone()), here);
    plain.send(method("POST", "/page?q=1&utm=x")).await;
    assert_eq!(plain.get("/page?q=1").await.text(), "got");
    let strict = Cache::builder()
        .by_the_book()
        .key(keys.strict_forwarding(true));
    for (field, stored) in [
        (("x-evil", "1"), false),
        (("host", "Good.Test"), false),
        (("content-type", "text/plain"), true),
    ] {
        let site = site(strict.clone(), &[LASTS, HERE]);
        let mut request = method("POST", "/page").map(|_| Body::from("form"));
        request.headers_mut().remove(field.0);
        site.send(with(request, &[field])).await;
        assert_eq!(site.send(ask()).await.is_hit(), stored, "{field:?}");
    }
}
