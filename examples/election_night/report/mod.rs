//! The evening as a page for people: one HTML file that needs nothing but a browser, without a
//! script, in the reader's light or dark, on a desk or on a phone.

mod chart;
mod panels;
mod tables;

use crate::act::{Act, Stage};
use crate::figures::{count, milliseconds_for_people, percent};
use crate::plot::Plot;
use crate::pool::RENDER;

const STYLE: &str = include_str!("style.css");

const STORY: &str = "On the night of 8 November 2016, as the results of the American election came \
    in, Canada\u{2019}s immigration site answered <b>HTTP 500</b> to legitimate visitors. Over \
    200,000 were there at once, twelve times the usual 17,000 or so, and nearly all of them asked \
    for the same few pages, in English and in French. This is that evening on a small scale, \
    three hours in each act, four times over with the same crowd.";

pub(crate) fn html(stage: &Stage, acts: &[Act]) -> String {
    let parts = [
        head(),
        "<main>".to_owned(),
        opening(acts),
        panels::all(stage, acts),
        tables::summary(stage, acts),
        method(stage, acts),
        tables::over_time(acts),
        "</main></body></html>\n".to_owned(),
    ];
    parts.concat()
}

fn head() -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <title>Election night</title><style>{STYLE}</style></head><body>"
    )
}

fn opening(acts: &[Act]) -> String {
    let facts: String = acts.iter().map(fact).collect();
    format!(
        "<header><p class=\"kicker\">floodwall</p><h1>Election night</h1>\
         <p class=\"story\">{STORY}</p></header><ol class=\"facts\">{facts}</ol>"
    )
}

/// What an act came to, in one number and one sentence.
fn fact(act: &Act) -> String {
    let counts = act.findings.public.counts;
    let title = act.plot.title();
    let failed = percent(counts.error_share());
    let class = if counts.errors() > 0 { "bad" } else { "good" };
    format!(
        "<li><h2>{title}</h2><p class=\"number {class}\">{failed}</p>\
         <p>of {} requests failed; {} reached the site. {}</p></li>",
        count(counts.requests),
        count(act.fetches),
        what_happened(act.plot),
    )
}

fn what_happened(plot: Plot) -> &'static str {
    match plot {
        Plot::Bare => "Nothing was wrong with it but the crowd.",
        Plot::Walled => "The same site, the same crowd, one layer between them.",
        Plot::Failing => "From 23:00 the site answered 500, then hung, then reset connections.",
        Plot::Restarted => "From 23:10 to 23:30 there was no site, and then a slow one.",
    }
}

/// How the figures came about, for whoever wants to doubt them.
fn method(stage: &Stage, acts: &[Act]) -> String {
    let measured = stage.measured_rps.map_or(String::new(), |rps| {
        let rps = count(rps as u64);
        format!(" Alone with a file at rest, the crowd could make {rps} requests a second here.")
    });
    let late = acts
        .iter()
        .map(|act| act.findings.late_p99_ms)
        .fold(0.0, f64::max);
    format!(
        "<section><h2>How this was measured</h2><div class=\"prose\"><p>The crowd is a process of \
         its own on the same machine: an open loop over real sockets, from the seed {seed}, {peak} \
         requests a second at the peak and {base} before the rise.{measured} Latency is that of \
         good answers and counts from the time a request was due. The crowd itself was at most \
         {late} late at the 99th percentile of any act.</p><p>The site takes {render} ms to render \
         a page and renders {slots} at once, two and a half times what the calm crowd keeps busy; \
         as many again may wait, and whoever comes then gets a 500. Fetches are counted at the \
         site. The charts show everybody\u{2019}s pages; the private status page, one request in a \
         hundred, always costs a render and shares the site\u{2019}s fate.</p></div></section>",
        seed = stage.seed,
        peak = count(stage.peak_rps.into()),
        base = count(stage.base_rps().round() as u64),
        late = milliseconds_for_people(late),
        render = RENDER.as_millis(),
        slots = count(stage.slots() as u64),
    )
}
