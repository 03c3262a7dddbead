//! RFC 9111 as one would write it down in an hour, for heads that are well
//! formed: strings in lower case, split at commas; whole seconds; no types.
//! It shares no code with what it is held against.

use floodwall::policy::{Cookies, Rules, SetCookie, Statuses};

use super::heads::{Asker, Expires, Origin};

/// RFC 9111 §1.2.2.
pub(crate) const LONGEST: u64 = 1 << 31;

/// The directives of one head.
#[derive(Debug)]
pub(crate) struct Said(Vec<(String, Option<String>)>);

impl Said {
    pub(crate) fn of(directives: &[String]) -> Self {
        let line = directives.join(",").to_lowercase();
        let pairs = line.split(',').map(str::trim).map(|member| {
            let mut halves = member.splitn(2, '=');
            let name = halves.next().unwrap_or_default().to_owned();
            (name, halves.next().map(str::to_owned))
        });
        Self(pairs.collect())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(said, _)| said == name)
    }

    pub(crate) fn has_value(&self, name: &str) -> bool {
        let given = |(said, value): &(String, Option<String>)| said == name && value.is_some();
        self.0.iter().any(given)
    }

    fn values(&self, name: &str) -> impl Iterator<Item = u64> {
        self.0
            .iter()
            .filter(move |(said, _)| said == name)
            .map(
                |(_, value)| match value.as_deref().map(str::parse::<u128>) {
                    Some(Ok(seconds)) => u64::try_from(seconds).unwrap_or(LONGEST).min(LONGEST),
                    _ => LONGEST, // only `max-stale` stands without a value
                },
            )
    }

    pub(crate) fn least(&self, name: &str) -> Option<u64> {
        self.values(name).min()
    }

    pub(crate) fn most(&self, name: &str) -> Option<u64> {
        self.values(name).max()
    }
}

/// How a response ages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    pub(crate) fresh: u64,
    pub(crate) age: u64,
    pub(crate) refresh: u64,
    pub(crate) error: u64,
    pub(crate) always: bool,
    pub(crate) never: bool,
    pub(crate) immutable: bool,
}

/// RFC 9110 §15.1.
fn needs_no_lifetime(status: u16) -> bool {
    [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501].contains(&status)
}

/// RFC 9111 §4.2.1, then what the operator gives.
fn fresh_for(origin: &Origin, said: &Said, rules: &Rules) -> Option<u64> {
    if let Some(seconds) = said.least("s-maxage").or(said.least("max-age")) {
        return Some(seconds);
    }
    let sent = origin.date.unwrap_or(0);
    match origin.expires {
        Some(Expires::At(when)) => return Some(u64::try_from(when - sent).unwrap_or(0)),
        Some(Expires::Junk) => return Some(0),
        None => {}
    }
    let by_status = needs_no_lifetime(origin.status);
    if said.has("no-cache") && (by_status || said.has("public")) {
        return Some(0);
    }
    let by_word = said.has("public") && rules.statuses == Statuses::Any;
    if !by_status && !by_word {
        return None;
    }
    let unchanged = origin
        .changed
        .map(|at| u64::try_from(sent - at).unwrap_or(0));
    match unchanged {
        Some(unchanged) if rules.heuristics => Some((unchanged / 10).min(86_400)),
        _ => rules.default_fresh_for.map(|span| span.as_secs()),
    }
}

pub(crate) fn life(origin: &Origin, rules: &Rules) -> Option<Life> {
    let said = Said::of(&origin.said);
    let forbidden = [
        "must-revalidate",
        "proxy-revalidate",
        "s-maxage",
        "no-cache",
    ];
    let junk = matches!(origin.expires, Some(Expires::Junk));
    let never = forbidden.iter().any(|name| said.has(name)) || junk && !said.has("max-age");
    let window = |name, given: Option<std::time::Duration>| {
        if never {
            return 0;
        }
        said.least(name)
            .or(given.map(|span| span.as_secs()))
            .unwrap_or(0)
    };
    let apparent = u64::try_from(-origin.date.unwrap_or(0)).unwrap_or(0);
    Some(Life {
        fresh: fresh_for(origin, &said, rules)?,
        age: apparent.max(origin.age.unwrap_or(0).min(LONGEST)),
        refresh: window("stale-while-revalidate", rules.stale_while_revalidate),
        error: window("stale-if-error", rules.stale_if_error),
        always: said.has("no-cache"),
        never,
        immutable: said.has("immutable"),
    })
}

/// RFC 9111 §3.5: whether `asker` may have what the response to another says.
pub(crate) fn permits(origin: &Origin, asker: &Asker, rules: &Rules) -> bool {
    let said = Said::of(&origin.said);
    let anyone = said.has("public") || said.has("s-maxage");
    let cookie = asker.has("cookie") && rules.cookies != Cookies::Ignore;
    let signed = asker.has("authorization");
    (!cookie || anyone) && (!signed || anyone || said.has("must-revalidate"))
}

/// RFC 9111 §4.1, with `Accept-Encoding` for what is encoded.
pub(crate) fn same_variant(origin: &Origin, one: &Asker, other: &Asker) -> bool {
    let mut names: Vec<String> = origin.vary.iter().map(|name| name.to_lowercase()).collect();
    if origin.others.contains(&("content-encoding", "gzip")) {
        names.push("accept-encoding".to_owned());
    }
    names
        .iter()
        .all(|name| one.value(name) == other.value(name))
}

/// Whether a response says that it is for nobody else, or not to be kept.
pub(crate) fn is_refused_to_all(origin: &Origin, rules: &Rules) -> bool {
    let said = Said::of(&origin.said);
    let allowed = rules.statuses == Statuses::Any
        && said.has("must-understand")
        && is_understood(origin.status);
    (said.has("no-store") && !allowed) || said.has("private") || said.has_value("no-cache")
}

/// Whether others may have the response, and if so whether it may be stored.
pub(crate) fn verdict(asker: &Asker, origin: &Origin, rules: &Rules) -> Option<bool> {
    let said = Said::of(&origin.said);
    let lifetime = life(origin, rules);
    let refused = is_refused_to_all(origin, rules)
        || (origin.has("set-cookie") && rules.set_cookie == SetCookie::Refuse)
        || origin
            .others
            .iter()
            .any(|(_, value)| value.contains("Event-Stream"))
        || origin.vary.contains(&"*")
        || !permits(origin, asker, rules)
        || !is_of_the_resource(origin.status, &said, lifetime, rules);
    if refused {
        return None;
    }
    let store = may_store(origin, lifetime, rules);
    let fresh = store && lifetime.is_some_and(|life| !life.always && life.fresh > life.age);
    (fresh || !rules.strict_collapse).then_some(store)
}

/// Statuses that a crowd may share.
fn is_of_the_resource(status: u16, said: &Said, life: Option<Life>, rules: &Rules) -> bool {
    let lifetime = said.least("s-maxage").or(said.least("max-age"));
    let lasts = rules.statuses == Statuses::Any && life.is_some_and(|life| life.fresh > 0);
    let errors = rules.store_errors && status >= 400 && lifetime.is_some_and(|span| span > 0);
    let opted = errors || lasts;
    match status {
        206 | 304 | 428 | 429 | 431 | 511 => false,
        200..=399 | 404 | 410 | 500 | 502 | 503 | 504 => true,
        _ => opted,
    }
}

/// RFC 9110 §15, without what is not final.
fn is_understood(status: u16) -> bool {
    [
        200..=206,
        300..=305,
        307..=308,
        400..=417,
        421..=422,
        426..=426,
        500..=505,
    ]
    .iter()
    .any(|known| known.contains(&status))
}

fn may_store(origin: &Origin, lifetime: Option<Life>, rules: &Rules) -> bool {
    if Said::of(&origin.said).has("must-understand") && !is_understood(origin.status) {
        return false;
    }
    let status = match origin.status {
        206 | 304 | 428 | 429 | 431 | 511 => false,
        _ if rules.statuses == Statuses::Any => true,
        200 | 203 | 300 => true,
        301 | 302 | 303 | 307 | 308 => origin.has("location"),
        400.. => rules.store_errors,
        _ => false,
    };
    let validator = origin.tag.is_some() || origin.changed.is_some();
    let useful = lifetime.is_some_and(|life| {
        validator || (!life.always && life.fresh + life.refresh.max(life.error) > life.age)
    });
    status && useful
}

/// What is done with a stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Fresh,
    Refreshing,
    AcceptedStale,
    AskFirst,
}

/// How long the response has been stale, if it is; `purged` is how long ago its
/// freshness was ended.
fn stale_by(life: &Life, elapsed: u64, purged: Option<u64>) -> Option<u64> {
    (life.age + elapsed).checked_sub(life.fresh).max(purged)
}

/// RFC 9111 §4.2, §5.2.1; RFC 5861 §3; RFC 8246.
pub(crate) fn reuse(life: &Life, asker: &Asker, elapsed: u64, purged: Option<u64>) -> Use {
    let asked = Said::of(&asker.said);
    let silent = asker.said.is_empty();
    let age = life.age + elapsed;
    let reload = asked.has("no-cache") || (silent && asker.has("pragma"));
    let too_old = match asked.least("max-age") {
        Some(0) => !life.immutable,
        Some(most) => age > most,
        None => false,
    };
    if life.always || reload || too_old {
        return Use::AskFirst;
    }
    let least_left = asked.most("min-fresh");
    let Some(by) = stale_by(life, elapsed, purged) else {
        let enough = life.fresh - age >= least_left.unwrap_or(0);
        return if enough { Use::Fresh } else { Use::AskFirst };
    };
    if life.never || least_left.is_some() {
        Use::AskFirst
    } else if asked.least("max-stale").is_some_and(|most| by <= most) {
        Use::AcceptedStale
    } else if by < life.refresh && !asked.has("max-age") {
        Use::Refreshing
    } else {
        Use::AskFirst
    }
}

/// RFC 5861 §4.
pub(crate) fn serves_on_error(
    life: &Life,
    asker: &Asker,
    elapsed: u64,
    purged: Option<u64>,
) -> bool {
    let Some(by) = stale_by(life, elapsed, purged) else {
        return !life.always;
    };
    let accepted = Said::of(&asker.said).least("stale-if-error").unwrap_or(0);
    !life.never && (by < life.error || by < accepted)
}
