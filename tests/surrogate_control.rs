//! `Surrogate-Control`, as the Edge Architecture Specification 1.0 has it.

mod support;

use std::time::Duration;

use floodwall::Cache;
use support::{Site, status};
use tokio::time::sleep;

const SURROGATE: &str = "surrogate-control";
const ALL: &str = "cache-control";

/// Whether a second request, so many seconds later, is answered from the store.
async fn reused(on: bool, said: &'static [(&'static str, &'static str)], after: u64) -> bool {
    let builder = Cache::builder().surrogate_control(on);
    let site = Site::with(builder, move |_| async move { status(200, said, "page") });
    let first = site.get("/").await;
    assert_eq!(
        first.field(SURROGATE).is_empty(),
        on,
        "taken off where it is obeyed"
    );
    site.until_quiet().await;
    sleep(Duration::from_secs(after)).await;
    let second = site.get("/").await;
    assert_eq!(second.field(SURROGATE).is_empty(), on);
    second.is_hit()
}

#[tokio::test(start_paused = true)]
async fn it_takes_the_place_of_cache_control() {
    type Row = (&'static [(&'static str, &'static str)], u64, bool);
    let rows: [Row; 17] = [
        (&[(SURROGATE, "max-age=60")], 30, true),
        (&[(SURROGATE, "max-age=60")], 90, false),
        (&[(SURROGATE, "max-age=60+60")], 90, true),
        (&[(SURROGATE, "max-age=60+60")], 150, false),
        (&[(SURROGATE, "MAX-AGE=60, content=\"ESI/1.0\"")], 30, true),
        (&[(SURROGATE, "max-age=60"), (ALL, "no-store")], 30, true),
        (&[(SURROGATE, "max-age=60"), (ALL, "max-age=1")], 30, true),
        (&[(SURROGATE, "max-age=1"), (ALL, "max-age=60")], 30, false),
        (&[(SURROGATE, "no-store"), (ALL, "max-age=60")], 0, false),
        (&[(SURROGATE, "no-store, max-age=60")], 0, false),
        (&[(SURROGATE, "max-age=60"), ("expires", "0")], 30, true),
        // That it is for one person is true for every cache.
        (&[(SURROGATE, "max-age=60"), (ALL, "private")], 0, false),
        // For a device with a name, or nothing of ours.
        (
            &[(SURROGATE, "max-age=60;varnish"), (ALL, "max-age=1")],
            30,
            false,
        ),
        (
            &[(SURROGATE, "content=\"ESI/1.0\""), (ALL, "max-age=60")],
            30,
            true,
        ),
        (
            &[(SURROGATE, "max-age=junk"), (ALL, "max-age=60")],
            0,
            false,
        ),
        (&[(SURROGATE, "max-age=1, max-age=60")], 30, false),
        (&[(SURROGATE, "max-age"), (ALL, "max-age=60")], 0, false),
    ];
    for (said, after, stored) in rows {
        assert_eq!(reused(true, said, after).await, stored, "{said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn by_default_it_is_a_field_like_any_other() {
    assert!(!reused(false, &[(SURROGATE, "max-age=60")], 0).await);
    assert!(reused(false, &[(SURROGATE, "no-store"), (ALL, "max-age=60")], 30).await);
}

#[tokio::test(start_paused = true)]
async fn who_shows_who_they_are_needs_leave() {
    for (cache_control, shared) in [
        ("max-age=60", false),
        ("s-maxage=60", false),
        ("public", true),
    ] {
        let builder = Cache::builder().surrogate_control(true);
        let site = Site::with(builder, move |_| async move {
            status(
                200,
                &[(SURROGATE, "max-age=60"), (ALL, cache_control)],
                "page",
            )
        });
        let signed_in = [("authorization", "Basic x")];
        site.get_with("/", &signed_in).await;
        site.until_quiet().await;
        let answer = site.get_with("/", &signed_in).await;
        assert_eq!(answer.is_hit(), shared, "{cache_control}");
    }
}
