//! What language and coding a stored response is in, for requests that want just that.

use http::header::{ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_ENCODING, CONTENT_LANGUAGE};
use http::{HeaderMap, HeaderName};

use super::fields::{self, Members};
use super::selector::Asked;

/// The one language and the one coding of a response, in lower case; none where it is in
/// several.
#[derive(Clone, Debug, Default)]
pub(super) struct Offer {
    language: Option<Box<[u8]>>,
    coding: Option<Box<[u8]>>,
}

impl Offer {
    pub(super) fn of(response: &HeaderMap) -> Self {
        Self {
            language: only(response, &CONTENT_LANGUAGE),
            coding: only(response, &CONTENT_ENCODING),
        }
    }

    /// Whether nothing would be a better answer, as far as this field of the request says:
    /// it is in a language, or a coding, that no other is preferred to.
    pub(super) fn suits(&self, name: &HeaderName, request: &Asked<'_>) -> bool {
        match (name, &self.language, &self.coding) {
            (&ACCEPT_LANGUAGE, Some(language), _) => {
                let mut wanted = request.wanted_languages().iter();
                wanted.any(|range| is_in(language, range))
            }
            (&ACCEPT_ENCODING, _, Some(coding)) => request.wanted_codings().contains(coding),
            _ => false,
        }
    }

    pub(super) fn size(&self) -> usize {
        let kept = [&self.language, &self.coding].into_iter().flatten();
        size_of::<Self>() + kept.map(|name| name.len()).sum::<usize>()
    }
}

fn only(response: &HeaderMap, name: &HeaderName) -> Option<Box<[u8]>> {
    let mut members = fields::list(response, name);
    let one = members.next()?;
    members
        .next()
        .is_none()
        .then(|| one.text.to_ascii_lowercase().into())
}

/// Whether a language is in a range (RFC 4647 §3.3.1): `en` is `en` and `en-GB`.
fn is_in(language: &[u8], range: &[u8]) -> bool {
    let rest = language.strip_prefix(range);
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'-')))
}

/// The members of a list of preferences (RFC 9110 §12.4.2) to which none is preferred, in
/// lower case; none if all are refused, or a weight cannot be read.
pub(super) fn wanted_most(value: &[u8]) -> Vec<Box<[u8]>> {
    let read: Option<Vec<_>> = Members::of(value).map(|it| weighed(it.text)).collect();
    let members = read.unwrap_or_default();
    let most = members.iter().map(|(_, weight)| *weight).max();
    let wanted = members
        .into_iter()
        .filter(|(_, weight)| *weight > 0 && Some(*weight) == most);
    wanted.map(|(name, _)| name.into()).collect()
}

/// A member of a list of preferences, in lower case, and its weight in thousandths.
pub(super) fn weighed(member: &[u8]) -> Option<(Vec<u8>, u16)> {
    let mut parts = member.splitn(2, |byte| *byte == b';');
    let name = parts.next()?.trim_ascii().to_ascii_lowercase();
    let weight = parts.next().map_or(Some(1000), fields::weight)?;
    Some((name, weight))
}
