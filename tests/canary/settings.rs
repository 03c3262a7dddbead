//! Settings at random: those of the cache, and what the model has to know of them.

use std::time::Duration;

use floodwall::{Authorization, Cache, CacheBuilder, Cookies, KeyRules, SetCookie};

use crate::dice::Dice;
use crate::model::Policy;

/// Draws the settings of one world.
pub(crate) fn draw(dice: &mut Dice) -> (CacheBuilder, Policy) {
    let policy = Policy {
        cookies_pass: dice.percent(10),
        cookies_ignored: dice.percent(10),
        authorization_passes: dice.percent(15),
        cookies_stripped: dice.percent(30),
        errors_stored: dice.percent(20),
        fresh_by_default: dice.percent(30),
        strict: dice.percent(25),
    };
    let builder = sized(limited(Cache::builder(), dice), dice);
    (with_policy(builder, &policy), policy)
}

fn with_policy(mut builder: CacheBuilder, policy: &Policy) -> CacheBuilder {
    if policy.cookies_pass {
        builder = builder.cookies(Cookies::Pass);
    } else if policy.cookies_ignored {
        builder = builder.cookies(Cookies::Ignore);
    }
    if policy.authorization_passes {
        builder = builder.authorization(Authorization::Pass);
    }
    if policy.cookies_stripped {
        builder = builder.set_cookie(SetCookie::Strip);
    }
    if policy.fresh_by_default {
        builder = builder.default_fresh_for(Duration::from_secs(20));
    }
    builder
        .store_errors(policy.errors_stored)
        .strict_collapse(policy.strict)
}

/// What changes how long, and not for whom.
fn limited(mut builder: CacheBuilder, dice: &mut Dice) -> CacheBuilder {
    let window = Duration::from_secs(30);
    if dice.percent(25) {
        builder = builder.stale_while_revalidate(window);
    }
    if dice.percent(25) {
        builder = builder.stale_if_error(window);
    }
    let memory = *dice.pick(&[0, 10, 120]);
    builder
        .unshareable_memory(Duration::from_secs(memory))
        .fetch_whole_for_ranges(dice.percent(30))
        .store_parts(dice.percent(50))
        .key(KeyRules::new().strict_forwarding(dice.percent(15)))
}

/// What changes how much.
fn sized(builder: CacheBuilder, dice: &mut Dice) -> CacheBuilder {
    builder
        .capacity(*dice.pick(&[1 << 20, 1 << 20, 1 << 20, 2 << 10]))
        .max_variants(*dice.pick(&[32, 32, 2, 1]))
        .max_waiters(*dice.pick(&[1000, 1000, 2]))
        .max_flights(*dice.pick(&[1000, 1000, 2]))
        .origin_limit(*dice.pick(&[1000, 1000, 1]))
        .origin_queue(*dice.pick(&[1000, 1]))
}
