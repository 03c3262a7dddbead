//! The weakness of the real site. Rendering a page takes a while, only so many pages render at
//! once, and only so many more may wait their turn. Whoever comes after that is turned away.
//!
//! Nothing here knows about the crowd or the act: the pool breaks when it is overrun, and not
//! before.

use std::time::Duration;

use tokio::sync::Semaphore;

/// How long a page takes to render.
pub(crate) const RENDER: Duration = Duration::from_millis(250);

/// The pool's size relative to what the usual crowd keeps busy. A site run with care: usual
/// evenings leave more than half of it idle.
pub(crate) const HEADROOM: f64 = 2.5;

#[derive(Debug)]
pub(crate) struct RenderPool {
    /// A place inside, rendering or waiting.
    door: Semaphore,
    /// A place at the machine.
    slots: Semaphore,
}

/// There was no room left to wait in.
#[derive(Debug)]
pub(crate) struct Overrun;

/// The size of a pool for a crowd: how many may render at once. As many again may wait.
pub(crate) fn slots_for(base_rps: f64) -> usize {
    (base_rps * HEADROOM * RENDER.as_secs_f64()).ceil() as usize
}

impl RenderPool {
    pub(crate) fn new(slots: usize) -> Self {
        let queue = slots;
        Self {
            door: Semaphore::new(slots + queue),
            slots: Semaphore::new(slots),
        }
    }

    /// Waits for a slot and holds it for as long as a render takes, `slowness` times over.
    pub(crate) async fn render(&self, slowness: u32) -> Result<(), Overrun> {
        let _inside = self.door.try_acquire().map_err(|_| Overrun)?;
        let _slot = self.slots.acquire().await.map_err(|_| Overrun)?;
        tokio::time::sleep(RENDER * slowness).await;
        Ok(())
    }
}
