//! A finding: many sightings of one race, and what was decided about it.

use crate::job::Linked;
use crate::lifecycle::State;
use crate::sighting::Source;
use jiff::Timestamp;
use photofinish_model::{Access, Fingerprint, Kind, Pattern, Race, short_function, user_frame};
use std::collections::BTreeMap;

/// One race, however often it was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Its id.
    pub fingerprint: Fingerprint,
    /// Where it stands; a mute that has run out counts as over.
    pub state: State,
    /// The functions of the user's own code at both ends: `main.getCached ↔ main.setCached`.
    pub title: String,
    /// What sort of mistake it is, told with the help of the source where that was at hand.
    pub pattern: Pattern,
    /// Only `--light` builds have seen it: confirm in a full build.
    pub light_only: bool,
    /// Of the earliest sighting.
    pub first_seen: Timestamp,
    /// Of the latest sighting.
    pub last_seen: Timestamp,
    /// How often it was seen.
    pub count: u64,
    /// How often by whom.
    pub sources: BTreeMap<Source, u64>,
    /// How often in which service.
    pub services: Vec<Seen>,
    /// How often in which build.
    pub builds: Vec<Seen>,
    /// How often on which host.
    pub hosts: Vec<Seen>,
    /// Teams or people.
    pub owners: Vec<String>,
    /// The owners were named by a person.
    pub owners_assigned: bool,
    /// The first build that has the repair, as somebody said.
    pub fixed_in: Option<String>,
    /// Suppressed until then.
    pub muted_until: Option<Timestamp>,
    /// The sighting that tells most.
    pub race: Race,
    /// The first report, as printed.
    pub first_raw: String,
    /// The latest report, as printed.
    pub latest_raw: String,
    /// Jobs that were under way when it was seen, of the latest sighting in front.
    pub jobs: Vec<Linked>,
    /// What happened to it, oldest first.
    pub history: Vec<Change>,
}

/// How often something was seen in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The name of the build, host or service.
    pub name: String,
    /// How often.
    pub count: u64,
    /// Of the earliest sighting there.
    pub first_seen: Timestamp,
    /// Of the latest sighting there.
    pub last_seen: Timestamp,
}

/// A change of state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// From where; `None` when it was first seen.
    pub from: Option<State>,
    /// To where.
    pub to: State,
    /// Who did it; `None` for photofinish itself.
    pub by: Option<String>,
    /// Why.
    pub why: String,
}

impl Finding {
    /// What sort of report it is.
    pub fn kind(&self) -> Kind {
        self.race.kind
    }
}

/// What to call `race` in one line: the functions at both ends, in an order that does not depend on
/// which was printed first.
pub fn title_of(race: &Race) -> String {
    let mut ends: Vec<String> = race.accesses.iter().filter_map(end_of).collect();
    ends.sort();
    match ends.as_slice() {
        [] => race.others.first().map_or_else(
            || race.headline.clone(),
            |goroutine| match goroutine.stack.frames.get(user_frame(&goroutine.stack).unwrap_or(0))
            {
                Some(frame) => short_function(&frame.function),
                None => race.headline.clone(),
            },
        ),
        ends => ends.join(" ↔ "),
    }
}

fn end_of(access: &Access) -> Option<String> {
    let frame = access.stack.frames.get(user_frame(&access.stack).unwrap_or(0))?;
    Some(short_function(&frame.function))
}

/// How much `race` tells: a whole report beats a partial one, then one with a stack for each
/// access, then a full build beats a light one.
pub(crate) fn sample_rank(race: &Race) -> i64 {
    let has_stacks = race.accesses.iter().all(|access| !access.stack.frames.is_empty());
    i64::from(!race.partial) * 4 + i64::from(has_stacks) * 2 + i64::from(!race.light)
}
