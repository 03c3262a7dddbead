//! The answer that only the request that caused it may have.

use std::panic::{AssertUnwindSafe, catch_unwind};

use http::Response;

use super::origin::OriginBody;
use crate::sync::Mutex;

/// Where a fetch leaves a response for the one who caused it, when nobody else may
/// have it.
#[derive(Debug, Default)]
pub(super) struct Own(Mutex<Option<Response<OriginBody>>>);

impl Own {
    pub(super) fn leave(&self, answer: Response<OriginBody>) {
        *self.0.lock() = Some(answer);
    }

    pub(super) fn take(&self) -> Option<Response<OriginBody>> {
        self.0.lock().take()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // Nobody wanted it: there was a stale copy to serve, or the client has gone.
        // A body is foreign code, and one that panics here would take with it the
        // answer that is served in its place.
        let answer = self.take();
        let _panic = catch_unwind(AssertUnwindSafe(|| drop(answer)));
    }
}
