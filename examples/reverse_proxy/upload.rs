//! A request body on its way to the origin, watched.
//!
//! A client may take an hour over an upload, so the wait for an answer cannot simply count from
//! the start; and when the body stops or breaks it is the client's doing, not the origin's. The
//! body therefore keeps three notes that the waiting side can read.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};

/// What is known about the upload. Each note stands alone, so their order does not matter.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    moved: AtomicUsize,
    starved: AtomicBool,
    broken: AtomicBool,
}

impl Progress {
    /// Goes up whenever something arrives from the client, the end included.
    pub(crate) fn moved(&self) -> usize {
        self.moved.load(Relaxed)
    }

    /// The origin would take more, and the client has not sent it.
    pub(crate) fn starved(&self) -> bool {
        self.starved.load(Relaxed)
    }

    /// The body ended in an error.
    pub(crate) fn broken(&self) -> bool {
        self.broken.load(Relaxed)
    }
}

#[derive(Debug)]
pub(crate) struct Upload {
    body: Body,
    progress: Arc<Progress>,
}

impl Upload {
    pub(crate) fn new(body: Body) -> (Self, Arc<Progress>) {
        let progress = Arc::new(Progress::default());
        let upload = Self {
            body,
            progress: Arc::clone(&progress),
        };
        (upload, progress)
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.progress.starved.store(polled.is_pending(), Relaxed);
        if polled.is_ready() {
            self.progress.moved.fetch_add(1, Relaxed);
        }
        if let Poll::Ready(Some(Err(_))) = &polled {
            self.progress.broken.store(true, Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
