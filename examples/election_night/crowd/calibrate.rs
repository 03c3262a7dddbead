//! What this machine can generate: the same visitors, for a moment in a closed loop, against a
//! file that costs the site nothing. The wall has no part in it, so a slow wall would not be given
//! a smaller crowd.

use std::error::Error;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use axum::http::Request;
use axum::http::header::HOST;
use bytes::Bytes;
use http_body_util::Empty;
use tokio::time::Instant;

use super::lines::Lines;
use crate::pages::STYLESHEET;

/// Enough to keep both ends busy.
const VISITORS: usize = 64;

/// The first part warms up connections and code, and is not counted.
const WARM_UP: Duration = Duration::from_millis(300);
const COUNTED: Duration = Duration::from_millis(1200);

/// Prints the requests per second that went back and forth.
pub(crate) fn calibrate(site: SocketAddr) -> Result<(), Box<dyn Error>> {
    let rate = super::run(closed_loop(site))?;
    println!("{rate:.0}");
    Ok(())
}

async fn closed_loop(site: SocketAddr) -> f64 {
    let lines = Rc::new(Lines::to(site, VISITORS));
    let from = Instant::now() + WARM_UP;
    let until = from + COUNTED;
    let visitors: Vec<_> = (0..VISITORS)
        .map(|_| tokio::task::spawn_local(ask_until(Rc::clone(&lines), from, until)))
        .collect();
    let mut answered = 0;
    for visitor in visitors {
        answered += visitor.await.unwrap_or(0);
    }
    f64::from(answered) / COUNTED.as_secs_f64()
}

async fn ask_until(lines: Rc<Lines>, from: Instant, until: Instant) -> u32 {
    let mut answered = 0;
    while Instant::now() < until {
        let Ok(place) = lines.place().await else {
            return answered;
        };
        let answer = place.ask(stylesheet(lines.host())).await;
        if answer.is_ok() && Instant::now() >= from {
            answered += 1;
        }
    }
    answered
}

fn stylesheet(host: &str) -> Request<Empty<Bytes>> {
    let request = Request::get(STYLESHEET).header(HOST, host);
    request
        .body(Empty::new())
        .expect("an address and a field of our own make a valid request")
}
