//! The end of the process, with requests under way.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::crowd::{Crowd, NOISE, all_cut, all_got, millis};
use crate::case::Case;
use crate::client::{Answer, Request, h1, h2};
use crate::launch::Launch;
use crate::origin::{Gate, Page, Recipe};
use crate::verdict::{Finding, Tried, bound};

/// Far longer than a process takes to end that waits for nothing.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Connections of a kind that have nothing under way.
const IDLE: usize = 5;

/// SIGTERM while requests of every kind are under way: all of them are answered.
pub(super) async fn under_load(case: &Case) -> Finding {
    let case = match case.with(&Launch::default()).await {
        Ok(case) => case,
        Err(finding) => return finding,
    };
    let (page, gate) = (case.page(), Gate::shut());
    let load = Load::new(&case, &page, &gate).await;
    case.subject.signal("TERM").await;
    nobody_listens(&case).await;
    gate.open();
    let (answers, closed) = load.end().await;
    let ended = ends(&case, AT_ONCE, 0).await;
    all_got(&answers, 200)
        .and(Finding::of(closed, "what is idle is closed"))
        .and(ended)
}

/// Requests that wait for the origin, and connections that wait for nothing.
struct Load {
    crowd: Crowd,
    others: Crowd,
    h2: (h2::Connection, u32),
    idle: Vec<h1::Connection>,
}

impl Load {
    async fn new(case: &Case, page: &Page, gate: &Gate) -> Self {
        let used = page.with("/used");
        let asked = async |_| {
            let mut client = case.connect().await;
            client.ask(&case.get(&used)).await;
            client
        };
        let mut idle = join_all((0..IDLE).map(asked)).await;
        idle.extend(join_all((0..IDLE).map(|_| case.connect())).await);
        page.script(
            Recipe::new()
                .padded(2000)
                .gate_at(1000, gate)
                .when_target("/begun"),
        );
        page.script(Recipe::new().gate(gate));
        let crowd = Crowd::of(case, page).await;
        let before = page.count();
        let others = Crowd::at_once(case, requests(case, page)).await;
        let mut h2 = case.connect_h2().await;
        let fields = h2::fields("GET", page.with("/h2"), "h2");
        let stream = h2.request(&fields, true).await;
        let all_came = page
            .arrived(before + others.requests.len() as u64 + 1)
            .await;
        assert!(all_came, "the origin is not asked");
        let h2 = (h2, stream);
        Self {
            crowd,
            others,
            h2,
            idle,
        }
    }

    /// The answers to all requests, and whether the other connections end without one.
    async fn end(mut self) -> (Vec<Answer>, bool) {
        let (mut answers, others) = tokio::join!(self.crowd.answers(), self.others.answers());
        answers.extend(others);
        let (h2, stream) = &mut self.h2;
        answers.push(h2.answer(*stream).await);
        let idle = self.idle.iter_mut().map(|client| client.is_closed());
        let closed = join_all(idle).await.into_iter().all(|closed| closed);
        (answers, closed)
    }
}

/// Requests of several kinds, none of which waits for another.
fn requests(case: &Case, page: &Page) -> Vec<Request> {
    let mut requests: Vec<Request> = Vec::new();
    for n in 0..10 {
        requests.push(case.get(page.with(format!("/{n}"))));
    }
    requests.push(case.get(page.with("/begun")));
    requests.push(
        case.get(page.with("/private"))
            .line("Authorization: Bearer a"),
    );
    requests.push(case.get(page.with("/upload")).method("POST").body("new"));
    requests
}

/// A second SIGTERM while the first one waits.
pub(super) async fn twice(case: &Case) -> Finding {
    let mut tried = Tried::default();
    tried.note("a second signal", hung_up_on(case, &[], true, 1).await);
    let grace = ["--grace", "500ms"];
    tried.note("no second signal", hung_up_on(case, &grace, false, 0).await);
    tried.sum()
}

/// The origin says nothing: the process ends all the same, with this status.
async fn hung_up_on(case: &Case, flags: &[&str], again: bool, code: i32) -> Finding {
    let launch = Launch::with(flags);
    let case = match case.with(&launch).await {
        Ok(case) => case,
        Err(finding) => return finding,
    };
    let page = case.page();
    page.script(Recipe::new().gate(&Gate::shut()));
    let mut crowd = Crowd::of(&case, &page).await;
    case.subject.signal("TERM").await;
    nobody_listens(&case).await;
    if again {
        case.subject.signal("TERM").await;
    }
    let ended = ends(&case, AT_ONCE, code).await;
    let told = all_cut(&crowd.answers().await);
    let finding = ended.and(told);
    Finding::new(finding.kind, format!("with {launch}: {}", finding.evidence))
}

/// Returns when connections are refused: the signal has arrived.
async fn nobody_listens(case: &Case) {
    let last = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(case.subject.address).await.is_ok() {
        assert!(Instant::now() < last, "connections are still accepted");
        tokio::task::yield_now().await;
    }
}

/// The process ends in time, with this status.
async fn ends(case: &Case, patience: Duration, code: i32) -> Finding {
    let began = Instant::now();
    let Some(status) = case.subject.end(patience + NOISE).await else {
        return Finding::bad(format!("still there after {patience:?}"));
    };
    let in_time = bound(
        "gone after",
        millis(began.elapsed()),
        millis(patience + NOISE),
        "ms",
    );
    in_time.and(Finding::of(status.code() == Some(code), status.to_string()))
}
