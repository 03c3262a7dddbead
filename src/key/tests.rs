use http::{Request, Uri};

use super::*;
use crate::error::ConfigError;
use crate::policy::{Reason, UrlVariation};

fn maker(rules: &KeyRules) -> KeyMaker {
    rules.compile("").expect("legal rules")
}

fn key_of(maker: &KeyMaker, uri: &str, fields: &[(&str, &str)]) -> Result<KeyBuf, Reason> {
    let mut request = Request::builder().uri(uri);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let request = request.body(()).expect("a legal request");
    maker.key((&request).into(), &UrlVariation::default())
}

#[test]
fn different_requests_have_different_keys() {
    let maker = maker(&KeyRules::new().field("x-colour"));
    let host = ("host", "good.test");
    let requests: Vec<(&str, Vec<(&str, &str)>)> = vec![
        ("/p", vec![host]),
        ("/p?", vec![host]),
        ("/p?id=1", vec![host]),
        ("/p?id=2", vec![host]),
        ("/P", vec![host]),
        ("/p/", vec![host]),
        ("/%70", vec![host]),
        ("/j?a=1?utm_content=x&cb=evil", vec![host]),
        ("/j?a=1%26cb=evil", vec![host]),
        ("/j?a%3d1", vec![host]),
        ("/?/_payload.json", vec![host]),
        ("/", vec![host]),
        ("/p", vec![("host", "good.test:1337")]),
        ("/p", vec![("host", "bad.test")]),
        ("https://good.test/p", vec![]),
        ("/p", vec![host, ("x-forwarded-host", "evil.test")]),
        ("/p", vec![host, ("x-forwarded-prefix", "evil.test")]),
        ("/p", vec![host, ("x_forwarded_host", "evil.test")]),
        ("/p", vec![host, ("x-api-key", "a")]),
        ("/p", vec![host, ("x-api-key", "b")]),
        ("/p", vec![host, ("rsc", "1")]),
        ("/p", vec![host, ("x-colour", "")]),
        ("/p", vec![host, ("x-colour", "a")]),
        ("/p", vec![host, ("x-colour", "a"), ("x-colour", "")]),
        ("/p", vec![host, ("x_colour", "a")]),
    ];
    let keys: Vec<KeyBuf> = requests
        .iter()
        .map(|(uri, fields)| key_of(&maker, uri, fields).expect("keyed"))
        .collect();
    for (at, key) in keys.iter().enumerate() {
        for (other, another) in keys.iter().enumerate() {
            assert_eq!(
                key == another,
                at == other,
                "{:?}, {:?}",
                requests[at],
                requests[other]
            );
        }
    }
}

#[test]
fn the_order_of_the_fields_makes_no_difference() {
    let maker = maker(&KeyRules::new().field("x-colour"));
    let one = [("x-colour", "a"), ("rsc", "1"), ("x-forwarded-host", "b")];
    let mut other = one;
    other.reverse();
    assert_eq!(key_of(&maker, "/p", &one), key_of(&maker, "/p", &other));
}

#[test]
fn the_authority_is_folded() {
    let maker = maker(&KeyRules::new());
    let plain = key_of(&maker, "/p", &[("host", "good.test")]);
    assert_eq!(key_of(&maker, "/p", &[("host", "Good.TEST:80")]), plain);
    assert_eq!(key_of(&maker, "http://good.test/p", &[]), plain);
    let named = key_of(&maker, "http://good.test/p", &[("host", "good.test")]);
    assert_eq!(named, plain);
}

#[test]
fn a_host_in_doubt_has_no_key() {
    let maker = maker(&KeyRules::new());
    for host in [
        "good.test evil",
        "good.test@evil.test",
        "good.test/x",
        "",
        "a,b/",
    ] {
        let key = key_of(&maker, "/p", &[("host", host)]);
        assert_eq!(key, Err(Reason::Host), "{host:?}");
    }
    let torn = key_of(&maker, "http://a.test/", &[("host", "b.test")]);
    assert_eq!(torn, Err(Reason::Host));
}

#[test]
fn a_target_without_a_path_has_no_key() {
    let maker = maker(&KeyRules::new());
    for target in ["*", "good.test", "good.test:80"] {
        let key = key_of(&maker, target, &[]);
        assert_eq!(key, Err(Reason::Target), "{target}");
    }
    assert!(key_of(&maker, "http://good.test", &[]).is_ok());
}

#[test]
fn a_dropped_parameter_is_dropped_for_the_handler_too() {
    let maker = maker(&KeyRules::new().drop_query("utm_content"));
    let host = ("host", "good.test");
    let plain = key_of(&maker, "/j?cb=ok", &[host]);
    assert_eq!(
        key_of(&maker, "/j?cb=ok&utm_content=x;cb=evil", &[host]),
        plain
    );
    assert_eq!(key_of(&maker, "/j?utm_content&cb=ok", &[host]), plain);
    assert_ne!(key_of(&maker, "/j?a=1?utm_content=x&cb=ok", &[host]), plain);
    for (uri, seen) in [
        ("/j?cb=ok&utm_content=x;cb=evil", "/j?cb=ok"),
        ("/j?utm_content=x", "/j"),
        (
            "http://good.test/j?utm_content&a=1",
            "http://good.test/j?a=1",
        ),
        ("/j?", "/j?"),
    ] {
        let uri: Uri = uri.parse().expect("a URI");
        assert_eq!(maker.covered_uri(&uri).to_string(), seen);
    }
}

#[test]
fn the_page_is_what_a_purge_names() {
    let maker = maker(&KeyRules::new());
    let fields = [("host", "good.test"), ("x-forwarded-proto", "https")];
    let key = key_of(&maker, "/p?q=1", &fields).expect("keyed").to_key();
    assert_eq!(
        key.page(),
        maker.purge_page("https", "GOOD.test:443", "/p?q=1")
    );
}

#[test]
fn strict_forwarding_hides_what_is_not_covered() {
    let maker = maker(&KeyRules::new().field("x-colour").strict_forwarding(true));
    let mut request = Request::new(());
    for name in ["host", "x-colour", "x-evil", "accept", "x-forwarded-host"] {
        let value = http::HeaderValue::from_static("v");
        request.headers_mut().insert(name, value);
    }
    maker.cover(&mut request);
    assert!(!request.headers().contains_key("x-evil"));
    assert_eq!(request.headers().len(), 4);
}

#[test]
fn the_handler_is_told_the_authority_that_is_in_the_key() {
    let maker = maker(&KeyRules::new());
    for (uri, host, seen_uri, seen_host) in [
        ("/p", "Good.TEST:80", "/p", "good.test"),
        ("/p", "good.test:443", "/p", "good.test:443"),
        (
            "https://Good.test:443/p?Q=1",
            "good.test",
            "https://good.test/p?Q=1",
            "good.test",
        ),
        (
            "http://good.test:81/P",
            "good.test:81",
            "http://good.test:81/P",
            "good.test:81",
        ),
    ] {
        let request = Request::builder().uri(uri).header("host", host);
        let mut request = request.body(()).expect("a legal request");
        maker.cover(&mut request);
        assert_eq!(request.uri().to_string(), seen_uri);
        assert_eq!(request.headers()["host"], seen_host);
    }
}

#[test]
fn wrong_rules_are_named() {
    let error = KeyRules::new().field("a b").compile("").map(drop);
    assert!(matches!(
        error,
        Err(ConfigError::Name {
            setting: "key field",
            ..
        })
    ));
    let error = KeyRules::new().drop_query("a=b").compile("").map(drop);
    assert!(matches!(
        error,
        Err(ConfigError::Name {
            setting: "drop_query",
            ..
        })
    ));
    let error = KeyRules::new().compile("a\0b").map(drop);
    assert!(matches!(
        error,
        Err(ConfigError::Name {
            setting: "namespace",
            ..
        })
    ));
}

/// The parts of a key, read back from its bytes: namespace, authority, target,
/// scheme, then each field with its lines.
fn parts(key: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut parts: Vec<Vec<&[u8]>> = Vec::new();
    let closed = key.strip_suffix(b"\0").expect("every part is closed");
    for part in closed.split(|byte| *byte == 0) {
        match part.split_first() {
            Some((1, name)) => parts.push(vec![name]),
            Some((2, line)) => parts.last_mut().expect("after a name").push(line),
            _ => parts.push(vec![part]),
        }
    }
    parts
}

fn reads_back(namespace: &str, [scheme, authority, target]: [&str; 3], fields: &[(&str, &str)]) {
    let rules = KeyRules::new().field("x-a").field("x-b");
    let maker = rules.compile(namespace).expect("legal rules");
    let uri = match authority {
        "" => target.to_owned(),
        named => format!("{scheme}://{named}{target}"),
    };
    let key = key_of(&maker, &uri, fields).expect("keyed");
    let start = [namespace, authority, target, scheme];
    let mut expected: Vec<Vec<&[u8]>> = start.map(|part| vec![part.as_bytes()]).into();
    for (name, line) in fields {
        match expected.last_mut() {
            Some(field) if field[0] == name.as_bytes() => field.push(line.as_bytes()),
            _ => expected.push(vec![name.as_bytes(), line.as_bytes()]),
        }
    }
    assert_eq!(parts(key.as_bytes()), expected, "{uri} {fields:?}");
}

#[test]
fn a_key_can_be_read_back() {
    let targets = ["/", "/?", "/a/b", "/%00?a=1"];
    let origins = [("http", ""), ("http", "a"), ("https", "a.test:80")];
    let rows: [&[(&str, &str)]; 6] = [
        &[],
        &[("x-a", "")],
        &[("x-a", "x-b")],
        &[("x-a", ""), ("x-a", "b")],
        &[("x-a", ""), ("x-b", "b")],
        &[("x-b", "b")],
    ];
    for fields in rows {
        for (scheme, authority) in origins {
            for target in targets {
                reads_back("", [scheme, authority, target], fields);
                reads_back("a/b", [scheme, authority, target], fields);
            }
        }
    }
}
