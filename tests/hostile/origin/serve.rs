//! The origin's side of its connections.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::Shared;
use super::ledger::{Place, Seen};
use super::recipe::{Content, Cut, Delimiter, Position, Recipe};
use crate::wire::{Framing, Reader, length};

/// How long the subject may keep a connection without using it.
const IDLE: Duration = Duration::from_secs(120);

/// Bodies are made and sent in pieces of this size.
const PIECE: usize = 64 << 10;

/// Serves for ever; dropping this closes all connections.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            // Out of descriptors, most likely: what is open has to end first.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        connections.spawn(connection(stream, Arc::clone(&shared)));
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let mut reader = Reader::new(stream, IDLE);
    while let Some((mut seen, framing)) = head(&mut reader).await {
        let ledger = shared.page_of(&seen);
        let early = ledger
            .as_ref()
            .is_some_and(|page| page.answers_early(&seen));
        if !early {
            // A body that is cut is still a request that came.
            reader.body(framing).await;
        }
        seen.raw = reader.take_record();
        seen.serial = shared.serial.fetch_add(1, Relaxed) + 1;
        let asked = seen.clone();
        let (recipe, place) = match ledger {
            Some(ledger) => (ledger.recipe(&seen), Some(ledger.enter(seen))),
            None => (Recipe::new(), None),
        };
        let goes_on = answer(&mut reader.stream, &recipe, &asked, place).await;
        if goes_on.is_none() {
            return;
        }
        if early {
            reader.body(framing).await;
        }
    }
}

/// Reads a request to the end of its head, and how its body ends.
async fn head(reader: &mut Reader<TcpStream>) -> Option<(Seen, Framing)> {
    reader.start_record();
    let (first, lines) = reader.head().await.ok()?;
    let mut words = first.splitn(2, |&byte| byte == b' ');
    let method = String::from_utf8_lossy(words.next()?).into_owned();
    let rest = words.next()?;
    let target = rest.strip_suffix(b" HTTP/1.1").unwrap_or(rest);
    let target = target.strip_suffix(b" HTTP/1.0").unwrap_or(target).to_vec();
    if lines.lists("expect", "100-continue") {
        let go_on = b"HTTP/1.1 100 Continue\r\n\r\n";
        reader.stream.write_all(go_on).await.ok()?;
    }
    let framing = if lines.lists("transfer-encoding", "chunked") {
        Framing::Chunks
    } else {
        Framing::Length(length(&lines).ok()?.unwrap_or(0))
    };
    let seen = Seen {
        raw: Vec::new(),
        method,
        target,
        lines,
        serial: 0,
    };
    Some((seen, framing))
}

/// Answers by the recipe, and leaves the place with the last of it, before the other side can
/// know that it was the last. Nothing if the connection is over.
async fn answer(
    stream: &mut TcpStream,
    recipe: &Recipe,
    seen: &Seen,
    place: Option<Place>,
) -> Option<()> {
    tokio::time::sleep(recipe.delay).await;
    wait(stream, recipe, Position::BeforeHead).await?;
    if let Some((Position::BeforeHead, cut)) = recipe.cut {
        return end(stream, cut, place).await;
    }
    let bodiless = seen.method == "HEAD";
    let (head, content) = compose(recipe, seen);
    let mut sending = Sending::new(stream, recipe, place);
    sending.last = bodiless;
    sending.bytes(&head).await?;
    if !bodiless {
        sending.part = Position::Body;
        sending.sent = 0;
        sending.content(&content, seen).await?;
    }
    let place = sending.place.take();
    match recipe.delimiter {
        Delimiter::Close => end(stream, Cut::Close, place).await,
        _ => Some(()),
    }
}

/// Waits for the gates at one position, unless the other side leaves.
async fn wait(stream: &mut TcpStream, recipe: &Recipe, position: Position) -> Option<()> {
    for (at, gate) in &recipe.gates {
        if *at == position {
            tokio::select! {
                () = gate.passed() => {}
                () = left(stream) => return None,
            }
        }
    }
    Some(())
}

/// Resolves when the other side closes; a request sent ahead does not count.
async fn left(stream: &TcpStream) {
    let mut one = [0];
    if let Ok(1) = stream.peek(&mut one).await {
        std::future::pending::<()>().await;
    }
}

/// Ends a connection in one of three ways.
async fn end(stream: &mut TcpStream, cut: Cut, place: Option<Place>) -> Option<()> {
    match cut {
        Cut::Close => {
            drop(place);
            let _ = stream.shutdown().await;
        }
        Cut::Reset => {
            drop(place);
            let _ = stream.set_zero_linger();
        }
        Cut::Hang => while let Ok(1..) = stream.read(&mut [0; 64]).await {},
    }
    None
}

/// The head, and the content with its placeholders replaced.
fn compose(recipe: &Recipe, seen: &Seen) -> (Vec<u8>, Content) {
    let content = match &recipe.content {
        Content::Bytes(bytes) => Content::Bytes(fill_in(bytes, seen)),
        Content::Echo => Content::Bytes(echo(seen)),
        Content::Padded(to) => {
            let mut bytes = echo(seen);
            bytes.resize((*to).max(bytes.len()), b'.');
            Content::Bytes(bytes)
        }
        Content::Endless(length) => Content::Endless(*length),
    };
    let mut head = fill_in(&recipe.status, seen);
    let reflected = recipe.reflected.iter().map(|line| line(seen));
    let reflected = reflected.filter(|line| !line.is_empty());
    let lines = recipe.lines.iter().map(|line| fill_in(line, seen));
    for line in lines.chain(reflected).chain(framing_line(recipe, &content)) {
        head.extend_from_slice(b"\r\n");
        head.extend_from_slice(&line);
    }
    head.extend_from_slice(b"\r\n\r\n");
    (head, content)
}

fn framing_line(recipe: &Recipe, content: &Content) -> Option<Vec<u8>> {
    let length = match content {
        Content::Bytes(bytes) => bytes.len() as u64,
        Content::Endless(length) => *length,
        Content::Echo | Content::Padded(_) => unreachable!("composed into bytes before"),
    };
    match recipe.delimiter {
        Delimiter::Length => Some(format!("Content-Length: {length}").into_bytes()),
        Delimiter::Chunks(..) => Some(b"Transfer-Encoding: chunked".to_vec()),
        Delimiter::Close => Some(b"Connection: close".to_vec()),
        Delimiter::Told => None,
    }
}

/// `serial=`, `for=` and `echo=`, a line each.
fn echo(seen: &Seen) -> Vec<u8> {
    let Seen { serial, raw, .. } = seen;
    let (nonce, echo) = (seen.nonce(), raw.escape_ascii());
    format!("serial={serial}\nfor={nonce}\necho={echo}\n").into_bytes()
}

fn fill_in(text: &[u8], seen: &Seen) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(text) else {
        return text.to_vec();
    };
    if !text.contains('{') {
        return text.as_bytes().to_vec();
    }
    let host = seen.header("host").unwrap_or_default();
    text.replace("{serial}", &seen.serial.to_string())
        .replace("{nonce}", &seen.nonce())
        .replace("{host}", &host)
        .replace("{target}", &String::from_utf8_lossy(&seen.target))
        .replace("{date}", &date(0))
        .into_bytes()
}

/// An HTTP date so many seconds from now.
pub(crate) fn date(offset: i64) -> String {
    // The origin is a party of its own, with a clock of its own.
    #[allow(clippy::disallowed_methods)]
    let now = SystemTime::now();
    let distance = Duration::from_secs(offset.unsigned_abs());
    httpdate::fmt_http_date(if offset < 0 {
        now - distance
    } else {
        now + distance
    })
}

/// An answer's bytes, counted, so that it can stop where the recipe says.
struct Sending<'a> {
    stream: &'a mut TcpStream,
    recipe: &'a Recipe,
    place: Option<Place>,
    part: fn(u64) -> Position,
    /// Bytes of the present part.
    sent: u64,
    /// Nothing comes behind the bytes that are being sent.
    last: bool,
}

impl<'a> Sending<'a> {
    fn new(stream: &'a mut TcpStream, recipe: &'a Recipe, place: Option<Place>) -> Self {
        Self {
            stream,
            recipe,
            place,
            part: Position::Head,
            sent: 0,
            last: false,
        }
    }

    async fn content(&mut self, content: &Content, seen: &Seen) -> Option<()> {
        match content {
            Content::Bytes(bytes) => {
                let mut pieces = bytes.chunks(self.piece_size()).peekable();
                while let Some(piece) = pieces.next() {
                    self.piece(piece, pieces.peek().is_none()).await?;
                }
            }
            Content::Endless(length) => self.endless(*length, seen.serial).await?,
            Content::Echo | Content::Padded(_) => unreachable!("composed into bytes before"),
        }
        if let Delimiter::Chunks(_, trailers) = &self.recipe.delimiter {
            let mut last = b"0\r\n".to_vec();
            for line in trailers {
                last.extend_from_slice(&fill_in(line, seen));
                last.extend_from_slice(b"\r\n");
            }
            last.extend_from_slice(b"\r\n");
            self.last = true;
            self.bytes(&last).await?;
        }
        // A gate or a cut right at the end.
        self.bytes(b"").await
    }

    async fn endless(&mut self, length: u64, serial: u64) -> Option<()> {
        let line = format!("serial={serial} ");
        let filler: Vec<u8> = line
            .bytes()
            .cycle()
            .take(self.piece_size().min(PIECE))
            .collect();
        let mut left = length;
        while left > 0 {
            let now = left.min(filler.len() as u64);
            left -= now;
            self.piece(&filler[..now as usize], left == 0).await?;
        }
        Some(())
    }

    fn piece_size(&self) -> usize {
        match self.recipe.delimiter {
            Delimiter::Chunks(size, _) => size,
            _ => PIECE,
        }
    }

    async fn piece(&mut self, bytes: &[u8], last: bool) -> Option<()> {
        if !matches!(self.recipe.delimiter, Delimiter::Chunks(..)) {
            // Behind what the connection delimits comes its end.
            self.last = last && !matches!(self.recipe.delimiter, Delimiter::Close);
            return self.bytes(bytes).await;
        }
        let size = format!("{:x}\r\n", bytes.len());
        let framed = [size.as_bytes(), bytes, b"\r\n"].concat();
        self.bytes(&framed).await
    }

    /// Sends bytes, with a stop at each gate and an end at the cut.
    async fn bytes(&mut self, mut bytes: &[u8]) -> Option<()> {
        loop {
            let until = self.sent + bytes.len() as u64;
            let stop = self.next_stop(until);
            let now = stop.map_or(bytes.len(), |stop| (stop - self.sent) as usize);
            self.write(&bytes[..now], self.last && stop.is_none())
                .await?;
            bytes = &bytes[now..];
            if stop.is_none() {
                return Some(());
            }
            let here = (self.part)(self.sent);
            wait(self.stream, self.recipe, here).await?;
            match self.recipe.cut {
                Some((at, cut)) if at == here => {
                    return end(self.stream, cut, self.place.take()).await;
                }
                _ if bytes.is_empty() => return Some(()),
                _ => {}
            }
            // Past this stop: the next byte is beyond it.
            self.write(&bytes[..1], false).await?;
            bytes = &bytes[1..];
        }
    }

    async fn write(&mut self, bytes: &[u8], last: bool) -> Option<()> {
        self.sent += bytes.len() as u64;
        let (most, pause) = self.recipe.drip.unwrap_or((usize::MAX, Duration::ZERO));
        let mut drops = bytes.chunks(most).peekable();
        while let Some(drop) = drops.next() {
            if last && drops.peek().is_none() {
                self.place = None;
            }
            self.stream.write_all(drop).await.ok()?;
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
        Some(())
    }

    /// The first gate or cut from here up to `until`.
    fn next_stop(&self, until: u64) -> Option<u64> {
        let gates = self.recipe.gates.iter().map(|(position, _)| *position);
        let cut = self.recipe.cut.iter().map(|(position, _)| *position);
        let stops = gates.chain(cut).filter_map(|position| match position {
            Position::Head(at) | Position::Body(at) if position == (self.part)(at) => Some(at),
            _ => None,
        });
        stops.filter(|at| (self.sent..=until).contains(at)).min()
    }
}

/// Named so that rows need not know where it lives.
impl Recipe {
    /// Replaces `Date` by one that is so many seconds off.
    pub(crate) fn dated(self, offset: i64) -> Self {
        self.without("Date").line(format!("Date: {}", date(offset)))
    }
}
