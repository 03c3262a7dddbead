use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::origin::into_bytes;
use crate::engine::{Payload, Recording};
use crate::error::BoxError;

pin_project! {
    /// The body of a response that went through the layer: the handler's own, or
    /// the cache's.
    ///
    /// Its error is the handler's body's, or [`CutShort`](crate::CutShort).
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProj]
    #[derive(Debug)]
    enum Kind<B> {
        Passed { #[pin] body: B, recording: Option<Box<Recording>> },
        Ours { #[pin] body: Payload },
    }
}

impl<B> ResponseBody<B> {
    /// The handler's body, shown to what records it, if anything does.
    pub(super) fn passed(body: B, recording: Option<Box<Recording>>) -> Self {
        Self {
            kind: Kind::Passed { body, recording },
        }
    }

    pub(super) const fn ours(body: Payload) -> Self {
        Self {
            kind: Kind::Ours { body },
        }
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body,
    B::Data: Buf,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.project().kind.project() {
            KindProj::Ours { body } => body.poll_frame(cx),
            KindProj::Passed { body, recording } => body.poll_frame(cx).map(|next| {
                let next = next.map(|frame| match frame {
                    Ok(frame) => Ok(frame.map_data(into_bytes)),
                    Err(error) => Err(error.into()),
                });
                if recording.is_some() {
                    *recording = record(recording.take(), next.as_ref());
                }
                next
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Passed { body, .. } => body.is_end_stream(),
            Kind::Ours { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Passed { body, .. } => body.size_hint(),
            Kind::Ours { body } => body.size_hint(),
        }
    }
}

/// Shows a recording what came of the body; it is forgotten when that ends or fails.
fn record<E>(
    recording: Option<Box<Recording>>,
    next: Option<&Result<Frame<Bytes>, E>>,
) -> Option<Box<Recording>> {
    let frame = next?.as_ref().ok()?;
    match frame.data_ref() {
        Some(bytes) => recording?.note(bytes),
        None => recording,
    }
}
