//! What one request field said, and when another request says the same
//! (RFC 9111 §4.1).

use std::cell::OnceCell;

use http::header::{ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName};

use super::coding::Accepted;
use super::fields::{self, Members};
use super::offer::{wanted_most, weighed};

/// How values of fields that `Vary` names are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Comparison {
    /// Byte by byte, lines joined.
    #[default]
    Exact,
    /// By what they mean, as far as their grammar tells.
    ByGrammar,
}

/// A request's fields, of which what is dear to read is read once, for however many
/// variants they are compared with.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    headers: &'a HeaderMap,
    codings: OnceCell<Option<Accepted>>,
    languages: OnceCell<Option<Vec<u8>>>,
    wanted_languages: OnceCell<Vec<Box<[u8]>>>,
    wanted_codings: OnceCell<Vec<Box<[u8]>>>,
}

impl<'a> Asked<'a> {
    pub(crate) const fn new(headers: &'a HeaderMap) -> Self {
        Self {
            headers,
            codings: OnceCell::new(),
            languages: OnceCell::new(),
            wanted_languages: OnceCell::new(),
            wanted_codings: OnceCell::new(),
        }
    }

    /// The language ranges that no other is preferred to.
    pub(super) fn wanted_languages(&self) -> &[Box<[u8]>] {
        self.wanted_languages
            .get_or_init(|| self.wanted(&ACCEPT_LANGUAGE))
    }

    /// The codings that no other is preferred to.
    pub(super) fn wanted_codings(&self) -> &[Box<[u8]>] {
        self.wanted_codings
            .get_or_init(|| self.wanted(&ACCEPT_ENCODING))
    }

    fn wanted(&self, name: &HeaderName) -> Vec<Box<[u8]>> {
        let said = fields::joined(self.headers, name);
        said.map_or_else(Vec::new, |said| wanted_most(&said))
    }

    fn codings(&self) -> Option<Accepted> {
        *self.codings.get_or_init(|| {
            let said = fields::joined(self.headers, &ACCEPT_ENCODING)?;
            Some(Accepted::read(&said))
        })
    }

    fn languages(&self) -> Option<&[u8]> {
        let read = self.languages.get_or_init(|| {
            let said = fields::joined(self.headers, &ACCEPT_LANGUAGE)?;
            Some(languages(&said))
        });
        read.as_deref()
    }
}

/// The value of a field, its lines joined.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Value {
    Absent,
    Text(Box<[u8]>),
    /// The members of a list, without the white space and the empty members between.
    List(Box<[u8]>),
    /// Language ranges in lower case, the ones that are wanted most first, those that
    /// are wanted alike in the order of their names.
    Languages(Box<[u8]>),
    Codings(Accepted),
}

impl Value {
    /// What `request` says. `by_codings` is whether requests that accept the same codings
    /// are alike.
    pub(super) fn of(
        name: &HeaderName,
        request: &HeaderMap,
        by_codings: bool,
        comparison: Comparison,
    ) -> Self {
        let Some(said) = fields::joined(request, name) else {
            return Self::Absent;
        };
        if by_codings && *name == ACCEPT_ENCODING {
            return Self::Codings(Accepted::read(&said));
        }
        match comparison {
            Comparison::Exact => Self::Text(said.into_owned().into()),
            // Whoever shows who they are is not compared loosely.
            Comparison::ByGrammar if [COOKIE, AUTHORIZATION].contains(name) => {
                Self::Text(said.into_owned().into())
            }
            Comparison::ByGrammar if *name == ACCEPT_LANGUAGE => {
                Self::Languages(languages(&said).into())
            }
            Comparison::ByGrammar => Self::List(list(&said).into()),
        }
    }

    /// Whether `request` says the same.
    pub(super) fn is_of(&self, name: &HeaderName, request: &Asked<'_>) -> bool {
        let said = || fields::joined(request.headers, name);
        match self {
            Self::Absent => !request.headers.contains_key(name),
            Self::Text(text) => said().as_deref() == Some(text),
            Self::List(text) => said().is_some_and(|said| *list(&said) == **text),
            Self::Languages(text) => request.languages() == Some(text),
            Self::Codings(accepted) => request.codings() == Some(*accepted),
        }
    }

    pub(super) fn size(&self) -> usize {
        match self {
            Self::Text(text) | Self::List(text) | Self::Languages(text) => text.len(),
            Self::Absent | Self::Codings(_) => 0,
        }
    }
}

/// The members of a list in their order (RFC 9110 §5.6.1).
fn list(value: &[u8]) -> Vec<u8> {
    let members: Vec<&[u8]> = Members::of(value).map(|member| member.text).collect();
    members.join(&b","[..])
}

/// The language ranges of `Accept-Language` by weight (RFC 9110 §12.5.4): which of two
/// that weigh the same comes first means nothing, nor does their letter case. A list
/// with a weight that cannot be read is left as it is.
fn languages(value: &[u8]) -> Vec<u8> {
    let ranges: Option<Vec<_>> = Members::of(value).map(|it| weighed(it.text)).collect();
    let Some(mut ranges) = ranges else {
        return list(value);
    };
    ranges.sort_unstable_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    ranges.dedup();
    let mut written = Vec::with_capacity(value.len());
    for (range, weight) in ranges {
        written.extend_from_slice(&range);
        // As no range can be written, so that nothing else is taken for this.
        written.extend_from_slice(format!(";={weight},").as_bytes());
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn map(name: &HeaderName, value: &str) -> HeaderMap {
        let value = HeaderValue::from_str(value).expect("the rows are legal values");
        HeaderMap::from_iter([(name.clone(), value)])
    }

    fn alike(name: &HeaderName, one: &str, other: &str) -> bool {
        let said = Value::of(name, &map(name, one), true, Comparison::ByGrammar);
        let same = said.is_of(name, &Asked::new(&map(name, other)));
        let back = Value::of(name, &map(name, other), true, Comparison::ByGrammar);
        assert_eq!(back == said, same, "{one} and {other}");
        same
    }

    #[test]
    fn languages_are_alike_by_what_they_ask() {
        for (one, other) in [
            ("en, de", "de, en"),
            ("en, de", "eN, De"),
            ("en, de", " en ,,  de"),
            ("en", "en;q=1.0"),
            ("en;q=0.5, de;q=0.9", "de ; q=0.90,en;q=0.500"),
            ("en, en", "en"),
        ] {
            assert!(alike(&ACCEPT_LANGUAGE, one, other), "{one} and {other}");
        }
        for (one, other) in [
            ("en", "de"),
            ("en", "en-GB"),
            ("en", ""),
            ("en, de", "en"),
            ("en;q=0.5, de", "en, de;q=0.5"),
            ("en;q=0.5, de", "en;q=0.4, de"),
            ("en;q=x, de", "de, en;q=x"),
            ("en;q=x", "en"),
            ("en;=1000", "en"),
        ] {
            assert!(!alike(&ACCEPT_LANGUAGE, one, other), "{one} and {other}");
        }
    }

    #[test]
    fn of_what_is_not_known_only_the_space_between_members_is_nothing() {
        let name = HeaderName::from_static("x-kind");
        assert!(alike(&name, "a,b", " a ,  b,"));
        for (one, other) in [
            ("a, b", "b, a"),
            ("a b", "ab"),
            ("A", "a"),
            ("\"a, b\"", "\"a,b\""),
        ] {
            assert!(!alike(&name, one, other), "{one} and {other}");
        }
        assert!(!alike(&COOKIE, "a=1,b", "a=1, b"));
    }
}
