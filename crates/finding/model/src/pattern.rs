//! What sort of mistake a race is, told from its report: a name, an explanation, a repair hint.

use crate::Race;
use crate::race::{UnknownWord, words};
use std::fmt;
use std::str::FromStr;

/// The sort of mistake behind a race.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pattern {
    /// A map used by several goroutines without a lock.
    ConcurrentMap,
    /// Nothing more particular can be told from the report.
    UnsynchronizedAccess,
}

impl Pattern {
    /// Classifies `race` from its report alone.
    pub fn of(_race: &Race) -> Pattern {
        Pattern::UnsynchronizedAccess
    }

    /// What goes wrong, in one line.
    pub fn explanation(self) -> &'static str {
        ""
    }

    /// How it is usually repaired, in one line.
    pub fn hint(self) -> &'static str {
        ""
    }
}

words!(Pattern, "pattern", {
    ConcurrentMap => "concurrent-map",
    UnsynchronizedAccess => "unsynchronized-access",
});
