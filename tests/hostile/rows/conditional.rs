//! R: ranges, conditions, content codings.

use super::Row;

pub(super) const ROWS: &[Row] = &[];
