//! Who asks, and for what.

use axum::body::Body;
use http::{HeaderValue, Request};

use crate::dice::Dice;

/// One of those who ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    Ann,
    Bob,
    /// Nobody known: a request without any credentials.
    Anyone,
}

impl User {
    pub(crate) const ALL: [Self; 3] = [Self::Ann, Self::Bob, Self::Anyone];

    /// The sign by which everything that is made for this user is known. No text of
    /// a cache's own contains it.
    pub(crate) const fn sign(self) -> char {
        match self {
            Self::Ann => '@',
            Self::Bob => '#',
            Self::Anyone => '~',
        }
    }

    pub(crate) fn of_sign(sign: char) -> Option<Self> {
        Self::ALL.into_iter().find(|user| user.sign() == sign)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Ann => "ann",
            Self::Bob => "bob",
            Self::Anyone => "anyone",
        }
    }

    /// Whose name a request's fields carry, wherever they carry it.
    pub(crate) fn of_request<B>(request: &Request<B>) -> Self {
        let carried = CARRIERS
            .iter()
            .filter_map(|(name, _)| request.headers().get(*name));
        let names: Vec<&str> = carried.filter_map(|value| value.to_str().ok()).collect();
        let known = |user: &Self| names.iter().any(|value| value.contains(user.name()));
        [Self::Ann, Self::Bob]
            .into_iter()
            .find(known)
            .unwrap_or(Self::Anyone)
    }
}

/// The fields that say who asks, and what is before the name: credentials, and a
/// field of the application's own that only `Vary` can tell a cache about.
const CARRIERS: [(&str, &str); 3] = [
    ("cookie", "sid="),
    ("authorization", "Bearer "),
    ("x-part", ""),
];

/// A request, as it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) user: User,
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) fields: Vec<(&'static str, String)>,
}

const PATHS: [&str; 5] = ["/a", "/a", "/a", "/b", "/b?c"];

/// What requests say of themselves; most say nothing.
const SAID: [(&str, &str); 12] = [
    ("cache-control", "no-cache"),
    ("cache-control", "max-age=0"),
    ("cache-control", "max-stale=60"),
    ("cache-control", "max-stale"),
    ("cache-control", "no-store"),
    ("cache-control", "only-if-cached"),
    ("pragma", "no-cache"),
    ("range", "bytes=0-9"),
    ("range", "bytes=3-4,6-7"),
    ("range", "bytes=-1"),
    ("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT"),
    ("if-none-match", "*"),
];

impl Ask {
    /// Draws the request with this number. `tags` are entity tags that somebody has been sent.
    pub(crate) fn draw(dice: &mut Dice, number: usize, tags: &[String]) -> Self {
        let user = *dice.pick(&User::ALL);
        let method = match dice.below(100) {
            0..3 => "POST",
            3..9 => "HEAD",
            _ => "GET",
        };
        let path = *dice.pick(&PATHS);
        // A field that all handlers see, and no answer varies on.
        let mut fields = vec![("user-agent", number.to_string())];
        if user != User::Anyone {
            let first = dice.below(CARRIERS.len());
            for (at, (name, before)) in CARRIERS.iter().enumerate() {
                if at == first || dice.percent(15) {
                    fields.push((name, format!("{before}{}", user.name())));
                }
            }
        }
        let language = *dice.pick(&["", "", "en", "fr"]);
        let coding = *dice.pick(&["", "", "gzip"]);
        for (name, value) in [("accept-language", language), ("accept-encoding", coding)] {
            if !value.is_empty() {
                fields.push((name, value.to_owned()));
            }
        }
        while dice.percent(15) {
            let (name, value) = *dice.pick(&SAID);
            fields.push((name, value.to_owned()));
        }
        if !tags.is_empty() && dice.percent(10) {
            let name = *dice.pick(&["if-none-match", "if-range"]);
            fields.push((name, dice.pick(tags).clone()));
        }
        Self {
            user,
            method,
            path,
            fields,
        }
    }

    /// The lines of a field as one value; absent is not empty.
    pub(crate) fn value(&self, field: &str) -> Option<String> {
        let named = self.fields.iter().filter(|(name, _)| *name == field);
        let lines: Vec<&str> = named.map(|(_, value)| value.as_str()).collect();
        (!lines.is_empty()).then(|| lines.join(", "))
    }

    /// Whether one of the fields names an entity tag.
    pub(crate) fn names(&self, tag: &HeaderValue) -> bool {
        let tag = tag.to_str().unwrap_or_default();
        let mut values = self.fields.iter().map(|(_, value)| value.as_str());
        values.any(|value| value == tag)
    }

    pub(crate) fn request(&self) -> Request<Body> {
        let request = Request::builder().method(self.method).uri(self.path);
        self.fields
            .iter()
            .fold(
                request.header("host", "good.test"),
                |request, (name, value)| request.header(*name, value),
            )
            .body(Body::empty())
            .expect("a legal request")
    }
}

/// The number of the request that a handler is called for.
pub(crate) fn number_of<B>(request: &Request<B>) -> usize {
    let agent = request
        .headers()
        .get("user-agent")
        .and_then(|agent| agent.to_str().ok());
    agent
        .and_then(|number| number.parse().ok())
        .expect("all requests have a number")
}
