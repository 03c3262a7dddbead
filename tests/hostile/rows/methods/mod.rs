//! M: methods, HEAD, bodies.

use super::Row;

pub(super) const ROWS: &[Row] = &[];
