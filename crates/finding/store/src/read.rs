//! Reading findings back: one by its id, or all that a [`Filter`] lets through.
//!
//! A finding whose pattern was not told when it was recorded is classified again at each reading: a
//! later photofinish may know better.

use crate::database::{Database, DatabaseError, Row, values};
use crate::error::StoreError;
use crate::filter::Filter;
use crate::finding::{Change, Finding, Seen};
use crate::json::RaceJson;
use crate::lifecycle::State;
use crate::list::Order;
use crate::open::Store;
use crate::sighting::Source;
use jiff::Timestamp;
use photofinish_model::{Fingerprint, Kind, Pattern, Race, UnknownWord};
use std::collections::BTreeMap;
use std::str::FromStr;

/// SQL for the state at a time: a mute that has run out is over.
macro_rules! state_at {
    ($time:literal) => {
        concat!(
            "CASE WHEN state = 'suppressed' AND muted_until <= ",
            $time,
            " THEN 'new' ELSE state END"
        )
    };
}
pub(crate) use state_at;

impl Store {
    /// The findings that `filter` lets through: those that wait for a decision first, each group
    /// with the one seen last in front.
    ///
    /// # Errors
    /// They could not be read.
    pub fn findings(&self, filter: &Filter) -> Result<Vec<Finding>, StoreError> {
        let mut keys = self.keys(filter)?;
        keys.retain(|key| filter.has_state(key.state));
        keys.sort_by_key(|key| key.rank(Order::Urgent));
        let mut findings = Vec::with_capacity(keys.len());
        let sql = format!("{SELECT} WHERE id = ?2");
        for key in keys {
            let row = self.database.row(&sql, values![now(), key.id], FindingRow::read);
            // `None`: gone since the keys were read.
            if let Some(row) = row.map_err(self.error("read"))? {
                findings.push(self.complete(row, key.state)?);
            }
        }
        Ok(findings)
    }

    /// The finding with this id.
    ///
    /// # Errors
    /// There is none, or it could not be read.
    pub fn finding(&self, fingerprint: &Fingerprint) -> Result<Finding, StoreError> {
        let row = self
            .database
            .row(
                &format!("{SELECT} WHERE fingerprint = ?2"),
                values![now(), fingerprint.as_str()],
                FindingRow::read,
            )
            .map_err(self.error("read"))?
            .ok_or_else(|| StoreError::Unknown { id: fingerprint.to_string() })?;
        let state = word(&row.state, fingerprint)?;
        self.complete(row, state)
    }

    /// Where the finding with this id stands, without reading the rest of it; `None` if there is no
    /// such finding.
    ///
    /// # Errors
    /// It could not be read.
    pub fn state(&self, fingerprint: &Fingerprint) -> Result<Option<State>, StoreError> {
        let sql = concat!("SELECT ", state_at!("?1"), " FROM finding WHERE fingerprint = ?2");
        let state: Option<String> = self
            .database
            .row(sql, values![now(), fingerprint.as_str()], |row| row.get(0))
            .map_err(self.error("read"))?;
        state.map(|state| word(&state, fingerprint)).transpose()
    }

    /// A number that is another one once anybody else has written something (this handle's own
    /// writing may leave it as it is).
    ///
    /// # Errors
    /// It could not be read.
    pub fn version(&self) -> Result<i64, StoreError> {
        let sql = match &self.database {
            Database::Sqlite(_) => "PRAGMA data_version",
            Database::Postgres(_) => "SELECT writes FROM photofinish",
        };
        self.database.one(sql, &[], |row| row.get(0)).map_err(self.error("read"))
    }

    /// The finding whose id begins with `prefix`.
    ///
    /// # Errors
    /// There is none, or more than one (the error lists them), or it could not be read.
    pub fn resolve(&self, prefix: &str) -> Result<Fingerprint, StoreError> {
        let mut candidates = self
            .database
            .rows(
                "SELECT fingerprint, title FROM finding
                 WHERE fingerprint = ?1 OR lower(substr(fingerprint, 1, length(?1))) = lower(?1)
                 ORDER BY fingerprint",
                values![prefix],
                |row| Ok((Fingerprint::from_stored(row.get::<String>(0)?), row.get(1)?)),
            )
            .map_err(self.error("read"))?;
        if let Some(exact) = candidates.iter().position(|(id, _)| id.as_str() == prefix) {
            return Ok(candidates.swap_remove(exact).0);
        }
        match candidates.len() {
            _ if prefix.is_empty() => Err(StoreError::Unknown { id: String::new() }),
            0 => Err(StoreError::Unknown { id: prefix.to_owned() }),
            1 => Ok(candidates.swap_remove(0).0),
            _ => Err(StoreError::Ambiguous { prefix: prefix.to_owned(), candidates }),
        }
    }

    fn complete(&self, row: FindingRow, state: State) -> Result<Finding, StoreError> {
        let error = self.error("read");
        let sample: RaceJson = serde_json::from_str(&row.sample)
            .map_err(|cause| json_error(&row.fingerprint, cause))?;
        let mut race =
            Race::try_from(sample).map_err(|cause| word_error(&row.fingerprint, cause))?;
        if race.kind == Kind::AnswerDiff {
            // All its sightings tell as much, and the latest has the counts so far.
            race.raw.clone_from(&row.latest_raw);
        }
        let sources = self.seen(row.id, "source").map_err(&error)?.into_iter();
        let sources = sources
            .map(|seen| Ok((word(&seen.name, &row.fingerprint)?, seen.count)))
            .collect::<Result<BTreeMap<Source, u64>, StoreError>>()?;
        Ok(Finding {
            state,
            title: row.title,
            pattern: pattern(&row.pattern, &race),
            light_only: row.light_only,
            first_seen: row.first_seen,
            last_seen: row.last_seen,
            count: row.count,
            sources,
            services: self.seen(row.id, "service").map_err(&error)?,
            builds: self.seen(row.id, "build").map_err(&error)?,
            hosts: self.seen(row.id, "host").map_err(&error)?,
            owners: serde_json::from_str(&row.owners)
                .map_err(|cause| json_error(&row.fingerprint, cause))?,
            owners_assigned: row.owners_assigned,
            fixed_in: row.fixed_in,
            muted_until: row.muted_until,
            race,
            first_raw: row.first_raw,
            latest_raw: row.latest_raw,
            jobs: self.jobs(row.id).map_err(&error)?,
            history: self.history(row.id, &row.fingerprint)?,
            fingerprint: row.fingerprint,
        })
    }

    /// The counts of a finding by one column of `tally`, in the order of first seen.
    pub(crate) fn seen(
        &self,
        finding: i64,
        column: &'static str,
    ) -> Result<Vec<Seen>, DatabaseError> {
        let sql = format!(
            "SELECT {column}, CAST(sum(count) AS BIGINT), min(first_seen), max(last_seen) FROM tally
             WHERE finding = ?1 AND {column} <> '' GROUP BY {column} ORDER BY 3, 1"
        );
        self.database.rows(&sql, values![finding], |row| {
            Ok(Seen {
                name: row.get(0)?,
                count: unsigned(row.get(1)?),
                first_seen: from_millis(row.get(2)?),
                last_seen: from_millis(row.get(3)?),
            })
        })
    }

    fn history(&self, finding: i64, id: &Fingerprint) -> Result<Vec<Change>, StoreError> {
        let rows = self
            .database
            .rows(
                "SELECT at, from_state, to_state, who, why FROM change WHERE finding = ?1 ORDER BY id",
                values![finding],
                |row| {
                    let words: (Option<String>, String) = (row.get(1)?, row.get(2)?);
                    Ok((from_millis(row.get(0)?), words, row.get(3)?, row.get(4)?))
                },
            )
            .map_err(self.error("read"))?;
        rows.into_iter()
            .map(|(at, (from, to), by, why)| {
                let from = from.map(|from| word(&from, id)).transpose()?;
                Ok(Change { at, from, to: word(&to, id)?, by, why })
            })
            .collect()
    }
}

/// The columns of a [`FindingRow`]; `?1` is the time.
const SELECT: &str = concat!(
    "SELECT id, fingerprint, title, pattern, ",
    state_at!("?1"),
    ", light_only, first_seen, last_seen, count, owners, owners_assigned, fixed_in, muted_until,
     (SELECT text FROM evidence WHERE finding = finding.id AND role = 'sample'),
     (SELECT text FROM evidence WHERE finding = finding.id AND role = 'first'),
     (SELECT text FROM evidence WHERE finding = finding.id AND role = 'latest')
     FROM finding"
);

struct FindingRow {
    id: i64,
    fingerprint: Fingerprint,
    title: String,
    pattern: String,
    state: String,
    light_only: bool,
    first_seen: Timestamp,
    last_seen: Timestamp,
    count: u64,
    owners: String,
    owners_assigned: bool,
    fixed_in: Option<String>,
    muted_until: Option<Timestamp>,
    sample: String,
    first_raw: String,
    latest_raw: String,
}

impl FindingRow {
    fn read(row: &Row) -> Result<FindingRow, DatabaseError> {
        Ok(FindingRow {
            id: row.get(0)?,
            fingerprint: Fingerprint::from_stored(row.get::<String>(1)?),
            title: row.get(2)?,
            pattern: row.get(3)?,
            state: row.get(4)?,
            light_only: row.get(5)?,
            first_seen: from_millis(row.get(6)?),
            last_seen: from_millis(row.get(7)?),
            count: unsigned(row.get(8)?),
            owners: row.get(9)?,
            owners_assigned: row.get(10)?,
            fixed_in: row.get(11)?,
            muted_until: row.get::<Option<i64>>(12)?.map(from_millis),
            sample: row.get(13)?,
            first_raw: row.get(14)?,
            latest_raw: row.get(15)?,
        })
    }
}

/// Times outside of what a clock can show (years -9999 to 9999) become its ends.
pub(crate) fn from_millis(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(if millis < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

pub(crate) fn word<T: FromStr<Err = UnknownWord>>(
    text: &str,
    fingerprint: &Fingerprint,
) -> Result<T, StoreError> {
    text.parse().map_err(|cause| word_error(fingerprint, cause))
}

pub(crate) fn json_error(fingerprint: &Fingerprint, cause: serde_json::Error) -> StoreError {
    StoreError::Json { fingerprint: fingerprint.clone(), cause }
}

fn word_error(fingerprint: &Fingerprint, cause: UnknownWord) -> StoreError {
    StoreError::Word { fingerprint: fingerprint.clone(), cause }
}

fn pattern(stored: &str, race: &Race) -> Pattern {
    match stored.parse() {
        Ok(Pattern::UnsynchronizedAccess) | Err(_) => Pattern::of(race),
        Ok(told) => told,
    }
}

pub(crate) fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

fn now() -> i64 {
    Timestamp::now().as_millisecond()
}
