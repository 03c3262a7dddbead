//! What is charted: four questions, each asked of the four acts on one scale.

use super::chart::{Chart, Scale, Series, Shape, Values};
use crate::act::{Act, Stage};
use crate::evening::MOMENTS;
use crate::figures::{count, ms, percent};
use crate::findings::Moment;

/// The least latency that the log scale tells apart, in milliseconds.
const LEAST_MS: f64 = 0.1;

struct Panel<'a> {
    title: &'a str,
    says: &'a str,
    /// Colour and meaning of each series.
    legend: &'a [(&'a str, &'a str)],
    scale: Scale,
}

/// What a panel shows of one act.
struct Figure {
    /// In one number.
    sum: String,
    series: Vec<Series>,
}

pub(crate) fn all(stage: &Stage, acts: &[Act]) -> String {
    let seconds = f64::from(stage.seconds) / MOMENTS as f64;
    [
        requests(acts, seconds),
        errors(acts),
        fetches(acts, seconds),
        latency(acts),
    ]
    .concat()
}

fn requests(acts: &[Act], seconds: f64) -> String {
    let asked = |act: &Act| over_time(act, |it| Some(it.counts.requests as f64 / seconds));
    let answered = |act: &Act| over_time(act, |it| Some(it.counts.ok as f64 / seconds));
    let panel = Panel {
        title: "Requests a second",
        says: "The crowd is the same in every act; what differs is how many it sees answered.",
        legend: &[("answered", "answered"), ("failed", "failed")],
        scale: Scale::linear(most(acts, asked), |it| count(it as u64)),
    };
    panel.html(acts, |act| Figure {
        sum: format!("{} ok", count(act.findings.public.counts.ok)),
        series: vec![area("failed", asked(act)), area("answered", answered(act))],
    })
}

fn errors(acts: &[Act]) -> String {
    let panel = Panel {
        title: "Errors",
        says: "The share of requests that got a 5xx, no answer, or the wrong page.",
        legend: &[("failed", "failed")],
        scale: Scale::linear(100.0, |it| format!("{it:.0} %")),
    };
    panel.html(acts, |act| Figure {
        sum: format!(
            "{} in all",
            percent(act.findings.public.counts.error_share())
        ),
        series: vec![area(
            "failed",
            over_time(act, |it| Some(it.counts.error_share() * 100.0)),
        )],
    })
}

fn fetches(acts: &[Act], seconds: f64) -> String {
    let rate = |act: &Act| -> Values {
        act.fetches_over_time
            .iter()
            .map(|it| Some(*it as f64 / seconds))
            .collect()
    };
    let panel = Panel {
        title: "Fetches a second",
        says: "What reached the site itself. Behind the wall the line is there, along the bottom.",
        legend: &[("fetched", "reached the site")],
        scale: Scale::linear(most(acts, rate), |it| count(it as u64)),
    };
    panel.html(acts, |act| Figure {
        sum: format!("{} in all", count(act.fetches)),
        series: vec![area("fetched", rate(act))],
    })
}

fn latency(acts: &[Act]) -> String {
    let median = |act: &Act| over_time(act, |it| of_answers(it, it.p50_ms));
    let high = |act: &Act| over_time(act, |it| of_answers(it, it.p99_ms));
    let panel = Panel {
        title: "Latency",
        says: "Of good answers, from the time a request was due; each line up is ten times more.",
        legend: &[("median", "median"), ("high", "99th percentile")],
        scale: Scale::log(least(acts, median).max(LEAST_MS), most(acts, high), time),
    };
    panel.html(acts, |act| Figure {
        sum: format!(
            "99 % in {}",
            ms(&act.findings.public, act.findings.public.latency.p99_ms)
        ),
        series: vec![line("high", high(act)), line("median", median(act))],
    })
}

impl Panel<'_> {
    fn html(&self, acts: &[Act], figure: impl Fn(&Act) -> Figure) -> String {
        let figures: String = acts
            .iter()
            .map(|act| self.figure(act, figure(act)))
            .collect();
        let keys = self
            .legend
            .iter()
            .map(|(class, name)| format!("<li><span class=\"key {class}\"></span>{name}</li>"));
        format!(
            "<section><h2>{}</h2><div class=\"says\"><p>{}</p><ul class=\"legend\">{}</ul></div>\
             <div class=\"acts\">{figures}</div></section>",
            self.title,
            self.says,
            keys.collect::<String>()
        )
    }

    fn figure(&self, act: &Act, figure: Figure) -> String {
        let (title, sum) = (act.plot.title(), figure.sum);
        let chart = Chart {
            says: format!("{}, {title}: {sum}.", self.title),
            scale: &self.scale,
            stretches: act.plot.stretches(),
            series: figure.series,
        };
        format!(
            "<figure><figcaption><b>{title}</b> <span>{sum}</span></figcaption>{}</figure>",
            chart.svg()
        )
    }
}

fn area(class: &'static str, values: Values) -> Series {
    Series {
        class,
        shape: Shape::Area,
        values,
    }
}

fn line(class: &'static str, values: Values) -> Series {
    Series {
        class,
        shape: Shape::Line,
        values,
    }
}

fn over_time(act: &Act, value: impl Fn(&Moment) -> Option<f64>) -> Values {
    act.findings.moments.iter().map(value).collect()
}

/// A moment without a good answer has no latency to show.
fn of_answers(moment: &Moment, milliseconds: f64) -> Option<f64> {
    (moment.counts.ok > 0).then_some(milliseconds)
}

fn most(acts: &[Act], values: impl Fn(&Act) -> Values) -> f64 {
    acts.iter().flat_map(values).flatten().fold(1.0, f64::max)
}

fn least(acts: &[Act], values: impl Fn(&Act) -> Values) -> f64 {
    acts.iter().flat_map(values).flatten().fold(1.0, f64::min)
}

fn time(milliseconds: f64) -> String {
    if milliseconds < 1000.0 {
        format!("{milliseconds} ms")
    } else {
        format!("{} s", milliseconds / 1000.0)
    }
}
