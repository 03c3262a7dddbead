//! What the operating system knows of the subject's process.

use std::fs;

/// Figures from `/proc`, which only a subject on this machine that we started has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Resident memory in bytes.
    pub(crate) resident: u64,
    pub(crate) descriptors: usize,
    pub(crate) threads: u64,
}

pub(crate) fn figures(id: u32) -> Option<Figures> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let number = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace().next()?.parse().ok()
    };
    Some(Figures {
        resident: number("VmRSS:")? << 10,
        descriptors: fs::read_dir(format!("/proc/{id}/fd")).ok()?.count(),
        threads: number("Threads:")?,
    })
}
