//! Answers from what is stored, from what is still coming, and for want of both.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, AGE, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, RETRY_AFTER,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::news::Failure;
use super::{Engine, Payload, Reply};
use crate::clock::Moment;
use crate::entry::{Entry, Head};
use crate::observe::{CACHE_STATUS, CacheStatus};
use crate::policy::{
    CONTENT_DIGEST, REPR_DIGEST, Ranges, Reason, RequestFacts, RequestHead, Standing,
    if_range_holds, is_not_modified,
};

/// A pause between two tries for one key is this long after the first failure,
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// doubles with each, and is never longer than this: a site that recovers should
/// be found out before its pages leave a stale window of some seconds.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

impl Engine {
    /// An answer from the store alone.
    pub(super) fn reply_hit(
        &self,
        entry: &Arc<Entry>,
        request: RequestHead<'_>,
        facts: &RequestFacts,
        reason: Reason,
        now: Moment,
    ) -> Box<Reply> {
        if reason == Reason::Fresh {
            self.counters.hits.add(1);
        } else {
            self.counters.stale_served.add(1);
        }
        let line = CacheStatus {
            hit: true,
            detail: (reason != Reason::Fresh).then_some(reason),
            ..CacheStatus::default()
        };
        self.reply_entry(entry, request, facts, line, false, now)
    }

    /// A stale answer in place of an error.
    pub(super) fn reply_on_error(
        &self,
        entry: &Arc<Entry>,
        request: RequestHead<'_>,
        facts: &RequestFacts,
        why: Reason,
        said: Option<StatusCode>,
        now: Moment,
    ) -> Box<Reply> {
        self.counters.stale_served.add(1);
        self.counters.stale_on_error.add(1);
        // The origin was asked, unless the key is in a pause or the way is full.
        let asked = !matches!(
            why,
            Reason::Pause | Reason::GateFull | Reason::WaitersFull | Reason::FlightsFull
        );
        let line = CacheStatus {
            hit: !asked,
            fwd: asked.then_some(Reason::Stale),
            fwd_status: said,
            detail: Some(Reason::StaleIfError),
            ..CacheStatus::default()
        };
        self.reply_entry(entry, request, facts, line, false, now)
    }

    /// An answer whose body is stored: whole, in part, or left out. `made_now` is
    /// whether the origin has just validated it for this request.
    pub(super) fn reply_entry(
        &self,
        entry: &Entry,
        request: RequestHead<'_>,
        facts: &RequestFacts,
        mut line: CacheStatus,
        made_now: bool,
        now: Moment,
    ) -> Box<Reply> {
        let length = entry.body.length();
        let unchanged =
            entry.head.status.is_success() && is_not_modified(request.headers, &entry.head.headers);
        let ranges = match unchanged {
            true => Ranges::Whole,
            false => self.ranges(entry, request, facts),
        };
        if ranges == Ranges::TooMany {
            self.counters.met(Reason::TooManyRanges);
            line.detail.get_or_insert(Reason::TooManyRanges);
        }
        let mut reply = self.start(&entry.head, entry.stale_since(), line, made_now, now);
        if unchanged {
            return Box::new(not_modified(reply));
        }
        match ranges {
            Ranges::Whole | Ranges::TooMany => {}
            Ranges::Unsatisfiable => return Box::new(unsatisfiable(reply, length)),
            Ranges::Parts(parts) => {
                // Nobody can foresee it, so nobody can write it into a body.
                let boundary = format!("{:016x}{:016x}", self.random(), self.random());
                return Box::new(partial(reply, entry, &parts, &boundary));
            }
        }
        if !facts.head {
            *reply.body_mut() = Payload::stored(&entry.body);
        } else if reply.status() != StatusCode::NO_CONTENT {
            // RFC 9110 §8.6: a 204 says no length.
            reply.headers_mut().insert(CONTENT_LENGTH, length.into());
        }
        Box::new(reply)
    }

    /// Which parts of a stored response are asked for.
    pub(super) fn ranges(
        &self,
        entry: &Entry,
        request: RequestHead<'_>,
        facts: &RequestFacts,
    ) -> Ranges {
        let in_parts = facts.range
            && !facts.head
            && entry.head.status == StatusCode::OK
            && if_range_holds(request.headers, &entry.head.headers);
        if !in_parts {
            return Ranges::Whole;
        }
        let most = self.settings.rules.max_ranges;
        Ranges::read(request.headers, entry.body.length(), most)
    }

    /// An answer whose body is still coming.
    pub(super) fn reply_live(
        &self,
        head: &Head,
        body: Payload,
        request: RequestHead<'_>,
        facts: &RequestFacts,
        line: CacheStatus,
    ) -> Box<Reply> {
        let now = self.runtime.0.now();
        let made_now = !line.collapsed;
        let reply = self.start(head, None, line, made_now, now);
        if head.status.is_success() && is_not_modified(request.headers, &head.headers) {
            return Box::new(not_modified(reply));
        }
        let body = match facts.head {
            true => Payload::empty(),
            false => body,
        };
        Box::new(reply.map(|_| body))
    }

    /// The answer that this request caused and nobody else may have.
    pub(super) fn reply_own(&self, mut reply: Reply, line: CacheStatus) -> Box<Reply> {
        self.append_status(reply.headers_mut(), &line);
        Box::new(reply)
    }

    /// An error of our own. `retry` is how long the key is going to be left
    /// alone, where that is known.
    pub(super) fn reply_error(
        &self,
        failure: Failure,
        retry: Option<Duration>,
        mut line: CacheStatus,
    ) -> Box<Reply> {
        self.counters.errors.add(1);
        let text = format!("{}: {}\n", failure.status, explain(failure.reason));
        let mut reply = Response::new(Payload::whole(Bytes::from(text)));
        *reply.status_mut() = failure.status;
        let headers = reply.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if failure.status == StatusCode::SERVICE_UNAVAILABLE {
            let least = retry.unwrap_or_default().as_secs() + 1;
            // Spread, so that those who are sent away do not return together.
            headers.insert(RETRY_AFTER, (least + self.random() % (least + 2)).into());
        }
        line.detail = Some(failure.reason);
        self.append_status(headers, &line);
        Box::new(reply)
    }

    /// A stored head as it is sent: with Cache-Status, and its age unless it was
    /// made or validated for this very request.
    fn start(
        &self,
        head: &Head,
        stale_since: Option<Moment>,
        mut line: CacheStatus,
        made_now: bool,
        now: Moment,
    ) -> Reply {
        let mut reply = Response::new(Payload::empty());
        *reply.status_mut() = head.status;
        *reply.headers_mut() = head.headers.clone();
        if let Some(lifetime) = head.lifetime() {
            // RFC 9111 §5.1: an age says that an answer was not made for this
            // request, here or further in.
            let says_age = !made_now || !lifetime.initial_age.is_zero();
            if self.settings.age && says_age {
                reply
                    .headers_mut()
                    .insert(AGE, lifetime.age(now).as_secs().into());
            }
            line.ttl = Some(ttl(lifetime.standing(now, stale_since)));
        }
        self.append_status(reply.headers_mut(), &line);
        reply
    }

    /// Appends our line to whatever caches further in have said (RFC 9211 §2).
    pub(super) fn append_status(&self, headers: &mut HeaderMap, line: &CacheStatus) {
        if let Some(name) = &self.settings.status_name {
            headers.append(CACHE_STATUS, line.value(name));
        }
    }

    /// How long a key is left alone after so many failures in a row: doubling,
    /// capped, and spread over the upper half so that keys do not return
    /// together.
    pub(super) fn pause(&self, failures: u32) -> Duration {
        let doubled = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16));
        let longest = doubled.min(LONGEST_PAUSE);
        let share = u32::try_from(self.random() % 512).unwrap_or_default();
        longest / 2 + longest / 1024 * share
    }

    /// A number nobody outside can foresee well enough to align with.
    fn random(&self) -> u64 {
        self.runtime.0.random()
    }
}

/// RFC 9211 §2.4: whole seconds of freshness left, negative when stale. A second
/// that has begun counts, as it does not yet in `Age`, so that the two add up.
pub(super) fn ttl(standing: Standing) -> i64 {
    let whole = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
    match standing {
        Standing::Fresh(left) => whole(left.as_secs() + u64::from(left.subsec_nanos() > 0)),
        Standing::Stale(by) => -whole(by.as_secs()),
    }
}

/// RFC 9110 §15.4.5: what describes the body that is not sent goes.
fn not_modified(mut reply: Reply) -> Reply {
    *reply.status_mut() = StatusCode::NOT_MODIFIED;
    for name in [
        CONTENT_LENGTH,
        CONTENT_TYPE,
        CONTENT_ENCODING,
        CONTENT_RANGE,
        CONTENT_DIGEST,
    ] {
        reply.headers_mut().remove(name);
    }
    reply
}

/// RFC 9110 §15.5.17.
fn unsatisfiable(mut reply: Reply, length: u64) -> Reply {
    *reply.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
    let headers = reply.headers_mut();
    for name in [
        CONTENT_LENGTH,
        CONTENT_TYPE,
        CONTENT_ENCODING,
        CONTENT_DIGEST,
        REPR_DIGEST,
    ] {
        headers.remove(name);
    }
    set(headers, CONTENT_RANGE, &format!("bytes */{length}"));
    reply
}

/// RFC 9110 §15.3.7: one range as it is, several as `multipart/byteranges`.
fn partial(mut reply: Reply, entry: &Entry, parts: &[Range<u64>], boundary: &str) -> Reply {
    let length = entry.body.length();
    let range = |part: &Range<u64>| format!("bytes {}-{}/{length}", part.start, part.end - 1);
    *reply.status_mut() = StatusCode::PARTIAL_CONTENT;
    let headers = reply.headers_mut();
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.remove(CONTENT_DIGEST);
    if let [part] = parts {
        set(headers, CONTENT_RANGE, &range(part));
        headers.insert(CONTENT_LENGTH, (part.end - part.start).into());
        *reply.body_mut() = Payload::pieces(entry.body.slice(part.clone()).collect());
        return reply;
    }
    let kind = headers.remove(CONTENT_TYPE);
    set(
        headers,
        CONTENT_TYPE,
        &format!("multipart/byteranges; boundary={boundary}"),
    );
    let mut pieces = VecDeque::new();
    for part in parts {
        let mut lines = format!("\r\n--{boundary}\r\n").into_bytes();
        if let Some(kind) = &kind {
            lines.extend_from_slice(b"Content-Type: ");
            lines.extend_from_slice(kind.as_bytes());
            lines.extend_from_slice(b"\r\n");
        }
        lines.extend_from_slice(format!("Content-Range: {}\r\n\r\n", range(part)).as_bytes());
        pieces.push_back(Bytes::from(lines));
        pieces.extend(entry.body.slice(part.clone()));
    }
    pieces.push_back(Bytes::from(format!("\r\n--{boundary}--\r\n")));
    let total: usize = pieces.iter().map(Bytes::len).sum();
    reply.headers_mut().insert(CONTENT_LENGTH, total.into());
    *reply.body_mut() = Payload::pieces(pieces);
    reply
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// What a person reads.
const fn explain(reason: Reason) -> &'static str {
    match reason {
        Reason::Deadline => "the origin did not answer in time",
        Reason::Unreachable => "the origin could not be reached",
        Reason::BadOrigin => "the origin gave an answer that makes no sense",
        Reason::OriginError => "the origin failed",
        Reason::OnlyIfCached => "nothing stored may answer this request",
        Reason::Pause => "the origin failed a moment ago and is left alone",
        Reason::GateFull | Reason::WaitersFull | Reason::FlightsFull => {
            "too many requests wait for the origin"
        }
        _ => "the request could not be answered",
    }
}
