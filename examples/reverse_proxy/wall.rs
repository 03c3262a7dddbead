//! The cache, built from the command line.

use floodwall::{Authorization, Cache, CacheBuilder, ConfigError, Cookies, KeyRules, SetCookie};

use super::options::{AuthorizationRule, CacheOptions, CookieRule, Preset, SetCookieRule};

pub(crate) fn build(options: &CacheOptions) -> Result<Cache, ConfigError> {
    let b = match options.preset {
        Preset::Default => Cache::builder(),
        Preset::ByTheBook => Cache::builder().by_the_book(),
    };
    let b = b
        .strict_collapse(options.strict_collapse)
        .surrogate_control(options.surrogate_control)
        .fetch_whole_for_ranges(options.ranges_fetch_whole)
        .forward_tags(options.forward_tags)
        .cache_status(!options.no_cache_status)
        .age(!options.no_age)
        .key(key_rules(options));
    let b = rules(limits(b, options), options);
    b.build()
}

/// Sizes, numbers and times.
fn limits(mut b: CacheBuilder, options: &CacheOptions) -> CacheBuilder {
    b = given(b, options.capacity, CacheBuilder::capacity);
    b = given(b, options.max_object_size, CacheBuilder::max_object_size);
    b = given(b, options.max_variants, CacheBuilder::max_variants);
    b = given(b, options.fetch_deadline, CacheBuilder::fetch_deadline);
    b = given(
        b,
        options.body_idle_deadline,
        CacheBuilder::body_idle_deadline,
    );
    b = given(b, options.store_deadline, CacheBuilder::store_deadline);
    b = given(b, options.origin_limit, CacheBuilder::origin_limit);
    b = given(b, options.origin_queue, CacheBuilder::origin_queue);
    b = given(b, options.refresh_limit, CacheBuilder::refresh_limit);
    b = given(b, options.max_waiters, CacheBuilder::max_waiters);
    b = given(b, options.max_flights, CacheBuilder::max_flights);
    given(
        b,
        options.unshareable_memory,
        CacheBuilder::unshareable_memory,
    )
}

/// What may be stored, shared and served.
fn rules(mut b: CacheBuilder, options: &CacheOptions) -> CacheBuilder {
    b = given(b, options.default_fresh, CacheBuilder::default_fresh_for);
    b = given(
        b,
        options.heuristics.then_some(true),
        CacheBuilder::heuristics,
    );
    b = given(
        b,
        options.store_errors.then_some(true),
        CacheBuilder::store_errors,
    );
    b = given(
        b,
        options.normalise_vary.then_some(true),
        CacheBuilder::normalise_vary,
    );
    b = given(
        b,
        options.choose_variants.then_some(true),
        CacheBuilder::choose_variants,
    );
    b = given(b, options.max_query_bytes, CacheBuilder::max_query_bytes);
    b = given(b, options.swr, CacheBuilder::stale_while_revalidate);
    b = given(b, options.sie, CacheBuilder::stale_if_error);
    b = given(b, options.cookies.map(cookies), CacheBuilder::cookies);
    b = given(
        b,
        options.authorization.map(authorization),
        CacheBuilder::authorization,
    );
    b = given(
        b,
        options.set_cookie.map(set_cookie),
        CacheBuilder::set_cookie,
    );
    let targets = &options.targeted_field;
    b = given(
        b,
        (!targets.is_empty()).then_some(targets),
        CacheBuilder::targeted_fields,
    );
    b = given(b, options.namespace.as_deref(), CacheBuilder::namespace);
    given(
        b,
        options.cache_status_name.as_deref(),
        CacheBuilder::cache_status_name,
    )
}

/// Sets what was given, and leaves the builder's default where nothing was.
fn given<T>(
    builder: CacheBuilder,
    value: Option<T>,
    set: impl FnOnce(CacheBuilder, T) -> CacheBuilder,
) -> CacheBuilder {
    match value {
        Some(value) => set(builder, value),
        None => builder,
    }
}

fn key_rules(options: &CacheOptions) -> KeyRules {
    let mut rules = KeyRules::new();
    for name in &options.key_field {
        rules = rules.field(name);
    }
    for name in &options.ignore_query {
        rules = rules.drop_query(name);
    }
    if let Some(said) = &options.no_vary_search {
        rules = rules.no_vary_search(said);
    }
    if options.strict_forwarding {
        rules = rules.strict_forwarding(true);
    }
    rules
}

fn cookies(rule: CookieRule) -> Cookies {
    match rule {
        CookieRule::RequirePermission => Cookies::RequirePermission,
        CookieRule::Ignore => Cookies::Ignore,
        CookieRule::Pass => Cookies::Pass,
    }
}

fn authorization(rule: AuthorizationRule) -> Authorization {
    match rule {
        AuthorizationRule::RequirePermission => Authorization::RequirePermission,
        AuthorizationRule::Pass => Authorization::Pass,
    }
}

fn set_cookie(rule: SetCookieRule) -> SetCookie {
    match rule {
        SetCookieRule::Refuse => SetCookie::Refuse,
        SetCookieRule::Strip => SetCookie::Strip,
        SetCookieRule::Share => SetCookie::Share,
    }
}
