//! What a stored response is found by.
//!
//! A key is one run of bytes: its parts, in a fixed order, each closed by a byte
//! that no part can contain. Two requests have the same key only if every part
//! is the same, so a lookup is one hash and one comparison, and needs no
//! allocation while the key is short.
//!
//! ```text
//! namespace 0 authority 0 path?query 0 scheme 0 (1 name 0 (2 value 0)*)*
//! ```
//!
//! Where responses have said that parts of the query do not count (No-Vary-Search), what
//! they said and what it leaves of the query follow on the scheme, so that keys by
//! different rules differ, and the page is that of the path:
//!
//! ```text
//! namespace 0 authority 0 path?1 0 scheme 0 3 rule 0 query 0 (1 name 0 (2 value 0)*)*
//! ```
//!
//! The key of a QUERY (RFC 10008) ends with its content, after a byte that begins no field:
//!
//! ```text
//! ... 4 content
//! ```
//!
//! Everything up to the third zero is the *page*: what a purge by URI names,
//! whatever the scheme and the other fields were.

mod rules;
#[cfg(test)]
mod tests;

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

pub use rules::KeyRules;
pub(crate) use rules::{KeyMaker, authority, target};

/// The key of a stored response, owned; cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key(Arc<[u8]>);

impl Key {
    /// The bytes of the key.
    #[must_use]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A key of one part, for tests that have no requests.
    #[cfg(test)]
    pub(crate) fn for_test(bytes: &str) -> Self {
        Self(Arc::from(bytes.as_bytes()))
    }

    /// The bytes up to and with the third zero: namespace, authority, path.
    pub(crate) fn page(&self) -> &[u8] {
        page(&self.0)
    }
}

fn page(key: &[u8]) -> &[u8] {
    let mut zeros = 0;
    let end = key.iter().position(|byte| {
        zeros += usize::from(*byte == 0);
        zeros == 3
    });
    end.map_or(key, |end| &key[..=end])
}

/// How the path of a page ends of which parts of the query do not count; no query has such
/// a byte.
const VARIED: &[u8] = b"?\x01";

/// Whether parts of the query do not count of this page.
pub(crate) fn is_varied(page: &[u8]) -> bool {
    page.strip_suffix(b"\0")
        .is_some_and(|page| page.ends_with(VARIED))
}

/// The bytes that stand for a group of the origin that a page is of: no page has them, as
/// no path is empty.
pub(crate) fn group_of(page: &[u8], name: &[u8]) -> Vec<u8> {
    let zeros = page.iter().enumerate().filter(|(_, byte)| **byte == 0);
    let end = zeros.map(|(at, _)| at + 1).nth(1).unwrap_or(page.len());
    [&page[..end], b"\0", name].concat()
}

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key(\"{}\")", self.0.escape_ascii())
    }
}

/// A key that was built for one lookup and need not outlive it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyBuf(SmallVec<[u8; 192]>);

impl KeyBuf {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// See [`Key::page`].
    pub(crate) fn page(&self) -> &[u8] {
        page(&self.0)
    }

    pub(crate) fn to_key(&self) -> Key {
        Key(Arc::from(&self.0[..]))
    }

    fn part(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        self.0.push(0);
    }
}
