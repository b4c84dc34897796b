//! The life of a finding as a finite state machine: new, acknowledged, fixed, regressed, suppressed.
//!
//! [`next`] says where an [`Event`] leads, or why it cannot happen. What surprises: only a
//! sighting can make a finding `regressed`, never a person, and a sighting wakes nothing that was
//! suppressed. A mute that has run out leads back to `new`: it asks for a decision again.
//!
//! Not here: which sighting counts as one of a later build (`record`), who wrote what when
//! (`change`). Start at [`next`].

use photofinish_model::words;

/// Where a finding stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Seen again in a later build than the one it was fixed in.
    Regressed,
    /// Nobody has looked at it yet.
    New,
    /// Somebody knows of it.
    Acknowledged,
    /// Not to be repaired, or muted until some day.
    Suppressed,
    /// Repaired, as far as is known.
    Fixed,
}

/// Something that happens to a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// Seen once more.
    Sighted {
        /// In a build later than the one it was fixed in.
        later_build: bool,
    },
    /// The day has come until which it was muted.
    MuteEnded,
    /// A person knows of it.
    Acknowledge,
    /// A person wants to hear nothing of it until some day.
    Mute,
    /// A person says it is repaired.
    Fix,
    /// A person says it will not be repaired.
    WontFix,
    /// A person takes back what was decided.
    Reopen,
}

/// An event that cannot happen to a finding in this state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is {state}, and {}", .event.refusal())]
pub struct Refused {
    /// The state it is in.
    pub state: State,
    /// What was asked for.
    pub event: Event,
}

/// The state that follows `state` when `event` happens.
///
/// # Errors
/// The event makes no sense there; the finding stays as it is.
pub fn next(state: State, event: Event) -> Result<State, Refused> {
    use State::{Acknowledged, Fixed, New, Regressed, Suppressed};
    let refused = Err(Refused { state, event });
    match (event, state) {
        (Event::Sighted { later_build: true }, Fixed) => Ok(Regressed),
        (Event::Sighted { .. }, _) => Ok(state),
        (Event::MuteEnded, Suppressed) => Ok(New),
        (Event::MuteEnded, _) => Ok(state),
        (Event::Acknowledge | Event::Mute | Event::WontFix, Fixed) => refused,
        (Event::Acknowledge, _) => Ok(Acknowledged),
        (Event::Mute | Event::WontFix, _) => Ok(Suppressed),
        (Event::Fix, _) => Ok(Fixed),
        (Event::Reopen, New | Regressed) => refused,
        (Event::Reopen, Acknowledged | Suppressed | Fixed) => Ok(New),
    }
}

impl State {
    /// Whether it waits for somebody to decide something.
    pub fn is_open(self) -> bool {
        matches!(self, State::New | State::Regressed)
    }
}

impl Refused {
    /// What to do instead.
    pub fn hint(&self) -> Option<String> {
        match self.event {
            Event::Reopen => None,
            _ => Some("reopen it first: photofinish findings reopen ID".to_owned()),
        }
    }
}

impl Event {
    fn refusal(self) -> &'static str {
        match self {
            Event::Acknowledge => "there is nothing left to acknowledge",
            Event::Mute | Event::WontFix => "there is nothing left to suppress",
            Event::Reopen => "need not be reopened",
            Event::Fix | Event::MuteEnded | Event::Sighted { .. } => "that changes nothing",
        }
    }
}

words!(State, "state", {
    Regressed => "regressed",
    New => "new",
    Acknowledged => "acknowledged",
    Suppressed => "suppressed",
    Fixed => "fixed",
});

#[cfg(test)]
mod tests;
