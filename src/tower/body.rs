use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::origin::into_bytes;
use crate::engine::Payload;
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
        Passed { #[pin] body: B },
        Ours { #[pin] body: Payload },
    }
}

impl<B> ResponseBody<B> {
    pub(super) const fn passed(body: B) -> Self {
        Self {
            kind: Kind::Passed { body },
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
            KindProj::Passed { body } => body.poll_frame(cx).map(|next| {
                next.map(|frame| match frame {
                    Ok(frame) => Ok(frame.map_data(into_bytes)),
                    Err(error) => Err(error.into()),
                })
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Passed { body } => body.is_end_stream(),
            Kind::Ours { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Passed { body } => body.size_hint(),
            Kind::Ours { body } => body.size_hint(),
        }
    }
}
