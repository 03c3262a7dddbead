//! The host and its port.

use super::kept_apart;
use crate::case::Case;
use crate::client::h2;
use crate::origin::Recipe;
use crate::verdict::{Finding, Tried, refused, split};

/// An origin that builds a redirect from the port it was asked on.
fn redirect_to_host() -> Recipe {
    Recipe::new().line("Location: http://{host}/next")
}

pub(super) async fn port(case: &Case) -> Finding {
    let mut tried = Tried::default();
    for host in [
        "good.test:1337",
        "good.test:8080",
        "good.test:443",
        "good.test:080",
        "good.test:80",
        "good.test:",
        "good.test:0",
        "good.test:65535",
        "good.test:65536",
        "good.test:evil",
    ] {
        for status in [200, 302] {
            let page = case.page();
            page.script(redirect_to_host().status(status));
            let attack = case.get(&page.path).host(host);
            let victim = case.get(&page.path);
            let finding = kept_apart(case, &page, &attack, &victim).await;
            tried.note(format!("{host} {status}"), finding);
        }
    }
    tried.sum()
}

/// Names that differ, and names that only look different: those may share an entry if the origin
/// sees no difference either.
pub(super) async fn differ(case: &Case) -> Finding {
    let mut tried = Tried::default();
    for (one, two) in [
        ("a.test", "b.test"),
        ("a.test", "a.test.b.test"),
        ("a.test", "xa.test"),
        ("a.test", "a.test."),
        ("a.test.", "a.test"),
        ("a.test", "a.test:81"),
        ("a%2etest", "a.test"),
        ("a_test", "a-test"),
        ("127.0.0.1", "127.0.0.2"),
        ("[::1]", "[::2]"),
        ("[::1]", "[0::1]"),
    ] {
        let page = case.page();
        let first = case.get(&page.path).host(one);
        let second = case.get(&page.path).host(two);
        tried.note(
            format!("{one} {two}"),
            split(case, &page, &first, &second).await,
        );
    }
    for (one, two) in [
        ("GOOD.test", "good.test"),
        ("good.TEST", "GOOD.test"),
        ("good.test", "GOOD.TEST"),
        ("Good.test:80", "good.test"),
    ] {
        let page = case.page();
        let attack = case.get(&page.path).host(one);
        let victim = case.get(&page.path).host(two);
        let lower = two.to_ascii_lowercase();
        let finding = kept_apart(case, &page, &attack, &victim.heard_as(&lower)).await;
        tried.note(format!("{one} {two}"), finding);
    }
    tried.note("absolute target", absolute(case).await);
    tried.note("h2 :authority", over_h2(case).await);
    tried.sum()
}

/// An absolute target names the host, whatever `Host` says.
async fn absolute(case: &Case) -> Finding {
    let page = case.page();
    let first = case
        .get(format!("http://a.test{}", page.path))
        .host("b.test");
    let second = case.get(&page.path).host("b.test");
    split(case, &page, &first, &second).await
}

async fn over_h2(case: &Case) -> Finding {
    if !case.subject.is_ours() {
        return Finding::not_applicable("cleartext HTTP/2 is not expected of others");
    }
    let page = case.page();
    let mut connection = case.connect_h2().await;
    let mut fields = h2::fields("GET", &page.path, "first");
    fields[2].1 = b"a.test".to_vec();
    connection.ask(&fields).await;
    fields[2].1 = b"b.test".to_vec();
    fields[4].1 = b"second".to_vec();
    let second = connection.ask(&fields).await;
    let own = second.made_for().is_some_and(|nonce| nonce == "second");
    Finding::of(
        own,
        if own {
            "split".to_owned()
        } else {
            second.summary()
        },
    )
}

pub(super) async fn odd(case: &Case) -> Finding {
    let mut tried = Tried::default();
    for lines in [
        "",
        "Host: good.test\r\nHost: evil.test\r\n",
        "Host: good.test\r\nHost: good.test\r\n",
        "Host: good.test\r\nX-A: b\r\nhost: evil.test\r\n",
        "Host: good.test evil\r\n",
        "Host: good.test\tevil\r\n",
        "Host: good.test@evil.test\r\n",
        "Host: @good.test\r\n",
        "Host: user:pass@good.test\r\n",
        "Host: good.test/x\r\n",
        "Host: good.test\\x\r\n",
        "Host: good.test?x\r\n",
        "Host: good.test#x\r\n",
        "Host: http://good.test\r\n",
        "Host: good.test, evil.test\r\n",
        "Host: good.test,evil.test\r\n",
        "Host: good.test;evil.test\r\n",
        "Host: good.test:80:81\r\n",
        "Host: good.test:-1\r\n",
        "Host: good.test:+80\r\n",
        "Host: good.test:8o\r\n",
        "Host: [::1\r\n",
        "Host: ::1]\r\n",
        "Host: []\r\n",
        "Host: :80\r\n",
        "Host: good.test\"\r\n",
        "Host: <good.test>\r\n",
        "Host: good.test\0\r\n",
        "Host: good.test\x0bevil\r\n",
        "Host: good.test\x7f\r\n",
        "Host: good\u{e9}.test\r\n",
        "Host : good.test\r\n",
        " Host: good.test\r\n",
        "Host\t: good.test\r\n",
        "Host: good.test\r\n evil.test\r\n",
        "Host:\r\n",
        "Host: \r\n",
        "X-Host: good.test\r\n",
    ] {
        let page = case.page();
        let bytes = format!("GET {} HTTP/1.1\r\n{lines}\r\n", page.path);
        tried.note(lines, refused(case, &page, bytes.as_bytes(), true).await);
    }
    tried.sum()
}
