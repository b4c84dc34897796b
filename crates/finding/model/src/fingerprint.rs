//! What makes two races one.

use crate::Race;
use std::fmt;

/// The identity of a race: the same for every sighting of it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of `race`.
    pub fn of(race: &Race) -> Fingerprint {
        Fingerprint(race.headline.clone())
    }

    /// A fingerprint read back from where it was kept.
    pub fn from_stored(text: impl Into<String>) -> Fingerprint {
        Fingerprint(text.into())
    }

    /// 16 lower-case hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
