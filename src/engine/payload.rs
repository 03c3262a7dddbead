//! The body of an answer that the cache gives.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::news::Announcement;
use super::origin::OriginBody;
use crate::error::BoxError;
use crate::flight::BodyReader;

/// The body of an answer that the cache gives: stored bytes, pieces of them, a
/// fetch that is still going on, or the response that this request caused and
/// nobody else may have.
///
/// Dropping it in the middle changes nothing for others.
pub struct Payload(Kind);

enum Kind {
    Pieces(VecDeque<Bytes>),
    Whole(Option<Bytes>),
    Live(BodyReader<Announcement>),
    Own(OriginBody),
}

impl Payload {
    pub(super) const fn empty() -> Self {
        Self(Kind::Whole(None))
    }

    pub(super) fn whole(body: Bytes) -> Self {
        Self(Kind::Whole((!body.is_empty()).then_some(body)))
    }

    pub(super) const fn pieces(pieces: VecDeque<Bytes>) -> Self {
        Self(Kind::Pieces(pieces))
    }

    pub(super) const fn live(reader: BodyReader<Announcement>) -> Self {
        Self(Kind::Live(reader))
    }

    pub(super) const fn own(body: OriginBody) -> Self {
        Self(Kind::Own(body))
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            Kind::Pieces(_) => "pieces",
            Kind::Whole(_) => "whole",
            Kind::Live(_) => "live",
            Kind::Own(_) => "own",
        };
        f.debug_tuple("Payload").field(&kind).finish()
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let next = match &mut self.0 {
            Kind::Whole(body) => body.take().map(Ok),
            Kind::Pieces(pieces) => pieces.pop_front().map(Ok),
            Kind::Live(reader) => ready!(reader.poll_chunk(cx)),
            Kind::Own(body) => return Pin::new(body).poll_frame(cx),
        };
        Poll::Ready(next.map(|chunk| chunk.map(Frame::data).map_err(BoxError::from)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(body) => body.is_none(),
            Kind::Pieces(pieces) => pieces.is_empty(),
            Kind::Live(reader) => reader.is_at_end(),
            Kind::Own(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(body) => SizeHint::with_exact(body.as_ref().map_or(0, length)),
            Kind::Pieces(pieces) => SizeHint::with_exact(pieces.iter().map(length).sum()),
            Kind::Live(reader) => reader
                .rest()
                .map_or_else(SizeHint::default, SizeHint::with_exact),
            Kind::Own(body) => body.size_hint(),
        }
    }
}

fn length(bytes: &Bytes) -> u64 {
    bytes.len() as u64
}
