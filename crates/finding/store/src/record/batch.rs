//! Sightings of one transaction, one after the other: what each of them does to its finding.
//!
//! Nothing but new findings and lines of history is written meanwhile; the rest is remembered for `write`. Since
//! nobody else writes until the transaction is over, what was read at its beginning stays true.

use super::row::Row;
use super::{place, saw_build};
use crate::database::{Database, DatabaseError, Value, among, values};
use crate::error::StoreError;
use crate::later::Question;
use crate::lifecycle::{Event, State, next};
use crate::owners::OwnerRules;
use crate::place::StorePlace;
use crate::read::{from_millis, word};
use crate::sighting::{NewSighting, Recorded};
use photofinish_model::Fingerprint;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// One transaction under way.
pub(super) struct Batch<'a> {
    pub(super) database: &'a Database,
    pub(super) place: &'a StorePlace,
    pub(super) owner_rules: Option<&'a OwnerRules>,
    /// The findings of sightings that were recorded before, by key; those of this batch, too.
    earlier: HashMap<Cow<'a, str>, Fingerprint>,
    /// The findings of this batch as they are after the sightings so far.
    pub(super) rows: HashMap<Fingerprint, Row<'a>>,
    /// When a build of a service was first seen in this batch.
    pub(super) builds: BTreeMap<(&'a str, &'a str), i64>,
    /// What was counted, and for which finding's number.
    pub(super) counted: Vec<(i64, &'a NewSighting<'a>)>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(
        database: &'a Database,
        place: &'a StorePlace,
        owner_rules: Option<&'a OwnerRules>,
    ) -> Batch<'a> {
        Batch {
            database,
            place,
            owner_rules,
            earlier: HashMap::new(),
            rows: HashMap::new(),
            builds: BTreeMap::new(),
            counted: Vec::new(),
        }
    }

    /// Reads what is known of `sightings`, [`crate::database::MOST`] at most; which finding each belongs to.
    pub(super) fn look_up(
        &mut self,
        sightings: &[NewSighting<'_>],
    ) -> Result<Vec<Fingerprint>, StoreError> {
        let fingerprints: Vec<Fingerprint> =
            sightings.iter().map(|sighting| Fingerprint::of(sighting.race)).collect();
        let keys = sightings.iter().map(|sighting| Value::from(sighting.key));
        let select =
            "SELECT key, fingerprint FROM sighting JOIN finding ON finding.id = sighting.finding
                      WHERE key IN";
        let (sql, values) = among(select, &[], keys, "");
        let earlier = self.database.rows(&sql, &values, |row| {
            Ok((row.get::<String>(0)?, Fingerprint::from_stored(row.get::<String>(1)?)))
        });
        let earlier = earlier.map_err(|cause| self.error(cause))?;
        // Those of a batch are a few, most often.
        let mut wanted: Vec<&Fingerprint> =
            fingerprints.iter().chain(earlier.iter().map(|(_, of)| of)).collect();
        wanted.sort();
        wanted.dedup();
        wanted.retain(|fingerprint| !self.rows.contains_key(fingerprint));
        self.read_rows(&wanted)?;
        self.earlier.extend(earlier.into_iter().map(|(key, of)| (Cow::Owned(key), of)));
        Ok(fingerprints)
    }

    /// Takes one that was looked up.
    pub(super) fn add(
        &mut self,
        sighting: &'a NewSighting<'a>,
        fingerprint: Fingerprint,
    ) -> Result<Recorded, StoreError> {
        let key = self.database.kept(sighting.key);
        if let Some(fingerprint) = self.earlier.get(&key) {
            let row = self.rows.get(fingerprint);
            let state = row.ok_or_else(|| self.error(DatabaseError::NoRow))?.state;
            let fingerprint = fingerprint.clone();
            return Ok(Recorded {
                fingerprint,
                new: false,
                regressed: false,
                duplicate: true,
                state,
            });
        }
        if let Some(build) = sighting.build {
            let at = sighting.at.as_millisecond();
            let first = self.builds.entry((sighting.service.unwrap_or(""), build)).or_insert(at);
            *first = at.min(*first);
        }
        let known = self.rows.remove(&fingerprint);
        let new = known.is_none();
        let mut row = match known {
            Some(row) => row,
            None => self.insert(&fingerprint, sighting)?,
        };
        let before = row.state;
        let state = self.next_state(&row, sighting)?;
        row.add(sighting, state);
        self.counted.push((row.id, sighting));
        self.rows.insert(fingerprint.clone(), row);
        self.earlier.insert(key, fingerprint.clone());
        let regressed = state == State::Regressed && before != State::Regressed;
        Ok(Recorded { fingerprint, new, regressed, duplicate: false, state })
    }

    /// Where the sighting leads, with a line of history for each step.
    fn next_state(
        &mut self,
        row: &Row<'_>,
        sighting: &NewSighting<'_>,
    ) -> Result<State, StoreError> {
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

    fn is_later(
        &mut self,
        row: &Row<'_>,
        sighting: &NewSighting<'_>,
    ) -> Result<bool, DatabaseError> {
        self.write_builds()?;
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

    /// The builds so far: nothing later in the batch may be known when somebody asks.
    pub(super) fn write_builds(&mut self) -> Result<(), DatabaseError> {
        for ((service, build), at) in std::mem::take(&mut self.builds) {
            saw_build(self.database, service, build, at)?;
        }
        Ok(())
    }

    fn insert(
        &self,
        fingerprint: &Fingerprint,
        sighting: &NewSighting<'_>,
    ) -> Result<Row<'a>, StoreError> {
        let at = sighting.at.as_millisecond();
        let id = self.database.one(
            "INSERT INTO finding (fingerprint, title, pattern, state, light_only, first_seen, last_seen,
                                  count, sample_rank, owners, owners_assigned)
             VALUES (?1, '', '', 'new', 1, ?2, ?2, 0, -1, '[]', 0) RETURNING id",
            values![fingerprint.as_str(), at],
            |row| row.get(0),
        );
        let id = id.map_err(|e| self.error(e))?;
        let why = format!("first seen {}", place(sighting));
        self.write_change(id, at, None, State::New, &why)?;
        Ok(Row::new(id, at))
    }

    fn write_change(
        &self,
        finding: i64,
        at: i64,
        from: Option<State>,
        to: State,
        why: &str,
    ) -> Result<(), StoreError> {
        let written = self.database.write(
            "INSERT INTO change (finding, at, from_state, to_state, why)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            values![finding, at, from.map(State::word), to.word(), why],
        );
        written.map_err(|cause| self.error(cause))
    }

    fn read_rows(&mut self, wanted: &[&Fingerprint]) -> Result<(), StoreError> {
        for some in wanted.chunks(crate::database::MOST) {
            let ids = some.iter().map(|fingerprint| Value::from(fingerprint.as_str()));
            let (sql, values) = among(super::row::SELECT, &[], ids, "");
            let read = self.database.rows(&sql, &values, Row::read).map_err(|e| self.error(e))?;
            for (fingerprint, state, row) in read {
                let state = word(&state, &fingerprint)?;
                self.rows.insert(fingerprint, Row { state, ..row });
            }
        }
        Ok(())
    }

    pub(super) fn error(&self, cause: DatabaseError) -> StoreError {
        StoreError::of("record", self.place, cause)
    }
}
