//! D: web cache deception.

use super::Row;

pub(super) const ROWS: &[Row] = &[];
