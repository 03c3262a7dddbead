//! A crowd for a page that turns out to be private.

use std::collections::HashSet;
use std::io;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use crate::client::{Answer, Connection, open};
use crate::report::Report;
use crate::server::{Server, Subject};
use crate::{Scale, median, millis, until};

const SECTION: &str = "private";
/// In renders: the first one tells that the page is private, the second is
/// everyone's own.
const MOST_RENDERS: f64 = 2.0;
const NONE: RangeInclusive<f64> = 0.0..=0.0;

pub(crate) async fn run(scale: Scale, report: &mut Report) -> io::Result<()> {
    let (mut alone, mut all, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let (mut bare, mut rounds) = (Vec::new(), Vec::new());
    let (mut calls, mut shared, mut wrong) = (Vec::new(), 0, 0);
    for _ in 0..scale.rounds {
        let one = crowd(Subject::Layered, 1, scale.workers).await?;
        let many = crowd(Subject::Layered, scale.strangers, scale.workers).await?;
        let without = crowd(Subject::Bare, scale.strangers, scale.workers).await?;
        bare.push(millis(without.took));
        rounds.push(many.took.as_secs_f64() / without.took.as_secs_f64());
        alone.push(millis(one.took));
        all.push(millis(many.took));
        ratios.push(many.took.as_secs_f64() / one.took.as_secs_f64());
        calls.push(many.calls);
        wrong += many.answers.iter().filter(|one| one.status != 200).count();
        let distinct: HashSet<_> = many.answers.iter().map(|one| &one.body).collect();
        shared += many.answers.len() - distinct.len();
    }
    report.note(SECTION, "one request alone", median(alone), "ms");
    report.note(SECTION, "last of all", median(all), "ms");
    let bar = 0.0..=MOST_RENDERS;
    report.hold(SECTION, "last of all, in renders", median(ratios), "", bar);
    // One request alone does not pay for two hundred sockets; this is what they
    // take where each is rendered at once.
    report.note(SECTION, "the same without the layer", median(bare), "ms");
    report.note(SECTION, "last of all, layered to bare", median(rounds), "");
    let everyone = scale.strangers as u64;
    let off = calls.iter().map(|calls| calls.abs_diff(everyone)).max();
    let off = off.unwrap_or_default() as f64;
    report.note(SECTION, "requests", everyone as f64, "");
    report.hold(SECTION, "origin calls, off by at most", off, "", NONE);
    report.hold(SECTION, "answers shared", shared as f64, "", NONE);
    report.hold(SECTION, "answers that are not 200", wrong as f64, "", NONE);
    Ok(())
}

struct Crowd {
    took: Duration,
    answers: Vec<Answer>,
    calls: u64,
}

/// A new server, and a crowd that asks it at once.
async fn crowd(subject: Subject, size: usize, workers: u32) -> io::Result<Crowd> {
    let mut server = Server::start(subject, workers)?;
    let mut crowd = open(server.address, size).await?;
    until("all connections were accepted", || {
        Ok(server.count()?.accepted == size as u64)
    })
    .await?;
    let began = Instant::now();
    for connection in &crowd {
        connection.send("/private")?;
    }
    let answers = try_join_all(crowd.iter_mut().map(Connection::answer)).await?;
    let took = began.elapsed();
    let calls = server.count()?.calls;
    Ok(Crowd {
        took,
        answers,
        calls,
    })
}
