//! What a purge names.

use http::Uri;

use crate::key;

/// What to purge, and how.
///
/// A hard purge (the default) makes responses unusable at once; a
/// [`soft`](Purge::soft) one makes them stale, so that they are refreshed as
/// they are asked for and may be served meanwhile as far as they allow it.
///
/// Purges are told by page, not by scheme: what came over `http` and `https`, and
/// every variant and forwarded form, goes together.
///
/// ```
/// use floodwall::{Cache, Purge};
///
/// let cache = Cache::builder().build()?;
/// cache.purge(Purge::uri("https://example.com/news")?);
/// cache.purge(Purge::uri("/news")?); // of whatever host
/// cache.purge(Purge::prefix("/blog")?.soft());
/// cache.purge(Purge::tag("article-42"));
/// cache.purge(Purge::everything().soft());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a purge does nothing until it is given to `Cache::purge`"]
pub struct Purge {
    pub(super) target: Target,
    pub(super) soft: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Page(Page),
    /// A page that a client changed, by an unsafe method.
    Changed(Page),
    /// A group of one origin, by the answer to an unsafe method (RFC 9875 §3).
    ChangedGroup(Group),
    Prefix(Page),
    Tag(Vec<u8>),
    Everything,
}

/// A path, of one authority or (with an empty one) of any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) scheme: String,
    pub(super) authority: String,
    pub(super) path: String,
}

/// A group, of one origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) scheme: String,
    pub(super) authority: String,
    pub(super) name: Vec<u8>,
}

/// A purge that names nothing which could be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is neither an absolute http(s) URI nor a path that starts with a slash")]
pub struct PurgeError {
    given: String,
}

impl Purge {
    /// Everything stored for one URI: all variants, both schemes. A path alone
    /// means that path at every host. Path and query are compared byte by byte.
    ///
    /// # Errors
    /// If `uri` is neither an absolute http(s) URI nor starts with a slash.
    pub fn uri(uri: &str) -> Result<Self, PurgeError> {
        Ok(Self::hard(Target::Page(Page::read(uri)?)))
    }

    /// Everything at or below a path: `/a` covers `/a`, `/a?x` and `/a/b`, and
    /// not `/ab`.
    ///
    /// # Errors
    /// As for [`uri`](Purge::uri).
    pub fn prefix(uri: &str) -> Result<Self, PurgeError> {
        Ok(Self::hard(Target::Prefix(Page::read(uri)?)))
    }

    /// Every response that carries this tag in `Surrogate-Key`, `Cache-Tag` or
    /// `Cache-Groups`. Compared byte by byte.
    pub fn tag(tag: impl AsRef<[u8]>) -> Self {
        Self::hard(Target::Tag(tag.as_ref().to_vec()))
    }

    /// Everything that this cache has stored.
    pub fn everything() -> Self {
        Self::hard(Target::Everything)
    }

    /// Make stale instead of unusable.
    pub fn soft(mut self) -> Self {
        self.soft = true;
        self
    }

    pub(crate) fn changed(scheme: &str, authority: &str, path: &str) -> Self {
        Self::hard(Target::Changed(Page {
            scheme: scheme.to_owned(),
            authority: authority.to_owned(),
            path: path.to_owned(),
        }))
    }

    pub(crate) fn changed_group(scheme: &str, authority: &str, name: Vec<u8>) -> Self {
        Self::hard(Target::ChangedGroup(Group {
            scheme: scheme.to_owned(),
            authority: authority.to_owned(),
            name,
        }))
    }

    /// Whether everything is to go at once, so that memory can be given back.
    pub(crate) fn is_hard_clear(&self) -> bool {
        self.target == Target::Everything && !self.soft
    }

    const fn hard(target: Target) -> Self {
        Self {
            target,
            soft: false,
        }
    }
}

impl Page {
    fn read(given: &str) -> Result<Self, PurgeError> {
        let error = || PurgeError {
            given: given.to_owned(),
        };
        let uri: Uri = given.parse().map_err(|_| error())?;
        let page = |scheme: &str, authority: &str| Self {
            scheme: scheme.to_owned(),
            authority: authority.to_owned(),
            path: key::target(&uri),
        };
        match (uri.scheme_str(), uri.authority()) {
            (None, None) if given.starts_with('/') => Ok(page("http", "")),
            (Some(scheme @ ("http" | "https")), Some(authority)) => {
                Ok(page(scheme, authority.as_str()))
            }
            _ => Err(error()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_page_is_refused() {
        for given in ["", "x", "ftp://a/x", "*", "a.test:80", "http://"] {
            assert!(Purge::uri(given).is_err(), "{given:?}");
        }
        let error = Purge::prefix("x").expect_err("no slash");
        assert!(error.to_string().starts_with("\"x\" is neither"), "{error}");
    }
}
