//! A runtime in simulated time: one thread, one seed, one history.
//!
//! [`Simulation`] runs tasks on the thread that calls it and chooses at random,
//! from its seed, which runnable task goes next. Every await point is therefore a
//! point where anything else may come between, and the same seed runs the same
//! history again. Time stands still while a task can run, and then jumps to the
//! next timer; an hour of it costs what happens in it.
//!
//! [`SimulatedRuntime`] is the handle by which the inside reaches the simulation:
//! it is the [`Runtime`](floodwall::Runtime) that a cache is built with, and it
//! is how a test makes trouble: tasks are aborted, the runtime is shut down, the
//! wall clock is set.
//!
//! ```ignore
//! let simulation = Simulation::new(seed, Schedule::drawn(&mut Random::new(seed)));
//! let runtime = simulation.runtime();
//! let cache = Cache::builder().runtime(runtime.clone()).build()?;
//! runtime.start(async move { ... });
//! assert_eq!(simulation.run(MOST_STEPS), End::Quiet);
//! ```
//!
//! Nothing here knows what is being tested.

mod random;
mod runtime;
mod schedule;
mod simulation;
mod tasks;
mod timers;

pub(crate) use random::Random;
pub(crate) use runtime::SimulatedRuntime;
pub(crate) use schedule::Schedule;
pub(crate) use simulation::{End, Panicked, Simulation, panic_on_purpose};
