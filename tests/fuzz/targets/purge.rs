//! Purges by URI, by path and by prefix: each takes exactly what it names.

use std::sync::Arc;

use bytes::Bytes;
use floodwall::{Cache, Purge, Verb};
use http::{Request, Response, Uri};

use super::desk::{Desk, asked};
use super::{naive, text};

pub(crate) const WORDS: &[&str] = &[
    "/a",
    "/a/",
    "/a/b",
    "/a?x",
    "/ab",
    "/",
    "http://good.test/a",
    "https://GOOD.test:443/a",
    "http://good.test:80",
    "host: good.test",
    "?",
    "\n",
    "\n\n",
];

pub(crate) fn check(data: &[u8]) {
    let mut blocks = text::blocks(data);
    let stored = asked(blocks.next().unwrap_or_default(), |name| name == "host");
    let named = naive::text(blocks.next().unwrap_or_default());
    let (exact, below) = (Purge::uri(&named), Purge::prefix(&named));
    assert_eq!(exact.is_ok(), below.is_ok());
    let (Some(stored), Ok(exact), Ok(below)) = (stored, exact, below) else {
        return;
    };
    let uri: Uri = named.parse().expect("it was taken for one");
    let page = Page::of(
        &stored.uri,
        stored.headers.get("host").map(|host| host.as_bytes()),
    );
    let named = Page::of(&uri, None);
    let host = named.host.is_empty() || named.host == page.host;
    purges(&stored, exact, host && named.target == page.target);
    purges(
        &stored,
        below,
        host && is_below(&page.target, &named.target),
    );
}

/// What a purge names a page by: not the scheme.
struct Page {
    host: Vec<u8>,
    target: String,
}

impl Page {
    fn of(uri: &Uri, host: Option<&[u8]>) -> Self {
        let named = uri
            .authority()
            .map(|authority| authority.as_str().as_bytes());
        let host = named.or(host).unwrap_or_default().to_ascii_lowercase();
        let port: &[u8] = if uri.scheme_str() == Some("https") {
            b":443"
        } else {
            b":80"
        };
        let query = uri
            .query()
            .map_or(String::new(), |query| format!("?{query}"));
        Self {
            host: host.strip_suffix(port).unwrap_or(&host).to_vec(),
            target: format!("{}{query}", uri.path()),
        }
    }
}

fn is_below(target: &str, prefix: &str) -> bool {
    let rest = target.strip_prefix(prefix);
    rest.is_some_and(|rest| {
        prefix.ends_with('/') || rest.is_empty() || rest.starts_with(['/', '?'])
    })
}

fn purges(parts: &http::request::Parts, purge: Purge, gone: bool) {
    let page = |_: &Request<()>| {
        let response = Response::builder().header("cache-control", "max-age=60");
        response
            .body(Bytes::from("page"))
            .expect("a legal response")
    };
    let desk = Desk::new(Cache::builder(), Arc::new(page));
    let request = Request::from_parts(parts.clone(), ());
    let verb = || desk.cache.explain(&request).verb;
    desk.ask(parts);
    if verb() == Verb::Hit {
        desk.cache.purge(purge.clone());
        let after = if gone { Verb::Fill } else { Verb::Hit };
        assert_eq!(verb(), after, "{purge:?} of {}", request.uri());
    }
}
