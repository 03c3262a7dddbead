//! F: faults. The origin fails in every way that a network has, clients come and go, the process
//! is short of something: nobody hangs, nobody gets what is broken for whole, nothing is left.
//!
//! Unless a row says otherwise it is one request and fifty that follow it to the same page.

mod answers;
mod crowd;
mod leaders;
mod quiet;
mod validation;

use super::{Row, row};

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    row!(F04, F, "G12 G13", "a leader that sends its request and never reads", leaders::never_reads),
    row!(F07, F, "G19", "everyone leaves while the origin is at it", leaders::all_leave),
    row!(F10, F, "G11 G13", "the leader and impatient followers leave", leaders::impatient),
    row!(F13, F, "G4 G13", "the leader leaves at each point of the answer", leaders::leader_leaves),
    row!(F14, F, "G11 G12", "the origin hangs for longer than a fetch may take", answers::hangs),
    row!(F15, F, "G1 G14", "the answer proves to be for one alone", answers::uncacheable),
    row!(F16, F, "G15", "the answer is an error, or there is none", answers::fails),
    row!(F24, F, "G7", "a 304 with nothing to refresh", validation::nothing_to_refresh),
    row!(F25, F, "G8", "a validation is answered with an error", validation::fails),
    row!(F28, F, "G16", "the one who began a refresh leaves", leaders::refresher_leaves),
    row!(F31, F, "G9", "of two fetches the older ends last", answers::older_ends_last),
];
