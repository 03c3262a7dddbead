//! What an answer says of itself: as fields for the cache to read, and as plain
//! values for the promises to be checked by. The promises never read a field that
//! the cache reads.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use http::header::{AGE, CACHE_CONTROL, DATE, ETAG, LOCATION, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::client::Identity;
use crate::history::Serial;
use floodwall::simulate::Random;

/// The serial of the call that made the body.
pub(crate) const X_BODY: HeaderName = HeaderName::from_static("x-body");
/// The serial of the call that made or last confirmed the head.
pub(crate) const X_HEAD: HeaderName = HeaderName::from_static("x-head");
/// The canary: for whom the call was made.
pub(crate) const X_FOR: HeaderName = HeaderName::from_static("x-for");
/// Since 1970, so that a `Date` that is wrong by a day can be written.
const A_LONG_TIME: Duration = Duration::from_secs(1 << 30);
/// What the response can be purged by.
const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");

/// What an answer says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) max_age: Option<u64>,
    pub(crate) s_maxage: Option<u64>,
    pub(crate) stale_while_revalidate: Option<u64>,
    pub(crate) stale_if_error: Option<u64>,
    pub(crate) no_store: bool,
    pub(crate) private: bool,
    pub(crate) no_cache: bool,
    pub(crate) must_revalidate: bool,
    pub(crate) proxy_revalidate: bool,
    pub(crate) public: bool,
    pub(crate) immutable: bool,
    pub(crate) set_cookie: bool,
    pub(crate) vary: Vary,
    /// Whether it has an entity tag, so that it can be validated.
    pub(crate) tagged: bool,
    /// What it can be purged by.
    pub(crate) topic: Option<u8>,
    pub(crate) age: Option<u64>,
    /// By how many seconds its `Date` is wrong; nothing if it has none.
    pub(crate) date: Option<i64>,
}

/// Which request fields select it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Vary {
    #[default]
    Nothing,
    Language,
    LanguageAndKind,
    Cookie,
    /// Nobody knows.
    Star,
}

impl Vary {
    const fn field(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Language => Some("Accept-Language"),
            Self::LanguageAndKind => Some("Accept-Language, X-Kind"),
            Self::Cookie => Some("cookie"),
            Self::Star => Some("*"),
        }
    }
}

impl Said {
    /// A page that can be stored, with odd traits as often as `odd` in a hundred.
    pub(crate) fn drawn(random: &mut Random, odd: u64) -> Self {
        let window = |random: &mut Random| random.pick(&[None, None, Some(0), Some(2), Some(30)]);
        let mut said = Self {
            status: 200,
            max_age: random.pick(&[
                None,
                Some(0),
                Some(0),
                Some(1),
                Some(1),
                Some(2),
                Some(5),
                Some(60),
            ]),
            stale_while_revalidate: window(random),
            stale_if_error: window(random),
            tagged: random.percent(60),
            topic: random.pick(&[None, Some(0), Some(1)]),
            date: random.pick(&[
                None,
                None,
                Some(0),
                Some(0),
                Some(86_400),
                Some(-1),
                Some(-86_400),
            ]),
            age: random.pick(&[None, None, None, None, Some(0), Some(1)]),
            ..Self::default()
        };
        said.vary = random.pick(&[
            Vary::Nothing,
            Vary::Nothing,
            Vary::Nothing,
            Vary::Language,
            Vary::LanguageAndKind,
        ]);
        said.public = random.percent(40);
        while random.percent(odd) {
            said.turn_odd(random);
        }
        said
    }

    fn turn_odd(&mut self, random: &mut Random) {
        match random.below(14) {
            0 => self.no_store = true,
            1 | 2 => self.private = true,
            3 => self.no_cache = true,
            4 => self.must_revalidate = true,
            5 => self.proxy_revalidate = true,
            6 => self.s_maxage = random.pick(&[Some(0), Some(1), Some(3)]),
            7 => self.immutable = true,
            8 => self.set_cookie = true,
            9 => self.vary = Vary::Cookie,
            10 => self.vary = Vary::Star,
            11 => self.status = random.pick(&[302, 404, 404, 410, 401, 206, 204]),
            _ => self.status = random.pick(&[500, 502, 503]),
        }
    }

    /// What `Cache-Control` says. The extension `rule` names the call that said
    /// it, so that a reader knows by which rules a response was kept even after a
    /// 304 brought new ones.
    fn cache_control(&self, serial: Serial) -> String {
        let mut line = format!("rule={}", serial.0);
        let spans = [
            ("max-age", self.max_age),
            ("s-maxage", self.s_maxage),
            ("stale-while-revalidate", self.stale_while_revalidate),
            ("stale-if-error", self.stale_if_error),
        ];
        for (name, span) in spans {
            if let Some(span) = span {
                let _ = write!(line, ", {name}={span}");
            }
        }
        let flags = [
            ("no-store", self.no_store),
            ("private", self.private),
            ("no-cache", self.no_cache),
            ("must-revalidate", self.must_revalidate),
            ("proxy-revalidate", self.proxy_revalidate),
            ("public", self.public),
            ("immutable", self.immutable),
        ];
        for (name, _) in flags.iter().filter(|(_, on)| *on) {
            let _ = write!(line, ", {name}");
        }
        line
    }

    /// The fields that say so; `wall` is the time of day.
    pub(crate) fn write(&self, headers: &mut HeaderMap, serial: Serial, wall: SystemTime) {
        let mut set = |name: HeaderName, text: &str| {
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(name, value);
            }
        };
        set(CACHE_CONTROL, &self.cache_control(serial));
        if let Some(field) = self.vary.field() {
            set(VARY, field);
        }
        if self.set_cookie {
            set(SET_COOKIE, "sid=of-one");
        }
        if self.tagged {
            set(ETAG, &etag(serial));
        }
        if let Some(topic) = self.topic {
            set(SURROGATE_KEY, &topic_name(topic));
        }
        if let Some(age) = self.age {
            set(AGE, &age.to_string());
        }
        if let Some(skew) = self.date {
            let span = Duration::from_secs(skew.unsigned_abs());
            let date = if skew < 0 { wall - span } else { wall + span };
            set(DATE, &httpdate::fmt_http_date(date));
        }
        if (300..400).contains(&self.status) {
            set(LOCATION, "/elsewhere");
        }
    }
}

/// The entity tag of a call's body.
pub(crate) fn etag(serial: Serial) -> String {
    format!("\"{}\"", serial.0)
}

pub(crate) fn topic_name(topic: u8) -> String {
    format!("topic-{topic}")
}

/// The fields that tell which call made an answer, and for whom.
pub(crate) fn sign(headers: &mut HeaderMap, serial: Serial, identity: Identity) {
    headers.insert(X_HEAD, HeaderValue::from(serial.0));
    headers.insert(X_FOR, HeaderValue::from_static(identity.canary()));
}

impl Said {
    /// For people: the fields, without those that tell whose they are.
    pub(crate) fn brief(&self) -> String {
        let mut headers = HeaderMap::new();
        self.write(
            &mut headers,
            Serial(0),
            SystemTime::UNIX_EPOCH + A_LONG_TIME,
        );
        let mut text = String::new();
        for (name, value) in &headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            let value = value.trim_start_matches("rule=0").trim_start_matches(", ");
            if *name == DATE {
                let _ = write!(text, "; date {:+}", self.date.unwrap_or_default());
            } else if !value.is_empty() {
                let _ = write!(text, "; {name}: {value}");
            }
        }
        text.trim_start_matches("; ").to_owned()
    }
}
