//! The flight under the model checker: every interleaving of a few threads.
//!
//! `scripts/test model`, or `RUSTFLAGS="--cfg floodwall_loom" cargo test --lib model_`.
//!
//! A waker that is lost shows as a deadlock, which loom reports. What purges and
//! the store count is not loom's: a call of theirs is one step.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use loom::future::block_on;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use super::tests::{BEGAN, join, table};
use super::{Boarding, Flight, Follower, Joined, Lead, Table};
use crate::clock::Moment;
use crate::entry::{Began, Entry, Head, Pieces};
use crate::key::{Key, KeyRules};
use crate::policy::{Permission, ResponseFacts, Shareable, Tags, Variant};
use crate::store::{MemoryStore, Purge, Purges, Subject, Validity};
use crate::sync::Mutex;

/// Every interleaving in which a thread is interrupted no more than twice:
/// for four threads, all of them would be too many.
fn model_of_four(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(model);
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

fn news(follower: &Follower<u32>) -> u32 {
    block_on(poll_fn(|cx| follower.poll_news(cx)))
}

/// Everything that a follower of a flight can read.
fn read(follower: Follower<u32>) -> (Vec<u8>, bool) {
    let mut reader = follower.into_body(Shareable::for_test());
    let mut bytes = Vec::new();
    loop {
        match block_on(poll_fn(|cx| reader.poll_chunk(cx))) {
            Some(Ok(chunk)) => bytes.extend_from_slice(&chunk),
            Some(Err(_)) => return (bytes, false),
            None => return (bytes, true),
        }
    }
}

#[test]
fn model_whoever_joins_sees_the_result_or_starts_anew() {
    loom::model(|| {
        let table = table();
        let Joined::Started(lead, first) = join(&table, 0) else {
            panic!("an empty table has no flight");
        };
        let other = {
            let table = Arc::clone(&table);
            thread::spawn(move || match join(&table, 0) {
                Joined::Found(follower) => assert_eq!(news(&follower), 7),
                Joined::Started(lead, follower) => {
                    drop(lead);
                    assert_eq!(news(&follower), 0);
                }
                full => panic!("nothing is full: {full:?}"),
            })
        };
        lead.announce(7, true);
        lead.finish(Ok(()));
        drop(lead);
        assert_eq!(news(&first), 7);
        other.join().expect("the other thread is done");
    });
}

#[test]
fn model_of_two_who_come_at_once_one_starts() {
    loom::model(|| {
        let table = table();
        let started = Arc::new(AtomicUsize::new(0));
        let ask = |table: Arc<super::Table<u32>>, started: Arc<AtomicUsize>| {
            move || match join(&table, 0) {
                Joined::Started(lead, follower) => {
                    started.fetch_add(1, Ordering::SeqCst);
                    Some((lead, follower))
                }
                Joined::Found(follower) => {
                    drop(follower);
                    None
                }
                full => panic!("nothing is full: {full:?}"),
            }
        };
        let other = thread::spawn(ask(Arc::clone(&table), Arc::clone(&started)));
        // Held to the end: a flight that is led stays in the table.
        let mine = ask(table, Arc::clone(&started))();
        let theirs = other.join().expect("the other thread is done");
        assert_eq!(started.load(Ordering::SeqCst), 1);
        drop((mine, theirs));
    });
}

#[test]
fn model_one_who_leaves_takes_no_one_along() {
    loom::model(|| {
        let table = table();
        let Joined::Started(lead, first) = join(&table, 0) else {
            panic!("an empty table has no flight");
        };
        let Joined::Found(second) = join(&table, 0) else {
            panic!("the flight is open");
        };
        let leaves = thread::spawn(move || drop(first));
        let stays = thread::spawn(move || assert_eq!(news(&second), 3));
        lead.announce(3, false);
        drop(lead);
        leaves.join().expect("the one who leaves is done");
        stays.join().expect("the one who stays is done");
    });
}

#[test]
fn model_the_body_arrives_whole_and_in_order() {
    loom::model(|| {
        let table = table();
        let Joined::Started(lead, follower) = join(&table, 0) else {
            panic!("an empty table has no flight");
        };
        let reader = thread::spawn(move || read(follower));
        lead.announce(1, true);
        lead.append(Bytes::from_static(b"a"), false);
        lead.append(Bytes::from_static(b"b"), false);
        lead.finish(Ok(()));
        drop(lead);
        let read = reader.join().expect("the reader is done");
        assert_eq!(read, (b"ab".to_vec(), true));
    });
}

#[test]
fn model_a_lost_lead_is_noticed() {
    loom::model(|| {
        let table = table();
        let Joined::Started(lead, follower) = join(&table, 0) else {
            panic!("an empty table has no flight");
        };
        let lost = thread::spawn(move || drop(lead));
        assert_eq!(news(&follower), 0);
        assert_eq!(read(follower), (Vec::new(), false));
        lost.join().expect("the lead is gone");
        assert!(matches!(join(&table, 0), Joined::Started(..)));
    });
}

#[test]
fn model_a_lead_that_waits_for_room_hears_the_last_reader_go() {
    loom::model(|| {
        let table = table();
        let Joined::Started(lead, follower) = join(&table, 0) else {
            panic!("an empty table has no flight");
        };
        lead.announce(1, false);
        lead.append(Bytes::from_static(b"ab"), false);
        let leaves = thread::spawn(move || drop(follower));
        block_on(poll_fn(|cx| lead.poll_room(1, cx)));
        block_on(poll_fn(|cx| lead.poll_abandoned(cx)));
        leaves.join().expect("the reader is gone");
    });
}

#[test]
fn model_a_lead_that_queues_hears_that_it_is_hurried() {
    loom::model(|| {
        let table = table();
        let Joined::Started(lead, follower) = join(&table, 0) else {
            panic!("an empty table has no flight");
        };
        let hurries = thread::spawn(move || {
            follower.hurry();
            follower
        });
        block_on(poll_fn(|cx| lead.poll_queued(true, cx)));
        assert!(lead.is_hurried());
        drop(hurries.join().expect("the one who hurries is done"));
    });
}

#[test]
fn model_one_who_leaves_does_not_take_the_flight_from_one_who_joins() {
    loom::model(|| {
        let table = table();
        let (lead, first) = start(&table);
        let leaves = thread::spawn(move || drop(first));
        let joins = {
            let table = Arc::clone(&table);
            thread::spawn(move || assert_eq!(news(&follow(&table)), 7))
        };
        lead.announce(7, true);
        leaves.join().expect("the one who leaves is done");
        joins.join().expect("the one who joins is done");
        assert!(!lead.is_followed());
    });
}

#[test]
fn model_one_who_joins_a_dying_flight_is_told_and_can_start_anew() {
    loom::model(|| {
        let table = table();
        let (lead, first) = start(&table);
        let dies = thread::spawn(move || drop(lead));
        let joined = match join(&table, 0) {
            Joined::Found(follower) => {
                assert_eq!(news(&follower), 0, "the fetch was lost");
                join(&table, 0)
            }
            started => started,
        };
        let Joined::Started(lead, follower) = joined else {
            panic!("a flight that is lost is not joined twice");
        };
        lead.announce(7, true);
        assert_eq!((news(&first), news(&follower)), (0, 7));
        dies.join().expect("the lead is gone");
        // What was cleaned up was the old flight, and not the new one.
        assert_eq!(news(&follow(&table)), 7);
    });
}

#[test]
fn model_of_many_who_leave_none_takes_the_others_wakeup_along() {
    model_of_four(|| {
        let table = table();
        let (lead, first) = start(&table);
        let survivors = [follow(&table), follow(&table)];
        let leaves = thread::spawn(move || {
            let waits = poll_fn(|cx| {
                let _ = first.poll_news(cx);
                std::task::Poll::Ready(())
            });
            block_on(waits);
            drop(first);
        });
        let stay = survivors.map(|one| thread::spawn(move || assert_eq!(news(&one), 3)));
        lead.announce(3, false);
        drop(lead);
        leaves.join().expect("the one who leaves is done");
        for one in stay {
            one.join().expect("the one who stays is done");
        }
    });
}

/// Takes the lock that a purge takes, so that it may come before or after: the model
/// checker tries orders only of what has a lock in common.
fn meet(purges: &Purges, key: &Key) {
    let subject = Subject {
        page: key.page(),
        tags: None,
    };
    let from_nowhere = Began {
        purges: u64::MAX,
        ..BEGAN
    };
    let _ = purges.validity(subject, from_nowhere);
}

/// One who joins only what no purge has named since it began.
struct Careful<'a> {
    purges: &'a Purges,
    key: &'a Key,
}

impl Careful<'_> {
    fn finds_valid(&self, began: Began) -> bool {
        let subject = Subject {
            page: self.key.page(),
            tags: None,
        };
        self.purges.validity(subject, began) == Validity::Valid
    }
}

impl Boarding<u32> for Careful<'_> {
    fn accepts(&mut self, flight: &Flight<u32>, _news: Option<&u32>) -> bool {
        self.finds_valid(flight.began())
    }

    fn is_known(&self) -> bool {
        false
    }

    fn guess(&mut self) -> u8 {
        0
    }
}

#[test]
fn model_a_purge_between_joining_and_storing_is_final() {
    loom::model(|| {
        let keys = KeyRules::new().compile("").expect("legal rules");
        let (table, purges, key) = (table(), Arc::new(Purges::default()), Key::for_test("k"));
        let stored: Arc<Mutex<Option<Began>>> = Arc::default();
        let mut everyone = Careful {
            purges: &purges,
            key: &key,
        };
        let Joined::Started(lead, _first) = table.join(&key, BEGAN, &mut everyone) else {
            panic!("an empty table has no flight");
        };
        let fetch = {
            let (purges, key, stored) = (Arc::clone(&purges), key.clone(), Arc::clone(&stored));
            thread::spawn(move || {
                lead.announce(7, true);
                let careful = Careful {
                    purges: &purges,
                    key: &key,
                };
                if careful.finds_valid(lead.began()) {
                    *stored.lock() = Some(lead.began());
                }
                drop(lead);
            })
        };
        let purger = {
            let purges = Arc::clone(&purges);
            thread::spawn(move || purges.make(&Purge::everything(), &keys, BEGAN.at))
        };
        meet(&purges, &key);
        // One who comes now, and knows of the purge or does not.
        let began = Began {
            purges: purges.made(),
            ..BEGAN
        };
        let mut careful = Careful {
            purges: &purges,
            key: &key,
        };
        let found = *stored.lock();
        let found = found.filter(|found| careful.finds_valid(*found));
        let joined = match table.join(&key, began, &mut careful) {
            Joined::Found(follower) => Some(follower.flight.began()),
            _ => None,
        };
        for old in [found, joined].into_iter().flatten() {
            assert!(began.purges <= old.purges, "answered from before the purge");
        }
        fetch.join().expect("the fetch is over");
        purger.join().expect("the purge is made");
        // Whatever was stored meanwhile, nobody finds it any more.
        let found = *stored.lock();
        assert!(!found.is_some_and(|found| careful.finds_valid(found)));
    });
}

/// A response whose fetch began so many seconds after the start.
fn entry(second: u64) -> Arc<Entry> {
    let head = Head {
        status: http::StatusCode::OK,
        headers: http::HeaderMap::new(),
        facts: ResponseFacts {
            lifetime: None,
            permission: Permission::default(),
            variant: Variant::default(),
            tags: Tags::default(),
            equivalent: None,
        },
        began: Began {
            at: Moment::new(std::time::Duration::from_secs(second)),
            purges: 0,
        },
    };
    Arc::new(Entry::new(Arc::new(head), Pieces::new(Vec::new()), 1, None))
}

#[test]
fn model_of_two_who_store_the_one_that_began_later_stays() {
    loom::model(|| {
        let table = table();
        // In a lock, for the model checker to know that it matters who comes first.
        let store = Arc::new(Mutex::new(MemoryStore::new(1 << 20, 32)));
        let fetch = |guess: u8, entry: Arc<Entry>| {
            let Joined::Started(lead, _) = join(&table, guess) else {
                panic!("each has a flight of its own");
            };
            let store = Arc::clone(&store);
            thread::spawn(move || {
                lead.announce(1, true);
                store.lock().put(lead.key(), &entry, |_| false);
                lead.finish(Ok(()));
            })
        };
        let newer = entry(2);
        let fetches = [fetch(0, entry(1)), fetch(1, Arc::clone(&newer))];
        for one in fetches {
            one.join().expect("the fetch is over");
        }
        let slot = store
            .lock()
            .get(Key::for_test("k").as_bytes())
            .expect("stored");
        let kept = slot.select(&http::HeaderMap::new()).expect("one variant");
        assert!(Arc::ptr_eq(kept, &newer));
    });
}

#[test]
fn model_a_purge_is_seen_by_whoever_comes_after_it() {
    loom::model(|| {
        let keys = KeyRules::new().compile("").expect("legal rules");
        let purges = Arc::new(Purges::default());
        let key = Key::for_test("k");
        let before = BEGAN;
        let purger = {
            let purges = Arc::clone(&purges);
            thread::spawn(move || purges.make(&Purge::everything(), &keys, before.at))
        };
        meet(&purges, &key);
        // A fetch that begins now either began before the purge and is gone
        // once that has returned, or knows of it and is valid.
        let began = Began {
            purges: purges.made(),
            ..before
        };
        purger.join().expect("the purge is made");
        let subject = Subject {
            page: key.page(),
            tags: None,
        };
        let expected = if began.purges == 0 {
            Validity::Gone
        } else {
            Validity::Valid
        };
        assert_eq!(purges.validity(subject, began), expected);
    });
}
