//! Figures, the bars that they are held against, and how both are told.

use std::fs::File;
use std::io;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

/// What the benches with a table of their own understand.
#[derive(Args, Debug)]
pub(crate) struct Outlet {
    /// Write the figures to this file as well.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Exit 1 if a bar is missed.
    #[arg(long)]
    check: bool,
    /// Said by `cargo bench`, and not by `cargo test --benches`.
    #[arg(long, hide = true)]
    bench: bool,
    /// Run as a test: everything once and small.
    #[arg(long)]
    test: bool,
}

impl Outlet {
    /// Whether this is only to show that the bench works.
    pub(crate) const fn is_smoke(&self) -> bool {
        self.test || !self.bench
    }
}

/// What a figure must be: between these, both included. All of these figures are
/// the better the smaller they are, so mostly it is the end that counts.
pub(crate) type Bar = RangeInclusive<f64>;

fn words(bar: &Bar) -> String {
    if bar.start() == bar.end() {
        return format!("exactly {}", bar.end());
    }
    format!("at most {}", bar.end())
}

#[derive(Debug)]
struct Figure {
    section: &'static str,
    name: String,
    value: f64,
    unit: &'static str,
    bar: Option<Bar>,
}

/// All figures of one run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    figures: Vec<Figure>,
}

impl Report {
    /// Notes a figure that is only to be known.
    pub(crate) fn note(
        &mut self,
        section: &'static str,
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
    ) {
        self.push(section, name.into(), value, unit, None);
    }

    /// Notes a figure that has a bar.
    pub(crate) fn hold(
        &mut self,
        section: &'static str,
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
        bar: Bar,
    ) {
        self.push(section, name.into(), value, unit, Some(bar));
    }

    fn push(
        &mut self,
        section: &'static str,
        name: String,
        value: f64,
        unit: &'static str,
        bar: Option<Bar>,
    ) {
        self.figures.push(Figure {
            section,
            name,
            value,
            unit,
            bar,
        });
    }

    /// Prints the table, writes the file if one is wanted, and says how the
    /// process should end.
    pub(crate) fn finish(&self, outlet: &Outlet) -> io::Result<ExitCode> {
        self.print();
        if let Some(path) = &outlet.json {
            serde_json::to_writer_pretty(File::create(path)?, &self.json())?;
        }
        // A smoke run is too small for its figures to mean anything.
        if outlet.is_smoke() {
            return Ok(ExitCode::SUCCESS);
        }
        let missed: Vec<String> = self.figures.iter().filter_map(Figure::miss).collect();
        for miss in &missed {
            eprintln!("{miss}");
        }
        let failed = outlet.check && !missed.is_empty();
        Ok(ExitCode::from(u8::from(failed)))
    }

    fn print(&self) {
        let width = self.figures.iter().map(|one| one.name.len()).max();
        let width = width.unwrap_or_default();
        let mut section = "";
        for one in &self.figures {
            if one.section != section {
                section = one.section;
                println!("\n{section}");
            }
            let bar = one.bar.as_ref().map_or_else(String::new, words);
            let line = format!(
                "  {:<width$}  {:>10} {:<6} {bar}",
                one.name,
                short(one.value),
                one.unit
            );
            println!("{}", line.trim_end());
        }
    }

    fn json(&self) -> serde_json::Value {
        let figures = self.figures.iter().map(|one| {
            json!({
                "section": one.section,
                "name": one.name,
                "value": one.value,
                "unit": one.unit,
                "bar": one.bar.as_ref().map(words),
                "held": one.bar.as_ref().map(|bar| bar.contains(&one.value)),
            })
        });
        json!({ "figures": figures.collect::<Vec<_>>() })
    }
}

impl Figure {
    /// The sentence about a bar that was missed.
    fn miss(&self) -> Option<String> {
        let bar = self.bar.as_ref()?;
        (!bar.contains(&self.value)).then(|| {
            format!(
                "{}: {} is {} {}, and should be {}.",
                self.section,
                self.name,
                short(self.value),
                self.unit,
                words(bar)
            )
        })
    }
}

/// Counts without decimals, the rest with as many as can be meant.
fn short(value: f64) -> String {
    if value.fract() == 0.0 {
        format!("{value}")
    } else if value.abs() >= 100.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}")
    }
}
