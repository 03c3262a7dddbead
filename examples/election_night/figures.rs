//! The figures of the evening for machines (`--json`), and how a number is written for people.

use serde_json::{Value, json};

use crate::act::{Act, Stage};
use crate::bars;
use crate::findings::Group;
use crate::pages::VARIANTS;
use crate::site::FRESH;

pub(crate) fn to_json(stage: &Stage, acts: &[Act]) -> Value {
    json!({
        "seconds": stage.seconds,
        "seed": stage.seed,
        "peak_rps": stage.peak_rps,
        "measured_rps": stage.measured_rps.map(f64::round),
        "render_slots": stage.slots(),
        "variants": VARIANTS,
        "fresh_seconds": FRESH,
        "most_fetches": bars::most_fetches(stage),
        "acts": acts.iter().map(act_to_json).collect::<Vec<_>>(),
    })
}

/// The act's own fields speak of the public pages.
fn act_to_json(act: &Act) -> Value {
    let mut value = group_to_json(&act.findings.public);
    value["name"] = json!(act.plot.name());
    value["origin_fetches"] = json!(act.fetches);
    value["origin_peak_concurrency"] = json!(act.peak_concurrency);
    value["stale_served"] = json!(act.stale_served);
    value["collapsed"] = json!(act.collapsed);
    value["calm_errors"] = json!(act.calm().errors());
    value["leaks"] = json!(act.findings.leaks);
    value["generator_late_p99_ms"] = json!(act.findings.late_p99_ms);
    value["generator_late_max_ms"] = json!(act.findings.late_max_ms);
    value["connections"] = json!(act.findings.connections);
    let mut private = group_to_json(&act.findings.private);
    private["origin_fetches"] = json!(act.private_fetches);
    private["origin_peak_concurrency"] = json!(act.private_peak_concurrency);
    value["private"] = private;
    value
}

fn group_to_json(group: &Group) -> Value {
    json!({
        "requests": group.counts.requests,
        "ok": group.counts.ok,
        "errors_5xx": group.counts.errors_5xx,
        "other_errors": group.counts.other_errors,
        "p50_ms": group.latency.p50_ms,
        "p99_ms": group.latency.p99_ms,
        "p999_ms": group.latency.p999_ms,
        "max_ms": group.latency.max_ms,
    })
}

/// `1234567` as `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// None at all is told from a little.
pub(crate) fn percent(share: f64) -> String {
    if share == 0.0 {
        "0 %".to_owned()
    } else {
        format!("{:.1} %", share * 100.0)
    }
}

/// Milliseconds, with as many decimals as matter. A group without a good answer has none.
pub(crate) fn ms(group: &Group, milliseconds: f64) -> String {
    if group.counts.ok == 0 {
        "\u{2013}".to_owned()
    } else {
        milliseconds_for_people(milliseconds)
    }
}

pub(crate) fn milliseconds_for_people(milliseconds: f64) -> String {
    match milliseconds {
        it if it < 10.0 => format!("{it:.1} ms"),
        it => format!("{it:.0} ms"),
    }
}
