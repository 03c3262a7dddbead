//! RFC 9875, HTTP Cache Groups.

mod support;
#[path = "support/wire.rs"]
mod wire;

use axum::body::Body;
use floodwall::Cache;
use http::Request;
use support::{Site, get, method, status};
use wire::{HandClock, serve, told};

const LASTS: (&str, &str) = ("cache-control", "max-age=600");

/// A site whose pages are in the groups that their queries name, and whose other answers
/// invalidate those.
fn site() -> Site {
    Site::new(|call| async move {
        let said = call.request.uri().query().unwrap_or_default();
        let said = said.replace("%22", "\"").replace("%20", " ");
        match (call.request.method().as_str(), said.strip_prefix("key=")) {
            ("GET" | "HEAD", Some(key)) => status(200, &[LASTS, ("surrogate-key", key)], "page"),
            ("GET" | "HEAD", None) => {
                let fields = [
                    LASTS,
                    ("cache-groups", &said),
                    ("cache-group-invalidation", &said),
                ];
                status(200, &fields, "page")
            }
            ("OPTIONS", _) => status(200, &[("cache-group-invalidation", &said)], ""),
            ("DELETE", _) => status(404, &[("cache-group-invalidation", &said)], ""),
            _ => status(200, &[("cache-group-invalidation", &said)], ""),
        }
    })
}

fn target(path: &str, said: &str) -> String {
    format!("{path}?{}", said.replace('"', "%22").replace(' ', "%20"))
}

/// Stores a page, asks for what `how` does, and says whether the page is still there.
async fn survives(page: &str, how: Request<Body>) -> bool {
    let site = site();
    site.get(page).await;
    site.until_quiet().await;
    assert!(site.get(page).await.is_hit(), "{page} is stored");
    site.send(how).await;
    site.get(page).await.is_hit()
}

/// §2, §3: what shares a group of the same origin goes; names are compared byte by byte.
#[tokio::test(start_paused = true)]
async fn an_unsafe_answer_invalidates_the_groups_that_it_names() {
    let rows = [
        ("\"scripts\"", "\"scripts\"", false),
        ("\"scripts\", \"other\"", "\"other\"", false),
        ("\"scripts\"", "\"other\", \"scripts\"", false),
        ("\"scripts\"", "\"scripts\";x=1", false),
        ("\"scripts\";x=1", "\"scripts\"", false),
        ("\"a, b\"", "\"a, b\"", false),
        ("\"a, b\"", "\"a\"", true),
        ("\"scripts\"", "\"Scripts\"", true),
        ("\"scripts\"", "\"script\"", true),
        ("\"scripts\"", "scripts", true),
        ("scripts", "\"scripts\"", true),
        ("\"scripts\"", "", true),
        ("", "\"scripts\"", true),
        ("key=scripts", "\"scripts\"", true),
    ];
    for (groups, invalid, stays) in rows {
        let how = method("POST", &target("/do", invalid));
        let survived = survives(&target("/page", groups), how).await;
        assert_eq!(survived, stays, "{groups} after {invalid}");
    }
}

/// §3: safe methods invalidate nothing; any other does, whatever came of it.
#[tokio::test(start_paused = true)]
async fn by_any_unsafe_method() {
    let [page, from] = ["/page", "/do"].map(|path| target(path, "\"g\""));
    for (name, stays) in [
        ("GET", true),
        ("HEAD", true),
        ("OPTIONS", true),
        ("POST", false),
        ("PUT", false),
        ("DELETE", false),
        ("M-SEARCH", false),
    ] {
        assert_eq!(survives(&page, method(name, &from)).await, stays, "{name}");
    }
}

/// §2.1: two responses share a group only if they share the origin.
#[tokio::test(start_paused = true)]
async fn within_one_origin() {
    let site = site();
    let page = target("/page", "\"g\"");
    let of = |host: &str, request: Request<Body>| {
        let (mut parts, body) = request.into_parts();
        parts.headers.insert("host", host.parse().expect("legal"));
        Request::from_parts(parts, body)
    };
    for host in ["a.test", "b.test", "a.test:8080"] {
        site.send(of(host, get(&page))).await;
    }
    site.until_quiet().await;
    let from = target("/do", "\"g\"");
    site.send(of("A.test:80", method("POST", &from))).await;
    let mut left = Vec::new();
    for host in ["a.test", "b.test", "a.test:8080"] {
        left.push(site.send(of(host, get(&page))).await.is_hit());
    }
    assert_eq!(left, [false, true, true]);
}

/// §2.2.1: invalidation does not cascade.
#[tokio::test(start_paused = true)]
async fn not_of_what_shares_another_group_with_what_is_invalid() {
    let site = site();
    let pages = ["\"a\"", "\"a\", \"b\"", "\"b\""].map(|groups| target("/page", groups));
    for page in &pages {
        site.get(page).await;
    }
    site.until_quiet().await;
    site.send(method("POST", &target("/do", "\"a\""))).await;
    let mut left = Vec::new();
    for page in &pages {
        left.push(site.get(page).await.is_hit());
    }
    assert_eq!(left, [false, false, true]);
}

/// §2: at least 32 groups, of at least 32 characters each.
#[tokio::test(start_paused = true)]
async fn as_many_as_there_must_be() {
    let groups: Vec<String> = (0..32).map(|n| format!("\"{n:0>32}\"")).collect();
    let page = target("/page", &groups.join(", "));
    for group in [&groups[0], &groups[31]] {
        let how = method("POST", &target("/do", group));
        assert!(!survives(&page, how).await, "{group}");
    }
    let other = method("POST", &target("/do", &format!("\"{:0>32}\"", 32)));
    assert!(survives(&page, other).await);
}

/// A fetch that began before the change brings nothing that outlives it.
#[tokio::test(start_paused = true)]
async fn a_fetch_under_way_is_older_than_the_change() {
    let site = Site::new(|call| async move {
        match call.request.method().as_str() {
            "GET" => {
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                status(
                    200,
                    &[LASTS, ("cache-groups", "\"g\"")],
                    call.number.to_string(),
                )
            }
            _ => status(200, &[("cache-group-invalidation", "\"g\"")], ""),
        }
    });
    let first = site.spawn(get("/page"));
    site.until(|now| now.at_origin == 1).await;
    site.send(method("POST", "/do")).await;
    // It asked before the change, and is answered by what was asked for after it.
    assert_eq!(first.await.expect("no request panics").text(), "2");
    assert_eq!(site.get("/page").await.text(), "2");
}

/// The examples of §2 and §3, over real sockets: an answer to POST names two groups, and
/// what is in either or both of them goes.
#[tokio::test]
async fn the_examples() {
    let builder = Cache::builder().runtime(HandClock::default());
    let site = Site::on(builder, |call| async move {
        let lasts = ("cache-control", "max-age=3600");
        let of = |groups| status(200, &[lasts, ("cache-groups", groups)], "page");
        match call.request.uri().path() {
            "/vote" => {
                let groups = "\"eurovision-results\", \"australia\"";
                let fields = [
                    ("content-type", "text/html"),
                    ("cache-group-invalidation", groups),
                ];
                status(200, &fields, "")
            }
            "/example.js" => of("\"scripts\""),
            "/results" => of("\"eurovision-results\""),
            "/australia" => of("\"nations\", \"australia\""),
            "/australia/results" => of("\"australia\", \"eurovision-results\""),
            _ => of("\"nations\""),
        }
    });
    let address = serve(&site).await;
    let pages = [
        ("/example.js", true),
        ("/results", false),
        ("/australia", false),
        ("/australia/results", false),
        ("/austria", true),
    ];
    for (page, _) in pages {
        told(address, "GET", page, &[]).await;
        site.until_quiet().await;
        assert!(told(address, "GET", page, &[]).await.is_hit(), "{page}");
    }
    // §3: ignored on the answer to a safe method.
    told(address, "GET", "/vote", &[]).await;
    assert!(told(address, "GET", "/results", &[]).await.is_hit());
    told(address, "POST", "/vote", &[]).await;
    for (page, stays) in pages {
        let answer = told(address, "GET", page, &[]).await;
        assert_eq!(answer.is_hit(), stays, "{page}");
    }
}
