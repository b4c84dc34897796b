//! The statements that recording a sighting takes, each on its own.
//!
//! All of them run inside the transaction of [`Store::record_all`](crate::Store::record_all).

use crate::database::{Database, DatabaseError, Value, values};
use crate::error::StoreError;
use crate::filter::words_of;
use crate::finding::{sample_rank, title_of};
use crate::json::RaceJson;
use crate::lifecycle::State;
use crate::list::HOUR;
use crate::owners::OwnerRules;
use crate::place::StorePlace;
use crate::read::{json_error, word};
use crate::sighting::NewSighting;
use crate::source::Sources;
use photofinish_model::{Fingerprint, Pattern, Race};

/// One transaction under way.
pub(super) struct Writer<'a> {
    pub(super) database: &'a Database,
    pub(super) place: &'a StorePlace,
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
            .database
            .row(
                "SELECT fingerprint, state FROM sighting JOIN finding ON finding.id = sighting.finding
                 WHERE key = ?1",
                values![key],
                |row| Ok((row.get::<String>(0)?, row.get::<String>(1)?)),
            )
            .map_err(|e| self.error(e))?;
        earlier
            .map(|(id, state)| Ok((Fingerprint::from_stored(id), word(&state, fingerprint)?)))
            .transpose()
    }

    pub(super) fn row(&self, fingerprint: &Fingerprint) -> Result<Option<Row>, StoreError> {
        let found = self
            .database
            .row(
                "SELECT id, state, last_seen, first_seen, sample_rank, closed_at, fixed_in,
                        muted_until, owners_assigned
                 FROM finding WHERE fingerprint = ?1",
                values![fingerprint.as_str()],
                |row| {
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
                    Ok((placeholder, row.get::<String>(1)?))
                },
            )
            .map_err(|e| self.error(e))?;
        found.map(|(row, state)| Ok(Row { state: word(&state, fingerprint)?, ..row })).transpose()
    }

    pub(super) fn insert(
        &self,
        fingerprint: &Fingerprint,
        sighting: &NewSighting<'_>,
    ) -> Result<Row, StoreError> {
        let at = sighting.at.as_millisecond();
        let id = self
            .database
            .one(
                "INSERT INTO finding (fingerprint, title, pattern, state, light_only, first_seen, last_seen,
                                      count, sample_rank, owners, owners_assigned)
                 VALUES (?1, '', '', 'new', 1, ?2, ?2, 0, -1, '[]', 0) RETURNING id",
                values![fingerprint.as_str(), at],
                |row| row.get(0),
            )
            .map_err(|e| self.error(e))?;
        let row = Row {
            id,
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
    ) -> Result<(), DatabaseError> {
        let at = sighting.at.as_millisecond();
        self.database.write(
            "UPDATE finding SET count = count + 1, state = ?2,
                    first_seen = CASE WHEN first_seen > ?3 THEN ?3 ELSE first_seen END,
                    last_seen = CASE WHEN last_seen < ?3 THEN ?3 ELSE last_seen END,
                    light_only = CASE WHEN ?4 = 0 THEN 0 ELSE light_only END,
                    muted_until = CASE WHEN ?5 = 1 THEN muted_until END
             WHERE id = ?1",
            values![row.id, state.word(), at, sighting.race.light, state == State::Suppressed],
        )?;
        let place =
            [sighting.service, sighting.build, sighting.host].map(Option::unwrap_or_default);
        let [service, build, host] = place;
        let source = sighting.source.word();
        self.database.write(
            "INSERT INTO tally (finding, source, service, build, host, count, first_seen, last_seen)
             VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?6)
             ON CONFLICT (finding, source, service, build, host) DO UPDATE SET count = tally.count + 1,
                 first_seen = CASE WHEN tally.first_seen > ?6 THEN ?6 ELSE tally.first_seen END,
                 last_seen = CASE WHEN tally.last_seen < ?6 THEN ?6 ELSE tally.last_seen END",
            values![row.id, source, service, build, host, at],
        )?;
        self.database.write(
            "INSERT INTO sighting (key, finding, tally, at, pid) VALUES (?1, ?2, (SELECT id FROM tally
             WHERE finding = ?2 AND source = ?5 AND service = ?6 AND build = ?7 AND host = ?8), ?3, ?4)",
            values![sighting.key, row.id, at, sighting.pid, source, service, build, host],
        )?;
        self.database.write(
            "INSERT INTO activity (finding, hour, count) VALUES (?1, ?2, 1)
             ON CONFLICT (finding, hour) DO UPDATE SET count = activity.count + 1",
            values![row.id, at / HOUR],
        )
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
            self.write(
                "INSERT INTO evidence (finding, role, text) VALUES (?1, ?2, ?3)
                 ON CONFLICT (finding, role) DO UPDATE SET text = ?3",
                values![row.id, role, text],
            )
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
            self.write(
                "UPDATE finding SET sample_rank = ?2, title = ?3, pattern = ?4 WHERE id = ?1",
                values![row.id, rank, title, self.pattern(sighting.race).word()],
            )?;
        }
        Ok(())
    }

    /// What the finding is searched by from now on.
    fn keep_words(&self, row: &Row, words: &str) -> Result<(), StoreError> {
        self.write(
            "INSERT INTO search (finding, words) VALUES (?1, ?2)
             ON CONFLICT (finding) DO UPDATE SET words = ?2",
            values![row.id, words],
        )
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
        self.write(
            "UPDATE finding SET owners = ?2 WHERE id = ?1 AND owners <> ?2",
            values![row.id, json],
        )
    }

    pub(super) fn write_change(
        &self,
        finding: i64,
        at: i64,
        from: Option<State>,
        to: State,
        why: &str,
    ) -> Result<(), StoreError> {
        self.write(
            "INSERT INTO change (finding, at, from_state, to_state, why)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            values![finding, at, from.map(State::word), to.word(), why],
        )
    }

    fn write(&self, sql: &str, values: &[Value]) -> Result<(), StoreError> {
        self.database.write(sql, values).map_err(|cause| self.error(cause))
    }

    pub(super) fn error(&self, cause: DatabaseError) -> StoreError {
        StoreError::of("record", self.place, cause)
    }
}

pub(super) fn saw_build(
    database: &Database,
    service: &str,
    build: &str,
    at: i64,
) -> Result<(), DatabaseError> {
    database.write(
        "INSERT INTO build (service, build, first_seen) VALUES (?1, ?2, ?3)
         ON CONFLICT (service, build) DO UPDATE SET first_seen = ?3 WHERE ?3 < build.first_seen",
        values![service, build, at],
    )
}
