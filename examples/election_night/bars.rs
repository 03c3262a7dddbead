//! What the wall promises for this evening, as numbers that a run meets or misses.

use crate::act::{Act, Stage};
use crate::pages::VARIANTS;
use crate::site::FRESH;

/// The slowest one in a hundred good answers may take so long behind the wall. A crowd that is
/// later than that itself would measure nothing else.
const P99_MS: f64 = 50.0;

/// The bare site has to lose more than this share, or the evening was no flood.
const FLOOD: f64 = 0.2;

/// One fetch for every page and language each time its copy expires, and two for good measure:
/// the first and the last.
pub(crate) fn most_fetches(stage: &Stage) -> u64 {
    VARIANTS as u64 * u64::from(stage.seconds / FRESH + 2)
}

/// A warning if the crowd's figures should not be trusted, whatever they say.
pub(crate) fn crowd_too_late(acts: &[Act]) -> Option<String> {
    let late = acts.iter().map(|act| act.findings.late_p99_ms);
    let late = late.fold(0.0, f64::max);
    (late > P99_MS).then(|| {
        format!(
            "the crowd itself was {late:.0} ms late at the 99th percentile: the machine is too\n          \
             busy for it, and the figures say little; try a smaller --peak-rps"
        )
    })
}

/// A sentence for each bar that was not met.
pub(crate) fn missed(stage: &Stage, acts: &[Act]) -> Vec<String> {
    acts.iter().flat_map(|act| missed_by(stage, act)).collect()
}

fn missed_by(stage: &Stage, act: &Act) -> Vec<String> {
    let mut missed = Vec::new();
    let mut bar = |met: bool, sentence: String| {
        if !met {
            missed.push(format!("{}: {sentence}.", act.plot.title()));
        }
    };
    let leaks = act.findings.leaks;
    bar(
        leaks == 0,
        format!("{leaks} visitors got somebody else's private page"),
    );
    let late = act.findings.late_p99_ms;
    bar(
        late <= P99_MS,
        format!(
            "the crowd itself was {late:.1} ms late at the 99th percentile, so its figures say little"
        ),
    );
    let counts = act.findings.public.counts;
    if act.plot.has_wall() {
        let (e5, other) = (counts.errors_5xx, counts.other_errors);
        bar(
            e5 + other == 0,
            format!("{e5} answers were 5xx and {other} failed otherwise, where none should"),
        );
        let peak = act.peak_concurrency;
        bar(
            peak <= VARIANTS,
            format!("the site had {peak} requests in hand at once, for {VARIANTS} pages"),
        );
        let (fetches, most) = (act.fetches, most_fetches(stage));
        bar(
            fetches <= most,
            format!("{fetches} fetches reached the site, where {most} should do"),
        );
        let p99 = act.findings.public.latency.p99_ms;
        bar(
            p99 <= P99_MS,
            format!("the 99th percentile took {p99:.1} ms, and {P99_MS} ms is the bar"),
        );
    } else {
        let share = counts.error_share();
        bar(
            share > FLOOD,
            format!("only {:.1} % failed, so this was no flood", share * 100.0),
        );
        let calm = act.calm().error_share();
        bar(
            calm < 0.01,
            format!(
                "{:.1} % failed before the rise, so the site was too weak",
                calm * 100.0
            ),
        );
    }
    missed
}
