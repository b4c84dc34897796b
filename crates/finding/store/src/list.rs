//! Findings a page at a time, without reading what each of them saw.
//!
//! One pass over the narrow rows finds what a [`Filter`] lets through, counts it by state and puts it in
//! order; only the findings of the page are then read in full (`summary`). So a page costs the same whether a
//! finding was seen once or a million times. What is searched is written when a finding is recorded.
//!
//! Not here: whole findings (`read`). Start at [`Store::list`].

use crate::database::{DatabaseError, Dialect, Row, Value, values};
use crate::error::StoreError;
use crate::filter::Filter;
use crate::lifecycle::State;
use crate::open::Store;
use crate::read::{state_at, unsigned, word};
use crate::sighting::Source;
use crate::summary::Summary;
use jiff::Timestamp;
use photofinish_model::{Fingerprint, Pattern};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Milliseconds of an hour.
pub(crate) const HOUR: i64 = 3_600_000;

/// In which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// What waits for a decision first, each group with the one seen last in front.
    #[default]
    Urgent,
    /// Seen last in front.
    LastSeen,
    /// First seen last in front.
    FirstSeen,
    /// Seen most often in front.
    Count,
}

/// Which part of the findings.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// In which order.
    pub order: Order,
    /// How many to leave out in front.
    pub offset: usize,
    /// How many at most.
    pub limit: usize,
    /// The earliest hour of [`Summary::activity`], if anybody wants that.
    pub activity_since: Option<Timestamp>,
}

/// A page of findings, and how many there are.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// How many the filter lets through.
    pub total: u64,
    /// How many it would let through by state, if it named no states.
    pub by_state: BTreeMap<State, u64>,
    /// The findings of the page.
    pub findings: Vec<Summary>,
}

/// What there is to choose from: names in use, in order, at most 200 each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// Services.
    pub services: Vec<String>,
    /// Teams and people.
    pub owners: Vec<String>,
    /// Patterns.
    pub patterns: Vec<Pattern>,
}

/// How many of everything there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Sightings by who saw them.
    pub sightings: BTreeMap<Source, u64>,
    /// Findings by where they stand.
    pub findings: BTreeMap<State, u64>,
}

impl Store {
    /// A page of the findings that `filter` lets through.
    ///
    /// # Errors
    /// They could not be read.
    pub fn list(&self, filter: &Filter, page: &Page) -> Result<Listing, StoreError> {
        let mut listing = Listing::default();
        let mut keys = Vec::new();
        for key in self.keys(filter)? {
            *listing.by_state.entry(key.state).or_insert(0) += 1;
            if filter.has_state(key.state) {
                keys.push(key);
            }
        }
        listing.total = keys.len() as u64;
        keys.sort_by_key(|key| key.rank(page.order));
        let shown: Vec<Key> = keys.into_iter().skip(page.offset).take(page.limit).collect();
        listing.findings = self.summaries(shown, page.activity_since)?;
        Ok(listing)
    }

    /// How often the finding with this id was seen, by the hour since `since`.
    ///
    /// # Errors
    /// It could not be read.
    pub fn activity(
        &self,
        fingerprint: &Fingerprint,
        since: Timestamp,
    ) -> Result<Vec<(Timestamp, u64)>, StoreError> {
        let sql = "SELECT id FROM finding WHERE fingerprint = ?1";
        let id: i64 = self
            .database
            .one(sql, values![fingerprint.as_str()], |row| row.get(0))
            .map_err(self.error("read"))?;
        let hours = self.hours(&[id], since).map_err(self.error("read"))?;
        Ok(hours.into_iter().map(|(_, hour, count)| (hour, count)).collect())
    }

    /// What there is to choose from when filtering.
    ///
    /// # Errors
    /// It could not be read.
    pub fn choices(&self) -> Result<Choices, StoreError> {
        let strings = |sql: &str| -> Result<Vec<String>, DatabaseError> {
            self.database.rows(sql, &[], |row| row.get(0))
        };
        let read = || {
            Ok(Choices {
                services: strings(
                    "SELECT DISTINCT service FROM tally WHERE service <> '' ORDER BY 1 LIMIT 200",
                )?,
                owners: strings(&format!(
                    "SELECT DISTINCT atom FROM finding, {} ORDER BY 1 LIMIT 200",
                    self.database.dialect().owners
                ))?,
                patterns: strings("SELECT DISTINCT pattern FROM finding ORDER BY 1")?
                    .iter()
                    .filter_map(|word| word.parse().ok())
                    .collect(),
            })
        };
        read().map_err(self.error("read"))
    }

    /// How many sightings there are by source, and findings by state.
    ///
    /// # Errors
    /// They could not be read.
    pub fn totals(&self) -> Result<Totals, StoreError> {
        let counts = |sql: &str, values: &[Value]| -> Result<Vec<(String, u64)>, DatabaseError> {
            self.database.rows(sql, values, |row| Ok((row.get(0)?, unsigned(row.get(1)?))))
        };
        let sightings = "SELECT source, count FROM total";
        let states = concat!("SELECT ", state_at!("?1"), ", count(*) FROM finding GROUP BY 1");
        let read = || {
            Ok(Totals {
                sightings: counts(sightings, &[])?
                    .into_iter()
                    .filter_map(|(word, count)| Some((word.parse().ok()?, count)))
                    .collect(),
                findings: counts(states, values![Timestamp::now().as_millisecond()])?
                    .into_iter()
                    .filter_map(|(word, count)| Some((word.parse().ok()?, count)))
                    .collect(),
            })
        };
        read().map_err(self.error("read"))
    }

    /// What a filter lets through by everything but its states, in no order.
    pub(crate) fn keys(&self, filter: &Filter) -> Result<Vec<Key>, StoreError> {
        let query = Query::of(filter, self.database.dialect());
        let rows =
            self.database.rows(&query.sql, &query.values, Key::read).map_err(self.error("read"))?;
        rows.into_iter()
            .map(|(key, state)| Ok(Key { state: word(&state, &key.fingerprint)?, ..key }))
            .collect()
    }
}

/// What puts a finding in its place.
pub(crate) struct Key {
    pub(crate) id: i64,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) state: State,
    pub(crate) first_seen: i64,
    pub(crate) last_seen: i64,
    pub(crate) count: u64,
}

impl Key {
    fn read(row: &Row) -> Result<(Key, String), DatabaseError> {
        let key = Key {
            id: row.get(0)?,
            fingerprint: Fingerprint::from_stored(row.get::<String>(1)?),
            state: State::New,
            first_seen: row.get(3)?,
            last_seen: row.get(4)?,
            count: unsigned(row.get(5)?),
        };
        Ok((key, row.get(2)?))
    }

    /// Smallest in front; the id makes it the same each time.
    pub(crate) fn rank(&self, order: Order) -> (Option<State>, Reverse<i64>, i64) {
        let (group, by) = match order {
            Order::Urgent => (Some(self.state), self.last_seen),
            Order::LastSeen => (None, self.last_seen),
            Order::FirstSeen => (None, self.first_seen),
            Order::Count => (None, i64::try_from(self.count).unwrap_or(i64::MAX)),
        };
        (group, Reverse(by), self.id)
    }
}

/// A statement and its values; everything of a filter but the states.
struct Query {
    sql: String,
    values: Vec<Value>,
}

impl Query {
    fn of(filter: &Filter, dialect: Dialect) -> Query {
        let now = Value::from(Timestamp::now().as_millisecond());
        let mut query = Query {
            sql: concat!(
                "SELECT id, fingerprint, ",
                state_at!("?1"),
                ", first_seen, last_seen, count FROM finding"
            )
            .to_owned(),
            values: vec![now],
        };
        if !filter.words.is_empty() {
            query.sql.push_str(" JOIN search ON search.finding = finding.id");
        }
        query.sql.push_str(" WHERE TRUE");
        if let Some(since) = filter.since {
            query.value(" AND last_seen >= ", since.as_millisecond().into());
        }
        let patterns = filter.patterns.iter().map(|pattern| pattern.word().to_owned());
        query.one_of(" AND pattern IN (", patterns, ")");
        query.tallied(filter);
        let owners =
            format!(" AND EXISTS (SELECT 1 FROM {} WHERE lower(atom) IN (", dialect.owners);
        query.one_of(&owners, filter.owners.iter().map(|owner| owner.to_ascii_lowercase()), "))");
        for word in &filter.words {
            query.values.push(word.to_lowercase().into());
            let n = query.values.len();
            // Not in one text made of the three: that would be made ten thousand times.
            query.sql.push_str(&format!(
                " AND (instr(words, ?{n}) > 0 OR instr(pattern, ?{n}) > 0
                       OR instr(lower(owners), ?{n}) > 0)"
            ));
        }
        query
    }

    /// One sighting has to be both: "by catch in cart" is what catch saw in cart.
    fn tallied(&mut self, filter: &Filter) {
        if filter.sources.is_empty() && filter.services.is_empty() {
            return;
        }
        self.sql.push_str(" AND id IN (SELECT finding FROM tally WHERE TRUE");
        let sources = filter.sources.iter().map(|source| source.word().to_owned());
        self.one_of(" AND source IN (", sources, ")");
        self.one_of(" AND service IN (", filter.services.iter().cloned(), ")");
        self.sql.push(')');
    }

    fn value(&mut self, sql: &str, value: Value) {
        self.values.push(value);
        self.sql.push_str(&format!("{sql}?{}", self.values.len()));
    }

    fn one_of(&mut self, sql: &str, values: impl Iterator<Item = String>, end: &str) {
        let mut separator = sql;
        for value in values {
            self.value(separator, value.into());
            separator = ", ";
        }
        if separator != sql {
            self.sql.push_str(end);
        }
    }
}
