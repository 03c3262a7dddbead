//! What the terminal shows: the plan, a bar while an act runs, a table at the end.

use std::io::{self, Write};

use indicatif::{ProgressBar, ProgressStyle};

use crate::act::{Act, Stage};
use crate::evening::{LENGTH, Minute, clock_face};
use crate::figures::{count, percent};
use crate::findings::Progress;
use crate::machine::connections_needed;
use crate::plot::Plot;
use crate::pool::RENDER;
use crate::summary::{Row, sections};

const BAR: &str = "  {prefix:<24} {bar:24.blue} {msg}";

/// Widths of the table's columns; five of them fit eighty characters.
const NAME: usize = 18;
const CELL: usize = 14;

/// Prints a text. Whoever reads may have gone away; that is an error and not a panic.
pub(crate) fn say(text: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{text}")
}

/// What is going to happen, and why in these proportions.
pub(crate) fn plan(stage: &Stage) -> String {
    format!(
        "Election night, 8 November 2016. Four acts of {} seconds.\n{}{}{}",
        stage.seconds,
        crowd(stage),
        site(stage),
        shortage(stage),
    )
}

fn crowd(stage: &Stage) -> String {
    let peak = count(stage.peak_rps.into());
    let base = count(stage.base_rps().round() as u64);
    let comes = format!("{peak} requests/s at the peak, {base} before the rise");
    match stage.measured_rps {
        None => format!("  crowd  {comes}\n"),
        Some(measured) => format!(
            "  crowd  {} requests/s is what it could do here with nothing else to do;\n         \
             it comes with {comes}\n",
            count(measured as u64)
        ),
    }
}

fn site(stage: &Stage) -> String {
    format!(
        "  site   {} ms to render a page, {} at once (2.5 times what the calm crowd keeps\n         \
         busy), as many again may queue, and whoever comes then gets a 500\n",
        RENDER.as_millis(),
        count(stage.slots() as u64),
    )
}

/// A word of warning if the system does not allow the crowd its connections.
fn shortage(stage: &Stage) -> String {
    let needed = connections_needed(stage.peak_rps.into());
    let allowed = stage.connections;
    if needed <= allowed {
        return String::new();
    }
    format!(
        "  note   such a crowd needs some {needed} connections and is allowed {allowed}\n         \
         (ulimit -n); it will be late, and its figures will say little\n"
    )
}

/// The bar of one act. On anything but a terminal it stays silent.
pub(crate) fn bar(plot: Plot) -> ProgressBar {
    let style = ProgressStyle::with_template(BAR).expect("a template that indicatif accepts");
    let bar = ProgressBar::new(LENGTH as u64).with_style(style.progress_chars("\u{2501}\u{2501} "));
    bar.with_prefix(plot.title())
}

pub(crate) fn advance(bar: &ProgressBar, minute: Minute, so_far: Progress) {
    let (answered, errors) = (count(so_far.answered), count(so_far.errors));
    let time = clock_face(minute);
    bar.set_message(format!("{time}  {answered} requests, {errors} errors"));
    bar.set_position(minute as u64);
}

/// The line an act leaves behind.
pub(crate) fn conclusion(act: &Act) -> String {
    let counts = act.findings.public.counts;
    format!(
        "  {:<24} {:>8} requests, {:>7} failed, {:>8} reached the site",
        act.plot.title(),
        count(counts.requests),
        percent(counts.error_share()),
        count(act.fetches),
    )
}

pub(crate) fn table(stage: &Stage, acts: &[Act]) -> String {
    let names = acts.iter().map(|act| act.plot.name().to_owned());
    let mut text = "\n".to_owned();
    text += &line(&Row {
        name: String::new(),
        cells: names.collect(),
    });
    for section in sections(stage, acts) {
        text += &format!("  {}\n", section.heading);
        section.rows.iter().for_each(|row| text += &line(row));
    }
    text
}

fn line(row: &Row) -> String {
    let cells = row.cells.iter().map(|cell| format!("{cell:>CELL$}"));
    format!("    {:<NAME$}{}\n", row.name, cells.collect::<String>())
}
