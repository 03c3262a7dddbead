//! A runtime in simulated time: one thread, one seed, one history.

mod random;
mod runtime;
mod schedule;
mod simulation;
mod tasks;
mod timers;

pub use random::Random;
pub use runtime::SimulatedRuntime;
pub use schedule::{Order, Schedule};
pub use simulation::{End, Panicked, Simulation, panic_on_purpose};
pub use tasks::TaskId;
