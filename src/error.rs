//! What can go wrong, apart from what a response says of itself.

use std::time::Duration;

/// An error of any kind, as handlers and bodies report it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// A value given to the builder that cannot be what was meant.
///
/// Returned by [`CacheBuilder::build`](crate::CacheBuilder::build), which names
/// the first value that it finds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A limit is zero, so that nothing could ever be kept or fetched.
    #[error("{setting} must be at least 1, not 0")]
    Zero {
        /// The builder's word.
        setting: &'static str,
    },
    /// A number is past what the setting can hold.
    #[error("{setting} must be at most {most}, not {given}")]
    TooLarge {
        /// The builder's word.
        setting: &'static str,
        /// What was given.
        given: u64,
        /// The most that can be given.
        most: u64,
    },
    /// One response could be larger than what there is for responses that are not
    /// stored yet.
    #[error(
        "max_object_size ({object} bytes) must be at most a quarter of capacity ({capacity} bytes)"
    )]
    ObjectLargerThanStore {
        /// The size of the largest object.
        object: u64,
        /// The capacity of the store.
        capacity: u64,
    },
    /// A time is zero or too long to be meant.
    #[error("{setting} must be between {least:?} and {most:?}, not {given:?}")]
    Time {
        /// The builder's word.
        setting: &'static str,
        /// What was given.
        given: Duration,
        /// The least that can be given.
        least: Duration,
        /// The most that can be given.
        most: Duration,
    },
    /// A name that cannot be a field name, a namespace, or a cache's name.
    #[error("{setting} cannot be {given:?}: {why}")]
    Name {
        /// The builder's word.
        setting: &'static str,
        /// What was given.
        given: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// A response body that ended before it was whole.
///
/// The connection that carries it must be cut, not closed cleanly, so that the
/// client does not take the part for the whole; hyper does so for any error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CutShort {
    /// The origin's body failed, or was shorter or longer than it had said.
    #[error("the origin's response broke off")]
    Origin,
    /// The origin sent nothing for longer than the idle deadline.
    #[error("the origin fell silent in the middle of its response")]
    Idle,
    /// The task that read the origin's response ended: its runtime was shut
    /// down, or it panicked.
    #[error("the fetch was abandoned")]
    Abandoned,
    /// This reader fell further behind the others than the cache holds back.
    #[error("the reader fell too far behind")]
    TooSlow,
}
