//! Attacks and faults against a caching reverse proxy, from outside: raw sockets on both ends.
//!
//! `README.md` beside this file says how to run it and how to read what it says.

mod at_once;
mod case;
mod client;
mod flags;
mod launch;
mod origin;
mod process;
mod report;
mod rows;
mod subject;
mod verdict;
mod wire;

// The program itself, so that the process under test is always built from the present source.
// Only `run` is called from here; its unit tests belong to `tests/proxy`.
#[allow(dead_code, unused_imports)]
#[path = "../../examples/reverse_proxy/main.rs"]
mod program;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clap::Parser;
use futures_util::StreamExt;
use tokio::runtime::Runtime;
use tokio::time::Instant;

use case::Case;
use flags::Flags;
use launch::{BE_THE_PROXY, Launch};
use origin::Origin;
use report::{Line, Report};
use rows::Row;
use subject::Subject;
use verdict::Finding;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).peekable();
    if args.next_if(|first| first == BE_THE_PROXY).is_some() {
        let args = std::iter::once("reverse_proxy".into()).chain(args);
        return ExitCode::from(program::run(args));
    }
    let flags = Flags::parse();
    if flags.list {
        list(&flags);
        return ExitCode::SUCCESS;
    }
    client::self_check();
    let run = Runtime::new().map_err(|error| error.to_string());
    match run.and_then(|runtime| runtime.block_on(Lab::run(&flags))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn list(flags: &Flags) {
    for row in rows::all().filter(|row| flags.want(row)) {
        let (id, class, promises) = (row.id, row.class.letter(), row.promises);
        println!("{id} {class} {promises:<10} {}", row.about);
    }
}

/// Everything that rows share.
struct Lab {
    origin: Arc<Origin>,
    /// Replaced by a new one if it dies.
    subject: Mutex<Arc<Subject>>,
    launch: Launch,
    seed: u64,
    limit: Duration,
    full: bool,
}

impl Lab {
    /// Runs the rows that are wanted; `true` if all went well.
    async fn run(flags: &Flags) -> Result<bool, String> {
        let (lab, mut report) = Self::set_up(flags).await?;
        let wanted = |beside: bool| {
            rows::all()
                .filter(|row| flags.want(row))
                .filter(move |row| row.class.runs_beside_others() == beside)
        };
        for (beside, jobs) in [(true, flags.jobs.max(1)), (false, 1)] {
            let lines = futures_util::stream::iter(wanted(beside)).map(|row| lab.line(row));
            let mut lines = lines.buffer_unordered(jobs);
            while let Some(line) = lines.next().await {
                report.add(line).map_err(|error| error.to_string())?;
            }
        }
        let went_well = report.finish();
        println!("replay with --seed {}", lab.seed);
        Ok(went_well || flags.subject.is_some())
    }

    async fn set_up(flags: &Flags) -> Result<(Self, Report), String> {
        let seed = flags.seed.unwrap_or_else(seed_by_the_clock);
        println!("seed {seed}");
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let listen = flags.origin_listen.unwrap_or(free);
        let origin = Origin::start(listen).await;
        let origin =
            origin.map_err(|error| format!("the origin cannot listen on {listen}: {error}"))?;
        let launch = Launch::with(&flags.proxy_flag);
        let subject = match &flags.subject {
            Some(url) => Subject::at(url)?,
            None => Subject::start(origin.address, &launch).await,
        };
        println!("origin {}, subject {}", origin.address, subject.address);
        let by_default = flags.subject.clone().unwrap_or("floodwall".to_owned());
        let name = flags.name.clone().unwrap_or(by_default);
        let report = Report::new(name, flags.json.as_deref()).map_err(|e| e.to_string())?;
        let lab = Self {
            origin: Arc::new(origin),
            subject: Mutex::new(Arc::new(subject)),
            launch,
            seed,
            limit: flags.limit(),
            full: flags.full,
        };
        Ok((lab, report))
    }

    fn subject(&self) -> MutexGuard<'_, Arc<Subject>> {
        self.subject.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tries one row, whatever it does.
    async fn line(&self, row: &'static Row) -> Line {
        let begin = Instant::now();
        let subject = Arc::clone(&self.subject());
        let complaints = subject.complaints();
        let origin = Arc::clone(&self.origin);
        let case = Case::new(row.id, origin, Arc::clone(&subject), self.seed, self.full);
        let case = Arc::new(case);
        let finding = self.attempt(row, Arc::clone(&case)).await;
        let trouble = subject.trouble(complaints).or_else(|| case.trouble());
        let finding = match trouble {
            Some(trouble) => Finding::bad(format!("{trouble}; {finding:?}")),
            None => finding,
        };
        self.revive(&subject).await;
        Line {
            row,
            finding,
            took: begin.elapsed(),
        }
    }

    /// The control, then the row, in a task of its own: a panic or a standstill is a finding.
    async fn attempt(&self, row: &'static Row, case: Arc<Case>) -> Finding {
        let mut task = tokio::spawn(async move {
            let control = verdict::control(&case, |request| request).await;
            if control.is_safe() {
                (row.run)(&case).await
            } else {
                control
            }
        });
        match tokio::time::timeout(self.limit, &mut task).await {
            Ok(Ok(finding)) => finding,
            Ok(Err(error)) => Finding::bad(format!("the row broke off: {}", told(error))),
            Err(_) => {
                task.abort();
                Finding::bad(format!("not done within {:?}", self.limit))
            }
        }
    }

    /// Starts a new subject in place of one that died, once, however many rows saw it die.
    async fn revive(&self, dead: &Arc<Subject>) {
        if dead.is_alive() || !Arc::ptr_eq(dead, &self.subject()) {
            return;
        }
        let new = Arc::new(Subject::start(self.origin.address, &self.launch).await);
        let mut subject = self.subject();
        if Arc::ptr_eq(dead, &subject) {
            *subject = new;
        }
    }
}

/// What a task said when it panicked.
fn told(error: tokio::task::JoinError) -> String {
    let Ok(payload) = error.try_into_panic() else {
        return "cancelled".to_owned();
    };
    let text = payload.downcast_ref::<String>().cloned();
    let text = text.or_else(|| {
        payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
    });
    text.unwrap_or_else(|| "panicked".to_owned())
}

fn seed_by_the_clock() -> u64 {
    // Only where no seed was given, and it is printed.
    #[allow(clippy::disallowed_methods)]
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_micros() as u64)
}
