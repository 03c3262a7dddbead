//! The four acts, and what goes wrong in each. The bare act has no trouble of its own on purpose:
//! whatever breaks there, the crowd broke.

use crate::evening::{EBB, Minute, PEAK};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plot {
    Bare,
    Walled,
    Failing,
    Restarted,
}

/// What the site does to a request instead of answering it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    Errors,
    Hangs,
    Resets,
}

/// A stretch of the evening in which something is wrong, as the report labels it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    pub(crate) from: Minute,
    pub(crate) until: Minute,
    pub(crate) label: &'static str,
}

/// Between these the restarted site does not exist: nobody listens on its port.
pub(crate) const DOWN_FROM: Minute = PEAK + 10.0;
pub(crate) const DOWN_UNTIL: Minute = PEAK + 30.0;
/// A site that has just come back is slow until its own caches are warm.
const WARM_AGAIN: Minute = PEAK + 45.0;
/// How much slower it is meanwhile.
const COLD_START: u32 = 3;

const FAILING: [(Stretch, Trouble); 3] = [
    (
        Stretch {
            from: PEAK,
            until: PEAK + 20.0,
            label: "500s",
        },
        Trouble::Errors,
    ),
    (
        Stretch {
            from: PEAK + 20.0,
            until: PEAK + 40.0,
            label: "hangs",
        },
        Trouble::Hangs,
    ),
    (
        Stretch {
            from: PEAK + 40.0,
            until: EBB,
            label: "resets",
        },
        Trouble::Resets,
    ),
];

const RESTARTED: [Stretch; 2] = [
    Stretch {
        from: DOWN_FROM,
        until: DOWN_UNTIL,
        label: "down",
    },
    Stretch {
        from: DOWN_UNTIL,
        until: WARM_AGAIN,
        label: "slow",
    },
];

impl Plot {
    pub(crate) const ALL: [Plot; 4] = [Plot::Bare, Plot::Walled, Plot::Failing, Plot::Restarted];

    /// The act's name in the JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Plot::Bare => "bare",
            Plot::Walled => "walled",
            Plot::Failing => "failing",
            Plot::Restarted => "restarted",
        }
    }

    /// The act's name for people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Plot::Bare => "The bare site",
            Plot::Walled => "Behind floodwall",
            Plot::Failing => "Walled, site failing",
            Plot::Restarted => "Walled, site restarted",
        }
    }

    pub(crate) fn has_wall(self) -> bool {
        self != Plot::Bare
    }

    pub(crate) fn restarts(self) -> bool {
        self == Plot::Restarted
    }

    /// What is wrong with a site that is up.
    pub(crate) fn trouble_at(self, minute: Minute) -> Option<Trouble> {
        if self != Plot::Failing {
            return None;
        }
        let now = FAILING.iter().find(|(stretch, _)| stretch.contains(minute));
        now.map(|(_, trouble)| *trouble)
    }

    /// How many times longer than usual a render takes.
    pub(crate) fn slowness_at(self, minute: Minute) -> u32 {
        let cold = self.restarts() && (DOWN_UNTIL..WARM_AGAIN).contains(&minute);
        if cold { COLD_START } else { 1 }
    }

    /// The stretches to shade in a chart.
    pub(crate) fn stretches(self) -> Vec<Stretch> {
        match self {
            Plot::Bare | Plot::Walled => Vec::new(),
            Plot::Failing => FAILING.iter().map(|(stretch, _)| *stretch).collect(),
            Plot::Restarted => RESTARTED.to_vec(),
        }
    }
}

impl Stretch {
    fn contains(&self, minute: Minute) -> bool {
        (self.from..self.until).contains(&minute)
    }
}
