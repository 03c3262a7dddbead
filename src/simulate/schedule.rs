//! Who goes next.

use super::random::Random;

/// How the next task is chosen, and how unfair the machine is.
///
/// The default is a plain queue without disturbances: fast, and what a measurement
/// wants. A test that looks for mistakes [draws](Schedule::drawn) one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// How a task is chosen among those that can run. Default: [`Order::Queue`].
    pub order: Order,
    /// So many times in a hundred, some task is polled that nobody woke. A future
    /// must bear it; one that was not woken when it should have been is hidden by
    /// it, so most schedules have none. Default 0.
    pub spurious: u64,
    /// So many times in a hundred, time goes on though tasks could run: the
    /// machine is busy with something else. Default 0.
    pub tardy: u64,
}

/// How a task is chosen among those that can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Each is as likely as any other.
    Even,
    /// The one that has waited longest, as most executors do.
    Queue,
    /// Each has a priority, drawn when it is started; now and then the one that
    /// runs falls behind all others. This finds what needs one task to be left
    /// standing for long while the others go on (Burckhardt et al., 2010). A choice
    /// takes time in proportion to the tasks that there are.
    Priorities,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            order: Order::Queue,
            spurious: 0,
            tardy: 0,
        }
    }
}

impl Schedule {
    /// A schedule drawn at random.
    #[must_use]
    pub fn drawn(random: &mut Random) -> Self {
        let order = random.pick(&[
            Order::Even,
            Order::Even,
            Order::Queue,
            Order::Priorities,
            Order::Priorities,
        ]);
        Self {
            order,
            spurious: random.pick(&[0, 0, 0, 0, 3, 20]),
            tardy: random.pick(&[0, 0, 0, 0, 0, 2]),
        }
    }
}
