//! The jobs that brought a race about: what a race-built worker was at when it reported.
//!
//! A report does not say which job it belongs to, so all that were under way are kept, with their number:
//! where it is one, that is the job. Kept apart from the sighting, since they are asked for elsewhere and
//! may not be had.

use crate::database::{DatabaseError, values};
use crate::error::StoreError;
use crate::open::Store;
use crate::read::from_millis;
use jiff::Timestamp;

/// The jobs kept of a finding.
const KEPT: i64 = 20;

/// A job of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The queue that it was taken from.
    pub queue: String,
    /// Its id, as its broker writes it.
    pub id: String,
    /// What it is to do, where its broker knows.
    pub kind: Option<String>,
}

/// A job that was under way when a finding was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// The job.
    pub job: Job,
    /// When the finding was seen.
    pub at: Timestamp,
    /// So many jobs were under way then, this one included.
    pub among: u32,
}

impl Store {
    /// Links the sighting `key`, which was recorded before, to the jobs that were under way. Doing it
    /// again changes nothing.
    ///
    /// # Errors
    /// They could not be written; then none was.
    pub fn link_jobs(&mut self, key: &str, jobs: &[Job]) -> Result<(), StoreError> {
        let error = self.error("record");
        let transaction = self.database.begin().map_err(&error)?;
        let write = || {
            for job in jobs {
                transaction.write(
                    "INSERT INTO job (finding, sighting, at, queue, name, kind, among)
                     SELECT finding, key, at, ?2, ?3, ?4, ?5 FROM sighting WHERE key = ?1
                     ON CONFLICT DO NOTHING",
                    values![
                        key,
                        &job.queue,
                        &job.id,
                        job.kind.as_deref().unwrap_or(""),
                        u32::try_from(jobs.len()).unwrap_or(u32::MAX),
                    ],
                )?;
            }
            transaction.write(
                "DELETE FROM job WHERE finding = (SELECT finding FROM sighting WHERE key = ?1)
                 AND id NOT IN (SELECT job.id FROM job JOIN sighting USING (finding) WHERE key = ?1
                                ORDER BY job.at DESC, job.id DESC LIMIT ?2)",
                values![key, KEPT],
            )
        };
        write().map_err(&error)?;
        transaction.commit().map_err(&error)
    }

    /// The jobs of a finding: of the latest sighting in front.
    pub(crate) fn jobs(&self, finding: i64) -> Result<Vec<Linked>, DatabaseError> {
        self.database.rows(
            "SELECT queue, name, kind, at, among FROM job WHERE finding = ?1 ORDER BY at DESC, id",
            values![finding],
            |row| {
                let kind: String = row.get(2)?;
                Ok(Linked {
                    job: Job {
                        queue: row.get(0)?,
                        id: row.get(1)?,
                        kind: Some(kind).filter(|kind| !kind.is_empty()),
                    },
                    at: from_millis(row.get(3)?),
                    among: row.get(4)?,
                })
            },
        )
    }
}
