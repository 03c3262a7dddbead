//! Content codings: what a request accepts, and what a response is in
//! (RFC 9110 §12.5.3, §8.4).
//!
//! Two requests that accept the same codings may have the same answer, however they
//! write it (RFC 9111 §4.1 allows that): otherwise everyone who writes it in a way of
//! their own would have a variant of their own, and a page has room for few.

use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use super::fields;

/// The codings that servers choose among, each with another name of it.
const KNOWN: [(&[u8], &[u8]); 3] = [(b"gzip", b"x-gzip"), (b"br", b"br"), (b"zstd", b"zstd")];

/// Which of the known codings a request accepts, and whether it accepts none at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Accepted {
    known: [bool; KNOWN.len()],
    identity: bool,
}

/// What a request says of one coding; the most restrictive of what it says counts.
#[derive(Clone, Copy, Default)]
struct Said(Option<bool>);

impl Said {
    fn note(&mut self, accepts: bool) {
        self.0 = Some(self.0.unwrap_or(true) && accepts);
    }
}

impl Accepted {
    /// Reads the value of `Accept-Encoding`, its lines joined.
    ///
    /// Codings that are not known here do not count: a response in one is told apart by
    /// all of what its request said. A weight that cannot be read is a refusal.
    pub(super) fn read(value: &[u8]) -> Self {
        let mut known = [Said::default(); KNOWN.len()];
        let (mut identity, mut rest) = (Said::default(), Said::default());
        for member in value.split(|byte| *byte == b',') {
            let mut parts = member.splitn(2, |byte| *byte == b';');
            let name = parts.next().unwrap_or_default().trim_ascii();
            let accepts = parts.next().is_none_or(weighs);
            if name == b"*" {
                rest.note(accepts);
            } else if name.eq_ignore_ascii_case(b"identity") {
                identity.note(accepts);
            } else if let Some(at) = index(name) {
                known[at].note(accepts);
            }
        }
        Self {
            known: known.map(|said| said.0.or(rest.0).unwrap_or(false)),
            identity: identity.0.or(rest.0).unwrap_or(true),
        }
    }

    /// Whether a response in these codings is for all who accept the same.
    pub(super) fn covers(self, response: &HeaderMap) -> bool {
        fields::list(response, &CONTENT_ENCODING).all(|coding| {
            is_identity(coding.text) || index(coding.text).is_some_and(|at| self.known[at])
        })
    }
}

/// Whether a response is in a content coding.
pub(super) fn is_encoded(response: &HeaderMap) -> bool {
    fields::list(response, &CONTENT_ENCODING).any(|coding| !is_identity(coding.text))
}

fn is_identity(coding: &[u8]) -> bool {
    coding.eq_ignore_ascii_case(b"identity")
}

fn index(coding: &[u8]) -> Option<usize> {
    let is_it = |name: &[u8]| coding.eq_ignore_ascii_case(name);
    KNOWN
        .iter()
        .position(|(name, other)| is_it(name) || is_it(other))
}

/// Whether the parameters of a coding are a weight above zero.
fn weighs(parameters: &[u8]) -> bool {
    fields::weight(parameters).is_some_and(|weight| weight > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn accepts(value: &str) -> (String, bool) {
        let accepted = Accepted::read(value.as_bytes());
        let names = KNOWN.iter().zip(accepted.known).filter(|(_, is)| *is);
        let names: Vec<_> = names
            .map(|((name, _), _)| name.escape_ascii().to_string())
            .collect();
        (names.join(" "), accepted.identity)
    }

    #[test]
    fn what_is_accepted_is_read_by_its_grammar() {
        let rows = [
            ("gzip, br, zstd", "gzip br zstd", true),
            ("zstd;q=0.1,BR ; Q=1.000,\tx-gzip", "gzip br zstd", true),
            ("", "", true),
            (",, ,", "", true),
            ("identity", "", true),
            ("gzip;q=0", "", true),
            ("gzip;q=0.000, br", "br", true),
            ("*", "gzip br zstd", true),
            ("*;q=0", "", false),
            ("gzip, *;q=0", "gzip", false),
            ("gzip, *;q=0, identity", "gzip", true),
            ("br;q=0, *", "gzip zstd", true),
            ("identity;q=0, gzip", "gzip", false),
            ("gzip, gzip;q=0", "", true),
            ("gzip;q=2", "", true),
            ("gzip;q=1.001", "", true),
            ("gzip;q=0.0001", "", true),
            ("gzip;level=9", "", true),
            ("gzip;q", "", true),
            ("xgzip, \"gzip\", g zip, nonsense;q=1", "", true),
        ];
        for (value, known, identity) in rows {
            assert_eq!(accepts(value), (known.to_owned(), identity), "{value:?}");
        }
    }

    #[test]
    fn a_response_is_for_all_who_accept_its_codings() {
        let accepted = Accepted::read(b"gzip, deflate");
        for (coding, covered) in [
            ("gzip", true),
            ("X-GZIP, identity", true),
            ("br", false),
            ("gzip, br", false),
            ("deflate", false),
        ] {
            let mut response = HeaderMap::new();
            response.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
            assert_eq!(accepted.covers(&response), covered, "{coding}");
        }
        assert!(accepted.covers(&HeaderMap::new()));
    }
}
