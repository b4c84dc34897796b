//! Recording sightings: one, or many in one transaction.
//!
//! A sighting counts once, by its key; a second arrival changes nothing at all. Otherwise it
//! makes or updates its finding, the counts, the evidence, and may show that a repair failed.
//!
//! What is known of a batch is read first, then each sighting is taken in turn (`batch`), and what they come to
//! together is written: a finding that was seen a hundred times is counted once, by a hundred. So a batch
//! takes a few questions to the database, however large it is.
//!
//! Start at [`Store::record`].

mod batch;
mod row;
mod write;

use crate::database::{Database, DatabaseError, MOST, values};
use crate::error::StoreError;
use crate::open::Store;
use crate::sighting::{NewSighting, Recorded};
use batch::Batch;
use jiff::Timestamp;

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
        let transaction = self.database.begin().map_err(&error)?;
        let mut batch = Batch::new(&transaction, &self.place, self.owner_rules.as_ref());
        let mut recorded = Vec::with_capacity(sightings.len());
        for some in sightings.chunks(MOST) {
            for (sighting, fingerprint) in some.iter().zip(batch.look_up(some)?) {
                recorded.push(batch.add(sighting, fingerprint)?);
            }
        }
        batch.write()?;
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

fn saw_build(
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
