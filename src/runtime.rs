//! What the engine needs of a runtime: time, a timer, and a place for tasks.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::time::Duration;

use crate::clock::Clock;

/// A future that the runtime runs by itself.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send + 'static>>;

/// A clock, a timer and a spawner: the engine's whole view of the outside.
///
/// [`TokioRuntime`](crate::TokioRuntime) is the default; a simulator or another
/// runtime brings its own.
pub trait Runtime: Clock {
    /// A future that is ready after `span` on this runtime's clock.
    fn sleep(&self, span: Duration) -> Task;

    /// Runs `task` detached from whoever asks.
    ///
    /// A runtime that is shutting down may drop the task instead: whoever waits
    /// for a dropped fetch is told at once.
    fn spawn(&self, task: Task);

    /// A number that nobody outside can foresee: pauses are spread by it, and the
    /// boundary between the parts of an answer is made of it.
    ///
    /// The default draws on the standard library's keyed hasher. A simulator draws
    /// on its seed, so that a run can be repeated.
    fn random(&self) -> u64 {
        RandomState::new().hash_one(())
    }
}

#[cfg(feature = "tower")]
pub use on_tokio::TokioRuntime;

#[cfg(feature = "tower")]
mod on_tokio {
    use std::time::{Duration, SystemTime};

    use tokio::runtime::Handle;
    use tokio::time::Instant;

    use super::{Runtime, Task};
    use crate::clock::{Clock, Moment};

    /// Tokio's clock, timer and tasks.
    ///
    /// The clock is tokio's own, so that a test that pauses tokio's time pauses
    /// the cache as well. Tasks run on the runtime that is current where the
    /// request is served, with its timers, which must be enabled; where there is
    /// none, the fetch fails at once.
    #[derive(Clone, Copy, Debug)]
    pub struct TokioRuntime {
        start: Instant,
    }

    impl TokioRuntime {
        /// A clock that begins now.
        #[must_use]
        pub fn new() -> Self {
            Self {
                start: Instant::now(),
            }
        }
    }

    impl Default for TokioRuntime {
        fn default() -> Self {
            Self::new()
        }
    }

    impl Clock for TokioRuntime {
        fn now(&self) -> Moment {
            Moment::new(Instant::now().saturating_duration_since(self.start))
        }

        // The one place that reads the wall clock.
        #[allow(clippy::disallowed_methods)]
        fn wall(&self) -> SystemTime {
            SystemTime::now()
        }
    }

    impl Runtime for TokioRuntime {
        fn sleep(&self, span: Duration) -> Task {
            match Handle::try_current() {
                Ok(_) => Box::pin(tokio::time::sleep(span)),
                // Another executor polls the one who waits; the fetch that it
                // waits for has a timer where it runs.
                Err(_) => Box::pin(std::future::pending()),
            }
        }

        fn spawn(&self, task: Task) {
            match Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn(task)),
                Err(_) => drop(task),
            }
        }
    }
}
