//! What the operating system knows of the subject's process.

use std::collections::HashSet;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

/// Figures from `/proc`, which only a subject on this machine that we started has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Resident memory in bytes.
    pub(crate) resident: u64,
    /// The most that it ever was.
    pub(crate) most_resident: u64,
    pub(crate) descriptors: usize,
    pub(crate) threads: u64,
    /// Whether it has been stopped by a signal.
    pub(crate) stopped: bool,
    /// The time that all threads together have been running.
    pub(crate) busy: Duration,
}

pub(crate) fn figures(id: u32) -> Option<Figures> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let number = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace().next()?.parse().ok()
    };
    Some(Figures {
        resident: number("VmRSS:")? << 10,
        most_resident: number("VmHWM:")? << 10,
        descriptors: fs::read_dir(format!("/proc/{id}/fd")).ok()?.count(),
        threads: number("Threads:")?,
        stopped: status.contains("(stopped)"),
        busy: busy(id)?,
    })
}

/// User and system time (proc_pid_stat(5), fields 14 and 15), in hundredths of a second.
fn busy(id: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The second field is a name in parentheses, which may contain anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = |at: usize| fields.split_ascii_whitespace().nth(at - 3)?.parse().ok();
    let (user, system): (u64, u64) = (ticks(14)?, ticks(15)?);
    Some(Duration::from_millis((user + system) * 10))
}

/// How many of its descriptors are connections to this IPv4 address.
pub(crate) fn connections_to(id: u32, address: SocketAddr) -> Option<usize> {
    let port = format!(":{:04X}", address.port());
    let table = fs::read_to_string(format!("/proc/{id}/net/tcp")).ok()?;
    let to_it = |line: &&str| {
        let remote = line.split_ascii_whitespace().nth(2);
        remote.is_some_and(|remote| remote.ends_with(&port))
    };
    let socket = |line: &str| Some(line.split_ascii_whitespace().nth(9)?.to_owned());
    let sockets: HashSet<String> = table.lines().filter(to_it).filter_map(socket).collect();
    let descriptors = fs::read_dir(format!("/proc/{id}/fd")).ok()?;
    let links = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    let names = links.filter_map(|link| {
        let text = link.to_string_lossy().into_owned();
        let inode = text.strip_prefix("socket:[")?.strip_suffix(']')?;
        Some(inode.to_owned())
    });
    Some(names.filter(|inode| sockets.contains(inode)).count())
}

/// The regular files that it has open, libraries aside.
pub(crate) fn open_files(id: u32) -> Option<Vec<String>> {
    let entries = fs::read_dir(format!("/proc/{id}/fd")).ok()?;
    let targets = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    let names = targets.map(|target| target.to_string_lossy().into_owned());
    Some(
        names
            .filter(|name| name.starts_with('/') && !name.starts_with("/dev/"))
            .collect(),
    )
}
