//! F: faults. The origin fails in every way that a network has, clients come and go, the process
//! is short of something: nobody hangs, nobody gets what is broken for whole, nothing is left.
//!
//! Unless a row says otherwise it is one request and fifty that follow it to the same page.

mod answers;
mod clients;
mod clocks;
mod connections;
mod crowd;
mod cut;
mod leaders;
mod load;
mod memory;
mod outage;
mod quiet;
mod shortage;
mod shutdown;
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
    row!(F18, F, "G15 G24", "an outage, and everybody there when it ends", outage::recovery),
    row!(F19, F, "G17", "the origin asks for the page that it is making", clients::recursion),
    row!(F22, F, "G4", "the answer's body is cut in every way", cut::in_the_body),
    row!(F24, F, "G7", "a 304 with nothing to refresh", validation::nothing_to_refresh),
    row!(F25, F, "G8", "a validation is answered with an error", validation::fails),
    row!(F28, F, "G16", "the one who began a refresh leaves", leaders::refresher_leaves),
    row!(F31, F, "G9", "of two fetches the older ends last", answers::older_ends_last),
    row!(F33, F, "G10 G12", "the process stands still for longer than its deadlines", clocks::frozen),
    row!(F34, F, "G10 G30", "the origin's clock is a day off, or it has none", clocks::skewed),
    row!(F36, F, "G4 G20", "a page is evicted under its readers", memory::evicted_under_readers),
    row!(F55, F, "G25", "more clients than descriptors", shortage::descriptors),
    row!(F58, F, "G24", "an empty cache under full load", load::cold_start),
    row!(F59, F, "G25", "nobody reads what the process prints", shortage::unheard),
    row!(F60, F, "G12 G15", "half a head, or one that comes too slowly", cut::in_the_head),
    row!(F61, F, "G4 G12", "an answer in drops", cut::drips),
    row!(F62, F, "G12", "an origin that takes connections and never reads", connections::nobody_reads),
    row!(F63, F, "G4", "a connection that closes when it is used again", connections::closed_at_reuse),
    row!(F64, F, "G1 G4", "an answer with another one behind it", connections::extra_bytes),
    row!(F65, F, "G12", "a client that closes its sending side and waits", clients::half_close),
    row!(F66, F, "G12", "a request that comes byte by byte", clients::byte_by_byte),
    row!(F67, F, "G12", "an answer before the request's body has ended", clients::early_answer),
    row!(F68, F, "G20 G25", "a thousand connections on which nothing comes", memory::idle_connections),
    row!(F69, F, "G29", "SIGTERM under load", shutdown::under_load),
    row!(F70, F, "G29", "SIGTERM twice, or before an origin that hangs", shutdown::twice),
];
