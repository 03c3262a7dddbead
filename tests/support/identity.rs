//! What tells two requests apart, written down apart from the key: for a cache with
//! [`rules`], before a handler whose answers [`VARY`].

use floodwall::KeyRules;
use http::{HeaderMap, Uri};

/// The rules of the key.
pub(crate) fn rules() -> KeyRules {
    KeyRules::new().field("x-tenant").drop_query("utm")
}

/// What the answers vary on.
pub(crate) const VARY: &str = "Accept-Language, X-V";

/// The fields that are part of every key under these rules, and those that the
/// answers vary on.
pub(crate) const KEYED: [&str; 13] = [
    "forwarded",
    "hx-request",
    "rsc",
    "x-api-key",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-scheme",
    "x-requested-with",
    "x-tenant",
    "x_forwarded-host",
    "x_tenant",
];
pub(crate) const VARIED: [&str; 2] = ["accept-language", "x-v"];

/// Everything that tells a request from others, in words: what is said of two
/// requests is the same if they may share an answer, and only then.
pub(crate) fn identity(uri: &Uri, headers: &HeaderMap) -> String {
    let scheme = uri.scheme_str().unwrap_or("http");
    let host = uri
        .authority()
        .map(|authority| authority.as_str().as_bytes());
    let host = host.or(headers.get("host").map(|host| host.as_bytes()));
    let host = host.unwrap_or_default().to_ascii_lowercase();
    let port: &[u8] = if scheme == "https" { b":443" } else { b":80" };
    let host = host.strip_suffix(port).unwrap_or(&host);
    let lines = |name: &str| -> Vec<String> {
        let lines = headers.get_all(name).iter();
        lines
            .map(|line| line.as_bytes().escape_ascii().to_string())
            .collect()
    };
    let keyed = KEYED.map(lines);
    let varied = VARIED.map(|name| {
        let lines = headers.get_all(name).iter();
        let trimmed: Vec<&[u8]> = lines.map(|line| line.as_bytes().trim_ascii()).collect();
        (!trimmed.is_empty()).then(|| trimmed.join(&b", "[..]).escape_ascii().to_string())
    });
    let (host, path, query) = (host.escape_ascii(), uri.path(), covered(uri.query()));
    format!("{scheme} {host} {path:?} {query:?} {keyed:?} {varied:?}")
}

/// The query without the parameter that the rules drop; without parameters there is
/// no query.
pub(crate) fn covered(query: Option<&str>) -> Option<String> {
    let kept: Vec<&str> = query?
        .split('&')
        .filter(|pair| *pair != "utm" && !pair.starts_with("utm="))
        .collect();
    (!kept.is_empty()).then(|| kept.join("&"))
}
