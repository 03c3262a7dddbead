//! The body of an answer that the cache gives.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::news::Announcement;
use super::origin::OriginBody;
use super::wait::GRACE;
use super::waits::Awaits;
use super::{Engine, RuntimeHandle};
use crate::entry::Pieces;
use crate::error::{BoxError, CutShort};
use crate::flight::BodyReader;
use crate::runtime::Task;

/// The body of an answer that the cache gives: stored bytes, pieces of them, a
/// fetch that is still going on, or the response that this request caused and
/// nobody else may have.
///
/// Dropping it in the middle changes nothing for others.
pub struct Payload(Kind);

enum Kind {
    Pieces(VecDeque<Bytes>),
    Whole(Option<Bytes>),
    // Boxed, so that a hit keeps no room for it.
    Live(Box<Live>),
    Own(OriginBody),
}

impl Payload {
    pub(super) const fn empty() -> Self {
        Self(Kind::Whole(None))
    }

    pub(super) fn whole(body: Bytes) -> Self {
        Self(Kind::Whole((!body.is_empty()).then_some(body)))
    }

    /// A stored body, whole.
    pub(super) fn stored(body: &Pieces) -> Self {
        match body.only() {
            Some(piece) => Self::whole(piece.clone()),
            None => Self::pieces(body.slice(0..u64::MAX).collect()),
        }
    }

    pub(super) const fn pieces(pieces: VecDeque<Bytes>) -> Self {
        Self(Kind::Pieces(pieces))
    }

    pub(super) fn live(
        reader: BodyReader<Announcement>,
        awaits: Option<Awaits>,
        engine: &Engine,
    ) -> Self {
        Self(Kind::Live(Box::new(Live {
            reader,
            runtime: engine.runtime.clone(),
            patience: engine.settings.body_idle_deadline + GRACE,
            silence: None,
            _awaits: awaits,
        })))
    }

    pub(super) const fn own(body: OriginBody) -> Self {
        Self(Kind::Own(body))
    }
}

/// A body that is still coming, and how long its reader waits for the next chunk.
struct Live {
    reader: BodyReader<Announcement>,
    runtime: RuntimeHandle,
    patience: Duration,
    /// The reader's own timer: see [`GRACE`].
    silence: Option<Task>,
    /// A fetch that reads the body of another waits for it to the end.
    _awaits: Option<Awaits>,
}

impl Live {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, CutShort>>> {
        let next = self.reader.poll_chunk(cx);
        if next.is_ready() {
            self.silence = None;
            return next;
        }
        let runtime = &self.runtime.0;
        let silence = self
            .silence
            .get_or_insert_with(|| runtime.sleep(self.patience));
        ready!(silence.as_mut().poll(cx));
        Poll::Ready(Some(Err(self.reader.give_up())))
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
            Kind::Live(live) => ready!(live.poll_chunk(cx)),
            Kind::Own(body) => return Pin::new(body).poll_frame(cx),
        };
        Poll::Ready(next.map(|chunk| chunk.map(Frame::data).map_err(BoxError::from)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(body) => body.is_none(),
            Kind::Pieces(pieces) => pieces.is_empty(),
            Kind::Live(live) => live.reader.is_at_end(),
            Kind::Own(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(body) => SizeHint::with_exact(body.as_ref().map_or(0, length)),
            Kind::Pieces(pieces) => SizeHint::with_exact(pieces.iter().map(length).sum()),
            Kind::Live(live) => live
                .reader
                .rest()
                .map_or_else(SizeHint::default, SizeHint::with_exact),
            Kind::Own(body) => body.size_hint(),
        }
    }
}

fn length(bytes: &Bytes) -> u64 {
    bytes.len() as u64
}
