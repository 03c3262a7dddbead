//! Who may have a response besides the one who asked, and whether it may be
//! stored (RFC 9111 §3).

use std::time::SystemTime;

use http::header::{
    CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED, LOCATION, SET_COOKIE,
};
use http::{HeaderMap, StatusCode};

use super::directives::ResponseDirectives;
use super::fields;
use super::freshness::{Lifetime, Standing};
use super::reason::Reason;
use super::request::{RequestFacts, RequestHead};
use super::rules::{Rules, SetCookie, Statuses};
use super::sharing::Permission;
use super::status;
use super::tags::Tags;
use super::url_variation::{Equivalent, UrlVariation};
use super::vary::{Variant, VaryNames};
use crate::clock::Moment;

/// Bodies of these types are streams that go on for as long as someone listens:
/// each listener needs its own.
const ENDLESS: [&str; 2] = ["text/event-stream", "multipart/x-mixed-replace"];

/// A response's head as it arrived, and when.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// The status.
    pub status: StatusCode,
    /// All fields, before any is removed.
    pub headers: &'a HeaderMap,
    /// The length of the body, where `Content-Length` or the framework tells.
    pub length: Option<u64>,
    /// When the head arrived.
    pub received: Moment,
    /// What the wall clock said then.
    pub wall: SystemTime,
}

/// What the rules keep of a response that others may have.
///
/// Only [`judge`] makes one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ResponseFacts {
    /// How it ages; nothing if it named no lifetime and none was given.
    pub lifetime: Option<Lifetime>,
    /// Whom it may be shared with.
    pub permission: Permission,
    /// The request fields that select it.
    pub variant: Variant,
    /// What it can be purged by.
    pub tags: Tags,
    /// The URLs that it answers, where that is not just the one that was asked for.
    pub equivalent: Option<Box<Equivalent>>,
}

impl ResponseFacts {
    /// Adds what is known of the stored response that these facts renew, and that
    /// a 304 cannot take back: most tag fields are not part of a stored head, and a
    /// 304 need not repeat them; and the body was made for the fields that `Vary`
    /// named then.
    pub(crate) fn add(&mut self, known: &Self, rules: &Rules) -> Result<(), Reason> {
        self.tags = self.tags.and(&known.tags, rules)?;
        self.variant = self.variant.and(&known.variant, rules)?;
        Ok(())
    }
}

/// What may be done with a response.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It is for the request that caused it, and for nobody else.
    Unshareable(Reason, Remember),
    /// It may answer others who wait for it, if [`Shareable`](super::Shareable)
    /// can be proved for them.
    Shareable {
        /// What is known of it.
        facts: Box<ResponseFacts>,
        /// Whether it may be stored, and so answer those who come later.
        store: Result<(), Reason>,
    },
}

/// For whom it is worth remembering that a key's answer was unshareable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remember {
    /// For nobody: it may have been this request's doing.
    Not,
    /// For requests that carry credentials: others may fare better.
    ForCredentials,
    /// For everyone.
    ForAll,
}

/// Judges a response to `request`.
#[must_use]
pub fn judge(
    head: RequestHead<'_>,
    request: &RequestFacts,
    response: ResponseHead<'_>,
    rules: &Rules,
) -> Verdict {
    let said = ResponseDirectives::targeted(response.headers, rules);
    match facts(head, request, response, &said, rules) {
        Err((reason, remember)) => Verdict::Unshareable(reason, remember),
        Ok(facts) => {
            let store = storable(response, &said, &facts, rules);
            let at_once = store.is_ok() && is_fresh(&facts, response.received);
            if rules.strict_collapse && !at_once {
                return Verdict::Unshareable(Reason::NotShared, Remember::Not);
            }
            Verdict::Shareable {
                facts: Box::new(facts),
                store,
            }
        }
    }
}

fn is_fresh(facts: &ResponseFacts, now: Moment) -> bool {
    facts.lifetime.is_some_and(|lifetime| {
        !lifetime.validate_always && matches!(lifetime.standing(now, None), Standing::Fresh(_))
    })
}

/// What is known of a response that may be shared, or why it may not be.
fn facts(
    head: RequestHead<'_>,
    request: &RequestFacts,
    response: ResponseHead<'_>,
    said: &ResponseDirectives,
    rules: &Rules,
) -> Result<ResponseFacts, (Reason, Remember)> {
    // What is private to one who is known says nothing of those who are not.
    let remember = if request.has_credentials() {
        Remember::ForCredentials
    } else {
        Remember::ForAll
    };
    let remembered = |reason| (reason, remember);
    refuse_private(response, said, rules).map_err(remembered)?;
    let lifetime = Lifetime::read(
        response.status,
        response.headers,
        said,
        rules,
        response.received,
        response.wall,
    );
    refuse_status(response, said, lifetime, rules).map_err(|reason| (reason, Remember::Not))?;
    let names = VaryNames::read(response.headers, rules).map_err(remembered)?;
    let permission = permission(said, rules);
    permission
        .covers(request)
        .map_err(|reason| (reason, Remember::ForCredentials))?;
    let variant = Variant::of_response(&names, head.headers, response.headers);
    let variant = match rules.choose_variants {
        true => variant.offered(response.headers),
        false => variant,
    };
    if variant.size() > rules.max_variant_bytes {
        return Err((Reason::VaryTooLarge, Remember::Not));
    }
    let tags = Tags::read(response.headers, rules).map_err(remembered)?;
    Ok(ResponseFacts {
        lifetime,
        permission,
        variant,
        tags,
        equivalent: equivalent(head, request, response, rules),
    })
}

/// The URLs that the response answers, if they may be others than those of its key.
fn equivalent(
    head: RequestHead<'_>,
    request: &RequestFacts,
    response: ResponseHead<'_>,
    rules: &Rules,
) -> Option<Box<Equivalent>> {
    let said = rules
        .no_vary_search
        .then(|| UrlVariation::read(response.headers));
    let variation = said
        .flatten()
        .unwrap_or_else(|| rules.url_variation.clone());
    let matters = request.by_variation || !variation.is_default();
    matters.then(|| Box::new(Equivalent::of(head.uri, variation, rules)))
}

/// What the response itself says against being shared.
fn refuse_private(
    response: ResponseHead<'_>,
    said: &ResponseDirectives,
    rules: &Rules,
) -> Result<(), Reason> {
    let headers = response.headers;
    let may_be_stored = rules.statuses == Statuses::Any && said.understood;
    if said.no_store && !(may_be_stored && status::is_understood(response.status)) {
        return Err(Reason::NoStore);
    }
    if said.private {
        return Err(Reason::Private);
    }
    if said.malformed {
        return Err(Reason::Malformed);
    }
    if rules.set_cookie == SetCookie::Refuse && headers.contains_key(SET_COOKIE) {
        return Err(Reason::SetCookie);
    }
    if fields::names_media_type(headers, &CONTENT_TYPE, &ENDLESS) {
        return Err(Reason::EventStream);
    }
    if response
        .length
        .is_some_and(|length| length > rules.max_object_size)
    {
        return Err(Reason::TooLarge);
    }
    Ok(())
}

/// Statuses that tell of the request that was sent more than of the resource.
///
/// A crowd that waits for a page that is not there shares the 404, and one that
/// waits for a page that cannot be made shares the 500; but a 401, a 406, a 417
/// or a 429 is about one client, and giving it to others is how caches are
/// poisoned.
fn refuse_status(
    response: ResponseHead<'_>,
    said: &ResponseDirectives,
    lifetime: Option<Lifetime>,
    rules: &Rules,
) -> Result<(), Reason> {
    let status = response.status;
    let any = rules.statuses == Statuses::Any;
    // On any other status the field says nothing (RFC 9110 §14.4), unless it betrays a
    // part that was sent as the whole.
    let looks_partial = !any && response.headers.contains_key(CONTENT_RANGE);
    if status == StatusCode::PARTIAL_CONTENT || looks_partial {
        return Err(Reason::Partial);
    }
    let of_the_resource = status.is_success()
        || status.is_redirection() && status != StatusCode::NOT_MODIFIED
        || matches!(status.as_u16(), 404 | 410)
        || status::is_failure(status);
    // One that names no lifetime, or one that is over or cannot be read, does
    // not say that it may be stored.
    let named = said.s_maxage.or(said.max_age);
    let opted_in =
        rules.store_errors && status.as_u16() >= 400 && named.is_some_and(|named| !named.is_zero());
    let lasts = lifetime.is_some_and(|lifetime| !lifetime.fresh_for.is_zero());
    let by_the_book = any && lasts && status != StatusCode::NOT_MODIFIED;
    let of_all = !status::is_of_one_client(status);
    if of_the_resource || of_all && (opted_in || by_the_book) {
        Ok(())
    } else {
        Err(Reason::Status)
    }
}

/// RFC 9111 §3.5 for `Authorization`, and the same care for cookies, of which
/// the standard says nothing.
fn permission(said: &ResponseDirectives, rules: &Rules) -> Permission {
    Permission {
        authorization: said.shares || said.shares_authorized,
        cookie: said.shares || rules.cookies == super::rules::Cookies::Ignore,
    }
}

/// Whether a shareable response may be stored.
fn storable(
    response: ResponseHead<'_>,
    said: &ResponseDirectives,
    facts: &ResponseFacts,
    rules: &Rules,
) -> Result<(), Reason> {
    if said.must_understand && !status::is_understood(response.status) {
        return Err(Reason::Status);
    }
    storable_status(response, rules)?;
    let lifetime = facts.lifetime.ok_or(Reason::NoLifetime)?;
    if !lifetime.is_useful() && !has_validator(response.headers) {
        return Err(Reason::NoUse);
    }
    if head_size(response.headers) > rules.max_head_bytes {
        return Err(Reason::HeadTooLarge);
    }
    Ok(())
}

fn storable_status(response: ResponseHead<'_>, rules: &Rules) -> Result<(), Reason> {
    match response.status.as_u16() {
        _ if status::is_of_one_client(response.status) => Err(Reason::Status),
        206 | 304 => Err(Reason::Status),
        _ if rules.statuses == Statuses::Any => Ok(()),
        200 | 203 | 300 => Ok(()),
        301 | 302 | 303 | 307 | 308 if response.headers.contains_key(LOCATION) => Ok(()),
        301 | 302 | 303 | 307 | 308 => Err(Reason::NoLocation),
        400..=599 if rules.store_errors => Ok(()),
        _ => Err(Reason::Status),
    }
}

fn has_validator(headers: &HeaderMap) -> bool {
    headers.contains_key(ETAG) || headers.contains_key(LAST_MODIFIED)
}

/// The bytes that names and values take.
pub(crate) fn head_size(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum()
}

/// The length that a head announces; nothing if it announces none, or several,
/// or junk.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    let mut lines = headers.get_all(CONTENT_LENGTH).iter();
    let first = lines.next()?;
    if lines.any(|line| line != first) {
        return None;
    }
    let digits = std::str::from_utf8(first.as_bytes()).ok()?;
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        digits.parse().ok()
    } else {
        None
    }
}
