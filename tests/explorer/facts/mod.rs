//! What a history means by RFC 9111 and by the cache's own documentation, worked
//! out from what the handler said and not from what the cache read.

mod rules;

use std::time::Duration;

use crate::client::Fields;
use crate::history::{
    Answered, Call, Caller, Failed, Flight, Head, History, Looked, Over, Purged, Purging, Request,
    RequestId, Stamp,
};
use crate::site::Said;

/// What an answer is made of: a body, the head that came with it or with a 304
/// about it, and the rules of one of them.
#[derive(Clone, Copy)]
pub(crate) struct Made<'a> {
    pub(crate) body: &'a Call,
    pub(crate) head: &'a Call,
    pub(crate) rules: Said,
}

/// How much longer than its deadline one waits for a fetch that has not noticed
/// that its time is over, and for the next piece of a body.
pub(crate) const GRACE: Duration = Duration::from_millis(50);

/// For whom it is remembered that an answer was not for sharing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remembered {
    Not,
    ForKnown,
    ForAll,
}

/// What may be done with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    ForOne(Remembered),
    Shared { stored: bool },
}

impl History {
    /// What an answer is made of; nothing for one of the cache's own, or a bare 304
    /// of the handler's.
    pub(crate) fn made(&self, answered: &Answered) -> Option<Made<'_>> {
        let body = self.call(answered.body?);
        let rules = self.call(answered.rules?).head?;
        let said = rules.said?;
        let renews = rules.status == 304;
        Some(Made {
            body,
            head: self.call(answered.head?),
            rules: if renews {
                said.renewing(body.head?.status)
            } else {
                said
            },
        })
    }

    /// Whether a request caused a call: by passing, or by starting the fetch.
    pub(crate) fn is_own(&self, request: RequestId, call: &Call) -> bool {
        match call.caller {
            Caller::Pass(by) => by == request,
            Caller::Flight(flight) => self.flight(flight).leader == request,
        }
    }

    /// When the fetch began that a call belongs to.
    pub(crate) fn fetch_began(&self, call: &Call) -> Stamp {
        match call.caller {
            Caller::Pass(_) => call.began,
            Caller::Flight(flight) => self.flight(flight).began,
        }
    }

    /// The fields of the request that a flight was started for.
    pub(crate) fn flies_for(&self, flight: &Flight) -> Fields {
        self.requests[flight.leader.0].ask.fields
    }

    pub(crate) fn last_call(&self, flight: &Flight) -> Option<&Call> {
        flight.calls.last().map(|serial| self.call(*serial))
    }

    /// When it was known what came of a flight.
    pub(crate) fn announced(&self, flight: &Flight) -> Option<Stamp> {
        let said = self.last_call(flight).and_then(Call::outcome);
        said.or_else(|| flight.ended.map(|(stamp, _)| stamp))
    }

    /// Whether two flights were started for requests that could have the same
    /// answer, whatever it varies on.
    pub(crate) fn selects_same(&self, one: &Flight, other: &Flight) -> bool {
        self.flies_for(one) == self.flies_for(other)
    }

    /// The flight that a request joined, where there was but one to join.
    pub(crate) fn followed(&self, request: &Request) -> Option<&Flight> {
        if request.looked_up != Looked::Follows {
            return None;
        }
        let now = &request.began;
        let mut there = self.flights_of(request.ask.page).filter(|flight| {
            let is_over = flight.ended.is_some_and(|(stamp, _)| stamp.is_before(now));
            flight.began.is_before(now) && !is_over
        });
        let only = there.next()?;
        // What is announced already is joined for its body, not waited for.
        let waits = self
            .announced(only)
            .is_none_or(|announced| now.is_before(&announced));
        (there.next().is_none() && waits).then_some(only)
    }

    /// What one call alone comes to, as an answer.
    pub(crate) fn made_by<'a>(&self, call: &'a Call) -> Option<Made<'a>> {
        Some(Made {
            body: call,
            head: call,
            rules: call.head?.said?,
        })
    }

    /// Whether the flight itself reads its body, and not the one who started it.
    pub(crate) fn is_read_by_flight(&self, flight: &Flight) -> bool {
        matches!(self.verdict(flight), Some((_, _, Verdict::Shared { .. })))
    }

    /// All flights for a page, with their numbers.
    pub(crate) fn flights_of_with_id(&self, page: usize) -> impl Iterator<Item = (usize, &Flight)> {
        let all = self.flights.iter().enumerate();
        all.filter(move |(_, flight)| flight.page == page)
    }

    /// All flights for a page.
    pub(crate) fn flights_of(&self, page: usize) -> impl Iterator<Item = &Flight> {
        self.flights
            .iter()
            .filter(move |flight| flight.page == page)
    }

    /// The flights for a page that came to something between two moments, the
    /// second included.
    pub(crate) fn announced_between<'a>(
        &'a self,
        page: usize,
        from: &'a Stamp,
        to: &'a Stamp,
    ) -> impl Iterator<Item = (&'a Flight, Stamp)> {
        self.flights_of(page).filter_map(move |flight| {
            let announced = self.announced(flight)?;
            (from.is_before(&announced) && announced.is_before(to)).then_some((flight, announced))
        })
    }

    /// The purges between two moments that name a page, or one of these topics.
    pub(crate) fn purges_between<'a>(
        &'a self,
        page: usize,
        topics: [Option<u8>; 3],
        from: &'a Stamp,
        to: &'a Stamp,
    ) -> impl Iterator<Item = &'a Purged> {
        let names = move |what: Purging| match what {
            Purging::Page(named) => named == page,
            Purging::Topic(topic) => topics.contains(&Some(topic)),
            Purging::Everything => true,
        };
        let between = |purge: &&Purged| from.is_before(&purge.stamp) && purge.stamp.is_before(to);
        let purges = self.purges.iter().filter(between);
        purges.filter(move |purge| names(purge.what))
    }

    /// Whether any purge at all might have come between for a page.
    pub(crate) fn any_purge(&self, page: usize, from: &Stamp, to: &Stamp) -> bool {
        let all = [Some(0), Some(1), None];
        self.purges_between(page, all, from, to).next().is_some()
    }

    /// Whether all that is to be remembered is: memory is a share of the capacity.
    pub(crate) fn has_room(&self) -> bool {
        self.plan.settings.capacity > 1 << 20
    }

    /// For how long those who wait for a fetch do so.
    pub(crate) fn patience(&self) -> Duration {
        self.plan.settings.fetch_deadline + GRACE
    }

    /// The moments before `until` at which one who asked for a page at `began` has
    /// waited for long enough: for any fetch of it, or in all.
    pub(crate) fn gives_up<'a>(
        &'a self,
        page: usize,
        began: &'a Stamp,
        until: &'a Stamp,
    ) -> impl Iterator<Item = Stamp> {
        let flights = self.flights_of(page).map(|flight| flight.began);
        let since = flights
            .chain([*began])
            .filter(|since| since.is_before(until));
        let ends = since.map(|since| Stamp {
            at: since.at + self.patience(),
            ..since
        });
        ends.filter(|end| end.at <= until.at)
    }

    /// Whether a call brought a 304 that speaks of something else than it was asked
    /// about, or by which that may be kept no longer.
    pub(crate) fn leaves_nothing(&self, call: &Call) -> bool {
        let Some((head, asked)) = call.head.filter(|head| head.status == 304).zip(call.asked)
        else {
            return false;
        };
        let renewed = self.call(asked).head.map(|head| head.status);
        let verdict = head.said.zip(renewed).map(|(said, status)| {
            let merged = said.renewing(status);
            merged.verdict(&self.plan.settings, call.fields, &head)
        });
        !head.honest || verdict == Some(Verdict::Shared { stored: false })
    }

    /// Whether one that is inside a fetch waits for a flight, so that it may not
    /// queue.
    pub(crate) fn is_hurried(&self, flight: &Flight) -> bool {
        let waits = |request: &Request| {
            // One who leads a fetch that is lost follows the next one.
            let waits = matches!(request.looked_up, Looked::Leads | Looked::Follows);
            request.inside.is_some() && request.ask.page == flight.page && waits
        };
        self.requests[flight.leader.0].inside.is_some() || self.requests.iter().any(waits)
    }

    /// What a flight's answer was judged to be; nothing while there is none, or
    /// where it hangs on what is stored.
    pub(crate) fn verdict(&self, flight: &Flight) -> Option<(Stamp, Said, Verdict)> {
        let call = self.last_call(flight)?;
        let head = call.head.as_ref()?;
        let said = head.said.filter(|_| head.status != 304)?;
        let verdict = said.verdict(&self.plan.settings, call.fields, head);
        Some((head.stamp, said, verdict))
    }
}

impl Made<'_> {
    /// What it could be purged by when it came.
    pub(crate) fn own_topic(&self) -> Option<u8> {
        self.body.topic()
    }

    /// Everything that it can be purged by, as far as can be told from outside.
    pub(crate) fn topics(&self) -> [Option<u8>; 3] {
        [self.body.topic(), self.head.topic(), self.rules.topic]
    }

    /// The age when the head came (RFC 9111 §4.2.3).
    fn initial_age(&self) -> Duration {
        let Some(head) = &self.head.head else {
            return Duration::ZERO;
        };
        head.initial_age()
    }

    /// The age at a moment.
    pub(crate) fn age(&self, at: Duration) -> Duration {
        let received = self.head.head.map_or(Duration::ZERO, |head| head.stamp.at);
        self.initial_age() + at.saturating_sub(received)
    }

    /// Whether it is fresh at a moment by its age alone.
    pub(crate) fn is_fresh(&self, at: Duration) -> bool {
        let lifetime = self.rules.lifetime();
        !self.rules.no_cache && lifetime.is_some_and(|lifetime| self.age(at) < lifetime)
    }

    /// For how long it has been stale at a moment, by its age or because of a
    /// purge.
    pub(crate) fn staleness(&self, at: Duration, purged: Option<Duration>) -> Duration {
        let lifetime = self.rules.lifetime().unwrap_or_default();
        let by_age = self.age(at).saturating_sub(lifetime);
        by_age.max(purged.map_or(Duration::ZERO, |purged| at.saturating_sub(purged)))
    }
}

impl Call {
    fn topic(&self) -> Option<u8> {
        self.head.and_then(|head| head.said)?.topic
    }

    /// When it answered or came to nothing.
    pub(crate) fn outcome(&self) -> Option<Stamp> {
        let failed = self.failed.map(|(stamp, _)| stamp);
        self.head.map(|head| head.stamp).or(failed)
    }

    /// Whether it answered that it had failed.
    pub(crate) fn failed_answer(&self) -> bool {
        let said = self
            .head
            .and_then(|head| head.said.filter(|_| head.status != 304));
        let is_bad = |head: Head| head.status == 304 && !head.honest;
        said.is_some_and(|said| said.is_failure()) || self.head.is_some_and(is_bad)
    }

    /// Whether its answer is for one alone, whoever asks.
    pub(crate) fn is_for_one(&self) -> bool {
        let said = self.head.and_then(|head| head.said);
        said.is_some_and(|said| said.is_private())
    }

    /// Whether its task was taken away from it, or panicked.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(
            self.failed,
            Some((_, Failed::Gone(Over::Killed | Over::Panicked)))
        )
    }
}
