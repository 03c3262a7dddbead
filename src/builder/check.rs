//! What of a builder's values can be meant.

use std::time::Duration;

use http::HeaderName;

use super::CacheBuilder;
use crate::engine::Settings;
use crate::error::ConfigError;

/// The largest object, unless the capacity is small.
const DEFAULT_OBJECT: u64 = 8 << 20;
/// What part of the capacity an object may be, if nothing is said, and at most: the
/// latter is all that there is for bodies that are not stored yet.
const DEFAULT_PART: u64 = 8;
const MOST_PART: u64 = 4;
/// What moka can weigh in one slot.
const MOST_OBJECT: u64 = 1 << 31;
/// Keys are held in several places.
const MOST_QUERY: u64 = 64 << 10;
const LEAST_TIME: Duration = Duration::from_millis(1);
const MOST_TIME: Duration = Duration::from_secs(24 * 60 * 60);

impl CacheBuilder {
    pub(super) fn settings(&self) -> Result<Settings, ConfigError> {
        let refresh_limit = self.refresh_limit.unwrap_or(self.origin_limit.div_ceil(4));
        let counts = [
            ("max_variants", self.max_variants),
            ("max_flights", self.max_flights),
            ("max_waiters", self.max_waiters),
            ("origin_limit", self.origin_limit),
            ("refresh_limit", refresh_limit),
        ];
        for (setting, given) in counts {
            at_least_one(setting, given as u64)?;
        }
        at_least_one("capacity", self.capacity)?;
        let times = [
            ("fetch_deadline", self.fetch_deadline, LEAST_TIME),
            ("body_idle_deadline", self.body_idle_deadline, LEAST_TIME),
            ("store_deadline", self.store_deadline, LEAST_TIME),
            (
                "unshareable_memory",
                self.unshareable_memory,
                Duration::ZERO,
            ),
            ("crowd_stale", self.crowd_stale, Duration::ZERO),
        ];
        for (setting, given, least) in times {
            within(setting, given, least)?;
        }
        let mut rules = self.rules.clone();
        rules.max_object_size = self.object_size()?;
        rules.targets = self.target_fields()?;
        at_most("max_query_bytes", rules.max_query_bytes as u64, MOST_QUERY)?;
        let keys = self.keys.compile(&self.namespace)?;
        keys.instruct(&mut rules);
        Ok(Settings {
            rules,
            keys,
            capacity: self.capacity,
            max_variants: self.max_variants,
            max_flights: self.max_flights,
            max_waiters: self.max_waiters,
            origin_limit: self.origin_limit,
            origin_queue: self.origin_queue,
            refresh_limit,
            fetch_deadline: self.fetch_deadline,
            body_idle_deadline: self.body_idle_deadline,
            store_deadline: self.store_deadline,
            unshareable_memory: self.unshareable_memory,
            status_name: self.status_token()?,
            age: self.age,
            detect_crowds: self.detect_crowds,
            crowd_stale: self.crowd_stale,
        })
    }

    fn target_fields(&self) -> Result<Vec<HeaderName>, ConfigError> {
        let read = |name: &String| {
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| ConfigError::Name {
                setting: "targeted_fields",
                given: name.clone(),
                why: "it is not a field name",
            })
        };
        self.targets.iter().map(read).collect()
    }

    fn object_size(&self) -> Result<u64, ConfigError> {
        let Some(object) = self.max_object_size else {
            return Ok(DEFAULT_OBJECT.min(self.capacity / DEFAULT_PART));
        };
        at_least_one("max_object_size", object)?;
        if object > self.capacity / MOST_PART {
            return Err(ConfigError::ObjectLargerThanStore {
                object,
                capacity: self.capacity,
            });
        }
        at_most("max_object_size", object, MOST_OBJECT)?;
        Ok(object)
    }

    /// RFC 9211 §2 wants a token (or a string, which we do not offer).
    fn status_token(&self) -> Result<Option<Box<str>>, ConfigError> {
        let Some(name) = &self.status_name else {
            return Ok(None);
        };
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '*');
        let legal = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~:/".contains(c);
        if starts && name.chars().all(legal) {
            return Ok(Some(name.as_str().into()));
        }
        Err(ConfigError::Name {
            setting: "cache_status_name",
            given: name.clone(),
            why: "it is not a token that starts with a letter",
        })
    }
}

fn at_least_one(setting: &'static str, given: u64) -> Result<(), ConfigError> {
    if given == 0 {
        return Err(ConfigError::Zero { setting });
    }
    Ok(())
}

fn at_most(setting: &'static str, given: u64, most: u64) -> Result<(), ConfigError> {
    if given > most {
        return Err(ConfigError::TooLarge {
            setting,
            most,
            given,
        });
    }
    Ok(())
}

fn within(setting: &'static str, given: Duration, least: Duration) -> Result<(), ConfigError> {
    if given < least || given > MOST_TIME {
        return Err(ConfigError::Time {
            setting,
            given,
            least,
            most: MOST_TIME,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Cache;

    #[test]
    fn impossible_values_are_named() {
        let builder = Cache::builder;
        let rows = [
            (builder().capacity(0), "capacity must be at least 1, not 0"),
            (
                builder().max_variants(0),
                "max_variants must be at least 1, not 0",
            ),
            (
                builder().origin_limit(0),
                "origin_limit must be at least 1, not 0",
            ),
            (
                builder().refresh_limit(0),
                "refresh_limit must be at least 1, not 0",
            ),
            (
                builder().capacity(40).max_object_size(11),
                "max_object_size (11 bytes) must be at most a quarter of capacity (40 bytes)",
            ),
            (
                builder().capacity(u64::MAX).max_object_size(1 << 40),
                "max_object_size must be at most 2147483648, not 1099511627776",
            ),
            (
                builder().fetch_deadline(Duration::ZERO),
                "fetch_deadline must be between 1ms and 86400s, not 0ns",
            ),
            (
                builder().cache_status_name("a b"),
                "cache_status_name cannot be \"a b\": it is not a token that starts with a letter",
            ),
            (
                builder().namespace("a\0"),
                "namespace cannot be \"a\\0\": it has a control character",
            ),
        ];
        for (builder, said) in rows {
            let error = builder.build().expect_err(said);
            assert_eq!(error.to_string(), said);
        }
    }

    #[test]
    fn a_small_capacity_makes_the_object_limit_smaller() {
        assert!(Cache::builder().capacity(100).build().is_ok());
    }
}
