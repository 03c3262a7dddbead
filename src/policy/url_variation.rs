//! Which parts of a URL's query tell pages apart (No-Vary-Search,
//! draft-ietf-httpbis-no-vary-search).

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, Uri};
use sfv::{BareItem, Dictionary, InnerList, ListEntry, Parser};

use super::fields;
use super::rules::Rules;

const NO_VARY_SEARCH: HeaderName = HeaderName::from_static("no-vary-search");

/// The most parameters that a response may name, and the most bytes of their names: they
/// are a part of every key.
const MOST_NAMES: usize = 256;
const MOST_BYTES: usize = 4096;

/// Which parts of a query tell pages apart; a *URL variation config* in the words of
/// No-Vary-Search. The default is that every byte does. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UrlVariation(Option<Arc<Config>>);

/// A variation that is not the default.
#[derive(Debug, PartialEq, Eq)]
struct Config {
    /// Whether the order of parameters with different names counts.
    ordered: bool,
    /// The names that follow are those that count, not those that do not.
    only: bool,
    /// Decoded, sorted, each once.
    names: Box<[String]>,
    label: Box<str>,
}

impl UrlVariation {
    /// What a response says; nothing if it does not have the field.
    ///
    /// What the draft calls invalid is the default, and so is what names too many
    /// parameters.
    #[must_use]
    pub fn read(response: &HeaderMap) -> Option<Self> {
        let value = fields::joined(response, &NO_VARY_SEARCH)?;
        Some(Self::parse(&value))
    }

    /// Reads a field value.
    #[must_use]
    pub fn parse(value: &[u8]) -> Self {
        Self(Config::parse(value).map(Arc::new))
    }

    /// Whether every byte of a query counts.
    #[must_use]
    pub const fn is_default(&self) -> bool {
        self.0.is_none()
    }

    /// What tells this variation from all others: visible ASCII.
    pub(crate) fn label(&self) -> &str {
        self.0.as_deref().map_or("", |config| &config.label)
    }

    /// What is left of a query. Two queries are equivalent modulo this variation if, and
    /// only if, the same is left of them. Nothing is left of no query by the default alone,
    /// to which an empty one is another.
    #[must_use]
    pub fn significant<'a>(&self, query: Option<&'a str>) -> Option<Cow<'a, str>> {
        match &self.0 {
            None => query.map(Cow::Borrowed),
            Some(config) => Some(Cow::Owned(config.significant(query.unwrap_or_default()))),
        }
    }
}

impl Config {
    fn parse(value: &[u8]) -> Option<Self> {
        let said: Dictionary = Parser::new(value).parse().ok()?;
        let ordered = match said.get("key-order") {
            None => true,
            Some(ListEntry::Item(item)) => match item.bare_item {
                BareItem::Boolean(any) => !any,
                _ => return None,
            },
            Some(ListEntry::InnerList(_)) => return None,
        };
        let (only, listed) = match (said.get("params"), said.get("except")) {
            (Some(_), Some(_)) => return None,
            (None, None) => (false, None),
            (Some(listed), None) => (false, Some(listed)),
            (None, Some(listed)) => (true, Some(listed)),
        };
        let names = match listed {
            None => Vec::new(),
            Some(ListEntry::InnerList(listed)) => names(listed)?,
            Some(ListEntry::Item(_)) => return None,
        };
        (only || !ordered || !names.is_empty()).then(|| Self::new(ordered, only, names))
    }

    fn new(ordered: bool, only: bool, names: Vec<String>) -> Self {
        let mut label = format!("{}{}", u8::from(ordered), u8::from(only));
        for name in &names {
            label.push('&');
            label.extend(form_urlencoded::byte_serialize(name.as_bytes()));
        }
        Self {
            ordered,
            only,
            names: names.into(),
            label: label.into(),
        }
    }

    fn significant(&self, query: &str) -> String {
        let counts = |name: &str| {
            let named = self
                .names
                .binary_search_by(|known| known.as_str().cmp(name));
            named.is_ok() == self.only
        };
        let mut parameters: Vec<(Cow<'_, str>, Cow<'_, str>)> =
            form_urlencoded::parse(query.as_bytes())
                .filter(|(name, _)| counts(name))
                .collect();
        if !self.ordered {
            // Stable: the values of one name stay in their order.
            parameters.sort_by(|(one, _), (other, _)| one.cmp(other));
        }
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(parameters)
            .finish()
    }
}

/// The names of an inner list of strings, decoded; nothing if one of them is none.
fn names(listed: &InnerList) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut bytes = 0;
    for item in &listed.items {
        let BareItem::String(name) = &item.bare_item else {
            return None;
        };
        let name = decoded(name.as_str())?;
        bytes += name.len();
        names.push(name);
    }
    if names.len() > MOST_NAMES || bytes > MOST_BYTES {
        return None;
    }
    names.sort_unstable();
    names.dedup();
    Some(names)
}

/// A name as a query has it once it is parsed: `+` is a space, `%` an escape. Nothing if
/// that is not UTF-8: it would stand for all names that are not.
fn decoded(name: &str) -> Option<String> {
    let spaced = name.replace('+', " ");
    let bytes = percent_encoding::percent_decode_str(&spaced);
    bytes.decode_utf8().ok().map(Cow::into_owned)
}

/// A query without the parameters that the operator leaves out; nothing if there is none,
/// which is not the same as an empty one.
pub(crate) fn without<'a>(query: Option<&'a str>, dropped: &[String]) -> Option<Cow<'a, str>> {
    let query = query?;
    if dropped.is_empty() {
        return Some(Cow::Borrowed(query));
    }
    let is_kept = |parameter: &&str| {
        let name = parameter.split('=').next().unwrap_or_default();
        !dropped.iter().any(|dropped| dropped == name)
    };
    let kept: Vec<&str> = query.split('&').filter(is_kept).collect();
    (!kept.is_empty()).then(|| Cow::Owned(kept.join("&")))
}

/// The URLs that a response is the answer to, by its own word: those of which the same
/// is left as of the one that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equivalent {
    variation: UrlVariation,
    /// What the operator leaves out of all queries.
    dropped: Arc<[String]>,
    significant: Option<Box<str>>,
}

impl Equivalent {
    pub(super) fn of(uri: &Uri, variation: UrlVariation, rules: &Rules) -> Self {
        let dropped = Arc::clone(&rules.dropped_parameters);
        let significant = significant(uri, &variation, &dropped);
        Self {
            variation,
            dropped,
            significant,
        }
    }

    /// What the response says about its URL, or the operator in its place.
    #[must_use]
    pub const fn variation(&self) -> &UrlVariation {
        &self.variation
    }

    /// Whether a request for `uri` may have the response, whose scheme, authority and path
    /// it has.
    #[must_use]
    pub fn covers(&self, uri: &Uri) -> bool {
        significant(uri, &self.variation, &self.dropped) == self.significant
    }

    /// The bytes that it takes in memory.
    pub(crate) fn size(&self) -> usize {
        let kept = self.significant.as_deref().map_or(0, str::len);
        size_of::<Self>() + kept + self.variation.size()
    }
}

fn significant(uri: &Uri, variation: &UrlVariation, dropped: &[String]) -> Option<Box<str>> {
    let covered = without(uri.query(), dropped);
    let left = variation.significant(covered.as_deref())?;
    Some(left.into())
}

impl UrlVariation {
    /// The bytes that it takes in memory, about: names are kept twice, once in the label.
    pub(crate) fn size(&self) -> usize {
        let names = self.0.as_ref().map_or(0, |config| config.names.len());
        self.label().len() * 2 + names * size_of::<String>()
    }
}
