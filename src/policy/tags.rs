//! The names that a response can be purged by.
//!
//! Three conventions are read: `Surrogate-Key` (space-separated), `Cache-Tag`
//! (comma-separated) and `Cache-Groups` (RFC 9875, a structured list of
//! strings). The first two are between the origin and its caches and are taken
//! off before the client sees them; the third is part of the response.

use http::{HeaderMap, HeaderName};

use super::fields;
use super::reason::Reason;
use super::rules::Rules;

const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");
const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");
const CACHE_GROUPS: HeaderName = HeaderName::from_static("cache-groups");

pub(super) const SURROGATE_CONTROL: HeaderName = HeaderName::from_static("surrogate-control");
const CACHE_GROUP_INVALIDATION: HeaderName = HeaderName::from_static("cache-group-invalidation");

/// The fields that clients do not see.
pub(crate) const HIDDEN: [HeaderName; 2] = [SURROGATE_KEY, CACHE_TAG];

/// What a tag costs beside its bytes: where it is listed, and the least that an allocator
/// hands out.
const OVERHEAD: usize = 56;

/// A response's tags. They are compared byte by byte; case counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(Box<[Tag]>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Tag {
    name: Box<[u8]>,
    /// From `Cache-Groups`: what an answer can invalidate, within its origin.
    is_group: bool,
}

impl Tags {
    /// Reads the three fields.
    ///
    /// # Errors
    /// [`Reason::TooManyTags`] past [`max_tags`](Rules::max_tags) or
    /// [`max_tag_bytes`](Rules::max_tag_bytes): a response that could not be
    /// purged by a tag that it carries must not be kept.
    pub(crate) fn read(headers: &HeaderMap, rules: &Rules) -> Result<Self, Reason> {
        let mut tags: Vec<Tag> = Vec::new();
        let mut note_as = |name: &[u8], is_group| {
            if name.len() > rules.max_tag_bytes || tags.len() == rules.max_tags {
                return Err(Reason::TooManyTags);
            }
            let name = name.into();
            tags.push(Tag { name, is_group });
            Ok(())
        };
        let mut note = |name: &[u8]| note_as(name, false);
        for line in headers.get_all(&SURROGATE_KEY) {
            let keys = line.as_bytes().split(u8::is_ascii_whitespace);
            keys.filter(|key| !key.is_empty()).try_for_each(&mut note)?;
        }
        for line in headers.get_all(&CACHE_TAG) {
            let names = line.as_bytes().split(|byte| *byte == b',');
            names
                .map(<[u8]>::trim_ascii)
                .filter(|name| !name.is_empty())
                .try_for_each(&mut note)?;
        }
        for name in groups(headers, &CACHE_GROUPS) {
            note_as(&name, true)?;
        }
        Ok(Self(tags.into()))
    }

    /// These tags and those of `other`: what a 304 says of a response beside what
    /// the response said itself, which a 304 need not repeat.
    ///
    /// # Errors
    /// [`Reason::TooManyTags`] past [`max_tags`](Rules::max_tags).
    pub(crate) fn and(&self, other: &Self, rules: &Rules) -> Result<Self, Reason> {
        let mut tags = self.0.to_vec();
        tags.extend(other.0.iter().filter(|tag| !self.0.contains(tag)).cloned());
        if tags.len() > rules.max_tags {
            return Err(Reason::TooManyTags);
        }
        Ok(Self(tags.into()))
    }

    /// The tags, in the order in which they stand.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|tag| &*tag.name)
    }

    /// Those that are groups of the response's origin (RFC 9875 §2).
    pub(crate) fn groups(&self) -> impl Iterator<Item = &[u8]> {
        let groups = self.0.iter().filter(|tag| tag.is_group);
        groups.map(|tag| &*tag.name)
    }

    /// The bytes that the tags take.
    pub(crate) fn size(&self) -> usize {
        self.0.iter().map(|tag| tag.name.len() + OVERHEAD).sum()
    }
}

/// The groups that an answer to an unsafe request makes invalid (RFC 9875 §3).
#[must_use]
pub fn invalid_groups(response: &HeaderMap) -> Vec<Vec<u8>> {
    groups(response, &CACHE_GROUP_INVALIDATION)
}

/// The strings of a list of groups; what is no string is none of them.
fn groups(headers: &HeaderMap, name: &HeaderName) -> Vec<Vec<u8>> {
    let members = fields::list(headers, name);
    members
        .filter_map(|member| group_name(member.text))
        .collect()
}

/// The string of a group, without its quotes, escapes and parameters.
fn group_name(member: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = member.strip_prefix(b"\"")?.iter();
    let mut name = Vec::new();
    loop {
        match bytes.next()? {
            b'"' => return Some(name),
            b'\\' => name.push(*bytes.next()?),
            byte => name.push(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn tags(rows: &[(HeaderName, &'static str)]) -> Result<Vec<String>, Reason> {
        let mut headers = HeaderMap::new();
        for (name, value) in rows {
            headers.append(name, HeaderValue::from_static(value));
        }
        let tags = Tags::read(&headers, &Rules::default())?;
        let text = |tag: &[u8]| String::from_utf8_lossy(tag).into_owned();
        Ok(tags.iter().map(text).collect())
    }

    #[test]
    fn each_field_has_its_own_separator() {
        assert_eq!(
            tags(&[
                (SURROGATE_KEY, "a  b,c"),
                (CACHE_TAG, "x, y z ,,"),
                (CACHE_GROUPS, r#""one, two";q=1, "th\"ree", bare"#),
            ]),
            Ok(["a", "b,c", "x", "y z", "one, two", "th\"ree"]
                .map(String::from)
                .to_vec())
        );
    }

    #[test]
    fn more_than_can_be_purged_is_not_kept() {
        let long: &'static str = Box::leak("x".repeat(1025).into());
        assert_eq!(tags(&[(CACHE_TAG, long)]), Err(Reason::TooManyTags));
        let many: &'static str = Box::leak("a ".repeat(257).into());
        assert_eq!(tags(&[(SURROGATE_KEY, many)]), Err(Reason::TooManyTags));
    }
}
