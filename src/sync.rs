//! The locks of the standard library, or those of the model checker.
//!
//! No lock of this crate is held while the application's code runs (wakers are
//! cloned under one, and nothing more), so none is poisoned by its panics; a
//! poisoned one would be a bug here, and is entered all the same, not spread.

#[cfg(floodwall_loom)]
use loom::sync as imp;
#[cfg(not(floodwall_loom))]
use std::sync as imp;

use std::sync::PoisonError;

pub(crate) use imp::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};

/// A mutex that does not stay poisoned.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(imp::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(imp::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A lock for what is read much more often than written; it does not stay poisoned.
#[derive(Debug, Default)]
pub(crate) struct RwLock<T>(imp::RwLock<T>);

impl<T> RwLock<T> {
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
