//! What is told of a run: a line of JSON for each row, and a table at the end.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::rows::{Class, Row};
use crate::verdict::{Finding, Kind};

/// One row's result.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) row: &'static Row,
    pub(crate) finding: Finding,
    pub(crate) took: Duration,
}

impl Line {
    /// The word for it: denial is bounded, a fault is held, all else is safe, or not.
    fn verdict(&self) -> &'static str {
        match (self.finding.kind, self.row.class) {
            (Kind::Safe, Class::D) => "bounded",
            (Kind::Safe, Class::F) => "held",
            (Kind::Safe, _) => "safe",
            (Kind::Unsafe, Class::D) => "unbounded",
            (Kind::Unsafe, Class::F) => "broken",
            (Kind::Unsafe, _) => "unsafe",
            (Kind::NoControl, _) => "no-control",
            (Kind::NotApplicable, _) => "not-applicable",
        }
    }

    fn failed(&self) -> bool {
        matches!(self.finding.kind, Kind::Unsafe | Kind::NoControl)
    }
}

/// Where lines go as they come, and what is left to say at the end.
#[derive(Debug)]
pub(crate) struct Report {
    subject: String,
    file: Option<File>,
    lines: Vec<Line>,
}

impl Report {
    pub(crate) fn new(subject: String, file: Option<&Path>) -> io::Result<Self> {
        Ok(Self {
            subject,
            file: file.map(File::create).transpose()?,
            lines: Vec::new(),
        })
    }

    pub(crate) fn add(&mut self, line: Line) -> io::Result<()> {
        let json = json!({
            "id": line.row.id,
            "class": line.row.class.letter(),
            "subject": self.subject,
            "verdict": line.verdict(),
            "evidence": line.finding.evidence,
            "seconds": (line.took.as_secs_f64() * 1000.0).round() / 1000.0,
        });
        println!("{json}");
        if let Some(file) = &mut self.file {
            writeln!(file, "{json}")?;
        }
        self.lines.push(line);
        Ok(())
    }

    /// Prints the table; `true` if every row that could be tried went well.
    pub(crate) fn finish(mut self) -> bool {
        self.lines.sort_by_key(|line| line.row.id);
        println!(
            "\n{}: class      good  bad  no control  not applicable",
            self.subject
        );
        for class in [Class::C, Class::I, Class::D, Class::F] {
            let of_class: Vec<_> = self.lines.iter().filter(|l| l.row.class == class).collect();
            let count = |kind| {
                let of_kind = of_class.iter().filter(|line| line.finding.kind == kind);
                of_kind.count()
            };
            if of_class.is_empty() {
                continue;
            }
            println!(
                "{}: {class:<8?} {:6} {:4} {:11} {:15}",
                self.subject,
                count(Kind::Safe),
                count(Kind::Unsafe),
                count(Kind::NoControl),
                count(Kind::NotApplicable),
            );
        }
        for line in &self.lines {
            if !line.finding.is_safe() {
                let Line { row, .. } = line;
                println!(
                    "{} {} ({}): {}",
                    row.id,
                    line.verdict(),
                    row.about,
                    line.finding.evidence
                );
            }
        }
        !self.lines.iter().any(Line::failed)
    }
}
