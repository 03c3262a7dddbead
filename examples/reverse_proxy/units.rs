//! Values as people type them on a command line: `500ms`, `64MiB`, `http://host:port`.
//!
//! Each parser returns one short sentence when it cannot read its input, since that sentence
//! is all the person at the prompt gets to see.

use std::time::Duration;

use http::Uri;
use http::uri::{Authority, Scheme};

/// Reads `500ms`, `2s`, `5m`, `1h`, or plain seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text).ok_or("expected a time such as 500ms, 2s, 5m or 1h")?;
    let millis_per_unit = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => {
            return Err(format!(
                "no unit of time is called {unit:?}; use ms, s, m or h"
            ));
        }
    };
    number
        .checked_mul(millis_per_unit)
        .map(Duration::from_millis)
        .ok_or_else(|| "that is too long a time".to_owned())
}

/// Reads `64MiB`, `512k`, `1g`, or plain bytes; every step up is 1024.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text).ok_or("expected a size such as 64MiB, 512k or 4096")?;
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => {
            return Err(format!(
                "no unit of size is called {unit:?}; use KiB, MiB or GiB"
            ));
        }
    };
    number
        .checked_mul(1 << shift)
        .ok_or_else(|| "that is too large a size".to_owned())
}

/// Reads the origin: a plain `http://host:port`, nothing behind it.
pub(crate) fn origin(text: &str) -> Result<Authority, String> {
    let wanted = "expected http://host:port";
    let uri: Uri = text.parse().map_err(|_| wanted)?;
    if uri.scheme() != Some(&Scheme::HTTP) {
        return Err(format!("{wanted}; only plain http is spoken to the origin"));
    }
    if uri.path() != "/" || uri.query().is_some() {
        return Err(format!(
            "{wanted}, with no path: paths are passed on unchanged"
        ));
    }
    match uri.authority() {
        Some(authority) if !authority.as_str().contains('@') && !authority.host().is_empty() => {
            Ok(authority.clone())
        }
        _ => Err(wanted.to_owned()),
    }
}

/// Splits `64MiB` into 64 and `MiB`.
fn split(text: &str) -> Option<(u64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim_start()))
}
