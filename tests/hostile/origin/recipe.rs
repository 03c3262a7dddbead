//! How the origin answers a request.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::gate::Gate;
use super::ledger::Seen;

/// How an answer that is not whole ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The connection is closed in order.
    Close,
    /// The connection is reset.
    Reset,
    /// Nothing more comes until the other side gives up.
    Hang,
}

/// How the end of the body is told.
#[derive(Clone, Debug)]
pub(super) enum Delimiter {
    /// `Content-Length`.
    Length,
    /// Chunks of so many bytes, and lines of trailers.
    Chunks(usize, Vec<Vec<u8>>),
    /// The connection is closed.
    Close,
    /// The recipe's own lines and body say it, rightly or not.
    Told,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    /// `serial=`, `for=` and `echo=`.
    Echo,
    /// The same, filled up to a length.
    Padded(usize),
    /// These bytes, with the placeholders of [`Recipe::line`] replaced if they are text.
    Bytes(Vec<u8>),
    /// So many bytes, made while they are sent.
    Endless(u64),
}

type Test = Arc<dyn Fn(&Seen) -> bool + Send + Sync>;
type Reflect = Arc<dyn Fn(&Seen) -> Vec<u8> + Send + Sync>;

/// An answer and when it is given. [`Recipe::new`] is the default one: 200, `Cache-Control:
/// max-age=60`, `Date`, a strong `ETag`, and a body that says `serial=`, `for=` and `echo=`.
#[derive(Clone)]
pub(crate) struct Recipe {
    tests: Vec<Test>,
    left: Option<u32>,
    pub(super) delay: Duration,
    pub(super) gates: Vec<(Position, Gate)>,
    pub(super) status: Vec<u8>,
    /// Without line ends. In text `{serial}`, `{nonce}`, `{host}`, `{target}` and `{date}` are
    /// replaced.
    pub(super) lines: Vec<Vec<u8>>,
    pub(super) reflected: Vec<Reflect>,
    pub(super) content: Content,
    pub(super) delimiter: Delimiter,
    pub(super) cut: Option<(Position, Cut)>,
    pub(super) drip: Option<(usize, Duration)>,
    pub(super) early: bool,
}

/// A place in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Position {
    BeforeHead,
    /// After so many bytes of the head.
    Head(u64),
    /// After so many bytes of what follows the head, chunk sizes included.
    Body(u64),
}

impl fmt::Debug for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipe")
            .field("status", &self.status.escape_ascii().to_string())
            .finish_non_exhaustive()
    }
}

impl Recipe {
    pub(crate) fn new() -> Self {
        Self {
            tests: Vec::new(),
            left: None,
            delay: Duration::ZERO,
            gates: Vec::new(),
            status: b"HTTP/1.1 200 OK".to_vec(),
            lines: [
                "Date: {date}",
                "Cache-Control: max-age=60",
                "ETag: \"e{serial}\"",
            ]
            .map(|line| line.as_bytes().to_vec())
            .to_vec(),
            reflected: Vec::new(),
            content: Content::Echo,
            delimiter: Delimiter::Length,
            cut: None,
            drip: None,
            early: false,
        }
    }

    /// The default answer with another `Cache-Control`, or none if it is empty.
    pub(crate) fn fresh(cache_control: &str) -> Self {
        let recipe = Self::new().without("Cache-Control");
        if cache_control.is_empty() {
            return recipe;
        }
        recipe.line(format!("Cache-Control: {cache_control}"))
    }

    /// A 304 that names this tag, with no other field than `Date`.
    pub(crate) fn not_modified(tag: &str) -> Self {
        let recipe = Self::new()
            .status(304)
            .without("Cache-Control")
            .without("ETag");
        recipe.line(format!("ETag: {tag}")).body("").told()
    }

    /// Only for requests that pass this test, besides any other.
    pub(crate) fn when(mut self, test: impl Fn(&Seen) -> bool + Send + Sync + 'static) -> Self {
        self.tests.push(Arc::new(test));
        self
    }

    /// Only for requests that have this field, with this text in its value.
    pub(crate) fn when_header(self, name: &'static str, part: &'static str) -> Self {
        self.when(move |seen| seen.header(name).is_some_and(|value| value.contains(part)))
    }

    /// Only for requests with this nonce: for what the origin answers to one client alone.
    pub(crate) fn when_nonce(self, nonce: &str) -> Self {
        let nonce = nonce.to_owned();
        self.when(move |seen| seen.nonce() == nonce)
    }

    /// Only for this method.
    pub(crate) fn when_method(self, method: &'static str) -> Self {
        self.when(move |seen| seen.method == method)
    }

    /// Only for targets with this part.
    pub(crate) fn when_target(self, part: &str) -> Self {
        let part = part.to_owned();
        self.when(move |seen| seen.target_has(&part))
    }

    /// At most so many times.
    pub(crate) fn times(mut self, count: u32) -> Self {
        self.left = Some(count);
        self
    }

    pub(crate) fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Waits for the gate before the head.
    pub(crate) fn gate(mut self, gate: &Gate) -> Self {
        self.gates.push((Position::BeforeHead, gate.clone()));
        self
    }

    /// Waits for the gate after so many bytes of the head.
    pub(crate) fn gate_in_head(mut self, bytes: u64, gate: &Gate) -> Self {
        self.gates.push((Position::Head(bytes), gate.clone()));
        self
    }

    /// Waits for the gate after so many bytes behind the head.
    pub(crate) fn gate_at(mut self, bytes: u64, gate: &Gate) -> Self {
        self.gates.push((Position::Body(bytes), gate.clone()));
        self
    }

    pub(crate) fn status(self, status: u16) -> Self {
        self.status_line(format!("HTTP/1.1 {status} Lab"))
    }

    pub(crate) fn status_line(mut self, line: impl AsRef<[u8]>) -> Self {
        self.status = line.as_ref().to_vec();
        self
    }

    /// Adds a line as it is, which may also be several (with CRLF between them), or illegal. An
    /// empty one adds nothing.
    pub(crate) fn line(mut self, line: impl AsRef<[u8]>) -> Self {
        if !line.as_ref().is_empty() {
            self.lines.push(line.as_ref().to_vec());
        }
        self
    }

    /// Takes out the lines that begin with this name.
    pub(crate) fn without(mut self, name: &str) -> Self {
        let colon = [name.as_bytes(), b":"].concat();
        self.lines.retain(|line| {
            let start = line.get(..colon.len()).unwrap_or_default();
            !start.eq_ignore_ascii_case(&colon)
        });
        self
    }

    /// Adds what a function makes of the request as a line (or several, or none).
    pub(crate) fn reflect(
        mut self,
        line: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        self.reflected.push(Arc::new(line));
        self
    }

    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.content = Content::Bytes(body.as_ref().to_vec());
        self
    }

    /// The default body, filled up to so many bytes.
    pub(crate) fn padded(mut self, bytes: usize) -> Self {
        self.content = Content::Padded(bytes);
        self
    }

    /// So many bytes, which are not held in memory.
    pub(crate) fn endless(mut self, bytes: u64) -> Self {
        self.content = Content::Endless(bytes);
        self
    }

    /// In chunks of so many bytes.
    pub(crate) fn chunked(mut self, size: usize) -> Self {
        self.delimiter = Delimiter::Chunks(size.max(1), Vec::new());
        self
    }

    /// In one chunk, with these trailer lines behind it.
    pub(crate) fn trailers(mut self, lines: &[&str]) -> Self {
        let lines = lines.iter().map(|line| line.as_bytes().to_vec());
        self.delimiter = Delimiter::Chunks(usize::MAX, lines.collect());
        self
    }

    /// The body ends with the connection.
    pub(crate) fn until_close(mut self) -> Self {
        self.delimiter = Delimiter::Close;
        self
    }

    /// Adds no framing: head and body are sent as the row wrote them.
    pub(crate) fn told(mut self) -> Self {
        self.delimiter = Delimiter::Told;
        self
    }

    /// Ends the answer before its head.
    pub(crate) fn cut_before_head(mut self, cut: Cut) -> Self {
        self.cut = Some((Position::BeforeHead, cut));
        self
    }

    /// Ends the answer after so many bytes of its head.
    pub(crate) fn cut_in_head(mut self, bytes: u64, cut: Cut) -> Self {
        self.cut = Some((Position::Head(bytes), cut));
        self
    }

    /// Ends the answer after so many bytes behind the head, chunk sizes included.
    pub(crate) fn cut_at(mut self, bytes: u64, cut: Cut) -> Self {
        self.cut = Some((Position::Body(bytes), cut));
        self
    }

    /// Sends so many bytes at a time, with a pause after each.
    pub(crate) fn drip(mut self, bytes: usize, pause: Duration) -> Self {
        self.drip = Some((bytes.max(1), pause));
        self
    }

    /// Answers as soon as the request's head is there; its body is read afterwards.
    pub(crate) fn early(mut self) -> Self {
        self.early = true;
        self
    }

    pub(super) fn matches(&self, seen: &Seen) -> bool {
        self.left != Some(0) && self.tests.iter().all(|test| test(seen))
    }

    pub(super) fn use_once(&mut self) {
        if let Some(left) = &mut self.left {
            *left -= 1;
        }
    }
}
