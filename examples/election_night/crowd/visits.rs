//! Who comes when, and what for: a Poisson crowd whose rate follows the evening, from one seed.

use std::time::Duration;

use axum::http::Request;
use axum::http::header::{ACCEPT_LANGUAGE, COOKIE, HOST};
use bytes::Bytes;
use http_body_util::Empty;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::lines::Answer;
use crate::evening::{PEAK_FACTOR, crowd_at, minute_of};
use crate::flags::CrowdFlags;
use crate::pages::{self, Language, Page};

/// Nearly all ask for the same few pages. Of a thousand visitors, so many ask for each.
const MIX: [(Page, u32); 6] = [
    (Page::FrontDoor, 150),
    (Page::Home, 350),
    (Page::Immigrate, 300),
    (Page::Eligibility, 120),
    (Page::Forms, 70),
    // Few, because each costs a render whatever stands in front of the site, and this crowd came
    // to read, not to look after an application.
    (Page::Status, 10),
];

/// Of a thousand visitors, so many read French.
const FRENCH: u32 = 220;

#[derive(Clone, Debug)]
pub(crate) struct Visit {
    /// When it is due, after the start of the act.
    pub(crate) at: Duration,
    pub(crate) page: Page,
    language: Language,
    /// Whose status this visit asks for, if it does. Nobody else has this number.
    applicant: String,
}

/// How a visit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok,
    /// A status from 500 on.
    ServerError,
    /// No answer, an answer that came too late, another status, or the wrong page.
    OtherError,
    /// Somebody else's status page.
    Leak,
}

/// Every visit of the act, in order.
pub(crate) fn plan(flags: &CrowdFlags) -> Vec<Visit> {
    let act = Duration::from_secs(flags.seconds.into());
    let peak = f64::from(flags.peak_rps);
    let mut rng = StdRng::seed_from_u64(flags.seed);
    let mut visits = Vec::new();
    let mut at = Duration::ZERO;
    loop {
        // Poisson arrivals at the peak's rate, thinned to the rate of their minute.
        at += Duration::from_secs_f64(-(1.0 - rng.random::<f64>()).ln() / peak);
        if at >= act {
            return visits;
        }
        let kept = rng.random::<f64>() * PEAK_FACTOR < crowd_at(minute_of(at, act));
        if kept {
            visits.push(Visit::draw(at, &mut rng));
        }
    }
}

impl Visit {
    fn draw(at: Duration, rng: &mut StdRng) -> Self {
        let french = rng.random_range(0..1000) < FRENCH;
        let language = if french {
            Language::French
        } else {
            Language::English
        };
        let applicant = format!("{:016x}", rng.random::<u64>());
        Self {
            at,
            page: draw_page(rng),
            language,
            applicant,
        }
    }

    pub(crate) fn request(&self, host: &str) -> Request<Empty<Bytes>> {
        let mut request = Request::get(self.page.path(self.language))
            .header(HOST, host)
            .header(ACCEPT_LANGUAGE, self.language.accept());
        if self.page.is_private() {
            request = request.header(COOKIE, format!("{}={}", pages::COOKIE, self.applicant));
        }
        request
            .body(Empty::new())
            .expect("an address and fields of our own make a valid request")
    }

    /// Looks at what came back, not only at its status.
    pub(crate) fn judge(&self, answer: Option<Answer>) -> Outcome {
        let Some(answer) = answer else {
            return Outcome::OtherError;
        };
        if answer.status.is_server_error() {
            Outcome::ServerError
        } else if answer.status.as_u16() != 200 {
            Outcome::OtherError
        } else {
            self.judge_page(&answer.body)
        }
    }

    fn judge_page(&self, body: &[u8]) -> Outcome {
        let right_page = body.starts_with(self.page.opening(self.language).as_bytes());
        if right_page && !self.page.is_private() {
            return Outcome::Ok;
        }
        match pages::applicant_in(body) {
            Some(applicant) if applicant != self.applicant.as_bytes() => Outcome::Leak,
            Some(_) if right_page => Outcome::Ok,
            _ => Outcome::OtherError,
        }
    }
}

fn draw_page(rng: &mut StdRng) -> Page {
    let mut drawn = rng.random_range(0..MIX.iter().map(|(_, share)| share).sum::<u32>());
    for (page, share) in MIX {
        if drawn < share {
            return page;
        }
        drawn -= share;
    }
    Page::Home
}
