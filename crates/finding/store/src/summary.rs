//! Findings in one line each, all of a page together.
//!
//! What is told of them is asked for once for the page rather than once for each: with a Postgres somewhere else it is the
//! trips that take the time. Start at [`Store::summaries`].

use crate::database::{DatabaseError, MOST, Value, among, values};
use crate::error::StoreError;
use crate::lifecycle::State;
use crate::list::{HOUR, Key};
use crate::open::Store;
use crate::read::{from_millis, json_error, unsigned, word};
use crate::sighting::Source;
use jiff::Timestamp;
use photofinish_model::{Fingerprint, Pattern};
use std::collections::{BTreeMap, HashMap};

/// A finding in one line.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Its id.
    pub fingerprint: Fingerprint,
    /// Where it stands; a mute that has run out counts as over.
    pub state: State,
    /// The functions at both ends.
    pub title: String,
    /// What sort of mistake it is.
    pub pattern: Pattern,
    /// Only `--light` builds have seen it.
    pub light_only: bool,
    /// Of the earliest sighting.
    pub first_seen: Timestamp,
    /// Of the latest sighting.
    pub last_seen: Timestamp,
    /// How often it was seen.
    pub count: u64,
    /// How often by whom.
    pub sources: BTreeMap<Source, u64>,
    /// The services it was seen in.
    pub services: Vec<String>,
    /// Teams or people.
    pub owners: Vec<String>,
    /// How often by the hour, as far back as was asked; hours without a sighting are left out.
    pub activity: Vec<(Timestamp, u64)>,
}

/// What stands in a finding's own row.
struct Told {
    title: String,
    pattern: String,
    light_only: bool,
    owners: String,
}

impl Store {
    /// The findings of `keys`, in that order, with their sightings by the hour since `since`.
    pub(crate) fn summaries(
        &self,
        keys: Vec<Key>,
        since: Option<Timestamp>,
    ) -> Result<Vec<Summary>, StoreError> {
        let mut summaries = Vec::with_capacity(keys.len());
        let mut keys = keys.into_iter().peekable();
        while keys.peek().is_some() {
            summaries.extend(self.some(keys.by_ref().take(MOST).collect(), since)?);
        }
        Ok(summaries)
    }

    fn some(&self, keys: Vec<Key>, since: Option<Timestamp>) -> Result<Vec<Summary>, StoreError> {
        let error = self.error("read");
        let ids: Vec<i64> = keys.iter().map(|key| key.id).collect();
        let mut told = self.told(&ids).map_err(&error)?;
        let mut sources: HashMap<i64, BTreeMap<String, u64>> = HashMap::new();
        let mut services: HashMap<i64, Vec<String>> = HashMap::new();
        for (id, source, service, count) in self.tallied(&ids).map_err(&error)? {
            *sources.entry(id).or_default().entry(source).or_default() += count;
            let services = services.entry(id).or_default();
            if !service.is_empty() && !services.contains(&service) {
                services.push(service);
            }
        }
        let mut activity: HashMap<i64, Vec<(Timestamp, u64)>> = HashMap::new();
        if let Some(since) = since {
            for (id, hour, count) in self.hours(&ids, since).map_err(&error)? {
                activity.entry(id).or_default().push((hour, count));
            }
        }
        let mut summary = |key: Key| {
            // Gone since the keys were read.
            let Some(told) = told.remove(&key.id) else { return Ok(None) };
            let source = |(name, count): (String, u64)| Ok((word(&name, &key.fingerprint)?, count));
            let sources = sources.remove(&key.id).unwrap_or_default();
            Ok(Some(Summary {
                state: key.state,
                title: told.title,
                pattern: told.pattern.parse().unwrap_or(Pattern::UnsynchronizedAccess),
                light_only: told.light_only,
                first_seen: from_millis(key.first_seen),
                last_seen: from_millis(key.last_seen),
                count: key.count,
                sources: sources.into_iter().map(source).collect::<Result<_, StoreError>>()?,
                services: services.remove(&key.id).unwrap_or_default(),
                owners: serde_json::from_str(&told.owners)
                    .map_err(|cause| json_error(&key.fingerprint, cause))?,
                activity: activity.remove(&key.id).unwrap_or_default(),
                fingerprint: key.fingerprint,
            }))
        };
        keys.into_iter().filter_map(|key| summary(key).transpose()).collect()
    }

    /// What stands in the findings' own rows.
    fn told(&self, ids: &[i64]) -> Result<HashMap<i64, Told>, DatabaseError> {
        let select = "SELECT id, title, pattern, light_only, owners FROM finding WHERE id IN";
        let (sql, values) = among(select, &[], numbers(ids), "");
        let rows = self.database.rows(&sql, &values, |row| {
            let (title, pattern, light_only) = (row.get(1)?, row.get(2)?, row.get(3)?);
            Ok((row.get(0)?, Told { title, pattern, light_only, owners: row.get(4)? }))
        })?;
        Ok(rows.into_iter().collect())
    }

    /// How often by whom and in which service, of each finding in the order of first seen.
    fn tallied(&self, ids: &[i64]) -> Result<Vec<(i64, String, String, u64)>, DatabaseError> {
        let select = "SELECT finding, source, service, CAST(sum(count) AS BIGINT), min(first_seen) FROM tally
                      WHERE finding IN";
        let group = " GROUP BY finding, source, service ORDER BY 5, 3";
        let (sql, values) = among(select, &[], numbers(ids), group);
        self.database.rows(&sql, &values, |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, unsigned(row.get(3)?)))
        })
    }

    /// How often by the hour since `since`, of each finding in that order.
    pub(crate) fn hours(
        &self,
        ids: &[i64],
        since: Timestamp,
    ) -> Result<Vec<(i64, Timestamp, u64)>, DatabaseError> {
        let select = "SELECT finding, hour, count FROM activity WHERE hour >= ?1 AND finding IN";
        let since = values![since.as_millisecond() / HOUR];
        let (sql, values) = among(select, since, numbers(ids), " ORDER BY hour");
        self.database.rows(&sql, &values, |row| {
            let hour: i64 = row.get(1)?;
            Ok((row.get(0)?, from_millis(hour.saturating_mul(HOUR)), unsigned(row.get(2)?)))
        })
    }
}

fn numbers(ids: &[i64]) -> impl Iterator<Item = Value> {
    ids.iter().copied().map(Value::from)
}
