//! Recording sightings: each in one transaction, or many in one.
//!
//! A sighting counts once, by its key; a second arrival changes nothing at all. Otherwise it
//! makes or updates its finding, the counts, the evidence, and may show that a repair failed.
//!
//! Start at [`Store::record`].

mod write;

use crate::database::{DatabaseError, values};
use crate::error::StoreError;
use crate::later::Question;
use crate::lifecycle::{Event, State, next};
use crate::open::Store;
use crate::read::from_millis;
use crate::sighting::{NewSighting, Recorded};
use jiff::Timestamp;
use photofinish_model::Fingerprint;
use write::{Row, Writer, saw_build};

impl Store {
    /// Records one sighting.
    ///
    /// # Errors
    /// It could not be written; then nothing of it was.
    pub fn record(&mut self, sighting: &NewSighting<'_>) -> Result<Recorded, StoreError> {
        let mut recorded = self.record_all(std::slice::from_ref(sighting))?;
        recorded.pop().ok_or_else(|| self.error("record")(DatabaseError::NoRow))
    }

    /// Records many sightings in one transaction, which is much faster than one by one. The answers
    /// are in the order of `sightings`.
    ///
    /// # Errors
    /// They could not be written; then none was.
    pub fn record_all(
        &mut self,
        sightings: &[NewSighting<'_>],
    ) -> Result<Vec<Recorded>, StoreError> {
        let error = self.error("record");
        let owner_rules = self.owner_rules.as_ref();
        let transaction = self.database.begin().map_err(&error)?;
        let writer = Writer { database: &transaction, place: &self.place, owner_rules };
        let recorded =
            sightings.iter().map(|sighting| writer.record(sighting)).collect::<Result<_, _>>()?;
        transaction.commit().map_err(&error)?;
        Ok(recorded)
    }

    /// Notes that `build` of `service` runs since `at`, seen racing or not: the order in which
    /// builds appear tells later ones from earlier ones.
    ///
    /// # Errors
    /// It could not be written.
    pub fn saw_build(
        &mut self,
        service: Option<&str>,
        build: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let write = || {
            let transaction = self.database.begin()?;
            saw_build(&transaction, service.unwrap_or(""), build, at.as_millisecond())?;
            transaction.commit()
        };
        write().map_err(self.error("record"))
    }
}

impl Writer<'_> {
    fn record(&self, sighting: &NewSighting<'_>) -> Result<Recorded, StoreError> {
        let fingerprint = Fingerprint::of(sighting.race);
        let at = sighting.at.as_millisecond();
        if let Some((fingerprint, state)) = self.earlier(sighting.key, &fingerprint)? {
            let (new, regressed) = (false, false);
            return Ok(Recorded { fingerprint, new, regressed, duplicate: true, state });
        }
        if let Some(build) = sighting.build {
            let service = sighting.service.unwrap_or("");
            saw_build(self.database, service, build, at).map_err(|e| self.error(e))?;
        }
        let (row, new) = match self.row(&fingerprint)? {
            Some(row) => (row, false),
            None => (self.insert(&fingerprint, sighting)?, true),
        };
        let state = self.next_state(&row, sighting)?;
        self.count(&row, state, sighting).map_err(|e| self.error(e))?;
        self.keep_evidence(&row, new, sighting, &fingerprint)?;
        if !row.owners_assigned
            && let Some(rules) = self.owner_rules
        {
            self.set_owners(&row, &fingerprint, &rules.owners_of(sighting.race))?;
        }
        let regressed = state == State::Regressed && row.state != State::Regressed;
        Ok(Recorded { fingerprint, new, regressed, duplicate: false, state })
    }

    /// Where the sighting leads, with a line of history for each step.
    fn next_state(&self, row: &Row, sighting: &NewSighting<'_>) -> Result<State, StoreError> {
        let at = sighting.at.as_millisecond();
        let mut state = row.state;
        if row.muted_until.is_some_and(|until| until <= at) {
            state = next(state, Event::MuteEnded).unwrap_or(state);
            if state != row.state {
                self.write_change(row.id, at, Some(row.state), state, "the mute ended")?;
            }
        }
        if state == State::Fixed {
            let later_build = self.is_later(row, sighting).map_err(|e| self.error(e))?;
            state = next(state, Event::Sighted { later_build }).unwrap_or(state);
            if state != State::Fixed {
                let why = format!("seen again {}", place(sighting));
                self.write_change(row.id, at, Some(State::Fixed), state, &why)?;
            }
        }
        Ok(state)
    }

    fn is_later(&self, row: &Row, sighting: &NewSighting<'_>) -> Result<bool, DatabaseError> {
        let first_seen = |build: Option<&str>| {
            self.database.row(
                "SELECT first_seen FROM build WHERE service = ?1 AND build = ?2",
                values![sighting.service.unwrap_or(""), build],
                |row| row.get::<i64>(0),
            )
        };
        let question = Question {
            closed_at: from_millis(row.closed_at.unwrap_or(i64::MAX)),
            fixed_in: row.fixed_in.as_deref(),
            fixed_first_seen: first_seen(row.fixed_in.as_deref())?.map(from_millis),
            build: sighting.build,
            build_first_seen: first_seen(sighting.build)?.map(from_millis),
            at: sighting.at,
        };
        Ok(question.is_later())
    }
}

/// `by canary in build v3 on pod-7`.
fn place(sighting: &NewSighting<'_>) -> String {
    let mut text = format!("by {}", sighting.source);
    for (word, value) in
        [("of", sighting.service), ("in build", sighting.build), ("on", sighting.host)]
    {
        if let Some(value) = value {
            text.push_str(&format!(" {word} {value}"));
        }
    }
    text
}
