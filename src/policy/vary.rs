//! Which request fields a response depends on, and what they said
//! (RFC 9111 §4.1).

use std::hash::{Hash, Hasher};

use http::header::{ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, ORIGIN, VARY};
use http::{HeaderMap, HeaderName};

use super::coding::{Accepted, is_encoded};
use super::fields;
use super::offer::Offer;
use super::reason::Reason;
use super::rules::Rules;
use super::selector::{Asked, Comparison, Value};

/// The names of the request fields that a response varies on, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct VaryNames {
    names: Box<[HeaderName]>,
    /// How the values of these fields are compared.
    comparison: Comparison,
}

impl VaryNames {
    /// Reads a response's `Vary` lines.
    ///
    /// Two things are taken as said. A response with a content coding varies on
    /// `Accept-Encoding`: a client that cannot decode it must not receive it. One
    /// that lets a single origin read it (`Access-Control-Allow-Origin`) varies on
    /// `Origin`: the next origin is another one.
    ///
    /// # Errors
    /// [`Reason::VaryStar`], [`Reason::VaryUnreadable`] when a member is not a
    /// field name, [`Reason::VaryTooLarge`] past
    /// [`max_vary_names`](Rules::max_vary_names).
    pub fn read(response: &HeaderMap, rules: &Rules) -> Result<Self, Reason> {
        let mut names = Vec::new();
        for member in fields::list(response, &VARY) {
            // In a longer name it is legal, but no field has one: more likely it was
            // meant.
            if member.text.contains(&b'*') {
                return Err(Reason::VaryStar);
            }
            let name = HeaderName::from_bytes(member.text).map_err(|_| Reason::VaryUnreadable)?;
            if !names.contains(&name) {
                names.push(name);
            }
            if names.len() > rules.max_vary_names {
                return Err(Reason::VaryTooLarge);
            }
        }
        let implied = [
            (is_encoded(response), ACCEPT_ENCODING),
            (names_an_origin(response), ORIGIN),
        ];
        for (depends, name) in implied {
            if depends && !names.contains(&name) {
                names.push(name);
            }
        }
        let comparison = match rules.normalise_vary {
            true => Comparison::ByGrammar,
            false => Comparison::Exact,
        };
        Ok(Self::sorted(names, comparison))
    }

    fn sorted(mut names: Vec<HeaderName>, comparison: Comparison) -> Self {
        names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        Self {
            names: names.into(),
            comparison,
        }
    }

    /// Adds the names that `variant` is told by. Allocates only for new ones.
    pub fn absorb(&mut self, variant: &Variant) {
        let missing = |(name, _): &&Selector| !self.names.contains(name);
        let new: Vec<HeaderName> = variant
            .fields
            .iter()
            .filter(missing)
            .map(|(name, _)| name.clone())
            .collect();
        if !new.is_empty() {
            let all = self.names.iter().cloned().chain(new).collect();
            *self = Self::sorted(all, variant.comparison);
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

fn names_an_origin(response: &HeaderMap) -> bool {
    let allowed = response.get_all(ACCESS_CONTROL_ALLOW_ORIGIN);
    allowed.iter().any(|origin| origin != "*")
}

/// What a name and its value cost beside their bytes: a place for each, and the memory
/// that they lie in.
const OVERHEAD: usize = 144;

/// The values that one request has for a set of names.
///
/// Lines are joined before they are compared, order counts, and an absent field
/// is not an empty one. Of `Accept-Encoding` those values are equal that accept the
/// same codings, if the response is in one that they do. With
/// [`normalise_vary`](Rules::normalise_vary), values are equal that mean the same.
#[derive(Clone, Debug, Default)]
pub struct Variant {
    fields: Box<[Selector]>,
    comparison: Comparison,
    /// What the response is in, if that alone may select it. Says nothing of which variant
    /// it is: what the same request selected before has had its time.
    offer: Option<Box<Offer>>,
}

impl PartialEq for Variant {
    fn eq(&self, other: &Self) -> bool {
        (&self.fields, self.comparison) == (&other.fields, other.comparison)
    }
}

impl Eq for Variant {}

impl Hash for Variant {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.fields, self.comparison).hash(state);
    }
}

/// A request field and its value.
type Selector = (HeaderName, Value);

impl Variant {
    /// What `request` says for `names`.
    #[must_use]
    pub fn of(names: &VaryNames, request: &HeaderMap) -> Self {
        Self::select(names, request, true)
    }

    /// What selects a response to `request`. If that did not accept the codings that
    /// the response is in, as far as they are known, its origin reads `Accept-Encoding`
    /// in a way of its own, and all of the value counts.
    #[must_use]
    pub fn of_response(names: &VaryNames, request: &HeaderMap, response: &HeaderMap) -> Self {
        let said = fields::joined(request, &ACCEPT_ENCODING);
        let covered = said.is_none_or(|said| Accepted::read(&said).covers(response));
        Self::select(names, request, covered)
    }

    fn select(names: &VaryNames, request: &HeaderMap, by_codings: bool) -> Self {
        let comparison = names.comparison;
        let select = |name: &HeaderName| {
            let value = Value::of(name, request, by_codings, comparison);
            (name.clone(), value)
        };
        Self {
            fields: names.names.iter().map(select).collect(),
            comparison,
            offer: None,
        }
    }

    /// Has it selected as well by requests that want what `response` is in more than, or as
    /// much as, anything else.
    #[must_use]
    pub(super) fn offered(mut self, response: &HeaderMap) -> Self {
        if !self.fields.is_empty() {
            self.offer = Some(Box::new(Offer::of(response)));
        }
        self
    }

    /// Whether `request` says the same, or (with
    /// [`choose_variants`](Rules::choose_variants)) wants what the response is in.
    #[must_use]
    pub fn matches(&self, request: &HeaderMap) -> bool {
        self.is_selected_by(&Asked::new(request))
    }

    /// The same, where one request is compared with many.
    pub(crate) fn is_selected_by(&self, request: &Asked<'_>) -> bool {
        let mut fields = self.fields.iter();
        let suits = |name| {
            let offer = self.offer.as_deref();
            offer.is_some_and(|offer| offer.suits(name, request))
        };
        fields.all(|(name, value)| value.is_of(name, request) || suits(name))
    }

    /// This variant, told by the fields of `other` too: what a 304 says of a stored
    /// response beside what the response said itself. Its body stays what it was made
    /// for, whatever the 304 leaves out.
    ///
    /// Both are of one request, so that they agree where they name the same.
    ///
    /// # Errors
    /// [`Reason::VaryTooLarge`] past [`max_vary_names`](Rules::max_vary_names) or
    /// [`max_variant_bytes`](Rules::max_variant_bytes).
    pub(crate) fn and(&self, other: &Self, rules: &Rules) -> Result<Self, Reason> {
        let mut names = self.names();
        names.absorb(other);
        let all = self.fields.iter().chain(&other.fields);
        let of_name = |name: &HeaderName| all.clone().find(|(known, _)| known == name).cloned();
        let both = Self {
            fields: names.names.iter().filter_map(of_name).collect(),
            comparison: names.comparison,
            offer: self.offer.clone(),
        };
        if names.names.len() > rules.max_vary_names || both.size() > rules.max_variant_bytes {
            return Err(Reason::VaryTooLarge);
        }
        Ok(both)
    }

    /// The names that tell this variant from others.
    #[must_use]
    pub fn names(&self) -> VaryNames {
        VaryNames {
            names: self.fields.iter().map(|(name, _)| name.clone()).collect(),
            comparison: self.comparison,
        }
    }

    /// The bytes that names and values take.
    #[must_use]
    pub fn size(&self) -> usize {
        self.fields
            .iter()
            .map(|(name, value)| name.as_str().len() + value.size())
            .sum()
    }

    /// The bytes that they take in memory.
    pub(crate) fn footprint(&self) -> usize {
        let offer = self.offer.as_deref().map_or(0, Offer::size);
        self.size() + self.fields.len() * OVERHEAD + offer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http::header::ACCEPT_LANGUAGE;

    fn map(rows: &[(&'static str, &[u8])]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in rows {
            let value = HeaderValue::from_bytes(value).expect("the rows are legal values");
            headers.append(*name, value);
        }
        headers
    }

    fn names(rows: &[(&'static str, &[u8])]) -> Result<VaryNames, Reason> {
        VaryNames::read(&map(rows), &Rules::default())
    }

    #[test]
    fn untidy_lists_are_read() {
        let cookie = names(&[("vary", b" cookie ")]).expect("readable");
        assert_eq!(names(&[("vary", b",, COOKIE ,")]), Ok(cookie.clone()));
        let both = names(&[("vary", b"Accept"), ("vary", b"cookie, accept")]).expect("readable");
        assert_ne!(both, cookie);
        assert_eq!(both.names.len(), 2);
    }

    #[test]
    fn a_star_anywhere_is_a_star() {
        for line in ["*", "Foo, *", "*, Foo", ",*", " * ", "**", "Foo*"] {
            assert_eq!(names(&[("vary", line.as_bytes())]), Err(Reason::VaryStar));
        }
        assert_eq!(
            names(&[("vary", b"Foo"), ("vary", b"*")]),
            Err(Reason::VaryStar)
        );
    }

    #[test]
    fn what_cannot_be_read_or_held_is_refused() {
        assert_eq!(
            names(&[("vary", b"Acc\xe9pt")]),
            Err(Reason::VaryUnreadable)
        );
        assert_eq!(names(&[("vary", b"a b")]), Err(Reason::VaryUnreadable));
        let many = (0..17)
            .map(|n| format!("x-{n}"))
            .collect::<Vec<_>>()
            .join(",");
        assert_eq!(
            names(&[("vary", many.as_bytes())]),
            Err(Reason::VaryTooLarge)
        );
    }

    #[test]
    fn an_encoded_response_varies_on_accept_encoding() {
        let plain = names(&[("content-encoding", b"identity")]).expect("readable");
        assert!(plain.is_empty());
        let gzip = names(&[("content-encoding", b"gzip")]).expect("readable");
        let variant = Variant::of(&gzip, &map(&[("accept-encoding", b"gzip")]));
        assert!(!variant.matches(&map(&[])));
        assert!(variant.matches(&map(&[("accept-encoding", b"gzip")])));
    }

    #[test]
    fn a_response_for_one_origin_varies_on_origin() {
        let any = names(&[("access-control-allow-origin", b"*")]).expect("readable");
        assert!(any.is_empty());
        let one = names(&[("access-control-allow-origin", b"https://a.test")]).expect("readable");
        let variant = Variant::of(&one, &map(&[("origin", b"https://a.test")]));
        assert!(!variant.matches(&map(&[("origin", b"https://b.test")])));
        assert!(!variant.matches(&map(&[])));
    }

    #[test]
    fn variants_keep_absent_empty_order_and_lines_apart() {
        let rule = names(&[("vary", b"accept-language, x-v")]).expect("readable");
        let requests = [
            map(&[]),
            map(&[("x-v", b"")]),
            map(&[("x-v", b"a"), ("x-v", b"b")]),
            map(&[("x-v", b"b"), ("x-v", b"a")]),
            map(&[("x-v", b"a"), ("x-v", b"c")]),
            map(&[("accept-language", b"en")]),
        ];
        for (at, one) in requests.iter().enumerate() {
            let variant = Variant::of(&rule, one);
            for (other, request) in requests.iter().enumerate() {
                assert_eq!(variant.matches(request), at == other, "{at} and {other}");
            }
        }
        let split = map(&[("x-v", b"a"), ("x-v", b" b ")]);
        let whole = map(&[("x-v", b"a, b")]);
        assert!(Variant::of(&rule, &split).matches(&whole));
        assert_eq!(Variant::of(&rule, &split).names(), rule);
        assert!(rule.names.contains(&ACCEPT_LANGUAGE));
    }

    #[test]
    fn a_variant_is_told_by_what_either_names() {
        let request = map(&[("x-a", b"1"), ("x-b", b"2")]);
        let of = |line: &[u8]| Variant::of(&names(&[("vary", line)]).expect("readable"), &request);
        let rules = Rules::default();
        let both = of(b"x-b, x-c").and(&of(b"x-a, x-b"), &rules);
        assert_eq!(both, Ok(of(b"x-a, x-b, x-c")));
        let few = Rules {
            max_vary_names: 2,
            ..rules
        };
        assert_eq!(
            of(b"x-b, x-c").and(&of(b"x-a, x-b"), &few),
            Err(Reason::VaryTooLarge)
        );
        assert_eq!(of(b"").and(&of(b"x-a, x-b"), &few), Ok(of(b"x-a, x-b")));
    }
}
