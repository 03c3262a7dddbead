//! What is left when a row is over: nothing (G19).

use std::time::Duration;

use tokio::time::Instant;

use crate::case::Case;
use crate::launch::Launch;
use crate::verdict::Finding;

/// One second after traffic stops, nothing may be left of it.
const LIMIT: Duration = Duration::from_secs(1);

const POLL: Duration = Duration::from_millis(5);

/// What counts requests and fetches under way.
const UNDER_WAY: [&str; 5] = ["flights", "waiting", "flight_bytes", "at_origin", "queued"];

/// Runs a row on the subject as it is.
pub(super) async fn quietly(case: &Case, row: impl AsyncFnOnce(&Case) -> Finding) -> Finding {
    let before = descriptors_at_rest(case).await;
    let finding = row(case).await;
    finding.and(nothing_left(case, before).await)
}

/// Runs a row on a proxy of its own, and says how that was started.
pub(super) async fn on(
    case: &Case,
    launch: Launch,
    row: impl AsyncFnOnce(&Case) -> Finding,
) -> Finding {
    match case.with(&launch).await {
        Ok(case) => {
            let finding = quietly(&case, row).await;
            let evidence = format!("with {launch}: {}", finding.evidence);
            Finding::new(finding.kind, evidence)
        }
        Err(finding) => finding,
    }
}

/// Descriptors but for connections to the origin, which are kept for the next request; once
/// they no longer change.
async fn descriptors_at_rest(case: &Case) -> Option<usize> {
    let mut known = descriptors(case)?;
    loop {
        tokio::time::sleep(POLL).await;
        let now = descriptors(case)?;
        if now == known {
            return Some(now);
        }
        known = now;
    }
}

fn descriptors(case: &Case) -> Option<usize> {
    let all = case.figures()?.descriptors;
    let to_origin = case.subject.connections_to(case.origin.address)?;
    Some(all.saturating_sub(to_origin))
}

async fn nothing_left(case: &Case, before: Option<usize>) -> Finding {
    let Some(before) = before else {
        return Finding::safe("what is left in its process is not known");
    };
    let last = Instant::now() + LIMIT;
    loop {
        let left = left(case, before).await;
        if left.is_empty() {
            return Finding::safe("nothing left");
        }
        if Instant::now() > last {
            return Finding::bad(format!("left after {LIMIT:?}: {}", left.join(", ")));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// What there is more of than before.
async fn left(case: &Case, before: usize) -> Vec<String> {
    let stats = case.subject.stats().await.unwrap_or_default();
    let of = |name: &&str| stats.get(*name).and_then(|value| value.as_u64());
    let told = |name: &&str| match of(name) {
        Some(0) => None,
        Some(n) => Some(format!("{name} {n}")),
        None => Some(format!("{name} unknown")),
    };
    let mut left: Vec<String> = UNDER_WAY.iter().filter_map(told).collect();
    let now = descriptors(case).unwrap_or(0);
    if now > before {
        left.push(format!("{now} descriptors instead of {before}"));
    }
    left
}
