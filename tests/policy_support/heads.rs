//! Heads: requests, responses and settings, well formed, with edge values.

use std::time::Duration;

use floodwall::policy::{Authorization, Cookies, Rules, SetCookie, Statuses};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::prop_oneof;
use proptest::sample::{select, subsequence};

use super::date;

/// A response's head; times are in seconds from its arrival.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) status: u16,
    pub(crate) said: Vec<String>,
    pub(crate) date: Option<i64>,
    pub(crate) expires: Option<Expires>,
    pub(crate) changed: Option<i64>,
    pub(crate) age: Option<u64>,
    pub(crate) tag: Option<&'static str>,
    pub(crate) vary: Vec<&'static str>,
    pub(crate) others: Vec<(&'static str, &'static str)>,
}

/// What `Expires` says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expires {
    At(i64),
    Junk,
}

impl Origin {
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).expect("the statuses are legal")
    }

    pub(crate) fn has(&self, field: &str) -> bool {
        self.others.iter().any(|(name, _)| *name == field)
    }

    /// The head, each field on one line.
    pub(crate) fn headers(&self) -> HeaderMap {
        self.headers_at(0)
    }

    /// The head of the same response when it arrives so many seconds later.
    pub(crate) fn headers_at(&self, arrival: i64) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut add = |name: &'static str, value: &[u8]| {
            let value = HeaderValue::from_bytes(value).expect("the values are legal");
            headers.append(HeaderName::from_static(name), value);
        };
        if !self.said.is_empty() {
            add("cache-control", self.said.join(", ").as_bytes());
        }
        for (name, offset) in [("date", self.date), ("last-modified", self.changed)] {
            if let Some(offset) = offset {
                add(name, date(arrival + offset).as_bytes());
            }
        }
        match self.expires {
            Some(Expires::At(offset)) => add("expires", date(arrival + offset).as_bytes()),
            Some(Expires::Junk) => add("expires", b"0"),
            None => {}
        }
        if let Some(age) = self.age {
            add("age", age.to_string().as_bytes());
        }
        if let Some(tag) = self.tag {
            add("etag", tag.as_bytes());
        }
        if !self.vary.is_empty() {
            add("vary", self.vary.join(", ").as_bytes());
        }
        for (name, value) in &self.others {
            add(name, value.as_bytes());
        }
        headers
    }
}

/// A request's head.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    pub(crate) method: &'static str,
    pub(crate) said: Vec<String>,
    pub(crate) fields: Vec<(&'static str, &'static str)>,
}

impl Asker {
    pub(crate) fn request(&self) -> Request<()> {
        let mut request = Request::builder().method(self.method).uri("/page");
        if !self.said.is_empty() {
            request = request.header("cache-control", self.said.join(", "));
        }
        for (name, value) in &self.fields {
            request = request.header(*name, *value);
        }
        request.body(()).expect("the requests are legal")
    }

    pub(crate) fn has(&self, field: &str) -> bool {
        self.fields.iter().any(|(name, _)| *name == field)
    }

    /// The field's lines as one value; absent is not empty.
    pub(crate) fn value(&self, field: &str) -> Option<String> {
        let lines: Vec<&str> = self
            .fields
            .iter()
            .filter(|(name, _)| *name == field)
            .map(|(_, value)| *value)
            .collect();
        (!lines.is_empty()).then(|| lines.join(", "))
    }
}

/// Seconds as directives write them, with the edges of what can be held.
pub(crate) const SECONDS: [&str; 11] = [
    "0",
    "1",
    "30",
    "59",
    "60",
    "061",
    "600",
    "86400",
    "2147483647",
    "2147483648",
    "99999999999999999999",
];

const SPANS: [&str; 6] = [
    "max-age",
    "max-age",
    "max-age",
    "s-maxage",
    "stale-while-revalidate",
    "stale-if-error",
];

const FLAGS: [&str; 9] = [
    "public",
    "public",
    "must-revalidate",
    "proxy-revalidate",
    "immutable",
    "must-understand",
    "no-transform",
    "ext=\"quoted text\"",
    "ext=1",
];

const REFUSALS: [&str; 6] = [
    "no-store",
    "private",
    "private=\"set-cookie\"",
    "no-cache",
    "no-cache",
    "no-cache=\"set-cookie\"",
];

/// One well-formed directive of a response.
fn response_directive() -> impl Strategy<Value = String> {
    prop_oneof![
        10 => (select(&SPANS[..]), select(&SECONDS[..])).prop_map(|(name, n)| format!("{name}={n}")),
        6 => select(&FLAGS[..]).prop_map(str::to_owned),
        1 => select(&REFUSALS[..]).prop_map(str::to_owned),
    ]
}

/// One well-formed directive of a request.
pub(crate) fn request_directive() -> impl Strategy<Value = String> {
    let spans = [
        "max-age",
        "min-fresh",
        "max-stale",
        "max-stale",
        "stale-if-error",
    ];
    let span = select(spans.to_vec());
    let flag = select(
        &[
            "no-cache",
            "max-stale",
            "max-stale",
            "only-if-cached",
            "ext=1",
        ][..],
    );
    prop_oneof![
        4 => (span, select(&SECONDS[..])).prop_map(|(name, n)| format!("{name}={n}")),
        2 => flag.prop_map(str::to_owned),
    ]
}

/// Offsets of dates; every one a multiple of ten, so that a tenth is whole.
fn offset() -> impl Strategy<Value = i64> {
    select(&[-864_000, -3600, -60, -10, 0, 10, 60, 3600, 86_400][..])
}

fn status() -> impl Strategy<Value = u16> {
    prop_oneof![
        10 => Just(200_u16),
        5 => select(&[
            203, 204, 206, 300, 301, 302, 303, 304, 307, 308, 400, 401, 404, 405, 406, 410, 414,
            429, 451, 500, 501, 502, 503, 504,
        ][..]),
    ]
}

const OTHERS: [(&str, &str); 8] = [
    ("set-cookie", "sid=1"),
    ("location", "/there"),
    ("location", "/there"),
    ("content-encoding", "gzip"),
    ("content-encoding", "identity"),
    ("content-type", "text/html"),
    ("surrogate-key", "one two"),
    ("cache-tag", "one, three"),
];

fn others() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    let stream = ("content-type", "Text/Event-Stream; charset=utf-8");
    prop_oneof![
        12 => subsequence(OTHERS[1..].to_vec(), 0..=3),
        2 => subsequence(OTHERS.to_vec(), 1..=3),
        1 => Just(vec![stream]),
    ]
}

/// Responses.
pub(crate) fn origin() -> impl Strategy<Value = Origin> {
    let expires = prop_oneof![
        4 => offset().prop_map(Expires::At),
        1 => Just(Expires::Junk),
    ];
    let vary = prop_oneof![
        8 => subsequence(vec!["accept-language", "X-V", "cookie", "Accept-Encoding"], 0..=2),
        1 => Just(vec!["x-v", "*"]),
    ];
    (
        status(),
        vec(response_directive(), 0..5),
        proptest::option::of(offset()),
        proptest::option::weighted(0.3, expires),
        proptest::option::of(offset()),
        proptest::option::weighted(0.3, select(&[0, 1, 59, 60, 61, 4_000_000_000][..])),
        proptest::option::of(select(&["\"a\"", "W/\"a\"", "\"b\""][..])),
        vary,
        others(),
    )
        .prop_map(
            |(status, said, date, expires, changed, age, tag, vary, others)| Origin {
                status,
                said,
                date,
                expires,
                changed,
                age,
                tag,
                vary,
                others,
            },
        )
}

const ASKED: [(&str, &str); 10] = [
    ("cookie", "sid=1"),
    ("authorization", "Bearer a"),
    ("pragma", "no-cache"),
    ("accept-language", "en"),
    ("accept-language", "fr"),
    ("x-v", ""),
    ("x-v", "a"),
    ("x-v", "b"),
    ("x-v", "a, b"),
    ("accept-encoding", "gzip"),
];

/// GETs with credentials, directives and selecting fields.
pub(crate) fn asker() -> impl Strategy<Value = Asker> {
    (
        vec(request_directive(), 0..3),
        subsequence(ASKED.to_vec(), 0..=4),
    )
        .prop_map(|(said, fields)| Asker {
            method: "GET",
            said,
            fields,
        })
}

/// Settings.
pub(crate) fn rules() -> impl Strategy<Value = Rules> {
    let span = || proptest::option::weighted(0.3, select(&[0, 30, 60, 600][..]));
    (
        (span(), span(), span()),
        select(&[Cookies::RequirePermission, Cookies::Ignore, Cookies::Pass][..]),
        select(&[Authorization::RequirePermission, Authorization::Pass][..]),
        prop_oneof![
            6 => Just(SetCookie::Refuse),
            2 => Just(SetCookie::Strip),
            2 => Just(SetCookie::Share),
        ],
        any::<(bool, bool, bool)>(),
        proptest::bool::weighted(0.2),
    )
        .prop_map(
            |(spans, cookies, authorization, set_cookie, switches, strict)| {
                let seconds = |span: Option<u64>| span.map(Duration::from_secs);
                let mut rules = Rules::default();
                rules.default_fresh_for = seconds(spans.0);
                rules.stale_while_revalidate = seconds(spans.1);
                rules.stale_if_error = seconds(spans.2);
                rules.cookies = cookies;
                rules.authorization = authorization;
                rules.set_cookie = set_cookie;
                (rules.heuristics, rules.store_errors, _) = switches;
                if switches.2 {
                    rules.statuses = Statuses::Any;
                }
                rules.strict_collapse = strict;
                rules
            },
        )
}
