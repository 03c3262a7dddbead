//! Many requests.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use futures_util::future::join_all;

use crate::case::Case;
use crate::client::{Answer, Request, h2};
use crate::wire::End;

/// Streams that a proxy allows on one connection, as a rule.
pub(super) const STREAMS: usize = 100;
/// Connections of a flood over HTTP/1.
const CONNECTIONS: usize = 32;

/// How many answers there were of each status; 0 is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally(BTreeMap<u16, u64>);

impl Tally {
    pub(super) fn note(&mut self, answer: &Answer) {
        let whole = answer.is_whole() || answer.status == 0;
        let status = if whole { answer.status } else { 1 };
        *self.0.entry(status).or_default() += 1;
    }

    pub(super) fn of(&self, status: u16) -> u64 {
        self.0.get(&status).copied().unwrap_or(0)
    }

    fn add(&mut self, other: &Self) {
        for (status, count) in &other.0 {
            *self.0.entry(*status).or_default() += count;
        }
    }

    /// `40000 x 200`.
    pub(super) fn told(&self) -> String {
        let of = |(status, count): (&u16, &u64)| match status {
            0 => format!("{count} x nothing"),
            1 => format!("{count} x cut"),
            _ => format!("{count} x {status}"),
        };
        let parts: Vec<String> = self.0.iter().map(of).collect();
        parts.join(", ")
    }
}

/// Sends `count` requests over a few connections of HTTP/1, one after the other on each.
pub(super) async fn flood(
    case: &Case,
    count: u64,
    request: impl Fn(u64) -> Request + Sync,
) -> Tally {
    let next = AtomicU64::new(0);
    let connections = (0..CONNECTIONS).map(|_| async {
        let mut tally = Tally::default();
        let mut connection = case.connect().await;
        connection.keep(0);
        loop {
            let number = next.fetch_add(1, Relaxed);
            if number >= count {
                return tally;
            }
            let answer = connection.ask(&request(number)).await;
            tally.note(&answer);
            if !answer.reusable {
                connection = case.connect().await;
                connection.keep(0);
            }
        }
    });
    let mut sum = Tally::default();
    for tally in join_all(connections).await {
        sum.add(&tally);
    }
    sum
}

/// Requests over HTTP/2 that are all open at once.
#[derive(Debug)]
pub(super) struct Crowd {
    connections: Vec<(h2::Connection, Vec<u32>)>,
}

impl Crowd {
    /// Sends them, as many on each connection as it takes.
    pub(super) async fn ask(
        case: &Case,
        count: usize,
        fields: impl Fn(usize) -> Vec<h2::Field>,
    ) -> Self {
        let mut connections = Vec::new();
        for first in (0..count).step_by(STREAMS) {
            let mut connection = case.connect_h2().await;
            connection.keep(0);
            let mut streams = Vec::new();
            let mut bytes = Vec::new();
            for number in first..count.min(first + STREAMS) {
                let (stream, frames) = connection.prepare(&fields(number), true);
                streams.push(stream);
                bytes.extend(frames);
            }
            connection.send_bytes(&bytes).await;
            connections.push((connection, streams));
        }
        Self { connections }
    }

    /// Waits for all answers, and says how they ended and how long the last one took.
    pub(super) async fn answers(
        self,
        patience: std::time::Duration,
    ) -> (Tally, std::time::Duration) {
        let all = self
            .connections
            .into_iter()
            .map(|(mut connection, streams)| async move {
                connection.patience(patience);
                let (mut tally, mut last) = (Tally::default(), std::time::Duration::ZERO);
                for stream in streams {
                    let answer = connection.answer(stream).await;
                    tally.note(&answer);
                    if answer.end != End::Silent {
                        last = last.max(answer.after);
                    }
                }
                (tally, last)
            });
        let (mut sum, mut last) = (Tally::default(), std::time::Duration::ZERO);
        for (tally, after) in join_all(all).await {
            sum.add(&tally);
            last = last.max(after);
        }
        (sum, last)
    }
}
