//! HTTP/2 from the client's side as raw frames, so that illegal ones can be sent and thousands
//! of streams opened over one connection.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::{Answer, PATIENCE, Request, hpack};
use crate::wire::{End, Lines, Reader};

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// The largest frame that need not be agreed on.
const FRAME: usize = 16_384;

/// A field of a request: any bytes, legal or not.
pub(crate) type Field = (Vec<u8>, Vec<u8>);

#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// One connection with any number of streams.
#[derive(Debug)]
pub(crate) struct Connection {
    reader: Reader<TcpStream>,
    next: u32,
    open: HashMap<u32, Stream>,
    /// Why the subject ends the connection, if it does: the code of its GOAWAY.
    pub(crate) goaway: Option<u32>,
    /// How many streams the subject allows at once, once it has said so.
    pub(crate) most_streams: Option<u32>,
    /// Whether bodies are acknowledged, so that the subject may go on sending.
    pub(crate) reading: bool,
}

/// What has come for one stream.
#[derive(Debug)]
struct Stream {
    begin: Instant,
    answer: Answer,
    block: Vec<u8>,
    ended: bool,
}

/// The fields of a request for `path`, as a browser would send them.
pub(crate) fn fields(method: &str, path: impl AsRef<[u8]>, nonce: &str) -> Vec<Field> {
    let field = |name: &str, value: &[u8]| (name.as_bytes().to_vec(), value.to_vec());
    vec![
        field(":method", method.as_bytes()),
        field(":scheme", b"http"),
        field(":authority", b"good.test"),
        field(":path", path.as_ref()),
        field("x-lab-nonce", nonce.as_bytes()),
    ]
}

/// The same for a request made for HTTP/1, without its other lines.
pub(crate) fn fields_of(request: &Request) -> Vec<Field> {
    fields(&request.method, &request.target, &request.nonce)
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await;
        let stream = stream.expect("in time").expect("the subject accepts");
        let _ = stream.set_nodelay(true);
        let mut connection = Self {
            reader: Reader::new(stream, PATIENCE),
            next: 1,
            open: HashMap::new(),
            goaway: None,
            most_streams: None,
            reading: true,
        };
        connection.send_bytes(PREFACE).await;
        // HEADER_TABLE_SIZE 0, ENABLE_PUSH 0, INITIAL_WINDOW_SIZE 1 MiB.
        let settings = b"\0\x01\0\0\0\0\0\x02\0\0\0\0\0\x04\0\x10\0\0";
        connection.send(SETTINGS, 0, 0, settings).await;
        connection
            .send(WINDOW_UPDATE, 0, 0, &0x3fff_0000_u32.to_be_bytes())
            .await;
        connection
    }

    /// The bytes of a body beyond these are counted, not kept.
    pub(crate) fn keep(&mut self, bytes: usize) {
        self.reader.keep = bytes;
    }

    pub(crate) fn patience(&mut self, patience: Duration) {
        self.reader.patience = patience;
    }

    /// Sends bytes that need not be frames; `false` if the other side no longer takes them.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) -> bool {
        let write = self.reader.stream.write_all(bytes);
        matches!(tokio::time::timeout(PATIENCE, write).await, Ok(Ok(())))
    }

    pub(crate) async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        self.send_bytes(&frame(kind, flags, stream, payload)).await
    }

    /// Opens a stream with these fields; its END_STREAM is set if no body follows.
    pub(crate) async fn request(&mut self, fields: &[Field], ends: bool) -> u32 {
        let (stream, bytes) = self.prepare(fields, ends);
        self.send_bytes(&bytes).await;
        stream
    }

    /// The frames of a request and the stream that they open, to be sent with others in one go.
    pub(crate) fn prepare(&mut self, fields: &[Field], ends: bool) -> (u32, Vec<u8>) {
        let stream = self.next;
        self.next += 2;
        let begun = Stream {
            begin: Instant::now(),
            answer: Answer::none(End::Silent),
            block: Vec::new(),
            ended: false,
        };
        self.open.insert(stream, begun);
        let block = block(fields);
        let mut pieces = block.chunks(FRAME).peekable();
        let (mut bytes, mut kind) = (Vec::new(), HEADERS);
        let mut flags = if ends { END_STREAM } else { 0 };
        while let Some(piece) = pieces.next() {
            if pieces.peek().is_none() {
                flags |= END_HEADERS;
            }
            bytes.extend_from_slice(&frame(kind, flags, stream, piece));
            (kind, flags) = (CONTINUATION, 0);
        }
        (stream, bytes)
    }

    pub(crate) async fn data(&mut self, stream: u32, bytes: &[u8], ends: bool) {
        let flags = if ends { END_STREAM } else { 0 };
        self.send(DATA, flags, stream, bytes).await;
    }

    /// Sends a request without a body and waits for its answer.
    pub(crate) async fn ask(&mut self, fields: &[Field]) -> Answer {
        let stream = self.request(fields, true).await;
        self.answer(stream).await
    }

    /// The answer on one stream; whatever comes for others meanwhile is kept for them. A stream
    /// that is reset ends in `End::Reset`.
    pub(crate) async fn answer(&mut self, stream: u32) -> Answer {
        while self.open.get(&stream).is_some_and(|stream| !stream.ended) {
            if let Err(end) = self.step().await {
                self.end(stream, end);
            }
        }
        let done = self.open.remove(&stream);
        done.map_or_else(|| Answer::none(End::Reset), |stream| stream.answer)
    }

    /// Reads one frame and does what it asks for.
    pub(crate) async fn step(&mut self) -> Result<Frame, End> {
        let head = self.reader.exactly(9).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
        let payload = self.reader.exactly(length as usize).await?;
        let frame = Frame {
            kind: head[3],
            flags: head[4],
            stream,
            payload,
        };
        self.take(&frame).await;
        Ok(frame)
    }

    async fn take(&mut self, frame: &Frame) {
        let last = frame.flags & END_STREAM != 0;
        match frame.kind {
            SETTINGS if frame.flags & ACK == 0 => {
                self.take_settings(&frame.payload);
                self.send(SETTINGS, ACK, 0, b"").await;
            }
            PING if frame.flags & ACK == 0 => {
                self.send(PING, ACK, 0, &frame.payload).await;
            }
            GOAWAY => self.goaway = code(frame.payload.get(4..)),
            RST_STREAM => self.end(frame.stream, End::Reset),
            HEADERS | CONTINUATION => self.take_head(frame),
            DATA => self.take_data(frame).await,
            _ => {}
        }
        if last && matches!(frame.kind, HEADERS | DATA) {
            self.end(frame.stream, End::Complete);
        }
    }

    fn take_settings(&mut self, payload: &[u8]) {
        const MAX_CONCURRENT_STREAMS: [u8; 2] = [0, 3];
        for setting in payload.chunks_exact(6) {
            if setting[..2] == MAX_CONCURRENT_STREAMS {
                self.most_streams = code(Some(&setting[2..]));
            }
        }
    }

    fn take_head(&mut self, frame: &Frame) {
        let Some(stream) = self.open.get_mut(&frame.stream) else {
            return;
        };
        stream.block.extend_from_slice(&frame.payload);
        if frame.flags & END_HEADERS == 0 {
            return;
        }
        let Some(fields) = hpack::decode(&std::mem::take(&mut stream.block)) else {
            stream.answer.end = End::Garbled("a header block that cannot be decoded");
            stream.ended = true;
            return;
        };
        let status = fields.iter().find(|(name, _)| name == b":status");
        let status = status.and_then(|(_, value)| std::str::from_utf8(value).ok()?.parse().ok());
        let plain = fields
            .into_iter()
            .filter(|(name, _)| !name.starts_with(b":"));
        let lines = Lines(plain.collect());
        match status {
            Some(interim @ 100..200) => stream.answer.interim.push(interim),
            Some(status) => {
                stream.answer.status = status;
                stream.answer.lines = lines;
                stream.answer.head_after = stream.begin.elapsed();
            }
            None => stream.answer.body.trailers = lines,
        }
    }

    async fn take_data(&mut self, frame: &Frame) {
        let length = frame.payload.len();
        if let Some(stream) = self.open.get_mut(&frame.stream) {
            stream.answer.body.length += length as u64;
            let room = self
                .reader
                .keep
                .saturating_sub(stream.answer.body.bytes.len());
            let kept = &frame.payload[..length.min(room)];
            stream.answer.body.bytes.extend_from_slice(kept);
        }
        if self.reading && length > 0 {
            let more = (length as u32).to_be_bytes();
            self.send(WINDOW_UPDATE, 0, 0, &more).await;
            self.send(WINDOW_UPDATE, 0, frame.stream, &more).await;
        }
    }

    fn end(&mut self, stream: u32, end: End) {
        let Some(stream) = self.open.get_mut(&stream).filter(|stream| !stream.ended) else {
            return;
        };
        stream.ended = true;
        stream.answer.reusable = end == End::Complete;
        stream.answer.end = end;
        stream.answer.after = stream.begin.elapsed();
    }
}

/// These fields as a header block.
pub(crate) fn block(fields: &[Field]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        hpack::encode(name, value, &mut block);
    }
    block
}

/// The bytes of a frame; the length is that of the payload.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

fn code(bytes: Option<&[u8]>) -> Option<u32> {
    let bytes = bytes?.get(..4)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}
