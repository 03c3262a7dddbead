//! Ten thousand at once for one cold page.
//!
//! A round is both subjects, each a new server with a cold cache; which of them
//! comes first changes from round to round. Connections are open and accepted
//! before the clock starts; it starts before the first request is written and
//! stops when the last answer was read.

use std::io;
use std::time::{Duration, Instant};

use crate::client::{Connection, open};
use crate::report::Report;
use crate::server::{Server, Subject};
use crate::site::PAGE_BYTES;
use crate::{Scale, median, millis, until};

const SECTION: &str = "flood";
const MOST_RATIO: f64 = 1.10;

/// One crowd's evening.
#[derive(Clone, Copy, Debug)]
struct Flood {
    /// When the last request was written.
    written: Duration,
    first: Duration,
    middle: Duration,
    last: Duration,
    wrong: usize,
    calls: u64,
    collapsed: u64,
}

pub(crate) async fn run(scale: Scale, report: &mut Report) -> io::Result<()> {
    let (mut layered, mut bare) = (Vec::new(), Vec::new());
    for round in 0..scale.rounds {
        let mut order = [Subject::Bare, Subject::Layered];
        if round % 2 == 1 {
            order.reverse();
        }
        for subject in order {
            let flood = one(subject, scale).await?;
            eprintln!("  {}: {flood:?}", subject.name());
            match subject {
                Subject::Layered => layered.push(flood),
                Subject::Bare => bare.push(flood),
            }
        }
    }
    tell(&layered, &bare, report);
    Ok(())
}

async fn one(subject: Subject, scale: Scale) -> io::Result<Flood> {
    let mut server = Server::start(subject, scale.workers)?;
    let crowd = open(server.address, scale.flood).await?;
    let everyone = scale.flood as u64;
    until("all connections were accepted", || {
        Ok(server.count()?.accepted == everyone)
    })
    .await?;
    let began = Instant::now();
    for connection in &crowd {
        connection.send("/page")?;
    }
    let written = began.elapsed();
    let (mut times, wrong, crowd) = answers(crowd, began).await?;
    times.sort_unstable();
    let count = server.count()?;
    drop(crowd);
    Ok(Flood {
        written,
        first: times[0],
        middle: times[times.len() / 2],
        last: times[times.len() - 1],
        wrong,
        calls: count.calls,
        collapsed: count.collapsed,
    })
}

/// Reads all answers: when each was whole, and how many were not the page. The
/// connections come back, for closing them takes time as well.
async fn answers(
    crowd: Vec<Connection>,
    began: Instant,
) -> io::Result<(Vec<Duration>, usize, Vec<Connection>)> {
    let reading: Vec<_> = crowd
        .into_iter()
        .map(|mut connection| {
            tokio::spawn(async move {
                let answer = connection.answer().await;
                (began.elapsed(), answer, connection)
            })
        })
        .collect();
    let (mut times, mut wrong, mut crowd) = (Vec::new(), 0, Vec::new());
    for read in reading {
        let (time, answer, connection) = read.await?;
        let right =
            answer.is_ok_and(|answer| answer.status == 200 && answer.body.len() == PAGE_BYTES);
        wrong += usize::from(!right);
        times.push(time);
        crowd.push(connection);
    }
    Ok((times, wrong, crowd))
}

fn tell(layered: &[Flood], bare: &[Flood], report: &mut Report) {
    for (name, floods) in [("layered", layered), ("bare", bare)] {
        let time = |of: fn(&Flood) -> Duration| median(floods.iter().map(|one| millis(of(one))));
        let mut note = |what: &str, value| {
            report.note(SECTION, format!("{name}: {what}"), value, "ms");
        };
        note("last request written", time(|one| one.written));
        note("first answer", time(|one| one.first));
        note("median answer", time(|one| one.middle));
        note("last answer", time(|one| one.last));
    }
    let pairs = || layered.iter().zip(bare);
    let ratios =
        pairs().map(|(layered, bare)| layered.last.as_secs_f64() / bare.last.as_secs_f64());
    let ratio = median(ratios);
    let bar = 0.0..=MOST_RATIO;
    report.hold(SECTION, "last answer, layered to bare", ratio, "", bar);
    let most = |of: fn(&Flood) -> u64| layered.iter().map(of).max().unwrap_or_default() as f64;
    let calls = most(|one| one.calls);
    report.hold(SECTION, "layered: most origin calls", calls, "", 1.0..=1.0);
    let collapsed = layered
        .iter()
        .map(|one| one.collapsed)
        .min()
        .unwrap_or_default();
    report.note(SECTION, "layered: fewest collapsed", collapsed as f64, "");
    let wrong: usize = layered.iter().chain(bare).map(|one| one.wrong).sum();
    report.hold(
        SECTION,
        "answers that are not the page",
        wrong as f64,
        "",
        0.0..=0.0,
    );
}
