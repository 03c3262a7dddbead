//! HTTP/1 as bytes, read strictly: both ends of the lab, the origin and the clients, share this.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest a head may be before reading it is given up.
const LONGEST_HEAD: usize = 4 << 20;

/// How much is read at a time, at least.
const ROOM: usize = 16 << 10;

/// Field lines in the order in which they came, as bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines(pub(crate) Vec<(Vec<u8>, Vec<u8>)>);

impl Lines {
    /// Splits a head's text after its first line. A line without a colon has an empty value.
    fn parse(text: &[u8]) -> Self {
        let lines = text.split(|&byte| byte == b'\n');
        let pairs = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let pairs = pairs.filter(|line| !line.is_empty()).map(|line| {
            let colon = line.iter().position(|&byte| byte == b':');
            let (name, value) = line.split_at(colon.unwrap_or(line.len()));
            let value = value.strip_prefix(b":").unwrap_or(value);
            (name.to_vec(), value.trim_ascii().to_vec())
        });
        Self(pairs.collect())
    }

    /// All values of a field.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        let of_that_name =
            |(field, _): &&(Vec<u8>, Vec<u8>)| field.eq_ignore_ascii_case(name.as_bytes());
        let values = self.0.iter().filter(of_that_name);
        values
            .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
            .collect()
    }

    /// The first value of a field.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        self.all(name).into_iter().next()
    }

    /// Whether a list field has this member, in any letter case.
    pub(crate) fn lists(&self, name: &str, member: &str) -> bool {
        self.all(name)
            .iter()
            .flat_map(|line| line.split(','))
            .any(|one| one.trim().eq_ignore_ascii_case(member))
    }
}

/// How a message ended, or why it did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// As its framing said.
    Complete,
    /// The connection was closed before its end.
    Cut,
    /// The connection was reset before its end.
    Reset,
    /// Nothing more came within the time limit.
    Silent,
    /// What came is not HTTP.
    Garbled(&'static str),
}

/// Where a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Nothing,
    Length(u64),
    Chunks,
    UntilClose,
}

/// What a body consisted of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Body {
    /// Its bytes, the first ones if it was longer than what is kept.
    pub(crate) bytes: Vec<u8>,
    /// How many bytes there were.
    pub(crate) length: u64,
    pub(crate) trailers: Lines,
}

/// A stream and what has been read from it ahead of use.
#[derive(Debug)]
pub(crate) struct Reader<S> {
    pub(crate) stream: S,
    unread: Vec<u8>,
    /// Everything that was used since the record was last taken, if it is wanted.
    record: Option<Vec<u8>>,
    /// How much of a body to keep.
    pub(crate) keep: usize,
    /// How long to wait for the next bytes.
    pub(crate) patience: Duration,
}

impl<S: AsyncRead + Unpin> Reader<S> {
    pub(crate) fn new(stream: S, patience: Duration) -> Self {
        Self {
            stream,
            unread: Vec::new(),
            record: None,
            keep: 64 << 20,
            patience,
        }
    }

    pub(crate) fn start_record(&mut self) {
        self.record = Some(Vec::new());
    }

    pub(crate) fn take_record(&mut self) -> Vec<u8> {
        self.record.take().unwrap_or_default()
    }

    /// Waits for more bytes.
    async fn more(&mut self) -> Result<(), End> {
        // Without it a vector makes room for 64 bytes at a time.
        self.unread.reserve(ROOM);
        let read = self.stream.read_buf(&mut self.unread);
        match tokio::time::timeout(self.patience, read).await {
            Err(_) => Err(End::Silent),
            Ok(Ok(0)) => Err(End::Cut),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(End::Reset),
        }
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.unread.split_off(count);
        let taken = std::mem::replace(&mut self.unread, rest);
        if let Some(record) = &mut self.record {
            record.extend_from_slice(&taken);
        }
        taken
    }

    /// Everything up to and including `end`.
    async fn until(&mut self, end: &[u8]) -> Result<Vec<u8>, End> {
        let mut searched = 0;
        loop {
            let found = self.unread[searched..]
                .windows(end.len())
                .position(|window| window == end);
            if let Some(at) = found {
                return Ok(self.take(searched + at + end.len()));
            }
            if self.unread.len() > LONGEST_HEAD {
                return Err(End::Garbled("a head without an end"));
            }
            searched = self.unread.len().saturating_sub(end.len() - 1);
            self.more().await?;
        }
    }

    /// A head: its first line and its fields.
    pub(crate) async fn head(&mut self) -> Result<(Vec<u8>, Lines), End> {
        let text = self.until(b"\r\n\r\n").await?;
        let end = text.windows(2).position(|pair| pair == b"\r\n");
        let (first, rest) = text.split_at(end.unwrap_or(text.len()));
        Ok((first.to_vec(), Lines::parse(rest)))
    }

    /// Exactly so many bytes.
    pub(crate) async fn exactly(&mut self, count: usize) -> Result<Vec<u8>, End> {
        while self.unread.len() < count {
            self.more().await?;
        }
        Ok(self.take(count))
    }

    /// At least one byte, at most `most`.
    pub(crate) async fn some(&mut self, most: usize) -> Result<Vec<u8>, End> {
        if self.unread.is_empty() {
            self.more().await?;
        }
        Ok(self.take(self.unread.len().min(most)))
    }

    /// All that comes until the other side closes, and how it did.
    pub(crate) async fn rest(&mut self) -> (Vec<u8>, End) {
        loop {
            if let Err(end) = self.more().await {
                return (self.take(self.unread.len()), end);
            }
        }
    }

    /// The body of a message, and how it ended.
    pub(crate) async fn body(&mut self, framing: Framing) -> (Body, End) {
        let mut body = Body::default();
        let end = match framing {
            Framing::Nothing => Ok(()),
            Framing::Length(length) => self.fill(&mut body, length).await,
            Framing::Chunks => self.chunks(&mut body).await,
            Framing::UntilClose => match self.fill(&mut body, u64::MAX).await {
                Err(End::Cut) => Ok(()),
                other => other,
            },
        };
        (body, end.err().unwrap_or(End::Complete))
    }

    async fn fill(&mut self, body: &mut Body, mut missing: u64) -> Result<(), End> {
        while missing > 0 {
            let most = usize::try_from(missing).unwrap_or(usize::MAX);
            let bytes = self.some(most).await?;
            missing -= bytes.len() as u64;
            body.length += bytes.len() as u64;
            let room = self.keep.saturating_sub(body.bytes.len());
            body.bytes
                .extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        Ok(())
    }

    async fn chunks(&mut self, body: &mut Body) -> Result<(), End> {
        loop {
            let line = self.until(b"\r\n").await?;
            let size = chunk_size(&line).ok_or(End::Garbled("a chunk without a size"))?;
            if size == 0 {
                break;
            }
            self.fill(body, size).await?;
            if self.exactly(2).await? != b"\r\n" {
                return Err(End::Garbled("a chunk longer than its size"));
            }
        }
        let mut trailers = Vec::new();
        loop {
            let line = self.until(b"\r\n").await?;
            if line == b"\r\n" {
                body.trailers = Lines::parse(&trailers);
                return Ok(());
            }
            trailers.extend_from_slice(&line);
        }
    }
}

fn chunk_size(line: &[u8]) -> Option<u64> {
    let line = line.strip_suffix(b"\r\n")?;
    let digits = line.split(|&byte| byte == b';').next()?.trim_ascii();
    let legal = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    legal.then(|| u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok())?
}

/// A `Content-Length` that is one number, if there is any.
pub(crate) fn length(lines: &Lines) -> Result<Option<u64>, End> {
    let mut length = None;
    for value in lines.all("content-length") {
        let number = value.parse().map_err(|_| End::Garbled("an odd length"))?;
        if length.is_some_and(|known| known != number) {
            return Err(End::Garbled("two lengths"));
        }
        length = Some(number);
    }
    Ok(length)
}

/// Bytes as a person can read them in a report, the middle left out if there are many.
pub(crate) fn readable(bytes: &[u8]) -> String {
    const MOST: usize = 160;
    if bytes.len() <= MOST {
        return bytes.escape_ascii().to_string();
    }
    let (front, back) = (&bytes[..MOST / 2], &bytes[bytes.len() - MOST / 2..]);
    format!("{} ... {}", front.escape_ascii(), back.escape_ascii())
}

/// Whether `needle` occurs in `bytes`.
pub(crate) fn contains(bytes: &[u8], needle: impl AsRef<[u8]>) -> bool {
    let needle = needle.as_ref();
    bytes
        .windows(needle.len().max(1))
        .any(|window| window == needle)
}
