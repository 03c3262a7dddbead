//! Layers that come and go, and somebody who always looks, while pages are fetched.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use axum::Router;
use floodwall::Cache;
use futures_util::future::join_all;
use tokio::runtime::Builder;
use tokio::time::sleep;
use tower::ServiceExt;

use crate::setting::{
    EVERYONE, FRESH, NOMINAL, TICK, builder, eventually, gauged, nominal, patient, soon, text,
};
use crate::support::{Answer, Call, Site, all, get, is_quiet, page};

#[tokio::test(start_paused = true)]
async fn f56_a_layer_that_is_dropped_answers_whom_it_has_accepted() {
    for followed in [true, false] {
        let (site, gauge) = nominal(builder(), &[FRESH]);
        let engine = Arc::downgrade(site.cache.engine());
        let app = site.app.clone();
        let requests: Vec<_> = (0..EVERYONE)
            .map(|_| tokio::spawn(app.clone().oneshot(get("/"))))
            .collect();
        site.until(|now| now.waiting == EVERYONE as u64 && now.at_origin == 1)
            .await;
        // The router, its layer and every handle go.
        drop((site, app));
        if followed {
            for request in requests {
                let response = patient(async {
                    let answer = request.await.expect("no panic");
                    Answer::read(answer.unwrap_or_else(|never| match never {})).await
                });
                assert_eq!(response.await.text(), text(0));
            }
        } else {
            requests.iter().for_each(tokio::task::JoinHandle::abort);
            sleep(NOMINAL / 2).await;
            assert!(engine.upgrade().is_some(), "the fetch goes on");
        }
        sleep(NOMINAL).await;
        assert!(engine.upgrade().is_none(), "nothing is left of it");
        assert_eq!(gauge.now(), 0);
    }
}

/// A handler whose pages say which deployment made them.
fn deployed(cache: &Cache, name: &'static str) -> Router {
    let handler = move || async move {
        sleep(NOMINAL).await;
        ([FRESH], name)
    };
    Router::new()
        .fallback(axum::routing::get(handler))
        .layer(cache.layer())
}

async fn ask(app: &Router, path: &str) -> Answer {
    let response = app.clone().oneshot(get(path)).await;
    Answer::read(response.unwrap_or_else(|never| match never {})).await
}

#[tokio::test(start_paused = true)]
async fn f56_a_reload_under_load_loses_nobody() {
    let caches = [0, 1].map(|_| builder().build().expect("legal settings"));
    let [old, new] = &caches;
    let engine = Arc::downgrade(old.engine());
    let (first, second) = (deployed(old, "old"), deployed(new, "new"));
    let crowd = |app: &Router| -> Vec<_> {
        let ask = |at| {
            let app = app.clone();
            tokio::spawn(async move { ask(&app, &format!("/{}", at % 5)).await })
        };
        (0..EVERYONE).map(ask).collect()
    };
    let before = crowd(&first);
    sleep(NOMINAL / 2).await;
    // What is under way ends against the old store, and the new one knows nothing
    // of it.
    drop(first);
    for answer in all(crowd(&second)).await {
        assert_eq!(answer.text(), "new");
    }
    for answer in all(before).await {
        assert_eq!(answer.text(), "old");
    }
    eventually(old, is_quiet).await;
    assert_eq!((old.stats().fills, old.stats().stored_keys), (5, 5));
    assert_eq!((new.stats().fills, new.stats().stored_keys), (5, 5));
    drop(caches);
    assert!(engine.upgrade().is_none());
}

#[tokio::test(start_paused = true)]
async fn f56_a_new_layer_on_the_same_cache_finds_what_the_old_one_fetched() {
    let cache = builder().build().expect("legal settings");
    let first = deployed(&cache, "old");
    let mut waiting = Box::pin(first.clone().oneshot(get("/")));
    assert!(futures_util::poll!(waiting.as_mut()).is_pending());
    drop(first);
    let second = deployed(&cache, "new");
    assert_eq!(ask(&second, "/").await.text(), "old", "one fetch for both");
    drop(waiting);
    assert!(ask(&second, "/").await.is_hit());
    assert_eq!(ask(&second, "/other").await.text(), "new");
    eventually(&cache, is_quiet).await;
    assert_eq!(cache.stats().fills, 2);
}

#[test]
fn f59_one_who_looks_all_the_time_keeps_nobody_from_being_answered() {
    // There is nothing that the cache would call or wait for: an exporter takes a
    // copy of the figures. However slow it is with that, it can only ask again.
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let (site, _) = gauged(builder(), |call: Call| async move {
            page(&[FRESH], call.request.uri().path().to_owned())
        });
        assert_eq!(site.get("/hot").await.text(), "/hot");
        eventually(&site.cache, is_quiet).await;
        let over = Arc::new(AtomicBool::new(false));
        let exporters = (0..2).map(|_| {
            let (site, over) = (site.clone(), Arc::clone(&over));
            thread::spawn(move || {
                let mut hits = 0;
                while !over.load(Ordering::SeqCst) {
                    let stats = site.stats();
                    assert!(stats.hits >= hits, "figures only grow");
                    hits = stats.hits;
                    assert!(!site.cache.explain(&get("/hot")).to_string().is_empty());
                }
            })
        });
        let exporters: Vec<_> = exporters.collect();
        let visitors = (0..8).map(|visitor| {
            let site: Site = site.clone();
            tokio::spawn(async move {
                for at in 0..200 {
                    assert!(site.get("/hot").await.is_hit());
                    let path = format!("/{visitor}/{at}");
                    assert_eq!(site.get(&path).await.text(), path);
                }
            })
        });
        for visitor in soon(join_all(visitors)).await {
            visitor.expect("no panic");
        }
        assert_eq!(site.stats().hits, 8 * 200);
        over.store(true, Ordering::SeqCst);
        for exporter in exporters {
            while !exporter.is_finished() {
                sleep(TICK).await;
            }
            exporter.join().expect("no panic");
        }
    });
}
