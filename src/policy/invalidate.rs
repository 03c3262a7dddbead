//! What a change at the origin makes invalid (RFC 9111 §4.4).

use http::header::{CONTENT_LOCATION, LOCATION};
use http::{HeaderMap, Method, StatusCode};

use super::request::is_safe;

/// Whether an answer of `status` to `method` may mean that stored responses for
/// the target are out of date.
#[must_use]
pub fn changes_target(method: &Method, status: StatusCode) -> bool {
    !is_safe(method) && (status.is_success() || status.is_redirection())
}

/// The paths that the answer to an unsafe request names beside its target, for
/// as far as they belong to the same authority.
pub fn named_targets(authority: &str, path: &str, response: &HeaderMap) -> Vec<String> {
    [LOCATION, CONTENT_LOCATION]
        .iter()
        .filter_map(|name| response.get(name)?.to_str().ok())
        .filter_map(|reference| resolve(authority, path, reference.trim()))
        .collect()
}

/// The path and query that `reference` means, seen from `path` at `authority`
/// (RFC 3986 §5.2); nothing if it leaves the authority.
pub(super) fn resolve(authority: &str, path: &str, reference: &str) -> Option<String> {
    let reference = reference.split('#').next().unwrap_or_default();
    let after_scheme = ["http:", "https:"].iter().find_map(|scheme| {
        let (start, rest) = reference.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    if let Some(rest) = after_scheme.unwrap_or(reference).strip_prefix("//") {
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, target) = rest.split_at(end);
        return same_authority(host, authority).then(|| absolute(target));
    }
    if after_scheme.is_some() {
        return None;
    }
    let base = path.split('?').next().unwrap_or_default();
    Some(match reference.bytes().next() {
        None => path.to_owned(),
        Some(b'/') => absolute(reference),
        Some(b'?') => format!("{base}{reference}"),
        Some(_) => {
            let folder = &base[..base.rfind('/').map_or(0, |at| at + 1)];
            absolute(&format!("{folder}{reference}"))
        }
    })
}

fn same_authority(host: &str, authority: &str) -> bool {
    let bare = |name: &str| {
        let name = name.to_ascii_lowercase();
        let port = [":80", ":443"]
            .iter()
            .find_map(|port| name.strip_suffix(port));
        port.map_or(name.clone(), str::to_owned)
    };
    bare(host) == bare(authority)
}

/// A path with its dot segments removed (RFC 3986 §5.2.4), and its query.
fn absolute(target: &str) -> String {
    let (path, query) = match target.find('?') {
        Some(at) => target.split_at(at),
        None => (target, ""),
    };
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            plain => kept.push(plain),
        }
    }
    format!("/{}{query}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_within_the_authority() {
        for (reference, expected) in [
            ("/x", Some("/x")),
            ("/x/../y/./z?q=/..", Some("/y/z?q=/..")),
            ("y", Some("/a/y")),
            ("../y", Some("/y")),
            ("../../../y/..", Some("/")),
            ("?r=2", Some("/a/b?r=2")),
            ("", Some("/a/b?q=1")),
            ("http://Good.test:80/x", Some("/x")),
            ("HTTPS://good.test", Some("/")),
            ("//good.test/x#y", Some("/x")),
            ("http://evil.test/x", None),
            ("//evil.test/x", None),
            ("http:x", None),
        ] {
            let found = resolve("good.test", "/a/b?q=1", reference);
            assert_eq!(found.as_deref(), expected, "{reference}");
        }
    }

    #[test]
    fn only_an_unsafe_method_that_succeeds_changes_anything() {
        let known = |name: &str| Method::from_bytes(name.as_bytes()).expect("a token");
        for (method, status, expected) in [
            ("POST", 200, true),
            ("M-SEARCH", 204, true),
            ("DELETE", 303, true),
            ("POST", 404, false),
            ("PUT", 500, false),
            ("GET", 200, false),
            ("OPTIONS", 200, false),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(changes_target(&known(method), status), expected, "{method}");
        }
    }
}
