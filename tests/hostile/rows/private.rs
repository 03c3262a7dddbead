//! P: private data and the parsing of directives.

use super::Row;

pub(super) const ROWS: &[Row] = &[];
