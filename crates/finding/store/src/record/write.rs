//! The statements that recording a sighting takes, each on its own.
//!
//! All of them run inside the transaction of [`Store::record_all`](crate::Store::record_all).

use crate::error::StoreError;
use crate::filter::words_of;
use crate::finding::{sample_rank, title_of};
use crate::json::RaceJson;
use crate::lifecycle::State;
use crate::list::HOUR;
use crate::owners::OwnerRules;
use crate::read::{json_error, word};
use crate::sighting::NewSighting;
use crate::source::Sources;
use photofinish_model::{Fingerprint, Pattern, Race};
use rusqlite::{Connection, OptionalExtension, named_params, params};
use std::path::Path;

/// One transaction under way.
pub(super) struct Writer<'a> {
    pub(super) connection: &'a Connection,
    pub(super) path: &'a Path,
    pub(super) owner_rules: Option<&'a OwnerRules>,
}

/// What a finding's row says before a sighting is added.
pub(super) struct Row {
    pub(super) id: i64,
    pub(super) state: State,
    pub(super) last_seen: i64,
    pub(super) first_seen: i64,
    pub(super) sample_rank: i64,
    pub(super) closed_at: Option<i64>,
    pub(super) fixed_in: Option<String>,
    pub(super) muted_until: Option<i64>,
    pub(super) owners_assigned: bool,
}

impl Writer<'_> {
    /// The finding that a sighting with this key went to, if there was one.
    pub(super) fn earlier(
        &self,
        key: &str,
        fingerprint: &Fingerprint,
    ) -> Result<Option<(Fingerprint, State)>, StoreError> {
        let earlier = self
            .connection
            .prepare_cached(
                "SELECT fingerprint, state FROM sighting JOIN finding ON finding.id = finding
                 WHERE key = ?1",
            )
            .and_then(|mut statement| {
                statement
                    .query_row([key], |row| {
                        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
                    })
                    .optional()
            })
            .map_err(|e| self.error(e))?;
        earlier
            .map(|(id, state)| Ok((Fingerprint::from_stored(id), word(&state, fingerprint)?)))
            .transpose()
    }

    pub(super) fn row(&self, fingerprint: &Fingerprint) -> Result<Option<Row>, StoreError> {
        let found = self
            .connection
            .prepare_cached(
                "SELECT id, state, last_seen, first_seen, sample_rank, closed_at, fixed_in,
                        muted_until, owners_assigned
                 FROM finding WHERE fingerprint = ?1",
            )
            .and_then(|mut statement| {
                statement
                    .query_row([fingerprint.as_str()], |row| {
                        let placeholder = Row {
                            id: row.get(0)?,
                            state: State::New,
                            last_seen: row.get(2)?,
                            first_seen: row.get(3)?,
                            sample_rank: row.get(4)?,
                            closed_at: row.get(5)?,
                            fixed_in: row.get(6)?,
                            muted_until: row.get(7)?,
                            owners_assigned: row.get(8)?,
                        };
                        Ok((placeholder, row.get::<_, String>(1)?))
                    })
                    .optional()
            })
            .map_err(|e| self.error(e))?;
        found.map(|(row, state)| Ok(Row { state: word(&state, fingerprint)?, ..row })).transpose()
    }

    pub(super) fn insert(
        &self,
        fingerprint: &Fingerprint,
        sighting: &NewSighting<'_>,
    ) -> Result<Row, StoreError> {
        let at = sighting.at.as_millisecond();
        self.connection
            .prepare_cached(
                "INSERT INTO finding (fingerprint, title, pattern, state, light_only, first_seen, last_seen,
                                      count, sample_rank, owners, owners_assigned)
                 VALUES (?1, '', '', 'new', 1, ?2, ?2, 0, -1, '[]', 0)",
            )
            .and_then(|mut s| s.execute(params![fingerprint.as_str(), at]))
            .map_err(|e| self.error(e))?;
        let row = Row {
            id: self.connection.last_insert_rowid(),
            state: State::New,
            last_seen: at,
            first_seen: at,
            sample_rank: -1,
            closed_at: None,
            fixed_in: None,
            muted_until: None,
            owners_assigned: false,
        };
        self.write_change(
            row.id,
            at,
            None,
            State::New,
            &format!("first seen {}", super::place(sighting)),
        )?;
        Ok(row)
    }

    pub(super) fn count(
        &self,
        row: &Row,
        state: State,
        sighting: &NewSighting<'_>,
    ) -> rusqlite::Result<()> {
        let at = sighting.at.as_millisecond();
        self.connection
            .prepare_cached(
                "UPDATE finding SET count = count + 1, state = :state,
                        first_seen = min(first_seen, :at), last_seen = max(last_seen, :at),
                        light_only = light_only AND :light,
                        muted_until = CASE :state WHEN 'suppressed' THEN muted_until END
                 WHERE id = :id",
            )?
            .execute(named_params! {
                ":id": row.id, ":state": state.word(), ":at": at, ":light": sighting.race.light,
            })?;
        let tally: i64 = self
            .connection
            .prepare_cached(
                "INSERT INTO tally (finding, source, service, build, host, count, first_seen, last_seen)
                 VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?6)
                 ON CONFLICT DO UPDATE SET count = count + 1,
                     first_seen = min(first_seen, ?6), last_seen = max(last_seen, ?6)
                 RETURNING id",
            )?
            .query_row(
                params![
                    row.id,
                    sighting.source.word(),
                    sighting.service.unwrap_or(""),
                    sighting.build.unwrap_or(""),
                    sighting.host.unwrap_or(""),
                    at
                ],
                |row| row.get(0),
            )?;
        self.connection
            .prepare_cached(
                "INSERT INTO sighting (key, finding, tally, at, pid) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![sighting.key, row.id, tally, at, sighting.pid])?;
        self.connection
            .prepare_cached(
                "INSERT INTO activity (finding, hour, count) VALUES (?1, ?2, 1)
                 ON CONFLICT DO UPDATE SET count = count + 1",
            )?
            .execute(params![row.id, at / HOUR])?;
        Ok(())
    }

    pub(super) fn keep_evidence(
        &self,
        row: &Row,
        new: bool,
        sighting: &NewSighting<'_>,
        fingerprint: &Fingerprint,
    ) -> Result<(), StoreError> {
        let at = sighting.at.as_millisecond();
        let keep = |role: &str, text: &str| {
            self.connection
                .prepare_cached(
                    "INSERT INTO evidence (finding, role, text) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO UPDATE SET text = ?3",
                )
                .and_then(|mut statement| statement.execute(params![row.id, role, text]))
                .map_err(|e| self.error(e))
        };
        if new || at < row.first_seen {
            keep("first", &sighting.race.raw)?;
        }
        if new || at >= row.last_seen {
            keep("latest", &sighting.race.raw)?;
        }
        let rank = sample_rank(sighting.race);
        if rank > row.sample_rank {
            let title = title_of(sighting.race);
            self.keep_words(row, &words_of(fingerprint, &title, sighting.race))?;
            let json = serde_json::to_string(&RaceJson::from(sighting.race))
                .map_err(|cause| json_error(fingerprint, cause))?;
            keep("sample", &json)?;
            self.connection
                .prepare_cached(
                    "UPDATE finding SET sample_rank = ?2, title = ?3, pattern = ?4 WHERE id = ?1",
                )
                .and_then(|mut s| {
                    s.execute(params![row.id, rank, title, self.pattern(sighting.race).word()])
                })
                .map_err(|e| self.error(e))?;
        }
        Ok(())
    }

    /// What the finding is searched by from now on.
    fn keep_words(&self, row: &Row, words: &str) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO search (finding, words) VALUES (?1, ?2)
                 ON CONFLICT DO UPDATE SET words = ?2",
            )
            .and_then(|mut statement| statement.execute(params![row.id, words]))
            .map_err(|e| self.error(e))?;
        Ok(())
    }

    /// Told from the source too, where it is at hand.
    fn pattern(&self, race: &Race) -> Pattern {
        let repository = self.owner_rules.map(|rules| rules.repository().clone());
        let mut sources = Sources::new(repository);
        Pattern::with_source(race, |frame, line| sources.line(frame, line))
    }

    pub(super) fn set_owners(
        &self,
        row: &Row,
        fingerprint: &Fingerprint,
        owners: &[String],
    ) -> Result<(), StoreError> {
        let json = serde_json::to_string(owners).map_err(|cause| json_error(fingerprint, cause))?;
        self.connection
            .prepare_cached("UPDATE finding SET owners = ?2 WHERE id = ?1 AND owners <> ?2")
            .and_then(|mut statement| statement.execute(params![row.id, json]))
            .map_err(|e| self.error(e))?;
        Ok(())
    }

    pub(super) fn write_change(
        &self,
        finding: i64,
        at: i64,
        from: Option<State>,
        to: State,
        why: &str,
    ) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO change (finding, at, from_state, to_state, why)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )
            .and_then(|mut s| {
                s.execute(params![finding, at, from.map(State::word), to.word(), why])
            })
            .map_err(|e| self.error(e))?;
        Ok(())
    }

    pub(super) fn error(&self, cause: rusqlite::Error) -> StoreError {
        StoreError::from_sqlite("record", self.path, cause)
    }
}

pub(super) fn saw_build(
    c: &Connection,
    service: &str,
    build: &str,
    at: i64,
) -> rusqlite::Result<()> {
    c.prepare_cached(
        "INSERT INTO build (service, build, first_seen) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET first_seen = ?3 WHERE ?3 < first_seen",
    )?
    .execute(params![service, build, at])?;
    Ok(())
}
