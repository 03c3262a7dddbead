//! The evening in rows, a column an act. The terminal and the report show the same ones.

use crate::act::{Act, Stage};
use crate::bars::most_fetches;
use crate::figures::{count, milliseconds_for_people, ms, percent};
use crate::pages::VARIANTS;

/// Rows that belong together, under a heading.
pub(crate) struct Section {
    pub(crate) heading: &'static str,
    pub(crate) rows: Vec<Row>,
}

pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) cells: Vec<String>,
}

pub(crate) fn sections(stage: &Stage, acts: &[Act]) -> Vec<Section> {
    vec![
        visitors(acts),
        site(stage, acts),
        private(acts),
        crowd(acts),
    ]
}

fn visitors(acts: &[Act]) -> Section {
    let rows = vec![
        row("requests", acts, |act| {
            count(act.findings.public.counts.requests)
        }),
        row("answered", acts, |act| count(act.findings.public.counts.ok)),
        row("errors 5xx", acts, |act| {
            count(act.findings.public.counts.errors_5xx)
        }),
        row("other errors", acts, |act| {
            count(act.findings.public.counts.other_errors)
        }),
        row("share of errors", acts, |act| {
            percent(act.findings.public.counts.error_share())
        }),
        row("\u{2026} before 22:40", acts, |act| {
            percent(act.calm().error_share())
        }),
        row("median", acts, |act| {
            public_ms(act, act.findings.public.latency.p50_ms)
        }),
        row("99 %", acts, |act| {
            public_ms(act, act.findings.public.latency.p99_ms)
        }),
        row("99.9 %", acts, |act| {
            public_ms(act, act.findings.public.latency.p999_ms)
        }),
        row("slowest", acts, |act| {
            public_ms(act, act.findings.public.latency.max_ms)
        }),
    ];
    Section {
        heading: "Everybody\u{2019}s pages",
        rows,
    }
}

fn site(stage: &Stage, acts: &[Act]) -> Section {
    let fetches = format!("fetches (bar {})", count(most_fetches(stage)));
    let at_once = format!("at once (bar {VARIANTS})");
    let rows = vec![
        row(&fetches, acts, |act| count(act.fetches)),
        row(&at_once, acts, |act| count(act.peak_concurrency as u64)),
        row("served stale", acts, |act| {
            of_the_wall(act, act.stale_served)
        }),
        row("collapsed", acts, |act| of_the_wall(act, act.collapsed)),
    ];
    Section {
        heading: "What reached the site",
        rows,
    }
}

fn private(acts: &[Act]) -> Section {
    let rows = vec![
        row("requests", acts, |act| {
            count(act.findings.private.counts.requests)
        }),
        row("errors", acts, |act| {
            count(act.findings.private.counts.errors())
        }),
        row("99 %", acts, |act| {
            ms(&act.findings.private, act.findings.private.latency.p99_ms)
        }),
        row("leaks", acts, |act| count(act.findings.leaks)),
    ];
    Section {
        heading: "The private page, never shared",
        rows,
    }
}

fn crowd(acts: &[Act]) -> Section {
    let rows = vec![
        row("late, 99 %", acts, |act| {
            milliseconds_for_people(act.findings.late_p99_ms)
        }),
        row("latest", acts, |act| {
            milliseconds_for_people(act.findings.late_max_ms)
        }),
        row("connections", acts, |act| count(act.findings.connections)),
    ];
    Section {
        heading: "The crowd itself",
        rows,
    }
}

fn row(name: &str, acts: &[Act], cell: impl Fn(&Act) -> String) -> Row {
    Row {
        name: name.to_owned(),
        cells: acts.iter().map(cell).collect(),
    }
}

fn public_ms(act: &Act, milliseconds: f64) -> String {
    ms(&act.findings.public, milliseconds)
}

/// The bare act has no wall to count anything.
fn of_the_wall(act: &Act, number: u64) -> String {
    if act.plot.has_wall() {
        count(number)
    } else {
        "\u{2013}".to_owned()
    }
}
