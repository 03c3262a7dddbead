//! S: framing, smuggling, splitting.

use super::Row;

pub(super) const ROWS: &[Row] = &[];
