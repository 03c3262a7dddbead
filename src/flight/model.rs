//! The flight under the model checker: every interleaving of a few threads.
//!
//! `scripts/test model`, or `RUSTFLAGS="--cfg floodwall_loom" cargo test --lib model_`.
//!
//! A waker that is lost shows as a deadlock, which loom reports.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use loom::future::block_on;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use super::tests::{join, table};
use super::{Follower, Joined};
use crate::policy::Shareable;

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
fn model_a_purge_is_seen_by_whoever_comes_after_it() {
    use crate::key::KeyRules;
    use crate::store::{Purge, Purges, Subject, Validity};
    loom::model(|| {
        let keys = KeyRules::new().compile("").expect("legal rules");
        let purges = Arc::new(Purges::default());
        let key = crate::key::Key::for_test("k");
        let before = super::tests::BEGAN;
        let purger = {
            let purges = Arc::clone(&purges);
            thread::spawn(move || purges.make(&Purge::everything(), &keys, before.at))
        };
        // A fetch that begins now either began before the purge and is gone
        // once that has returned, or knows of it and is valid.
        let began = crate::entry::Began {
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
