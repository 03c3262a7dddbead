//! What the proxy prints while it serves, written by a thread of its own.
//!
//! A pipe that nobody reads is full one day, and writing to it blocks. That must hold up neither
//! a thread that serves nor the loop that accepts: a few lines wait here, and what comes on top of
//! them is dropped.

use std::io::{self, Write};
use std::sync::mpsc::{self, SyncSender};
use std::thread;
use std::time::Duration;

/// Lines that wait to be written.
const MOST: usize = 64;

/// How long the end of the process waits for its last words to be heard.
const LAST: Duration = Duration::from_secs(1);

/// A way to standard output or standard error on which nobody waits.
#[derive(Clone, Debug)]
pub(crate) struct Outlet(SyncSender<String>);

impl Outlet {
    pub(crate) fn stdout() -> io::Result<Self> {
        Self::new(io::stdout())
    }

    pub(crate) fn stderr() -> io::Result<Self> {
        Self::new(io::stderr())
    }

    fn new(mut to: impl Write + Send + 'static) -> io::Result<Self> {
        let (sender, lines) = mpsc::sync_channel::<String>(MOST);
        let write = move || {
            for line in lines {
                // Whoever listened may be gone; there is nobody else to tell.
                let _ = writeln!(to, "{line}").and_then(|()| to.flush());
            }
        };
        thread::Builder::new()
            .name("outlet".to_owned())
            .spawn(write)?;
        Ok(Self(sender))
    }

    /// Writes a line, later, unless too many wait already.
    pub(crate) fn line(&self, line: String) {
        let _ = self.0.try_send(line);
    }
}

/// Writes to standard error at the end of the process, which is not to hang on that.
pub(crate) fn last_words(words: String) {
    let (said, heard) = mpsc::channel::<()>();
    thread::spawn(move || {
        eprintln!("{words}");
        drop(said);
    });
    let _ = heard.recv_timeout(LAST);
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender};

    use super::*;

    /// A reader that does not read until it is told to, or told that it never will be.
    struct Stuck {
        go_on: Receiver<()>,
        written: Sender<String>,
    }

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.go_on.recv();
            let text = String::from_utf8_lossy(bytes).into_owned();
            let _ = self.written.send(text);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_waits_for_nobody_and_is_dropped_when_too_many_wait() {
        let (reader, go_on) = mpsc::channel();
        let (written, output) = mpsc::channel();
        let outlet = Outlet::new(Stuck { go_on, written }).expect("a thread");
        for n in 0..10 * MOST {
            outlet.line(n.to_string());
        }
        drop(reader);
        drop(outlet);
        let output: String = output.iter().collect();
        let kept = output.lines().count();
        assert!((MOST..=MOST + 1).contains(&kept), "{kept} lines");
        assert!(output.starts_with("0\n1\n2\n"), "{output}");
    }
}
