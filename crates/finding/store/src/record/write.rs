//! What the sightings of a batch come to, written.
//!
//! Start at [`Batch::write`].

use super::batch::Batch;
use super::row::Row;
use crate::database::{DatabaseError, Value, in_rows, values};
use crate::error::StoreError;
use crate::filter::words_of;
use crate::finding::title_of;
use crate::json::RaceJson;
use crate::lifecycle::State;
use crate::list::HOUR;
use crate::read::json_error;
use crate::sighting::NewSighting;
use crate::source::Sources;
use photofinish_model::{Fingerprint, Pattern, Race};
use std::collections::BTreeMap;

/// Where sightings are counted together: finding, source, service, build, host.
type Where = (i64, String, String, String, String);

/// How often, first and last.
struct Tally {
    count: i64,
    first_seen: i64,
    last_seen: i64,
}

impl Batch<'_> {
    /// Writes everything that is not written yet.
    pub(super) fn write(mut self) -> Result<(), StoreError> {
        self.write_builds().map_err(|e| self.error(e))?;
        let mut rows: Vec<(&Fingerprint, &Row<'_>)> =
            self.rows.iter().filter(|(_, row)| row.count > 0).collect();
        rows.sort_by_key(|(_, row)| row.id);
        let mut evidence = Vec::new();
        for (fingerprint, row) in rows {
            self.write_row(row).map_err(|e| self.error(e))?;
            let mut keep = |role: &str, text: String| {
                evidence.push(vec![row.id.into(), role.into(), text.into()]);
            };
            if let Some(raw) = row.first {
                keep("first", raw.to_owned());
            }
            if let Some(raw) = row.latest {
                keep("latest", raw.to_owned());
            }
            if let Some(race) = row.sample {
                let json = serde_json::to_string(&RaceJson::from(race))
                    .map_err(|cause| json_error(fingerprint, cause))?;
                keep("sample", json);
                self.write_sample(row, fingerprint, race).map_err(|e| self.error(e))?;
            }
            if let (Some(race), Some(rules), false) =
                (row.last_race, self.owner_rules, row.owners_assigned)
            {
                let owners = serde_json::to_string(&rules.owners_of(race))
                    .map_err(|cause| json_error(fingerprint, cause))?;
                let sql = "UPDATE finding SET owners = ?2 WHERE id = ?1 AND owners <> ?2";
                let written = self.database.write(sql, values![row.id, owners]);
                written.map_err(|e| self.error(e))?;
            }
        }
        self.write_evidence(&evidence).map_err(|e| self.error(e))?;
        self.write_counts().map_err(|e| self.error(e))
    }

    fn write_row(&self, row: &Row<'_>) -> Result<(), DatabaseError> {
        self.database.write(
            "UPDATE finding SET count = count + ?2, state = ?3, first_seen = ?4, last_seen = ?5, light_only = ?6,
                    muted_until = CASE WHEN ?7 = 1 THEN muted_until END
             WHERE id = ?1",
            values![
                row.id,
                row.count,
                row.state.word(),
                row.first_seen,
                row.last_seen,
                row.light_only,
                row.state == State::Suppressed
            ],
        )
    }

    /// What the finding is called, taken for and searched by from now on.
    fn write_sample(
        &self,
        row: &Row<'_>,
        fingerprint: &Fingerprint,
        race: &Race,
    ) -> Result<(), DatabaseError> {
        let title = title_of(race);
        let words = words_of(fingerprint, &title, race);
        self.database.write(
            "INSERT INTO search (finding, words) VALUES (?1, ?2)
             ON CONFLICT (finding) DO UPDATE SET words = ?2",
            values![row.id, words],
        )?;
        self.database.write(
            "UPDATE finding SET sample_rank = ?2, title = ?3, pattern = ?4 WHERE id = ?1",
            values![row.id, row.sample_rank, title, self.pattern(race).word()],
        )
    }

    /// Told from the source too, where it is at hand.
    fn pattern(&self, race: &Race) -> Pattern {
        let repository = self.owner_rules.map(|rules| rules.repository().clone());
        let mut sources = Sources::new(repository);
        Pattern::with_source(race, |frame, line| sources.line(frame, line))
    }

    fn write_evidence(&self, evidence: &[Vec<Value>]) -> Result<(), DatabaseError> {
        in_rows(evidence, |rows, values| {
            let sql = format!(
                "INSERT INTO evidence (finding, role, text) VALUES {rows}
                 ON CONFLICT (finding, role) DO UPDATE SET text = excluded.text"
            );
            self.database.write(&sql, values)
        })
    }

    fn write_counts(&self) -> Result<(), DatabaseError> {
        let ids = self.write_tallies()?;
        let mut hours: BTreeMap<(i64, i64), i64> = BTreeMap::new();
        let mut sources: BTreeMap<&str, i64> = BTreeMap::new();
        let mut sightings = Vec::with_capacity(self.counted.len());
        for (finding, sighting) in &self.counted {
            let at = sighting.at.as_millisecond();
            *hours.entry((*finding, at / HOUR)).or_default() += 1;
            *sources.entry(sighting.source.word()).or_default() += 1;
            let id = ids.get(&self.place_of(*finding, sighting)).ok_or(DatabaseError::NoRow)?;
            let (key, pid) = (sighting.key.into(), sighting.pid.into());
            sightings.push(vec![key, (*finding).into(), (*id).into(), at.into(), pid]);
        }
        in_rows(&sightings, |rows, values| {
            let sql = format!("INSERT INTO sighting (key, finding, tally, at, pid) VALUES {rows}");
            self.database.write(&sql, values)
        })?;
        let hours: Vec<Vec<Value>> = hours
            .into_iter()
            .map(|((finding, hour), count)| vec![finding.into(), hour.into(), count.into()])
            .collect();
        in_rows(&hours, |rows, values| {
            let sql = format!(
                "INSERT INTO activity (finding, hour, count) VALUES {rows}
                 ON CONFLICT (finding, hour) DO UPDATE SET count = activity.count + excluded.count"
            );
            self.database.write(&sql, values)
        })?;
        for (source, count) in sources {
            self.database.write(
                "INSERT INTO total (source, count) VALUES (?1, ?2)
                 ON CONFLICT (source) DO UPDATE SET count = total.count + excluded.count",
                values![source, count],
            )?;
        }
        Ok(())
    }

    /// The numbers of the tallies that the sightings belong to.
    fn write_tallies(&self) -> Result<BTreeMap<Where, i64>, DatabaseError> {
        let mut tallies: BTreeMap<Where, Tally> = BTreeMap::new();
        for (finding, sighting) in &self.counted {
            let at = sighting.at.as_millisecond();
            let tally = tallies.entry(self.place_of(*finding, sighting)).or_insert(Tally {
                count: 0,
                first_seen: at,
                last_seen: at,
            });
            tally.count += 1;
            tally.first_seen = tally.first_seen.min(at);
            tally.last_seen = tally.last_seen.max(at);
        }
        let rows: Vec<Vec<Value>> = tallies
            .into_iter()
            .map(|((finding, source, service, build, host), tally)| {
                let Tally { count, first_seen, last_seen } = tally;
                let place = [source, service, build, host].map(Value::from);
                let counts = [count, first_seen, last_seen].map(Value::from);
                [finding.into()].into_iter().chain(place).chain(counts).collect()
            })
            .collect();
        let mut ids = BTreeMap::new();
        in_rows(&rows, |rows, values| {
            let sql = format!(
                "INSERT INTO tally (finding, source, service, build, host, count, first_seen, last_seen)
                 VALUES {rows}
                 ON CONFLICT (finding, source, service, build, host) DO UPDATE SET
                     count = tally.count + excluded.count,
                     first_seen = CASE WHEN tally.first_seen > excluded.first_seen
                                       THEN excluded.first_seen ELSE tally.first_seen END,
                     last_seen = CASE WHEN tally.last_seen < excluded.last_seen
                                      THEN excluded.last_seen ELSE tally.last_seen END
                 RETURNING id, finding, source, service, build, host"
            );
            let written = self.database.rows(&sql, values, |row| {
                let place = (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?);
                Ok((place, row.get(0)?))
            })?;
            ids.extend(written);
            Ok(())
        })?;
        Ok(ids)
    }

    fn place_of(&self, finding: i64, sighting: &NewSighting<'_>) -> Where {
        let kept = |text: &str| self.database.kept(text).into_owned();
        let [service, build, host] =
            [sighting.service, sighting.build, sighting.host].map(|text| kept(text.unwrap_or("")));
        (finding, sighting.source.word().to_owned(), service, build, host)
    }
}
