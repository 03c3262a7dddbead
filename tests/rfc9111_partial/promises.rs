//! What holds for wholes holds for parts.

use std::sync::Arc;
use std::time::Duration;

use floodwall::{KeyRules, Purge};
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::file::{LASTS, TAG, WHOLE, bounds, by_parts, file, file_site, is_nothing_stored, range};
use crate::support::{Answer, Pen, Site, get, method, next_chunk, status, with, written};

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
        is_nothing_stored(&site, name);
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

#[tokio::test(start_paused = true)]
async fn a_part_is_not_added_to_what_is_purged_meanwhile() {
    let (pen, body) = written();
    let body = Arc::new(Mutex::new(Some(body)));
    let site = Site::with(by_parts(), move |call| {
        let body = Arc::clone(&body);
        async move {
            if call.number == 0 {
                return file(&call, &[LASTS, TAG, ("surrogate-key", "shelf")]);
            }
            let mut answer = file(&call, &[LASTS, TAG, ("content-length", "5")]);
            *answer.body_mut() = body.lock().await.take().expect("asked once");
            answer
        }
    });
    range(&site, "bytes=0-4").await;
    let slow = site.open(with(get("/"), &[("range", "bytes=5-9")])).await;
    site.cache.purge(Purge::tag("shelf"));
    pen.send(Ok("56789".into())).expect("the body is held");
    drop(pen);
    assert_eq!(Answer::read(slow).await.text(), "56789");
    let only = ("cache-control", "only-if-cached");
    for (asked, code) in [("bytes=5-9", 206), ("bytes=0-4", 504)] {
        let answer = site.get_with("/", &[("range", asked), only]).await;
        assert_eq!(answer.status, code, "{asked}");
    }
}

/// A site whose parts come as the test writes them, and what it writes with.
fn by_hand() -> (Site, Arc<Mutex<Vec<Pen>>>) {
    let pens = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&pens);
    let site = Site::with(by_parts(), move |call| {
        let kept = Arc::clone(&kept);
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

async fn write(pens: &Mutex<Vec<Pen>>, at: usize, text: &'static str) {
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
    is_nothing_stored(&site, "purged");
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
    is_nothing_stored(&site, "late");
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
    site.until(|now| now.held_bytes == now.stored_bytes).await;
}

/// Clients set the pace of what is recorded: those who stall must not take the room of others.
#[tokio::test(start_paused = true)]
async fn what_is_recorded_has_a_share_of_its_own() {
    let body = "x".repeat(1500);
    let site = Site::with(by_parts().capacity(16 << 10), move |_| {
        let place = ("content-range", "bytes 0-1499/3000");
        let answer = status(206, &[LASTS, TAG, place], body.clone());
        async move { answer }
    });
    let open = |path: &'static str| site.open(with(get(path), &[("range", "bytes=0-1499")]));
    let is_stored = |answer: &http::Response<axum::body::Body>| {
        let said = answer.headers()["cache-status"].to_str().expect("text");
        said.contains("; stored")
    };
    let stalled = open("/a").await;
    assert!(is_stored(&stalled));
    let other = open("/b").await;
    assert!(!is_stored(&other));
    assert_eq!(site.stats().no_room, 1);
    assert_eq!(Answer::read(other).await.text().len(), 1500);
    drop(stalled);
    let other = open("/b").await;
    assert!(is_stored(&other));
    assert_eq!(Answer::read(other).await.text().len(), 1500);
    assert_eq!(site.stats().stored, 1);
}

#[tokio::test(start_paused = true)]
async fn without_room_nothing_is_stored() {
    let fields = [LASTS, TAG];
    let builder = by_parts().capacity(1 << 10);
    let site = Site::with(builder, move |call| async move { file(&call, &fields) });
    assert_eq!(range(&site, "bytes=0-4").await.text(), "01234");
    is_nothing_stored(&site, "no room");
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
    is_nothing_stored(&site, "query");
    let mut odd = with(get("/"), &ranged);
    odd.headers_mut()
        .insert("host", "GOOD.test".parse().expect("legal"));
    site.send(odd).await;
    is_nothing_stored(&site, "host");
    site.get_with("/", &ranged).await;
    assert!(site.get_with("/?utm=x", &ranged).await.is_hit());

    let strict = by_parts().key(KeyRules::new().strict_forwarding(true));
    let site = Site::with(strict, move |call| async move { file(&call, &fields) });
    site.get_with("/", &[("range", "bytes=0-4"), ("x-odd", "1")])
        .await;
    is_nothing_stored(&site, "field");
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
