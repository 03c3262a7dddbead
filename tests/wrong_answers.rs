//! Answers that caches of this kind have given, and must not.
//!
//! Each test is a mistake that was made in the field, named by what the victim
//! would have seen.

mod support;

use std::time::Duration;

use floodwall::{Authorization, Cache, Cookies, KeyRules, SetCookie};
use support::{Answer, Site, get, method, page, status, with};
use tokio::time::sleep;

/// Two users ask for one page that says `fields`, one after the other and at
/// once; whether any of them saw what was made for another.
async fn leaks(fields: &'static [(&'static str, &'static str)], carry: &str) -> bool {
    let site = Site::new(move |call| {
        let canary = ["cookie", "authorization"]
            .iter()
            .find_map(|name| call.field(name))
            .unwrap_or("nobody")
            .to_owned();
        async move {
            sleep(Duration::from_millis(100)).await;
            page(fields, canary)
        }
    });
    let ask = |user: &str| site.spawn(with(get("/account"), &[(carry, user)]));
    let users = ["user-a", "user-b"];
    let mut leaked = false;
    for _ in 0..2 {
        let both = users.map(ask);
        for (user, answer) in users.into_iter().zip(both) {
            leaked |= answer.await.expect("no request panics").text() != user;
        }
    }
    leaked |= site.get("/account").await.text() != "nobody";
    leaked
}

#[tokio::test(start_paused = true)]
async fn a_page_for_a_cookie_or_credentials_goes_to_nobody_else() {
    for said in [
        "max-age=60",
        "max-age=60, proxy-revalidate",
        "max-age=60, immutable",
        "max-age=60, stale-while-revalidate=60",
        "max-age=60, public=\"x\"",
        "no-cache",
        "private, public, max-age=60",
        "",
    ] {
        let fields: &[(&str, &str)] = Box::leak(Box::new([("cache-control", said)]));
        assert!(!leaks(fields, "cookie").await, "cookie: {said}");
        assert!(
            !leaks(fields, "authorization").await,
            "authorization: {said}"
        );
    }
    let expires = &[("expires", "Fri, 01 Jan 2100 00:00:00 GMT")];
    assert!(!leaks(expires, "authorization").await);
    assert!(
        !leaks(
            &[("cache-control", "must-revalidate, max-age=60")],
            "cookie"
        )
        .await
    );
}

#[tokio::test(start_paused = true)]
async fn a_page_that_says_public_is_shared() {
    // The control: without it, a cache that never answers would pass above.
    for said in ["public, max-age=60", "s-maxage=60"] {
        let fields: &[(&str, &str)] = Box::leak(Box::new([("cache-control", said)]));
        assert!(leaks(fields, "cookie").await, "{said}");
        assert!(leaks(fields, "authorization").await, "{said}");
    }
    assert!(
        leaks(
            &[("cache-control", "max-age=60, must-revalidate")],
            "authorization"
        )
        .await
    );
}

#[tokio::test(start_paused = true)]
async fn a_head_that_empties_the_next_get() {
    let site = Site::new(|_| async { page(&[("cache-control", "max-age=60")], "page") });
    // The server leaves out the body that this handler gives to a HEAD.
    let missed = site.send(method("HEAD", "/")).await;
    assert!(missed.cache_status().contains("detail=head-miss"));
    assert_eq!(site.get("/").await.text(), "page");
    let head = site.send(method("HEAD", "/")).await;
    assert!(head.is_hit());
    assert_eq!(head.text(), "");
    assert_eq!(head.field("content-length"), "4");
    assert_eq!(site.get("/").await.text(), "page");
    assert_eq!(site.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn no_store_in_capitals_or_on_another_line() {
    for lines in [
        &["No-Store, max-age=60"][..],
        &["max-age=60", "NO-STORE"],
        &["max-age=60", "Private"],
        &["max-age=60", "x, \"", "private"],
    ] {
        let site = Site::new(move |call| async move {
            let fields: Vec<_> = lines.iter().map(|line| ("cache-control", *line)).collect();
            page(&fields, format!("{}", call.number))
        });
        assert_eq!(site.get("/").await.text(), "0");
        assert_eq!(site.get("/").await.text(), "1", "{lines:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_query_that_is_dropped() {
    let site = Site::new(|call| async move {
        let text = call.request.uri().to_string();
        page(&[("cache-control", "max-age=60")], text)
    });
    for path in ["/p?id=1", "/p?id=2", "/p", "/p?", "/p?ID=1"] {
        assert_eq!(site.get(path).await.text(), path);
        assert!(site.get(path).await.is_hit());
    }
    assert_eq!(site.calls(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_parameter_that_is_ignored_but_still_forwarded() {
    let builder = Cache::builder().key(KeyRules::new().drop_query("utm_content"));
    let site = Site::with(builder, |call| async move {
        page(
            &[("cache-control", "max-age=60")],
            call.request.uri().to_string(),
        )
    });
    let evil = site.get("/j?cb=ok&utm_content=x;cb=evil").await;
    assert_eq!(evil.text(), "/j?cb=ok");
    assert!(site.get("/j?cb=ok").await.is_hit());
}

#[tokio::test(start_paused = true)]
async fn an_anonymous_401_replayed_to_a_signed_in_user() {
    for said in ["max-age=60", "public, max-age=60", ""] {
        let site = Site::new(move |call| {
            let signed_in = call.field("authorization").is_some();
            async move {
                sleep(Duration::from_millis(100)).await;
                match signed_in {
                    true => page(&[("cache-control", said)], "welcome"),
                    false => status(401, &[("cache-control", said)], "who are you?"),
                }
            }
        });
        let anonymous = site.spawn(get("/"));
        site.until(|now| now.waiting == 1).await;
        let user = with(get("/"), &[("authorization", "Bearer a")]);
        let user = site.spawn(user);
        assert_eq!(anonymous.await.expect("no panic").status, 401);
        assert_eq!(user.await.expect("no panic").text(), "welcome", "{said}");
        let user = with(get("/"), &[("authorization", "Bearer a")]);
        assert_eq!(site.send(user).await.text(), "welcome");
    }
}

#[tokio::test(start_paused = true)]
async fn a_set_cookie_handed_to_49_waiters() {
    let site = Site::new(|call| async move {
        sleep(Duration::from_millis(300)).await;
        let cookie = format!("sid={}", call.number);
        page(
            &[
                ("cache-control", "public, max-age=60"),
                ("set-cookie", &cookie),
            ],
            "page",
        )
    });
    let answers = futures_util::future::join_all(site.crowd("/", 50)).await;
    let mut sids: Vec<String> = answers
        .into_iter()
        .map(|answer| answer.expect("no panic").field("set-cookie").to_owned())
        .collect();
    sids.sort_unstable();
    sids.dedup();
    assert_eq!(sids.len(), 50);
}

#[tokio::test(start_paused = true)]
async fn a_cookie_that_comes_with_a_304() {
    let site = Site::new(|call| async move {
        let fields = [("cache-control", "max-age=1"), ("etag", "\"a\"")];
        match call.field("if-none-match") {
            Some(_) => status(304, &[fields[0], fields[1], ("set-cookie", "sid=1")], ""),
            None => page(&fields, "page"),
        }
    });
    site.get("/").await;
    sleep(Duration::from_secs(2)).await;
    for _ in 0..3 {
        let answer = site.get("/").await;
        assert_eq!(answer.text(), "page");
        assert_eq!(answer.field("set-cookie"), "");
    }
    assert_eq!(site.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_cookie_is_stripped_only_where_the_route_asks_for_it() {
    let builder = Cache::builder().set_cookie(SetCookie::Strip);
    let site = Site::with(builder, |_| async {
        page(
            &[("cache-control", "max-age=60"), ("set-cookie", "sid=1")],
            "page",
        )
    });
    for _ in 0..2 {
        let answer = site.get("/").await;
        assert_eq!(answer.text(), "page");
        assert!(!answer.headers.contains_key("set-cookie"));
    }
    assert_eq!(site.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_header_that_poisons_the_page_for_everyone() {
    let reflecting = |name: &'static str| {
        Site::new(move |call| {
            let seen = call.field(name).unwrap_or("good.test").to_owned();
            async move { page(&[("cache-control", "max-age=60")], seen) }
        })
    };
    for name in [
        "x-forwarded-host",
        "x-forwarded-scheme",
        "x-forwarded-proto",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "forwarded",
        "x-original-url",
        "x-rewrite-url",
        "x-http-method-override",
    ] {
        let site = reflecting(name);
        site.get_with("/", &[(name, "evil.test")]).await;
        assert_eq!(site.get("/").await.text(), "good.test", "{name}");
        assert!(site.get("/").await.is_hit(), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_that_an_attacker_provoked() {
    let site = Site::new(|call| {
        let provoked: Option<u16> = call.field("x-provoke").and_then(|code| code.parse().ok());
        async move {
            let fields = [("cache-control", "public, max-age=60")];
            match provoked {
                Some(code) => status(code, &fields, "no"),
                None => page(&fields, "page"),
            }
        }
    });
    for code in [
        400, 401, 403, 404, 406, 410, 412, 415, 416, 417, 429, 451, 500, 501, 503,
    ] {
        let path = format!("/{code}");
        let evil = site
            .get_with(&path, &[("x-provoke", &code.to_string())])
            .await;
        assert_eq!(evil.status, code);
        assert_eq!(site.get(&path).await.text(), "page", "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_part_passed_off_as_the_whole() {
    let site = Site::new(|call| async move {
        let fields = [
            ("cache-control", "max-age=60"),
            ("content-range", "bytes 0-0/4"),
        ];
        match call.field("range") {
            Some(_) => status(206, &fields, "p"),
            None => page(&fields[..1], "page"),
        }
    });
    let part = site.get_with("/", &[("range", "bytes=0-0")]).await;
    assert_eq!((part.status.as_u16(), part.text()), (206, "p"));
    assert_eq!(site.get("/").await.text(), "page");
    let unasked = Site::new(|_| async {
        let fields = [
            ("cache-control", "max-age=60"),
            ("content-range", "bytes 0-0/100"),
        ];
        status(206, &fields, "p")
    });
    unasked.get("/").await;
    unasked.get("/").await;
    assert_eq!(unasked.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn gzip_for_a_client_that_cannot_read_it() {
    let site = Site::new(|call| async move {
        let gzip = call
            .field("accept-encoding")
            .is_some_and(|line| line.contains("gzip"));
        match gzip {
            true => page(
                &[
                    ("cache-control", "max-age=60"),
                    ("content-encoding", "gzip"),
                ],
                "gz",
            ),
            false => page(&[("cache-control", "max-age=60")], "plain"),
        }
    });
    assert_eq!(
        site.get_with("/", &[("accept-encoding", "gzip")])
            .await
            .text(),
        "gz"
    );
    assert_eq!(site.get("/").await.text(), "plain");
    let collision = "br,gzip,xxx,jdcqiab";
    let site_vary = Site::new(|call| async move {
        let said = call.field("accept-encoding").unwrap_or("").to_owned();
        page(
            &[("cache-control", "max-age=60"), ("vary", "accept-encoding")],
            said,
        )
    });
    site_vary
        .get_with("/", &[("accept-encoding", collision)])
        .await;
    let victim = site_vary
        .get_with("/", &[("accept-encoding", "gzip")])
        .await;
    assert_eq!(victim.text(), "gzip");
}

#[tokio::test(start_paused = true)]
async fn a_304_for_one_who_asked_no_condition() {
    // The origin confuses what it is asked about: its 304 names another tag.
    let site = Site::new(|call| async move {
        let tag = format!("\"v{}\"", call.number);
        match call.field("if-none-match") {
            Some(_) => status(304, &[("etag", "\"other\"")], ""),
            None => page(
                &[("cache-control", "max-age=1"), ("etag", &tag)],
                tag.clone(),
            ),
        }
    });
    assert_eq!(site.get("/").await.text(), "\"v0\"");
    sleep(Duration::from_secs(2)).await;
    let answer = site.get("/").await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "\"v2\""));
    // One that knows nothing but 304 is a bad origin, not an empty page.
    let nonsense = Site::new(|_| async { status(304, &[], "") });
    assert_eq!(nonsense.get("/").await.status, 502);
}

#[tokio::test(start_paused = true)]
async fn a_304_that_makes_the_page_private() {
    for (name, value) in [
        ("cache-control", "private"),
        ("cache-control", "no-store"),
        ("vary", "*"),
    ] {
        let site = Site::new(move |call| async move {
            match call.field("if-none-match") {
                Some(_) => status(304, &[("etag", "\"a\""), (name, value)], ""),
                None => {
                    let text = format!("{}", call.number);
                    page(&[("cache-control", "max-age=1"), ("etag", "\"a\"")], text)
                }
            }
        });
        site.get("/").await;
        sleep(Duration::from_secs(2)).await;
        assert_ne!(site.get("/").await.text(), "0", "{value}");
        assert_ne!(site.get("/").await.text(), "0", "{value}");
        assert_eq!(site.stats().stored_keys, 0, "{value}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_method_in_small_letters_or_of_ones_own() {
    let site = Site::new(|call| async move {
        let name = call.request.method().to_string();
        page(&[("cache-control", "max-age=60")], name)
    });
    site.get("/").await;
    for name in ["get", "GETT", "QUERY", "PROPFIND", "POST"] {
        assert_eq!(site.send(method(name, "/")).await.text(), name);
        assert_eq!(site.send(method(name, "/")).await.text(), name);
    }
}

#[tokio::test(start_paused = true)]
async fn settings_for_credentials_do_what_they_say() {
    let echo = |builder| {
        Site::with(builder, |call| async move {
            let who = call.field("cookie").unwrap_or("nobody").to_owned();
            page(&[("cache-control", "public, max-age=60")], who)
        })
    };
    let cookie = [("cookie", "a=b")];
    let ignoring = echo(Cache::builder().cookies(Cookies::Ignore));
    ignoring.get("/").await;
    assert!(ignoring.get_with("/", &cookie).await.is_hit());
    let passing = echo(Cache::builder().cookies(Cookies::Pass));
    passing.get("/").await;
    let answer = passing.get_with("/", &cookie).await;
    assert!(answer.cache_status().contains("detail=cookie-passes"));
    let passing = echo(Cache::builder().authorization(Authorization::Pass));
    passing.get("/").await;
    let answer = passing.get_with("/", &[("authorization", "x")]).await;
    assert!(
        answer
            .cache_status()
            .contains("detail=authorization-passes")
    );
}

#[tokio::test(start_paused = true)]
async fn hidden_fields_of_one_hop() {
    let site = Site::new(|_| async {
        let fields = [
            ("cache-control", "max-age=60"),
            ("connection", "x-secret"),
            ("x-secret", "user-1"),
            ("surrogate-key", "a b"),
        ];
        page(&fields, "page")
    });
    for _ in 0..2 {
        let answer: Answer = site.get("/").await;
        for name in ["connection", "x-secret", "surrogate-key"] {
            assert_eq!(answer.field(name), "", "{name}");
        }
    }
    let private = Site::new(|_| async {
        let fields = [
            ("cache-control", "max-age=60, private"),
            ("connection", "cache-control"),
        ];
        page(&fields, "page")
    });
    private.get("/").await;
    private.get("/").await;
    assert_eq!(private.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_field_that_strict_forwarding_hides_still_tells_variants_apart() {
    let builder = Cache::builder().key(KeyRules::new().strict_forwarding(true));
    let site = Site::with(builder, |call| {
        let seen = call.field("x-theme").unwrap_or("none").to_owned();
        async move {
            let fields = [("cache-control", "max-age=60"), ("vary", "x-theme")];
            page(&fields, seen)
        }
    });
    let dark = [("x-theme", "dark")];
    assert_eq!(site.get_with("/", &dark).await.text(), "none");
    assert!(site.get_with("/", &dark).await.is_hit());
    assert!(!site.get("/").await.is_hit());
    assert_eq!(site.calls(), 2);
}
