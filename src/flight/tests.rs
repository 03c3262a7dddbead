//! The flight by itself, polled by hand: no runtime, no HTTP.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;

use super::{Boarding, Caps, Flight, Follower, Joined, Lead, News, Table};
use crate::budget::Budget;
use crate::clock::Moment;
use crate::entry::Began;
use crate::error::CutShort;
use crate::key::Key;
use crate::policy::Shareable;

/// News is a number; zero is that the fetch was lost.
impl News for u32 {
    type Guess = u8;

    fn lost() -> Self {
        0
    }
}

/// One who joins any open flight with the same guess.
pub(super) struct Anyone(pub(super) u8);

impl Boarding<u32> for Anyone {
    fn accepts(&mut self, flight: &Flight<u32>, _news: Option<&u32>) -> bool {
        *flight.guess() == self.0
    }

    fn is_known(&self) -> bool {
        false
    }

    fn guess(&mut self) -> u8 {
        self.0
    }
}

pub(super) const BEGAN: Began = Began {
    at: Moment::new(std::time::Duration::ZERO),
    purges: 0,
};

pub(super) fn table() -> Arc<Table<u32>> {
    capped(10, 10)
}

fn capped(flights: usize, followers: usize) -> Arc<Table<u32>> {
    let caps = Caps {
        flights,
        for_key: 5,
        followers,
    };
    Arc::new(Table::new(caps, Budget::new(1 << 20)))
}

pub(super) fn join(table: &Arc<Table<u32>>, guess: u8) -> Joined<u32> {
    table.join(&Key::for_test("k"), BEGAN, &mut Anyone(guess))
}

fn start(table: &Arc<Table<u32>>) -> (Lead<u32>, Follower<u32>) {
    match join(table, 0) {
        Joined::Started(lead, follower) => (lead, follower),
        other => panic!("expected to start a flight, got {other:?}"),
    }
}

fn follow(table: &Arc<Table<u32>>) -> Follower<u32> {
    match join(table, 0) {
        Joined::Found(follower) => follower,
        other => panic!("expected to find a flight, got {other:?}"),
    }
}

/// Counts how often it was woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Bell {
    fn rings(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn news(follower: &Follower<u32>) -> Option<u32> {
    match follower.poll_news(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(news) => Some(news),
        Poll::Pending => None,
    }
}

type Chunk = Option<Result<Bytes, CutShort>>;

fn chunk(reader: &mut super::BodyReader<u32>) -> Poll<Chunk> {
    reader.poll_chunk(&mut Context::from_waker(Waker::noop()))
}

fn ready(bytes: &'static str) -> Poll<Chunk> {
    Poll::Ready(Some(Ok(Bytes::from_static(bytes.as_bytes()))))
}

#[test]
fn one_key_and_guess_has_one_open_flight() {
    let table = table();
    let (lead, first) = start(&table);
    let second = follow(&table);
    assert!(matches!(join(&table, 1), Joined::Started(..)));
    assert_eq!(table.counts().waiting.load(Ordering::Relaxed), 2);
    assert_eq!(news(&first), None);
    lead.announce(7, true);
    assert_eq!((news(&first), news(&second)), (Some(7), Some(7)));
    drop(lead);
    assert!(matches!(join(&table, 0), Joined::Started(..)));
}

#[test]
fn everyone_who_waits_is_woken_once() {
    let table = table();
    let (lead, first) = start(&table);
    let second = follow(&table);
    let bells = [Arc::new(Bell::default()), Arc::new(Bell::default())];
    for (follower, bell) in [&first, &second].into_iter().zip(&bells) {
        let waker = Waker::from(Arc::clone(bell));
        for _ in 0..3 {
            assert!(
                follower
                    .poll_news(&mut Context::from_waker(&waker))
                    .is_pending()
            );
        }
    }
    drop(first);
    lead.announce(1, false);
    assert_eq!(bells[0].rings(), 0);
    assert_eq!(bells[1].rings(), 1);
}

#[test]
fn a_lead_that_goes_away_leaves_nobody_waiting() {
    let table = table();
    let (lead, follower) = start(&table);
    drop(lead);
    assert_eq!(news(&follower), Some(0));
    drop(follower);
    let (lead, follower) = start(&table);
    lead.announce(5, true);
    lead.append(Bytes::from_static(b"half"), false);
    drop(lead);
    let mut reader = follower.into_body(Shareable::for_test());
    assert_eq!(chunk(&mut reader), ready("half"));
    assert_eq!(
        chunk(&mut reader),
        Poll::Ready(Some(Err(CutShort::Abandoned)))
    );
    assert_eq!(chunk(&mut reader), Poll::Ready(None));
    drop(reader);
    assert_eq!(table.counts().flights.load(Ordering::Relaxed), 0);
    assert_eq!(table.counts().waiting.load(Ordering::Relaxed), 0);
    assert_eq!(table.counts().held.load(Ordering::Relaxed), 0);
}

#[test]
fn the_first_news_is_the_only_one() {
    let table = table();
    let (lead, follower) = start(&table);
    lead.announce(1, false);
    lead.announce(2, true);
    assert_eq!(news(&follower), Some(1));
    assert!(matches!(join(&table, 0), Joined::Started(..)));
}

#[test]
fn late_comers_replay_and_then_follow() {
    let table = table();
    let (lead, first) = start(&table);
    lead.announce(1, true);
    lead.append(Bytes::from_static(b"a"), false);
    lead.append(Bytes::from_static(b"b"), false);
    let late = follow(&table);
    let mut late = late.into_body(Shareable::for_test());
    assert_eq!(chunk(&mut late), ready("a"));
    assert_eq!(chunk(&mut late), ready("b"));
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    assert!(
        late.poll_chunk(&mut Context::from_waker(&waker))
            .is_pending()
    );
    lead.append(Bytes::from_static(b"c"), false);
    assert_eq!(bell.rings(), 1);
    assert_eq!(chunk(&mut late), ready("c"));
    assert!(!late.is_at_end());
    assert_eq!(lead.collect().only().expect("joined"), "abc");
    lead.finish(Ok(()));
    assert!(late.is_at_end());
    assert_eq!(chunk(&mut late), Poll::Ready(None));
    let mut first = first.into_body(Shareable::for_test());
    assert_eq!(first.rest(), Some(3));
    assert_eq!(chunk(&mut first), ready("abc"));
}

#[test]
fn past_the_limit_nobody_joins_and_the_slow_are_cut() {
    let table = table();
    let (lead, fast) = start(&table);
    let slow = follow(&table);
    lead.announce(1, true);
    lead.append(Bytes::from_static(b"12345"), false);
    lead.close(5);
    assert!(matches!(join(&table, 0), Joined::Started(..)));
    let mut fast = fast.into_body(Shareable::for_test());
    let mut slow = slow.into_body(Shareable::for_test());
    assert_eq!(chunk(&mut fast), ready("12345"));
    lead.append(Bytes::from_static(b"6789"), false);
    assert_eq!(table.counts().held.load(Ordering::Relaxed), 4);
    assert_eq!(chunk(&mut fast), ready("6789"));
    assert_eq!(chunk(&mut slow), Poll::Ready(Some(Err(CutShort::TooSlow))));
}

#[test]
fn the_lead_is_paced_by_the_fastest_reader() {
    let table = table();
    let (lead, fast) = start(&table);
    let slow = follow(&table);
    lead.announce(1, false);
    lead.append(Bytes::from_static(b"1234"), false);
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    let cx = &mut Context::from_waker(&waker);
    assert!(lead.poll_room(4, cx).is_ready());
    assert!(lead.poll_room(3, cx).is_pending());
    let mut fast = fast.into_body(Shareable::for_test());
    assert_eq!(chunk(&mut fast), ready("1234"));
    assert_eq!(bell.rings(), 1);
    assert!(lead.poll_room(0, cx).is_ready());
    lead.append(Bytes::from_static(b"5"), false);
    assert!(lead.poll_room(0, cx).is_pending());
    drop((fast, slow));
    assert_eq!(bell.rings(), 2);
    assert!(lead.poll_room(0, cx).is_ready());
    assert!(lead.poll_abandoned(cx).is_ready());
}

#[test]
fn caps_are_kept() {
    let table = capped(1, 2);
    let (_lead, _first) = start(&table);
    let _second = follow(&table);
    // Whichever of the key's flights they want.
    assert!(matches!(join(&table, 0), Joined::TooManyFollowers));
    assert!(matches!(join(&table, 1), Joined::TooManyFollowers));
    let other = Key::for_test("other");
    let joined = table.join(&other, BEGAN, &mut Anyone(0));
    assert!(matches!(joined, Joined::TooManyFlights));
}

#[test]
fn many_who_start_at_once_start_no_more_than_may_be() {
    const MOST: usize = 4;
    for _ in 0..100 {
        let table = capped(MOST, 10);
        let together = Barrier::new(2 * MOST);
        let start = &|n: usize| {
            let key = Key::for_test(&n.to_string());
            together.wait();
            table.join(&key, BEGAN, &mut Anyone(0))
        };
        let joined: Vec<Joined<u32>> = std::thread::scope(|scope| {
            let threads = (0..2 * MOST).map(|n| scope.spawn(move || start(n)));
            let threads: Vec<_> = threads.collect();
            let joined = threads.into_iter().map(|thread| thread.join());
            joined.map(|joined| joined.expect("no panic")).collect()
        });
        let started = joined
            .iter()
            .filter(|joined| matches!(joined, Joined::Started(..)));
        assert_eq!(started.count(), MOST);
        drop(joined);
        assert_eq!(table.counts().flights.load(Ordering::Relaxed), 0);
    }
}
