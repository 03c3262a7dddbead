//! The crowd: a process of its own, with one thread, so that it competes with the site for the
//! machine as little as two programs can, and so that its lateness is its own and can be told.
//!
//! It is an open loop. Every visit has its time, from the seed; nobody waits for the site to have
//! answered somebody else first, and a visit's latency counts from the time it was due, not from
//! the time the crowd got round to it.

mod calibrate;
mod lines;
mod tally;
mod visits;

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::io::{self, BufRead};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::runtime;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::findings::{Findings, Progress};
use crate::flags::CrowdFlags;
use lines::Lines;
use tally::Tally;
use visits::Visit;

pub(crate) use calibrate::calibrate;

/// A visitor who has waited this long goes away. Far beyond what the bare site's queue can take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often the crowd says how far it is.
const TELLS: Duration = Duration::from_millis(100);

/// What the crowd says when it is ready to hear the address and begin.
pub(crate) const READY: &str = "ready";

struct Crowd {
    lines: Lines,
    tally: RefCell<Tally>,
    inside: Cell<usize>,
    began: Instant,
}

/// Plays the crowd: says that it is ready, reads the address to visit, visits, and prints what it
/// found, everything a line.
pub(crate) fn play(flags: &CrowdFlags) -> Result<(), Box<dyn Error>> {
    let visits = visits::plan(flags);
    println!("{READY}");
    let address = read_address()?;
    let findings = run(visit_all(flags, visits, address))?;
    println!("{}", findings.to_json());
    Ok(())
}

/// Runs a future and what it spawns on this one thread.
fn run<F: Future>(future: F) -> io::Result<F::Output> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(LocalSet::new().block_on(&runtime, future))
}

fn read_address() -> Result<SocketAddr, Box<dyn Error>> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim().parse()?)
}

async fn visit_all(flags: &CrowdFlags, visits: Vec<Visit>, address: SocketAddr) -> Findings {
    let act = Duration::from_secs(flags.seconds.into());
    let crowd = Rc::new(Crowd {
        lines: Lines::to(address, flags.connections),
        tally: RefCell::new(Tally::new(act)),
        inside: Cell::new(0),
        began: Instant::now(),
    });
    let telling = tokio::task::spawn_local(tell(Rc::clone(&crowd)));
    for visit in visits {
        let due = crowd.began + visit.at;
        if due > Instant::now() {
            sleep_until(due).await;
        }
        crowd.inside.set(crowd.inside.get() + 1);
        tokio::task::spawn_local(go(Rc::clone(&crowd), visit));
    }
    while crowd.inside.get() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    telling.abort();
    crowd.tally.borrow().findings(crowd.lines.most_open())
}

/// One visit, from the moment it was due. It is late until it has a connection of the crowd's to
/// ask on: a crowd that is short of them is a slow generator, not a slow site.
async fn go(crowd: Rc<Crowd>, visit: Visit) {
    let due = crowd.began + visit.at;
    let late = Cell::new(due.elapsed().max(PATIENCE));
    let asked = timeout_at(due + PATIENCE, async {
        if due.elapsed() >= PATIENCE {
            return Err("gone before asking".into());
        }
        let place = crowd.lines.place().await?;
        late.set(due.elapsed());
        let request = visit.request(crowd.lines.host());
        place.ask(request).await
    })
    .await;
    let outcome = visit.judge(asked.ok().and_then(Result::ok));
    crowd
        .tally
        .borrow_mut()
        .record(&visit, outcome, due.elapsed(), late.get());
    crowd.inside.set(crowd.inside.get() - 1);
}

async fn tell(crowd: Rc<Crowd>) {
    let mut ticks = tokio::time::interval(TELLS);
    loop {
        ticks.tick().await;
        let (answered, errors) = crowd.tally.borrow().so_far();
        println!("{}", Progress { answered, errors }.to_line());
    }
}
