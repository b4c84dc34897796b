//! A finding as a batch finds it, and what the batch does to it.

use crate::database::{self, DatabaseError};
use crate::finding::sample_rank;
use crate::lifecycle::State;
use crate::sighting::NewSighting;
use photofinish_model::{Fingerprint, Race};

/// A finding's row. What is borrowed is of sightings that are not written yet.
pub(super) struct Row<'a> {
    pub(super) id: i64,
    pub(super) state: State,
    pub(super) first_seen: i64,
    pub(super) last_seen: i64,
    pub(super) light_only: bool,
    pub(super) sample_rank: i64,
    pub(super) closed_at: Option<i64>,
    pub(super) fixed_in: Option<String>,
    pub(super) muted_until: Option<i64>,
    pub(super) owners_assigned: bool,
    /// Sightings to be added.
    pub(super) count: i64,
    /// The reports that are the earliest, the latest and the best now.
    pub(super) first: Option<&'a str>,
    pub(super) latest: Option<&'a str>,
    pub(super) sample: Option<&'a Race>,
    /// The race of the sighting that came last.
    pub(super) last_race: Option<&'a Race>,
}

/// The columns of [`Row::read`], and a list of fingerprints to come.
pub(super) const SELECT: &str =
    "SELECT fingerprint, state, id, first_seen, last_seen, light_only, sample_rank, closed_at, fixed_in,
            muted_until, owners_assigned FROM finding WHERE fingerprint IN";

impl<'a> Row<'a> {
    /// One that has no sightings yet.
    pub(super) fn new(id: i64, at: i64) -> Row<'a> {
        Row {
            id,
            state: State::New,
            first_seen: at,
            last_seen: at,
            light_only: true,
            sample_rank: -1,
            closed_at: None,
            fixed_in: None,
            muted_until: None,
            owners_assigned: false,
            count: 0,
            first: None,
            latest: None,
            sample: None,
            last_race: None,
        }
    }

    /// With its fingerprint, and the word for its state.
    pub(super) fn read(
        row: &database::Row,
    ) -> Result<(Fingerprint, String, Row<'a>), DatabaseError> {
        let mut known = Row::new(row.get(2)?, row.get(3)?);
        known.last_seen = row.get(4)?;
        known.light_only = row.get(5)?;
        known.sample_rank = row.get(6)?;
        known.closed_at = row.get(7)?;
        known.fixed_in = row.get(8)?;
        known.muted_until = row.get(9)?;
        known.owners_assigned = row.get(10)?;
        Ok((Fingerprint::from_stored(row.get::<String>(0)?), row.get(1)?, known))
    }

    /// Counts a sighting that leads to `state`, and keeps what it tells.
    pub(super) fn add(&mut self, sighting: &NewSighting<'a>, state: State) {
        let (at, race) = (sighting.at.as_millisecond(), sighting.race);
        let is_first = self.sample_rank < 0;
        if is_first || at < self.first_seen {
            self.first = Some(&race.raw);
        }
        if is_first || at >= self.last_seen {
            self.latest = Some(&race.raw);
        }
        let rank = sample_rank(race);
        if rank > self.sample_rank {
            self.sample = Some(race);
            self.sample_rank = rank;
        }
        self.state = state;
        self.count += 1;
        self.first_seen = self.first_seen.min(at);
        self.last_seen = self.last_seen.max(at);
        self.light_only &= race.light;
        if state != State::Suppressed {
            self.muted_until = None;
        }
        self.last_race = Some(race);
    }
}
