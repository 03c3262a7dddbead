//! Something that stays shut until a row opens it.

use std::sync::Arc;

use tokio::sync::watch;

#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    pub(crate) fn shut() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// For all who wait and all who come later.
    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    pub(super) async fn passed(&self) {
        let mut state = self.0.subscribe();
        // The sender is ours, so that it cannot be gone.
        let _ = state.wait_for(|open| *open).await;
    }
}
