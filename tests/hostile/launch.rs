//! How a proxy of ours is started.

use std::fmt;
use std::net::SocketAddr;
use std::process::Stdio;

use tokio::process::Command;

/// The first argument by which this program is told to be the proxy.
pub(crate) const BE_THE_PROXY: &str = "be-the-proxy";

/// The example `reverse_proxy`, from this very program, in the circumstances that a row wants.
#[derive(Clone, Debug, Default)]
pub(crate) struct Launch {
    flags: Vec<String>,
    descriptors: Option<u32>,
    workers: Option<u32>,
    pub(crate) unheard: bool,
}

/// What is out of the ordinary about it.
impl fmt::Display for Launch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let descriptors = self.descriptors.map(|most| format!("{most} descriptors"));
        let workers = self.workers.map(|threads| format!("{threads} threads"));
        let unheard = self.unheard.then(|| "clogged output".to_owned());
        let circumstances = [descriptors, workers, unheard].into_iter().flatten();
        let all: Vec<String> = self.flags.iter().cloned().chain(circumstances).collect();
        if all.is_empty() {
            return f.write_str("its defaults");
        }
        f.write_str(&all.join(" "))
    }
}

impl Launch {
    pub(crate) fn with<S: ToString>(flags: &[S]) -> Self {
        Self {
            flags: flags.iter().map(ToString::to_string).collect(),
            ..Self::default()
        }
    }

    /// The same, with these flags besides.
    pub(crate) fn and(&self, flags: &[&str]) -> Self {
        let mut more = self.clone();
        more.flags.extend(flags.iter().map(ToString::to_string));
        more
    }

    /// With so many descriptors and no more.
    pub(crate) fn descriptors(mut self, most: u32) -> Self {
        self.descriptors = Some(most);
        self
    }

    /// With so many worker threads, whatever the machine has.
    pub(crate) fn workers(mut self, threads: u32) -> Self {
        self.workers = Some(threads);
        self
    }

    /// Once it listens, nobody reads its output any more, in which there is no room left.
    pub(crate) fn unheard(mut self) -> Self {
        self.unheard = true;
        self
    }

    pub(super) fn command(&self, origin: SocketAddr) -> Command {
        let this = std::env::current_exe().expect("this program has a path");
        let mut command = match self.descriptors {
            None => Command::new(this),
            Some(most) => {
                let mut shell = Command::new("sh");
                shell.arg("-c");
                shell.arg(format!("ulimit -n {most} && exec \"$0\" \"$@\""));
                shell.arg(this);
                shell
            }
        };
        if let Some(threads) = self.workers {
            command.env("TOKIO_WORKER_THREADS", threads.to_string());
        }
        command
            .args([BE_THE_PROXY, "--listen", "127.0.0.1:0", "--origin"])
            .arg(format!("http://{origin}"))
            .args(&self.flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }
}
