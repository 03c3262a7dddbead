//! The rows: one file for a family, one function for a row.

mod conditional;
mod control;
mod deception;
mod errors;
mod exhaustion;
mod faults;
mod framing;
mod keys;
mod methods;
mod private;

use std::future::Future;
use std::pin::Pin;

use clap::ValueEnum;

use crate::case::Case;
use crate::verdict::Finding;

/// What is at stake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Class {
    /// Confidentiality: someone sees what is another's.
    C,
    /// Integrity: someone is served what another made up.
    I,
    /// Denial: bounded, or not.
    D,
    /// A fault: held, or not.
    F,
}

impl Class {
    pub(crate) fn letter(self) -> &'static str {
        match self {
            Self::C => "C",
            Self::I => "I",
            Self::D => "D",
            Self::F => "F",
        }
    }

    /// Whether rows of this class look only at their own pages, so that a few can run at once.
    /// The others measure the process, or load it.
    pub(crate) fn runs_beside_others(self) -> bool {
        matches!(self, Self::C | Self::I)
    }
}

type Run = for<'a> fn(&'a Case) -> Pin<Box<dyn Future<Output = Finding> + Send + 'a>>;

/// One attack or fault.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) class: Class,
    /// The promises that it tries.
    pub(crate) promises: &'static str,
    /// What is tried, in one sentence.
    pub(crate) about: &'static str,
    pub(crate) run: Run,
}

/// A row from its id, class, promises, sentence and function.
macro_rules! row {
    ($id:ident, $class:ident, $promises:literal, $about:literal, $run:path) => {
        $crate::rows::Row {
            id: stringify!($id),
            class: $crate::rows::Class::$class,
            promises: $promises,
            about: $about,
            run: |case| Box::pin($run(case)),
        }
    };
}
use row;

/// All rows in their order.
pub(crate) fn all() -> impl Iterator<Item = &'static Row> {
    let families: [&'static [Row]; 10] = [
        keys::ROWS,
        deception::ROWS,
        private::ROWS,
        methods::ROWS,
        conditional::ROWS,
        errors::ROWS,
        framing::ROWS,
        exhaustion::ROWS,
        control::ROWS,
        faults::ROWS,
    ];
    families.into_iter().flatten()
}
