//! A body that comes as its script says.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use floodwall::{BoxError, Runtime, Task};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use super::content;
use super::script::{BodyScript, Ends, Told};
use crate::client;
use crate::history::{BodyEnd, Serial};
use crate::world::World;
use floodwall::simulate::panic_on_purpose;

/// A body that comes as its script says, and notes how far it got.
pub(super) struct ScriptedBody {
    world: Arc<World>,
    serial: Serial,
    script: BodyScript,
    sent: u64,
    /// What is to be over before the next piece comes.
    before: Option<Task>,
    is_over: bool,
}

impl ScriptedBody {
    pub(super) fn new(world: &Arc<World>, serial: Serial, script: BodyScript) -> Self {
        let mut body = Self {
            world: Arc::clone(world),
            serial,
            script,
            sent: 0,
            before: None,
            is_over: false,
        };
        body.before = body.wait();
        body
    }

    /// What has to be waited for before the next piece. Nothing comes after the
    /// last one, once that is foretold.
    fn wait(&mut self) -> Option<Task> {
        if self.is_end_stream() {
            return None;
        }
        let is_late = self.sent >= self.script.length / 2;
        if let Some(ask) = self.script.asks.take_if(|_| is_late) {
            return Some(client::ask_inside(&self.world, ask, self.serial));
        }
        let delay = self.script.delay;
        (!delay.is_zero()).then(|| self.world.runtime.sleep(delay))
    }

    fn piece(&mut self) -> Bytes {
        let left = self.script.sends() - self.sent;
        let end = self.sent + self.script.piece.min(left);
        let bytes = content::bytes(self.serial, self.sent, end);
        self.sent = end;
        self.world.recorder.sent(self.serial, bytes.len() as u64);
        self.before = self.wait();
        bytes
    }

    fn end(&mut self, how: BodyEnd) {
        self.is_over = true;
        self.world.recorder.body_over(self.serial, how);
    }
}

impl Body for ScriptedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        if let Some(before) = &mut self.before {
            ready!(before.as_mut().poll(cx));
            self.before = None;
        }
        if self.sent < self.script.sends() {
            let piece = self.piece();
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match self.script.ends {
            Ends::Stalls(_) => return Poll::Pending,
            Ends::Panics(_) => panic_on_purpose(),
            Ends::Breaks(_) => {
                self.end(BodyEnd::Cut);
                return Poll::Ready(Some(Err("the line is dead".into())));
            }
            Ends::Whole | Ends::Short(_) | Ends::Long => {}
        }
        if std::mem::take(&mut self.script.trailers) {
            return Poll::Ready(Some(Ok(Frame::trailers(HeaderMap::new()))));
        }
        let is_whole = self.script.ends == Ends::Whole;
        self.end(if is_whole {
            BodyEnd::Whole
        } else {
            BodyEnd::Cut
        });
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        let script = &self.script;
        let is_last = self.sent == script.length && script.ends == Ends::Whole;
        self.is_over || script.foretells && is_last && !script.trailers
    }

    fn size_hint(&self) -> SizeHint {
        match self.script.told {
            Told::Hint => SizeHint::with_exact(self.script.length.saturating_sub(self.sent)),
            Told::Field | Told::Not => SizeHint::default(),
        }
    }
}

impl Drop for ScriptedBody {
    fn drop(&mut self) {
        if !self.is_over {
            let how = self.world.over();
            self.end(BodyEnd::Gone(how));
        }
        // A second panic while the first one goes on would end the process.
        if self.script.explodes && !std::thread::panicking() {
            self.world.recorder.exploded(self.serial);
            panic_on_purpose();
        }
    }
}
