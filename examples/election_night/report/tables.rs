//! The figures behind the charts, in tables.

use crate::act::{Act, Stage};
use crate::evening::{MOMENTS, clock_face, minute_of_moment};
use crate::figures::{count, milliseconds_for_people};
use crate::findings::{Counts, Moment};
use crate::summary::{Row, Section, sections};

/// Moments to a row of the tables over time.
const MOMENTS_A_ROW: usize = 5;

pub(crate) fn summary(stage: &Stage, acts: &[Act]) -> String {
    let titles = acts
        .iter()
        .map(|act| format!("<th scope=\"col\">{}</th>", act.plot.title()));
    let body: String = sections(stage, acts).iter().map(section).collect();
    format!(
        "<section><h2>The figures</h2><div class=\"scroll\" tabindex=\"0\"><table>\
         <thead><tr><td></td>{}</tr></thead>{body}</table></div></section>",
        titles.collect::<String>()
    )
}

fn section(section: &Section) -> String {
    let columns = section.rows.first().map_or(0, |row| row.cells.len()) + 1;
    let rows: String = section.rows.iter().map(row).collect();
    format!(
        "<tbody><tr><th class=\"heading\" scope=\"rowgroup\" colspan=\"{columns}\">{}</th></tr>\
         {rows}</tbody>",
        section.heading
    )
}

fn row(row: &Row) -> String {
    let cells: String = row
        .cells
        .iter()
        .map(|cell| format!("<td>{cell}</td>"))
        .collect();
    format!("<tr><th scope=\"row\">{}</th>{cells}</tr>", row.name)
}

/// What the charts draw, for who would rather read it.
pub(crate) fn over_time(acts: &[Act]) -> String {
    let tables: String = acts.iter().map(act_over_time).collect();
    format!("<section><h2>The same over time</h2>{tables}</section>")
}

fn act_over_time(act: &Act) -> String {
    let rows: String = (0..MOMENTS)
        .step_by(MOMENTS_A_ROW)
        .map(|from| stretch(act, from))
        .collect();
    format!(
        "<details><summary>{}</summary><div class=\"scroll\" tabindex=\"0\"><table><thead><tr>\
         <th scope=\"col\">from</th><th scope=\"col\">requests</th><th scope=\"col\">failed</th>\
         <th scope=\"col\">fetches</th><th scope=\"col\">worst 99 %</th></tr></thead>\
         <tbody>{rows}</tbody></table></div></details>",
        act.plot.title()
    )
}

fn stretch(act: &Act, from: usize) -> String {
    let moments = &act.findings.moments[from..from + MOMENTS_A_ROW];
    let fetches: u64 = act.fetches_over_time[from..from + MOMENTS_A_ROW]
        .iter()
        .sum();
    let counts = moments
        .iter()
        .fold(Counts::default(), |sum, it| sum.and(it.counts));
    let cells = [
        count(counts.requests),
        count(counts.errors()),
        count(fetches),
        worst(moments),
    ];
    row(&Row {
        name: clock_face(minute_of_moment(from)),
        cells: cells.into(),
    })
}

/// The highest 99th percentile among some moments; percentiles cannot be added up.
fn worst(moments: &[Moment]) -> String {
    let answered = moments
        .iter()
        .filter(|it| it.counts.ok > 0)
        .map(|it| it.p99_ms);
    let worst = answered.reduce(f64::max);
    worst.map_or_else(|| "\u{2013}".to_owned(), milliseconds_for_people)
}
