//! Clients that send what they are told, byte for byte, and report what came back.

pub(crate) mod h1;
pub(crate) mod h2;
mod hpack;

pub(crate) use hpack::self_check;

use std::time::Duration;

use crate::wire::{Body, End, Lines, contains, readable};

/// The longest that a client waits for the next bytes, unless a row sets another limit.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A request, line by line. `Host: good.test` and a nonce of its own are there from the start.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: Vec<u8>,
    lines: Vec<Vec<u8>>,
    body: Vec<u8>,
    pub(crate) nonce: String,
    heard_as: Option<String>,
}

impl Request {
    /// A GET. The nonce tells the requests of one run apart.
    pub(crate) fn get(target: impl AsRef<[u8]>, nonce: String) -> Self {
        Self {
            method: "GET".to_owned(),
            target: target.as_ref().to_vec(),
            lines: vec![
                b"Host: good.test".to_vec(),
                format!("X-Lab-Nonce: {nonce}").into_bytes(),
            ],
            body: Vec::new(),
            nonce,
            heard_as: None,
        }
    }

    pub(crate) fn method(mut self, method: &str) -> Self {
        self.method = method.to_owned();
        self
    }

    /// Adds a line as it is, which may also be several, or illegal.
    pub(crate) fn line(mut self, line: impl AsRef<[u8]>) -> Self {
        if !line.as_ref().is_empty() {
            self.lines.push(line.as_ref().to_vec());
        }
        self
    }

    /// Replaces the `Host` line.
    pub(crate) fn host(mut self, host: impl AsRef<[u8]>) -> Self {
        self.lines[0] = [b"Host: ", host.as_ref()].concat();
        self
    }

    /// Expects the origin to hear of the host under this name: a proxy may write names its own way.
    pub(crate) fn heard_as(mut self, host: &str) -> Self {
        self.heard_as = Some(host.to_owned());
        self
    }

    /// What the origin should find as its target: a fragment is the client's own affair.
    pub(crate) fn heard_target(&self) -> &[u8] {
        let end = self.target.iter().position(|&byte| byte == b'#');
        &self.target[..end.unwrap_or(self.target.len())]
    }

    /// What the origin should find in `Host`.
    pub(crate) fn host_value(&self) -> &[u8] {
        match &self.heard_as {
            Some(host) => host.as_bytes(),
            None => &self.lines[0][b"Host: ".len()..],
        }
    }

    /// Whether it says who asks.
    pub(crate) fn has_credentials(&self) -> bool {
        self.lines.iter().any(|line| {
            let line = line.to_ascii_lowercase();
            line.starts_with(b"cookie:") || line.starts_with(b"authorization:")
        })
    }

    /// Adds a body with its `Content-Length`.
    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        let length = format!("Content-Length: {}", self.body.len());
        self.line(length)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let first = [self.method.as_bytes(), b" ", &self.target, b" HTTP/1.1\r\n"].concat();
        let mut bytes = first;
        for line in &self.lines {
            bytes.extend_from_slice(line);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// 0 if there was no status line.
    pub(crate) status: u16,
    pub(crate) status_line: Vec<u8>,
    /// Statuses of the interim answers before it.
    pub(crate) interim: Vec<u16>,
    pub(crate) lines: Lines,
    pub(crate) body: Body,
    pub(crate) end: End,
    /// Whether the connection can carry another request.
    pub(crate) reusable: bool,
    /// From the call that waits for it to the end of the head.
    pub(crate) head_after: Duration,
    /// The same, to the end of the body.
    pub(crate) after: Duration,
}

impl Answer {
    pub(crate) fn none(end: End) -> Self {
        Self {
            status: 0,
            status_line: Vec::new(),
            interim: Vec::new(),
            lines: Lines::default(),
            body: Body::default(),
            end,
            reusable: false,
            head_after: Duration::ZERO,
            after: Duration::ZERO,
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.lines.get(name)
    }

    /// The serial number of the origin's answer that this is.
    pub(crate) fn serial(&self) -> Option<u64> {
        self.told("serial=")?.parse().ok()
    }

    /// The nonce of the request for which the origin made it.
    pub(crate) fn made_for(&self) -> Option<String> {
        self.told("for=")
    }

    /// The first line of the request that the origin answered with it.
    pub(crate) fn asked_for(&self) -> Option<String> {
        let echo = self.told("echo=")?;
        Some(echo.split("\\r\\n").next().unwrap_or_default().to_owned())
    }

    fn told(&self, name: &str) -> Option<String> {
        let body = String::from_utf8_lossy(&self.body.bytes);
        let line = body.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.to_owned())
    }

    /// Whether the bytes occur anywhere in it, in any letter case: status line, fields, body or
    /// trailers.
    pub(crate) fn shows(&self, needle: impl AsRef<[u8]>) -> bool {
        let needle = needle.as_ref().to_ascii_lowercase();
        let fields = self.lines.0.iter().chain(&self.body.trailers.0);
        let mut texts = fields
            .flat_map(|(name, value)| [name, value])
            .chain([&self.body.bytes, &self.status_line]);
        texts.any(|text| contains(&text.to_ascii_lowercase(), &needle))
    }

    /// Whole, by its framing.
    pub(crate) fn is_whole(&self) -> bool {
        self.end == End::Complete && self.status != 0
    }

    /// In a few words.
    pub(crate) fn summary(&self) -> String {
        let serial = self.serial().map(|n| format!(" serial={n}"));
        let cache = self.header("cache-status").map(|s| format!(" [{s}]"));
        format!(
            "{}{}{} {:?} \"{}\"",
            self.status,
            serial.unwrap_or_default(),
            cache.unwrap_or_default(),
            self.end,
            readable(&self.body.bytes),
        )
    }
}
