//! One small chart as inline SVG: a scale, shaded stretches, areas and lines over the evening.
//! Colours come from the page's style by class, so a chart is right in light and in dark.

use std::fmt::Write;

use crate::evening::{LENGTH, MOMENTS, Minute, clock_face, minute_of_moment};
use crate::plot::Stretch;

const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 172.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = 8.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 22.0;

/// The hours under a chart, and how each label sits on its tick so that none is cut off.
const HOURS: [(Minute, &str); 4] = [
    (0.0, "start"),
    (60.0, "middle"),
    (120.0, "middle"),
    (180.0, "end"),
];

/// A vertical axis. Charts that are to be compared share one.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    spread: Spread,
    ticks: Vec<(f64, String)>,
}

#[derive(Clone, Copy, Debug)]
enum Spread {
    Linear { most: f64 },
    Log { least: f64, most: f64 },
}

/// A value for each moment; none where there was nothing to measure.
pub(crate) type Values = Vec<Option<f64>>;

pub(crate) enum Shape {
    Area,
    Line,
}

pub(crate) struct Series {
    pub(crate) class: &'static str,
    pub(crate) shape: Shape,
    pub(crate) values: Values,
}

pub(crate) struct Chart<'a> {
    /// What the chart shows, for who cannot see it.
    pub(crate) says: String,
    pub(crate) scale: &'a Scale,
    pub(crate) stretches: Vec<Stretch>,
    pub(crate) series: Vec<Series>,
}

impl Scale {
    /// From nothing to a round number above `most`.
    pub(crate) fn linear(most: f64, label: impl Fn(f64) -> String) -> Self {
        let most = round_up(most.max(1.0));
        let ticks = [0.0, most / 2.0, most].map(|tick| (tick, label(tick)));
        Self {
            spread: Spread::Linear { most },
            ticks: ticks.into(),
        }
    }

    /// By powers of ten, from the one below `least` to the one above `most`.
    pub(crate) fn log(least: f64, most: f64, label: impl Fn(f64) -> String) -> Self {
        let from = least.log10().floor() as i32;
        let to = (most.log10().ceil() as i32).max(from + 1);
        let ticks = (from..=to)
            .map(|power| 10_f64.powi(power))
            .map(|tick| (tick, label(tick)));
        let spread = Spread::Log {
            least: 10_f64.powi(from),
            most: 10_f64.powi(to),
        };
        Self {
            spread,
            ticks: ticks.collect(),
        }
    }

    fn y(&self, value: f64) -> f64 {
        let share = match self.spread {
            Spread::Linear { most } => value / most,
            Spread::Log { least, most } => (value / least).log10() / (most / least).log10(),
        };
        TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - share.clamp(0.0, 1.0))
    }
}

impl Chart<'_> {
    pub(crate) fn svg(&self) -> String {
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            self.says
        );
        for stretch in &self.stretches {
            svg += &band(stretch);
        }
        svg += &self.grid();
        for series in &self.series {
            svg += &self.draw(series);
        }
        svg += &hours();
        svg += "</svg>";
        svg
    }

    fn grid(&self) -> String {
        let mut svg = String::new();
        for (value, label) in &self.scale.ticks {
            let y = self.scale.y(*value);
            let (from, to) = (LEFT, WIDTH - RIGHT);
            svg += &format!(
                "<path class=\"grid\" d=\"M{from} {y:.1}H{to}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                LEFT - 6.0,
                y + 3.5
            );
        }
        svg
    }

    fn draw(&self, series: &Series) -> String {
        let mut path = String::new();
        for run in runs(&series.values) {
            let points = run
                .iter()
                .map(|(moment, value)| (x_of(*moment), self.scale.y(*value)));
            path += &match series.shape {
                Shape::Area => area(points, self.scale.y(0.0)),
                Shape::Line => line(points),
            };
        }
        let kind = match series.shape {
            Shape::Area => "area",
            Shape::Line => "line",
        };
        format!("<path class=\"{kind} {}\" d=\"{path}\"/>", series.class)
    }
}

/// The middle of a moment.
fn x_of(moment: usize) -> f64 {
    x(minute_of_moment(moment) + LENGTH / MOMENTS as f64 / 2.0)
}

fn x(minute: Minute) -> f64 {
    LEFT + (WIDTH - LEFT - RIGHT) * minute / LENGTH
}

/// The stretches without a gap.
fn runs(values: &Values) -> Vec<Vec<(usize, f64)>> {
    let mut runs = vec![Vec::new()];
    for (moment, value) in values.iter().enumerate() {
        match (value, runs.last_mut()) {
            (Some(value), Some(run)) => run.push((moment, *value)),
            _ => runs.push(Vec::new()),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

fn line(points: impl Iterator<Item = (f64, f64)>) -> String {
    let mut path = String::new();
    for (place, (x, y)) in points.enumerate() {
        let step = if place == 0 { 'M' } else { 'L' };
        // Writing to a string cannot fail.
        let _ = write!(path, "{step}{x:.1} {y:.1}");
    }
    path
}

fn area(points: impl Iterator<Item = (f64, f64)>, floor: f64) -> String {
    let points: Vec<_> = points.collect();
    let (Some((first, _)), Some((last, _))) = (points.first(), points.last()) else {
        return String::new();
    };
    let (first, last) = (*first, *last);
    format!(
        "{}L{last:.1} {floor:.1}L{first:.1} {floor:.1}Z",
        line(points.into_iter())
    )
}

fn band(stretch: &Stretch) -> String {
    let (from, until) = (x(stretch.from), x(stretch.until));
    format!(
        "<rect class=\"band\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\"/>\
         <text class=\"trouble\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
        // A hair apart, so that neighbours stay two.
        until - from - 1.0,
        HEIGHT - TOP - BOTTOM,
        f64::midpoint(from, until),
        TOP - 5.0,
        stretch.label,
    )
}

fn hours() -> String {
    let label = |(minute, anchor): (Minute, &str)| {
        format!(
            "<path class=\"tick\" d=\"M{x:.1} {top}v4\"/>\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
            HEIGHT - 5.0,
            clock_face(minute),
            x = x(minute),
            top = HEIGHT - BOTTOM,
        )
    };
    HOURS.map(label).concat()
}

fn round_up(most: f64) -> f64 {
    let unit = 10_f64.powf(most.log10().floor());
    let steps = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    let step = steps.into_iter().find(|step| step * unit >= most);
    step.unwrap_or(10.0) * unit
}
