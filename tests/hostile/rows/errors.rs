//! E: errors that are cached.

use super::Row;

pub(super) const ROWS: &[Row] = &[];
