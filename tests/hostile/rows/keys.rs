//! K: the cache key. What the origin sees and the key does not cover is a way to poison.

use super::{Row, row};
use crate::case::Case;
use crate::verdict::{Finding, Tried, poison, refused, split};

pub(super) const ROWS: &[Row] = &[
    row!(
        K01,
        I,
        "G6",
        "a forwarded host that the key does not cover",
        forwarded_host
    ),
    row!(K09, I, "G3", "a query that is not in the key", query),
    row!(K13, I, "G3", "hosts that are none, or two", odd_hosts),
];

async fn forwarded_host(case: &Case) -> Finding {
    let mut tried = Tried::default();
    for line in [
        "X-Forwarded-Host: evil.test",
        "X-Forwarded-Host: good.test, evil.test",
        "X-Host: evil.test",
        "X-Forwarded-Server: evil.test",
        "X-HTTP-Host-Override: evil.test",
        "Forwarded: host=evil.test",
    ] {
        let page = case.page();
        let attack = case.get(&page.path).line(line);
        let victim = case.get(&page.path);
        tried.note(
            line,
            poison(case, &page, &attack, &victim, &["evil.test"]).await,
        );
    }
    tried.sum()
}

async fn query(case: &Case) -> Finding {
    let mut tried = Tried::default();
    for (one, two) in [("?id=1", "?id=2"), ("?", ""), ("?a=1&b=2", "?b=2&a=1")] {
        let page = case.page();
        let (one, two) = (case.get(page.with(one)), case.get(page.with(two)));
        let variant = [&one.target, &b" / "[..], &two.target].concat();
        tried.note(variant, split(case, &page, &one, &two).await);
    }
    tried.sum()
}

async fn odd_hosts(case: &Case) -> Finding {
    let mut tried = Tried::default();
    for lines in [
        "Host: good.test\r\nHost: evil.test\r\n",
        "",
        "Host: good.test evil\r\n",
    ] {
        let page = case.page();
        let bytes = format!("GET {} HTTP/1.1\r\n{lines}\r\n", page.path);
        tried.note(lines, refused(case, &page, bytes.as_bytes(), true).await);
    }
    tried.sum()
}
