//! A history, for people.

use super::{
    Answered, BodyEnd, Call, Caller, Failed, History, Looked, Over, Purging, Request, Serial, Stamp,
};
use crate::client::{Ask, Fields, Identity, Method};

/// A history, line by line, in the order in which it was.
pub(crate) fn show(history: &History) -> String {
    let mut lines: Vec<(Stamp, String)> = Vec::new();
    for (id, request) in history.requests.iter().enumerate() {
        lines.extend(request.lines(id));
    }
    for (id, flight) in history.flights.iter().enumerate() {
        let kind = if flight.is_refresh {
            "refresh"
        } else {
            "fetch"
        };
        let leader = flight.leader.0;
        let began = format!("F{id} {kind} of /{} started by R{leader}", flight.page);
        lines.push((flight.began, began));
        if let Some((stamp, how)) = flight.ended {
            lines.push((stamp, format!("F{id} ended{}", over(how))));
        }
    }
    for (serial, call) in history.calls.iter().enumerate() {
        lines.extend(call.lines(serial));
    }
    for purge in &history.purges {
        let softly = if purge.soft { "softly " } else { "" };
        let what = match purge.what {
            Purging::Page(page) => format!("/{page}"),
            Purging::Topic(topic) => format!("topic {topic}"),
            Purging::Everything => "everything".to_owned(),
        };
        lines.push((purge.stamp, format!("** {softly}purged: {what}")));
    }
    for loss in &history.losses {
        let lost = format!(
            "** a fetch of /{} was dropped unstarted, if there was one",
            loss.page
        );
        lines.push((loss.stamp, lost));
    }
    for (stamp, what) in &history.troubles {
        lines.push((*stamp, format!("** {what}")));
    }
    for (stamp, stats) in &history.stats {
        lines.push((*stamp, format!("** looked: {stats:?}")));
    }
    if let Some(ending) = &history.ending {
        lines.push((ending.stamp, format!("** quiet: {ending:?}")));
    }
    lines.sort_by_key(|(stamp, _)| stamp.order);
    let mut text = format!("{:#?}\n", history.plan.settings);
    text += &format!("{:?}, {:?}\n", history.plan.schedule, history.plan.rates);
    for (stamp, line) in lines {
        let lag = if stamp.lag.is_zero() {
            String::new()
        } else {
            format!(" (lag {:?})", stamp.lag)
        };
        text += &format!(
            "{:>5} {:>9.3}s{lag}  {line}\n",
            stamp.order,
            stamp.at.as_secs_f64()
        );
    }
    text
}

impl Request {
    fn lines(&self, id: usize) -> Vec<(Stamp, String)> {
        let mut lines = Vec::new();
        let inside = self
            .inside
            .map_or(String::new(), |Serial(call)| format!(" inside call {call}"));
        let looked = match self.looked_up {
            Looked::NotYet => "",
            Looked::Replied => ", answered at once",
            Looked::Passed => ", passes",
            Looked::Leads => ", starts a fetch",
            Looked::Follows => ", follows",
        };
        lines.push((
            self.began,
            format!("R{id} {}{inside}{looked}", ask(&self.ask)),
        ));
        if let Some((stamp, reason)) = self.passed {
            lines.push((stamp, format!("R{id} passes: {reason}")));
        }
        if let Some(answered) = &self.answered {
            lines.push((answered.stamp, format!("R{id} <- {}", answer(answered))));
        }
        if let Some((stamp, how)) = self.read.ended {
            let wrong = self
                .read
                .wrong_at
                .map_or(String::new(), |at| format!(", wrong from {at}"));
            lines.push((
                stamp,
                format!("R{id} read {} bytes: {how:?}{wrong}", self.read.bytes),
            ));
        }
        if let Some(stamp) = self.left {
            lines.push((stamp, format!("R{id} left after {} bytes", self.read.bytes)));
        }
        lines
    }
}

fn ask(ask: &Ask) -> String {
    let method = match ask.method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
    };
    let mut text = format!("{method} /{}{}", ask.page, fields(ask.fields));
    if let Some(directive) = ask.directive {
        text += &format!(" {directive:?}");
    }
    if let Some((first, last)) = ask.range {
        text += &format!(" bytes {first}-{last}");
    }
    if let Some(Serial(known)) = ask.knows {
        text += &format!(" unless \"{known}\"");
    }
    text
}

fn fields(fields: Fields) -> String {
    let mut text = String::new();
    if fields.identity != Identity::Nobody {
        text += &format!(" for {}", fields.identity.canary());
    }
    if fields.language > 0 {
        text += &format!(" language {}", fields.language);
    }
    if fields.kind {
        text += " kind 1";
    }
    text
}

fn answer(answered: &Answered) -> String {
    let line = &answered.status_line;
    let mut text = format!("{}", answered.status);
    let serial = |name: &str, serial: Option<Serial>| {
        serial.map_or(String::new(), |Serial(serial)| format!(" {name} {serial}"))
    };
    text += &serial("body", answered.body);
    text += &serial("head", answered.head);
    text += &serial("rules", answered.rules);
    for (name, on) in [
        ("hit", line.hit),
        ("fwd", line.fwd),
        ("stored", line.stored),
        ("collapsed", line.collapsed),
        ("released", line.released),
    ] {
        if on {
            text += &format!(" {name}");
        }
    }
    if let Some(detail) = &line.detail {
        text += &format!(" ({detail})");
    }
    text
}

const fn over(how: Over) -> &'static str {
    match how {
        Over::Dropped => "",
        Over::Killed => ": killed",
        Over::Panicked => ": panicked",
    }
}

impl Call {
    fn lines(&self, serial: usize) -> Vec<(Stamp, String)> {
        let mut lines = Vec::new();
        let by = match self.caller {
            Caller::Flight(flight) => format!("F{}", flight.0),
            Caller::Pass(request) => format!("R{}", request.0),
        };
        let asked = self.asked.map_or(String::new(), |Serial(asked)| {
            format!(" unless \"{asked}\"")
        });
        let began = format!(
            "   call {serial} of /{} by {by}{}{asked}",
            self.page,
            fields(self.fields)
        );
        lines.push((self.began, began));
        if let Some(head) = &self.head {
            let said = head
                .said
                .map_or(String::new(), |said| format!(" {}", said.brief()));
            let length = self.body.length;
            lines.push((
                head.stamp,
                format!("   call {serial} -> {}{said}, {length} bytes", head.status),
            ));
        }
        if let Some((stamp, how)) = self.failed {
            let how = match how {
                Failed::Error => "fails".to_owned(),
                Failed::TimedOut => "fails: timed out".to_owned(),
                Failed::Gone(how) => format!("is dropped{}", over(how)),
            };
            lines.push((stamp, format!("   call {serial} {how}")));
        }
        if let Some((stamp, how)) = self.body.ended {
            let how = match how {
                BodyEnd::Whole => "whole".to_owned(),
                BodyEnd::Cut => "cut".to_owned(),
                BodyEnd::Gone(how) => format!("dropped{}", over(how)),
            };
            let sent = self.body.sent;
            let after = if self.body.exploded {
                ", and panicked when dropped"
            } else {
                ""
            };
            lines.push((
                stamp,
                format!("   call {serial} sent {sent} bytes: {how}{after}"),
            ));
        }
        lines
    }
}
