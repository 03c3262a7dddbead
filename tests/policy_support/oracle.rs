//! The `http-cache-semantics` crate beside ours, and where the two differ; the
//! reasons stand in `policy_oracle.rs`.

use std::time::Duration;

use floodwall::policy::{ResponseFacts, Rules, validates};
use http::{HeaderMap, Request, Response, StatusCode};
use http_cache_semantics::{AfterResponse, CacheOptions, CachePolicy};

use super::heads::{Asker, Origin};
use super::model::Said;
use super::{facts_of, judged, moment, shared, wall};

/// The oracle, with the one guess switched off that can be.
pub(crate) fn policy(
    request: &Request<()>,
    status: StatusCode,
    headers: &HeaderMap,
) -> CachePolicy {
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.headers_mut() = headers.clone();
    let options = CacheOptions {
        immutable_min_time_to_live: Duration::ZERO,
        ..CacheOptions::default()
    };
    CachePolicy::new_options(request, &response, wall(0), options)
}

/// What we keep of a response, if we store it.
pub(crate) fn kept(
    request: &Request<()>,
    status: StatusCode,
    headers: &HeaderMap,
) -> Option<ResponseFacts> {
    let rules = Rules::default();
    let asked = facts_of(request, &rules)?;
    let (facts, store) = shared(judged(request, &asked, status, headers, &rules))?;
    store.then_some(facts)
}

pub(crate) fn ours(asker: &Asker, origin: &Origin) -> Option<ResponseFacts> {
    kept(&asker.request(), origin.status(), &origin.headers())
}

pub(crate) fn theirs(asker: &Asker, origin: &Origin) -> CachePolicy {
    policy(&asker.request(), origin.status(), &origin.headers())
}

pub(crate) fn guessed(origin: &Origin) -> bool {
    let said = Said::of(&origin.said);
    let named = ["max-age", "s-maxage", "no-cache"]
        .iter()
        .any(|name| said.has(name));
    !named && origin.expires.is_none()
}

pub(crate) fn an_error_or_empty(origin: &Origin) -> bool {
    matches!(origin.status, 204 | 400..)
}

pub(crate) fn sets_cookie(origin: &Origin) -> bool {
    origin.has("set-cookie")
}

pub(crate) fn forbids_fields(origin: &Origin) -> bool {
    Said::of(&origin.said).has_value("no-cache")
}

pub(crate) fn has_cookie(asker: &Asker, origin: &Origin) -> bool {
    let said = Said::of(&origin.said);
    asker.has("cookie") && !said.has("public") && !said.has("s-maxage")
}

pub(crate) fn varies_on_all(origin: &Origin) -> bool {
    origin.vary.contains(&"*")
}

pub(crate) fn leads_nowhere(origin: &Origin) -> bool {
    matches!(origin.status, 301..=308) && !origin.has("location")
}

pub(crate) fn is_stream(origin: &Origin) -> bool {
    origin
        .others
        .iter()
        .any(|(_, value)| value.contains("Event-Stream"))
}

pub(crate) fn of_no_use(asker: &Asker, origin: &Origin) -> bool {
    let validator = origin.tag.is_some() || origin.changed.is_some();
    let fresh = theirs(asker, origin).time_to_live(wall(0)) > Duration::ZERO;
    !validator && (!fresh || dated_older(origin) || for_proxies(origin))
}

pub(crate) fn dated_older(origin: &Origin) -> bool {
    let apparent = u64::try_from(-origin.date.unwrap_or(0)).unwrap_or(0);
    apparent > origin.age.unwrap_or(0)
}

pub(crate) fn for_proxies(origin: &Origin) -> bool {
    Said::of(&origin.said).has("proxy-revalidate")
}

pub(crate) fn twice(said: &[String]) -> bool {
    let mut names: Vec<&str> = said
        .iter()
        .filter_map(|one| one.split('=').next())
        .collect();
    has_two_alike(&mut names)
}

pub(crate) fn longer_than_can_be_held(said: &[String]) -> bool {
    said.iter()
        .any(|one| one.ends_with("2147483648") || one.ends_with("99999999999"))
}

pub(crate) fn same_lifetime(origin: &Origin) -> bool {
    !dated_older(origin)
        && !for_proxies(origin)
        && !twice(&origin.said)
        && !longer_than_can_be_held(&origin.said)
        && origin.age.unwrap_or(0) < 1 << 31
}

pub(crate) fn several_lines(asker: &Asker) -> bool {
    let mut names: Vec<&str> = asker.fields.iter().map(|(name, _)| *name).collect();
    has_two_alike(&mut names)
}

fn has_two_alike(names: &mut [&str]) -> bool {
    names.sort_unstable();
    names.windows(2).any(|pair| pair[0] == pair[1])
}

pub(crate) fn is_encoded(origin: &Origin) -> bool {
    origin.others.contains(&("content-encoding", "gzip"))
}

pub(crate) fn reloads(asker: &Asker) -> bool {
    Said::of(&asker.said).least("max-age") == Some(0)
}

pub(crate) fn stale_accepted_to_the_second(
    asker: &Asker,
    facts: &ResponseFacts,
    later: u64,
) -> bool {
    let most = Said::of(&asker.said)
        .least("max-stale")
        .map(Duration::from_secs);
    let by = facts
        .lifetime
        .and_then(|life| life.age(moment(later)).checked_sub(life.fresh_for));
    by.is_some() && by == most
}

pub(crate) fn never_stale(facts: &ResponseFacts) -> bool {
    facts.lifetime.is_some_and(|life| life.never_stale)
}

pub(crate) fn fresh_for_no_longer(asker: &Asker) -> bool {
    Said::of(&asker.said).most("min-fresh") == Some(0)
}

pub(crate) fn pragma_beside_cache_control(asker: &Asker) -> bool {
    asker.has("pragma") && !asker.said.is_empty()
}

pub(crate) fn same_use(asker: &Asker, facts: &ResponseFacts, later: u64) -> bool {
    let against_its_word = never_stale(facts) || fresh_for_no_longer(asker);
    let differs = reloads(asker)
        || stale_accepted_to_the_second(asker, facts, later)
        || (Said::of(&asker.said).has("max-stale") && against_its_word)
        || pragma_beside_cache_control(asker)
        || twice(&asker.said)
        || longer_than_can_be_held(&asker.said);
    !differs
}

/// A response with these validators.
pub(crate) fn validated(tag: Option<&'static str>, changed: Option<i64>) -> Origin {
    Origin {
        tag,
        changed,
        ..plain(&["max-age=60"])
    }
}

pub(crate) fn is_theirs(new: &Origin, old: &Origin) -> bool {
    let request = Request::new(());
    let stored = policy(&request, StatusCode::OK, &old.headers());
    let mut answer = Response::new(());
    *answer.status_mut() = StatusCode::NOT_MODIFIED;
    *answer.headers_mut() = new.headers();
    let after = stored.after_response(&request, &answer, wall(0));
    matches!(after, AfterResponse::NotModified(..))
}

pub(crate) fn is_ours(new: &Origin, old: &Origin) -> bool {
    validates(&new.headers(), &old.headers())
}

pub(crate) fn names_nothing(new: &Origin, old: &Origin) -> bool {
    let bare = |head: &Origin| head.tag.is_none() && head.changed.is_none();
    let by_tag_alone = new.tag.is_none() && new.changed.is_none();
    by_tag_alone && !bare(old)
}

pub(crate) fn new_weak_tag(new: &Origin, old: &Origin) -> bool {
    new.tag.is_some_and(|tag| tag.starts_with("W/")) && old.tag.is_none()
}

pub(crate) fn plain(said: &[&str]) -> Origin {
    Origin {
        status: 200,
        said: said.iter().map(|&one| one.to_owned()).collect(),
        date: None,
        expires: None,
        changed: None,
        age: None,
        tag: None,
        vary: Vec::new(),
        others: Vec::new(),
    }
}

pub(crate) fn get(said: &[&str], fields: &[(&'static str, &'static str)]) -> Asker {
    Asker {
        method: "GET",
        said: said.iter().map(|&one| one.to_owned()).collect(),
        fields: fields.to_vec(),
    }
}
