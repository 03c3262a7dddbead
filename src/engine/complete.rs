//! A part that is stored, completed by asking for the rest (RFC 9111 §3.4).

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;

use super::fill::{Fill, Heard};
use super::origin::OriginBody;
use crate::entry::Entry;
use crate::error::{BoxError, CutShort};
use crate::policy::{Incomplete, content_length, updated};

impl Fill {
    /// What comes of an answer to the question for the rest of a part: the whole, if that is
    /// what both make. Any other answer but one to a range stands for itself.
    pub(super) fn rest_heard(
        &mut self,
        answer: Response<OriginBody>,
        part: &Arc<Entry>,
        about: &HeaderMap,
    ) -> Heard {
        match answer.status() {
            StatusCode::PARTIAL_CONTENT => {}
            StatusCode::RANGE_NOT_SATISFIABLE => return Heard::Nothing,
            _ => return Heard::Answer(answer),
        }
        match whole(answer, part, about) {
            Some(whole) => {
                self.continued = Some(Arc::clone(part));
                Heard::Answer(whole)
            }
            None => Heard::Nothing,
        }
    }
}

/// A stored part and the rest of it as one response, in the head of which the rest has the
/// say.
fn whole(
    answer: Response<OriginBody>,
    part: &Entry,
    about: &HeaderMap,
) -> Option<Response<OriginBody>> {
    let (mut head, body) = answer.into_parts();
    let length = content_length(&head.headers).or_else(|| body.size_hint().exact());
    let rest = Incomplete::read(about, head.status, &head.headers, length?)?;
    let stored = &part.head.headers;
    let both = rest.after(part.head.status, stored, part.body.part())?;
    if !both.is_whole() {
        return None;
    }
    head.status = part.head.status;
    head.headers = updated(stored, &rest.headers);
    let body = Joined {
        before: part.body.slice(0..rest.part.start).collect(),
        body: Some(body),
        left: rest.part.length(),
        after: part.body.slice(rest.part.end..both.total).collect(),
    };
    Some(Response::from_parts(head, body.boxed_unsync()))
}

/// A body from the origin between what is there already. What comes after it is shown only
/// if it was as long as it had to be.
struct Joined {
    before: VecDeque<Bytes>,
    /// Nothing once it has ended.
    body: Option<OriginBody>,
    /// How many bytes of it are still to come.
    left: u64,
    after: VecDeque<Bytes>,
}

impl Joined {
    /// The next bytes of the body in the middle; nothing when it is over. Its trailers are
    /// not those of the whole.
    fn poll_middle(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BoxError>> {
        while let Some(body) = &mut self.body {
            let Some(frame) = ready!(Pin::new(body).poll_frame(cx)) else {
                self.body = None;
                let is_short = self.left > 0;
                return Poll::Ready(if is_short {
                    Err(CutShort::Origin.into())
                } else {
                    Ok(None)
                });
            };
            if let Ok(bytes) = frame?.into_data() {
                let left = self.left.checked_sub(bytes.len() as u64);
                self.left = left.ok_or(CutShort::Origin)?;
                return Poll::Ready(Ok(Some(bytes)));
            }
        }
        Poll::Ready(Ok(None))
    }
}

impl Body for Joined {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let next = match self.before.pop_front() {
            Some(piece) => Some(piece),
            None => ready!(self.poll_middle(cx))?.or_else(|| self.after.pop_front()),
        };
        Poll::Ready(next.map(Frame::data).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        let is_over = self.body.as_ref().is_none_or(Body::is_end_stream);
        self.before.is_empty() && is_over && self.left == 0 && self.after.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let kept = self.before.iter().chain(&self.after);
        let kept: u64 = kept.map(|piece| piece.len() as u64).sum();
        SizeHint::with_exact(kept + self.left)
    }
}
