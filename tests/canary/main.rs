//! Two who are known and one who is not, in front of one cache: whatever is made for
//! one of them carries a mark, and where it reaches another, that other must have
//! been allowed to have it, by a model of the promise that is written down apart.
//!
//! Each world has settings, an origin and a past of its own, drawn from the seed.
//! `FLOODWALL_STEPS` says how far to walk; `FLOODWALL_WORLD` repeats one world of a
//! seed alone.

#[path = "../support/dice.rs"]
mod dice;
mod leaky;
mod ledger;
mod model;
mod origin;
mod people;
#[path = "../support/seeds.rs"]
mod seeds;
mod settings;
#[path = "../support/mod.rs"]
mod support;
mod walk;

use http::{HeaderMap, HeaderValue, StatusCode};

use dice::Dice;
use ledger::{Answer, Ledger, Made, Source, Wrong, canary};
use model::{Policy, Prohibition};
use origin::Origin;
use people::{Ask, User};
use walk::{Tally, World};

/// How far to walk when nothing else is said: some seconds.
const STEPS: u64 = if cfg!(debug_assertions) {
    20_000
} else {
    1_000_000
};

/// How long a world lasts.
const LONGEST: usize = 400;

fn paused() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true);
    builder.build().expect("a runtime")
}

#[test]
fn nothing_reaches_another_who_may_not_have_it() {
    let seed = seeds::seed("nothing_reaches_another_who_may_not_have_it");
    let steps = seeds::given("FLOODWALL_STEPS").unwrap_or(STEPS);
    let only = seeds::given("FLOODWALL_WORLD");
    let runtime = paused();
    let mut all = Tally::default();
    let mut world = only.unwrap_or_default();
    loop {
        let mut dice = Dice::of_part(seed, world);
        let length = 1 + dice.below(LONGEST) as u64;
        let walked = runtime.block_on(async { World::walled(dice).walk(length).await });
        match walked {
            Ok(tally) => all += tally,
            Err(report) => panic!("FLOODWALL_WORLD={world}: {report}"),
        }
        world += 1;
        if only.is_some() || all.steps >= steps {
            break;
        }
    }
    println!("{all:?}");
    if only.is_none() {
        all.was_worth_it();
    }
}

/// Whatever the model forbids is noticed when a cache does it.
#[test]
fn a_cache_that_forgets_a_rule_is_caught() {
    let seed = seeds::seed("a_cache_that_forgets_a_rule_is_caught");
    let runtime = paused();
    for forgotten in Prohibition::ALL {
        let caught = (0..100).find_map(|world| {
            let mut dice = Dice::of_part(seed, world);
            let (_, policy) = settings::draw(&mut dice);
            let origin = Origin::new(Dice::new(dice.number()));
            let front = leaky::front(&origin, &policy, forgotten);
            let world = World::new(dice, policy, origin, front);
            runtime.block_on(world.walk(200)).err()
        });
        let caught = caught.unwrap_or_else(|| panic!("{forgotten:?} is never noticed"));
        assert_eq!(caught.0.why, Wrong::Forbidden(forgotten), "{caught}");
    }
}

/// What a cache may do wrong without giving a whole answer to another.
#[test]
fn pieces_and_cookies_of_another_are_noticed() {
    let mut dice = Dice::new(1);
    let mut ledger = Ledger::default();
    for user in [User::Ann, User::Bob] {
        let ask = ledger.asked.len();
        ledger.asked.push(Ask {
            user,
            method: "GET",
            path: "/a",
            ..Ask::draw(&mut dice, ask, &[])
        });
        ledger.made.push(Made {
            ask,
            user,
            status: 200,
            said: Some(vec!["private"]),
            vary: None,
            sets_cookie: true,
            is_coded: false,
            renews: None,
        });
    }
    let (anns, bobs) = (canary(User::Ann, 0), canary(User::Bob, 1));
    let sent = |name: &'static str, value: &str, body: &str| {
        let value = HeaderValue::from_str(value).expect("a legal value");
        let answer = Answer {
            status: StatusCode::OK,
            headers: HeaderMap::from_iter([(http::HeaderName::from_static(name), value)]),
            body: body.as_bytes().to_vec(),
            extension: None,
        };
        let checked = ledger.check(&Policy::default(), 0, &answer);
        checked.map_err(|crossing| crossing.why)
    };
    let private = Err(Wrong::Forbidden(Prohibition::Private));
    assert_eq!(sent("x-canary", &anns, &anns), Ok(Source::Own));
    assert_eq!(sent("x-other", "", "no text of theirs"), Ok(Source::Ours));
    assert_eq!(sent("x-canary", &bobs, &bobs), private);
    assert_eq!(sent("x-canary", &bobs, ""), private);
    assert_eq!(sent("x-other", "", &bobs), private);
    assert_eq!(sent("x-canary", &anns, &bobs), Err(Wrong::Mixed));
    assert_eq!(sent("x-canary", &anns, &bobs[..1]), Err(Wrong::Torn));
    assert_eq!(sent("set-cookie", &bobs, &anns), Err(Wrong::AnothersCookie));
}
