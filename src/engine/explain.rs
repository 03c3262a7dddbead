//! A decision, told instead of carried out.

use super::Engine;
use super::decide::Decision;
use super::reply::ttl;
use crate::clock::Moment;
use crate::entry::Entry;
use crate::observe::{Explanation, Verb};
use crate::policy::{Reason, RequestHead};

impl Engine {
    pub(super) fn explained(
        &self,
        request: RequestHead<'_>,
        decision: Decision,
        now: Moment,
    ) -> Explanation {
        let (verb, reason, entry) = match decision {
            Decision::Hit(entry, _, reason @ Reason::Fresh) => (Verb::Hit, reason, Some(entry)),
            Decision::Hit(entry, _, reason) => (Verb::Stale, reason, Some(entry)),
            Decision::OnError(entry, _, reason) => (Verb::Stale, reason, Some(entry)),
            Decision::Refresh(entry, _, reason) => (Verb::Stale, reason, Some(entry)),
            Decision::Pass(reason, _) => (Verb::Pass, reason, None),
            Decision::PassForPart(ask) => (Verb::Pass, ask.why, ask.part),
            Decision::Refuse(failure, _) => (Verb::Refuse, failure.reason, None),
            Decision::Ask(ask) => {
                let mut boarding = self.boarding(request, &ask, now);
                let verb = if self.table.would_join(&ask.key, &mut boarding) {
                    Verb::Follow
                } else {
                    Verb::Fill
                };
                (verb, ask.why, ask.candidate.or(ask.part))
            }
        };
        let stored = entry.as_deref().and_then(|entry: &Entry| {
            let lifetime = entry.head.lifetime()?;
            let standing = lifetime.standing(now, entry.stale_since());
            Some((lifetime.age(now), ttl(standing)))
        });
        Explanation {
            verb,
            reason,
            age: stored.map(|(age, _)| age),
            ttl: stored.map(|(_, ttl)| ttl),
        }
    }
}
