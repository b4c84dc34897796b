//! When a mirror gets copies: weeknights, say.

use jiff::Timestamp;

/// When something happens. The default is always.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule;

impl Schedule {
    /// Whether it happens at `now`.
    pub fn holds(&self, now: Timestamp) -> bool {
        let _ = now;
        true
    }
}
