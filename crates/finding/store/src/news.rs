//! What happened to findings since somebody was told last.
//!
//! The history is the queue: each reader has a cursor in it that moves once it was told, so what
//! happens between two tellings, whoever caused it, is told later and a crash tells it again.
//!
//! Start at [`Store::news`].

use crate::database::values;
use crate::error::StoreError;
use crate::finding::Change;
use crate::lifecycle::State;
use crate::open::Store;
use crate::read::{from_millis, word};
use photofinish_model::Fingerprint;

/// One line of a finding's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// Larger for what was written later.
    pub id: i64,
    /// The finding.
    pub fingerprint: Fingerprint,
    /// What happened to it.
    pub change: Change,
}

impl News {
    /// It was seen for the first time, or again after it had been thought repaired.
    pub fn is_alarming(&self) -> bool {
        let first = self.change.from.is_none() && self.change.to == State::New;
        let again = self.change.to == State::Regressed && self.change.from != Some(self.change.to);
        first || again
    }
}

impl Store {
    /// What was written after the change `since`, in order, `limit` at most.
    ///
    /// # Errors
    /// It could not be read.
    pub fn news(&self, since: i64, limit: usize) -> Result<Vec<News>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let sql = "SELECT change.id, fingerprint, at, from_state, to_state, who, why
                   FROM change JOIN finding ON finding.id = change.finding
                   WHERE change.id > ?1 ORDER BY change.id LIMIT ?2";
        let rows = self
            .database
            .rows(sql, values![since, limit], |row| {
                let id = Fingerprint::from_stored(row.get::<String>(1)?);
                let words: (Option<String>, String) = (row.get(3)?, row.get(4)?);
                let told = (row.get::<Option<String>>(5)?, row.get::<String>(6)?);
                Ok((row.get::<i64>(0)?, id, from_millis(row.get(2)?), words, told))
            })
            .map_err(self.error("read"))?;
        rows.into_iter()
            .map(|(id, fingerprint, at, (from, to), (by, why))| {
                let from = from.map(|from| word(&from, &fingerprint)).transpose()?;
                let to = word(&to, &fingerprint)?;
                Ok(News { id, change: Change { at, from, to, by, why }, fingerprint })
            })
            .collect()
    }

    /// How far `reader` has been told; one that was never heard of begins now.
    ///
    /// # Errors
    /// It could not be read or written.
    pub fn cursor(&mut self, reader: &str) -> Result<i64, StoreError> {
        let error = self.error("read");
        let sql = "SELECT change FROM cursor WHERE reader = ?1";
        let known = self.database.row(sql, values![reader], |row| row.get(0)).map_err(&error)?;
        if let Some(known) = known {
            return Ok(known);
        }
        let newest = self
            .database
            .one("SELECT coalesce(max(id), 0) FROM change", &[], |row| row.get(0))
            .map_err(&error)?;
        self.move_cursor(reader, newest)?;
        Ok(newest)
    }

    /// `reader` has been told everything up to the change `to`.
    ///
    /// # Errors
    /// It could not be written.
    pub fn move_cursor(&mut self, reader: &str, to: i64) -> Result<(), StoreError> {
        let write = || {
            let transaction = self.database.begin()?;
            transaction.write(
                "INSERT INTO cursor (reader, change) VALUES (?1, ?2)
                 ON CONFLICT (reader) DO UPDATE SET change = ?2 WHERE cursor.change < ?2",
                values![reader, to],
            )?;
            transaction.commit()
        };
        write().map_err(self.error("write"))
    }
}
