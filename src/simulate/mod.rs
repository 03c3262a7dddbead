//! The engine in simulated time: what would your settings do to your site?
//!
//! The same code that serves people runs here on a clock that costs nothing: an evening
//! takes what happens in it, a second or so, and the same seed gives the same evening.
//! Only clock, tasks and the site are simulated. This module is behind the feature
//! `simulate`, which belongs under `[dev-dependencies]`.
//!
//! # An evening in a test
//!
//! A [`Site`] says how long pages take to make, when they change, how many the machine can
//! serve at once and what goes wrong; a [`Crowd`] says who asks for what, and when; [`run`]
//! puts a cache between the two, [`bare`] does not, and a [`Report`] tells what came of it.
//! Election night at twelve times the usual crowd, on a site that is good for half as much
//! again as usual, with lifetimes of one's own:
//!
//! ```
//! use std::time::Duration;
//! use floodwall::Cache;
//! use floodwall::simulate::{Changes, Crowd, Page, Service, Site, bare, run};
//!
//! let seconds = Duration::from_secs;
//! // Results come in every half minute or so.
//! let results = Page::new("max-age=2, stale-while-revalidate=10, stale-if-error=600")
//!     .service(Service::lognormal(Duration::from_millis(200), 0.5))
//!     .changes(Changes::poisson(seconds(30)));
//! // Three at once, each for 0.23 s on average: 13 requests a second, and fewer past that.
//! let site = Site::new(results).knee(3).collapse(0.05);
//! // Usually nine a second over forty pages; for a minute it is twelve times that.
//! let night = Crowd::poisson(9.0, seconds(150)).zipf(40, 1.0).curve([
//!     (seconds(30), 1.0),
//!     (seconds(45), 12.0),
//!     (seconds(105), 12.0),
//!     (seconds(120), 1.0),
//! ]);
//!
//! let without = bare(&site, &night, 1);
//! assert!(without.errors > 1000, "the site goes down: {}", without.errors);
//!
//! let with = run(Cache::builder().origin_limit(3), &site, &night, 1)?;
//! assert_eq!(with.requests, without.requests);
//! assert_eq!(with.errors, 0);
//! assert!(with.origin_peak_concurrency <= 3);
//! assert!(with.stale_share < 0.2, "{}", with.stale_share);
//! # Ok::<(), floodwall::ConfigError>(())
//! ```
//!
//! A [`Trial`] has more to set: a warm-up, what happens to the cache at some moment, what to
//! put between crowd and site instead ([`Front`]).
//!
//! What is drawn for pages and requests belongs to the seed: two policies are compared on the
//! same requests, the same changes and the same service times. The cache's maps hash with keys
//! that are drawn for each process; that shows where more is stored than there is room for,
//! since which of two entries has to go then may depend on it.
//!
//! # The runtime alone
//!
//! [`Simulation`] runs tasks on the thread that calls it and chooses, from its seed, which
//! runnable task goes next. Every await point is therefore a point where anything else may come
//! between, and the same seed runs the same history again. Time stands still while a task can
//! run, and then jumps to the next timer. [`SimulatedRuntime`] is the handle by which the inside
//! reaches the simulation: it is the [`Runtime`](crate::Runtime) that a cache is built with, and
//! it is how a test makes trouble: tasks are aborted, the runtime is shut down, the wall clock
//! is set.
//!
//! ```
//! use std::time::Duration;
//! use floodwall::{Cache, Runtime};
//! use floodwall::simulate::{End, Schedule, Simulation};
//!
//! let simulation = Simulation::new(7, Schedule::default());
//! let runtime = simulation.runtime();
//! let cache = Cache::builder().runtime(runtime.clone()).build()?;
//! let inside = runtime.clone();
//! runtime.start(async move {
//!     inside.sleep(Duration::from_secs(3600)).await;
//!     assert_eq!(cache.stats().hits, 0);
//! });
//! assert_eq!(simulation.run(1000), End::Quiet { waiting: 0 });
//! assert_eq!(runtime.elapsed(), Duration::from_secs(3600));
//! # Ok::<(), floodwall::ConfigError>(())
//! ```

mod crowd;
mod front;
mod random;
mod report;
mod runtime;
mod schedule;
mod simulation;
mod site;
mod tasks;
mod timers;
mod trial;

use std::time::Duration;

pub use crowd::{Arrival, Arrivals, Crowd};
pub use front::{Answer, Ask, Asked, By, Front};
pub use random::Random;
pub use report::{Fetch, Report, Second};
pub use runtime::SimulatedRuntime;
pub use schedule::{Order, Schedule};
pub use simulation::{End, Panicked, Simulation, panic_on_purpose};
pub use site::{Changes, Errand, LiveSite, Outage, Page, Service, Site};
pub use tasks::TaskId;
pub use trial::{Trial, bare, run};

/// A span in nanoseconds; the longest that can be said, if it is longer.
fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
