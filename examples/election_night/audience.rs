//! Our side of the crowd: this same program, started again in a process of its own.

use std::error::Error;
use std::net::SocketAddr;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::crowd::READY;
use crate::findings::{Findings, Progress};
use crate::flags::CrowdFlags;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A crowd that has its plan and waits for the word.
#[derive(Debug)]
pub(crate) struct Audience {
    _process: Child,
    says: Lines<BufReader<ChildStdout>>,
    hears: ChildStdin,
}

impl Audience {
    pub(crate) async fn gather(flags: &CrowdFlags) -> Outcome<Self> {
        let mut audience = Self::start(&[
            "crowd".to_owned(),
            format!("--seconds={}", flags.seconds),
            format!("--peak-rps={}", flags.peak_rps),
            format!("--seed={}", flags.seed),
            format!("--connections={}", flags.connections),
        ])?;
        let line = audience.says.next_line().await?;
        if line.as_deref() != Some(READY) {
            return Err("the crowd did not start".into());
        }
        Ok(audience)
    }

    /// Lets the crowd loose on an address. `heard` is called with what it says on the way.
    pub(crate) async fn visit(
        mut self,
        address: SocketAddr,
        mut heard: impl FnMut(Progress),
    ) -> Outcome<Findings> {
        self.hears
            .write_all(format!("{address}\n").as_bytes())
            .await?;
        while let Some(line) = self.says.next_line().await? {
            match Progress::from_line(&line) {
                Some(progress) => heard(progress),
                None => return Findings::from_line(&line),
            }
        }
        Err("the crowd went away without a word".into())
    }

    fn start(arguments: &[String]) -> Outcome<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let says = process.stdout.take().ok_or("the crowd has no voice")?;
        let hears = process.stdin.take().ok_or("the crowd has no ears")?;
        Ok(Self {
            _process: process,
            says: BufReader::new(says).lines(),
            hears,
        })
    }
}

/// The requests per second that a crowd and a site can pass between them on this machine.
pub(crate) async fn measure_rate(site: SocketAddr) -> Outcome<f64> {
    let arguments = ["calibrate".to_owned(), format!("--site={site}")];
    let mut crowd = Audience::start(&arguments)?;
    let line = crowd.says.next_line().await?;
    Ok(line.ok_or("the calibration said nothing")?.parse()?)
}
