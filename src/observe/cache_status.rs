//! The Cache-Status field (RFC 9211).

use http::{HeaderName, HeaderValue, StatusCode};

use crate::policy::Reason;

pub(crate) const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// One cache's line: what it did with a request, and why.
#[derive(Clone, Debug, Default)]
pub(crate) struct CacheStatus {
    /// The answer came from the store, without asking.
    pub(crate) hit: bool,
    /// The request went forward, for this reason.
    pub(crate) fwd: Option<Reason>,
    /// What the origin said.
    pub(crate) fwd_status: Option<StatusCode>,
    /// Seconds of freshness left; negative when stale.
    pub(crate) ttl: Option<i64>,
    /// The answer is kept.
    pub(crate) stored: bool,
    /// Another request's fetch answered this one.
    pub(crate) collapsed: bool,
    /// It waited for another's fetch, which was not for it.
    pub(crate) not_collapsed: bool,
    /// Our own word for why.
    pub(crate) detail: Option<Reason>,
}

impl CacheStatus {
    /// The line, under the cache's name (a token).
    pub(crate) fn value(&self, name: &str) -> HeaderValue {
        let mut line = String::with_capacity(96);
        line.push_str(name);
        if self.hit {
            line.push_str("; hit");
        } else if let Some(reason) = self.fwd {
            line.push_str("; fwd=");
            line.push_str(forwarded(reason));
        }
        if let Some(status) = self.fwd_status {
            line.push_str("; fwd-status=");
            line.push_str(status.as_str());
        }
        if let Some(ttl) = self.ttl {
            line.push_str("; ttl=");
            line.push_str(&ttl.to_string());
        }
        if self.stored {
            line.push_str("; stored");
        }
        if self.collapsed {
            line.push_str("; collapsed");
        } else if self.not_collapsed {
            line.push_str("; collapsed=?0");
        }
        if let Some(detail) = self.detail {
            line.push_str("; detail=");
            line.push_str(detail.as_str());
        }
        // Tokens, digits and punctuation are always a legal value.
        HeaderValue::try_from(line).unwrap_or(HeaderValue::from_static("floodwall"))
    }
}

/// RFC 9211 §2.2: the registered word for why a request went forward.
const fn forwarded(reason: Reason) -> &'static str {
    match reason {
        Reason::Method => "method",
        Reason::UriMiss | Reason::HeadMiss | Reason::RangeMiss => "uri-miss",
        Reason::VaryMiss | Reason::OtherVariant | Reason::VariantsFull => "vary-miss",
        Reason::Stale | Reason::NoCache => "stale",
        Reason::RequestDirective
        | Reason::RequestNoStore
        | Reason::RequestBody
        | Reason::Precondition
        | Reason::Upgrade
        | Reason::Override => "request",
        Reason::NotShared | Reason::OtherUrl | Reason::Purged | Reason::Lost => "miss",
        _ => "bypass",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_written_as_the_standard_says() {
        let hit = CacheStatus {
            hit: true,
            ttl: Some(-3),
            detail: Some(Reason::StaleWhileRevalidate),
            ..CacheStatus::default()
        };
        assert_eq!(
            hit.value("floodwall"),
            "floodwall; hit; ttl=-3; detail=stale-while-revalidate"
        );
        let miss = CacheStatus {
            fwd: Some(Reason::UriMiss),
            fwd_status: Some(StatusCode::OK),
            ttl: Some(60),
            stored: true,
            collapsed: true,
            ..CacheStatus::default()
        };
        assert_eq!(
            miss.value("a"),
            "a; fwd=uri-miss; fwd-status=200; ttl=60; stored; collapsed"
        );
        let released = CacheStatus {
            fwd: Some(Reason::NotShared),
            not_collapsed: true,
            detail: Some(Reason::NotShared),
            ..CacheStatus::default()
        };
        assert_eq!(
            released.value("a"),
            "a; fwd=miss; collapsed=?0; detail=not-shared"
        );
    }
}
