//! One fetch, from the verdict on its head to the end of its body.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http_body::{Body, Frame};

use super::fill::{Fill, Places};
use super::origin::OriginBody;
use super::place::Place;
use super::reentry;
use super::wait::Until;
use super::{Engine, WINDOW};
use crate::budget::Budget;
use crate::entry::Head;
use crate::error::{BoxError, CutShort};
use crate::policy::{Reason, is_failure};

/// What the origin does next.
enum Next {
    Chunk(Bytes),
    Trailers,
    End,
    Broken,
    Silent,
    Abandoned,
}

/// Reads the body to its end: into the flight, and into the store if there is a `place`
/// for it.
///
/// While it is to be stored it is read as fast as it comes, whoever reads it and
/// however slowly: that frees the origin soonest, and it is held whole anyway.
/// Past the object limit, or if it never was to be stored, it is read at the pace
/// of the fastest reader, nobody joins any more, and when nobody is left it is
/// dropped. From there on clients set the pace, so it takes no place at the origin.
pub(super) async fn run(
    fill: &Fill,
    head: &Arc<Head>,
    mut body: OriginBody,
    mut place: Option<Place>,
    length: Option<u64>,
    places: Places,
) {
    let most = fill.engine.settings.rules.max_object_size;
    let mut total = 0_u64;
    let mut tight = false;
    let mut places = Some(places);
    if place.is_none() {
        fill.lead.close(most);
    }
    let end = loop {
        let storing = place.is_some();
        if !storing {
            drop(places.take());
            let window = if tight { 0 } else { WINDOW };
            poll_fn(|cx| fill.lead.poll_room(window, cx)).await;
        }
        match next(fill, &mut body, storing).await {
            Next::Chunk(chunk) => {
                total += chunk.len() as u64;
                let copy = fill.copy(&chunk, storing);
                tight = copy.is_none();
                if storing && !fill.may_be_stored(total, tight) {
                    place = None;
                    fill.lead.close(most);
                }
                let chunk = copy.unwrap_or(chunk);
                if place.is_some() && body.is_end_stream() {
                    fill.lead.append_last(chunk);
                } else {
                    fill.lead.append(chunk, tight);
                }
            }
            // Trailers are neither stored nor shared: they may say anything.
            Next::Trailers => {}
            Next::End if length.is_none_or(|length| length == total) => break Ok(()),
            Next::End | Next::Broken => break Err(CutShort::Origin),
            Next::Silent => break Err(CutShort::Idle),
            Next::Abandoned => break Err(CutShort::Abandoned),
        }
    };
    match (end, place) {
        (Ok(()), Some(place)) => {
            let body = fill.lead.collect();
            drop(fill.engine.keep(&place, Arc::clone(head), body));
        }
        (Ok(()), None) if !is_failure(head.status) => fill.engine.memos.recover(fill.lead.key()),
        (Ok(()) | Err(CutShort::Abandoned), _) => {}
        (Err(_), _) => fill.count_failure(false),
    }
    fill.end();
    fill.lead.finish(end);
    // What the handler does when its body is dropped is nobody else's concern.
    drop(body);
    drop(places);
}

impl Fill {
    /// A chunk in memory of its own, where it is counted: what it came in may be a small
    /// window on a large read buffer, and would keep all of it alive.
    fn copy(&self, chunk: &[u8], storing: bool) -> Option<Bytes> {
        let copy = |budget: &Arc<Budget>| budget.copy(&[chunk]);
        if storing {
            self.engine.room(copy)
        } else {
            copy(&self.engine.budget)
        }
    }

    /// Whether a body of which `total` bytes have come may still be stored; counts
    /// why not.
    fn may_be_stored(&self, total: u64, tight: bool) -> bool {
        let Engine {
            counters,
            settings,
            runtime,
            ..
        } = &*self.engine;
        if total > settings.rules.max_object_size {
            counters.met(Reason::TooLarge);
        } else if tight {
            counters.met(Reason::NoRoom);
        } else if runtime.0.now().since(self.lead.began().at) > settings.store_deadline {
            counters.too_late.add(1);
        } else {
            return true;
        }
        false
    }
}

/// Waits for the next frame, but not past the idle deadline, and not when
/// nobody would read it or store it.
async fn next(fill: &Fill, body: &mut OriginBody, storing: bool) -> Next {
    let runtime = &*fill.engine.runtime.0;
    let last = runtime.now().plus(fill.engine.settings.body_idle_deadline);
    let mut silence = Until::new(runtime, last);
    poll_fn(|cx| {
        if !storing && fill.lead.poll_abandoned(cx).is_ready() {
            return Poll::Ready(Next::Abandoned);
        }
        // What the body asks for, it asks for on behalf of this fetch.
        let _noted = reentry::note(&fill.chain);
        if let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) {
            return Poll::Ready(Next::of(frame));
        }
        silence.poll(cx).map(|()| Next::Silent)
    })
    .await
}

impl Next {
    fn of(frame: Option<Result<Frame<Bytes>, BoxError>>) -> Self {
        match frame {
            None => Self::End,
            Some(Err(_)) => Self::Broken,
            Some(Ok(frame)) => match frame.into_data() {
                Ok(chunk) => Self::Chunk(chunk),
                Err(_) => Self::Trailers,
            },
        }
    }
}
