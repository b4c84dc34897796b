//! The embedded queue: a table in a SQLite file, sampled by a trigger, without any server.
//!
//! As with River, a job's queue is chosen in the producer's own transaction. But SQLite has one writer at
//! a time, so jobs can be counted where they are written: the share is exact for each queue, and what a
//! rolled-back transaction took does not count. A sampler renews what the trigger goes by, and when none
//! is left sampling ends by itself after [`LEASE`].
//!
//! The calls wait on this thread, for a lock at most [`PATIENCE`]: whoever samples has nothing else to do.
//! Start at [`Sqlite::open`]; all SQL is in `sql`, the table itself in `jobs.sql`.

mod sql;
#[cfg(test)]
mod tests;

use crate::broker::{
    Broker, Counts, HandBack, HandedBack, InFlight, Look, Pace, Undone, When, Wish,
};
use crate::error::JobsError;
use crate::plan::Plan;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Params, TransactionBehavior, params};
use std::path::PathBuf;
use std::time::Duration;

/// How long the trigger goes on choosing after a sampler last said so.
const LEASE: Duration = Duration::from_secs(10);

/// How long a lock is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// What goes back in one step, and what is forgotten.
const BATCH: i64 = 1000;

/// How long jobs that are done are kept.
const KEPT: Duration = Duration::from_secs(3600);

/// A file with a table `jobs`.
pub(crate) struct Sqlite {
    path: PathBuf,
    source: String,
    race: String,
    connection: Option<Connection>,
}

impl Sqlite {
    pub(crate) async fn open(plan: &Plan) -> Result<Sqlite, JobsError> {
        Ok(Sqlite {
            path: PathBuf::from(plan.place()),
            source: plan.source.clone(),
            race: plan.race.clone(),
            connection: None,
        })
    }

    fn connect(&mut self, make: bool) -> Result<&mut Connection, JobsError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                if let Some(folder) = self.path.parent().filter(|_| make) {
                    // Where it cannot be made, the file cannot either, and that is said.
                    let _ = std::fs::create_dir_all(folder);
                }
                let make = if make { OpenFlags::SQLITE_OPEN_CREATE } else { OpenFlags::empty() };
                let connection =
                    Connection::open_with_flags(&self.path, flags | make).and_then(|connection| {
                        connection.busy_timeout(PATIENCE)?;
                        Ok(connection)
                    });
                connection.map_err(|cause| JobsError::Connect {
                    broker: NAME,
                    place: self.place(),
                    cause: cause.into(),
                })?
            }
        };
        Ok(self.connection.insert(connection))
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }

    /// Does something in one transaction; after a failure the file is opened anew.
    fn together<T>(
        &mut self,
        doing: &'static str,
        make: bool,
        what: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, JobsError> {
        let connection = self.connect(make)?;
        let outcome = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .and_then(|transaction| {
                let done = what(&transaction)?;
                transaction.commit()?;
                Ok(done)
            });
        outcome.map_err(|cause| {
            self.connection = None;
            JobsError::Ask { broker: NAME, place: self.place(), doing, cause: cause.into() }
        })
    }

    fn unsuited(&self, problem: &'static str, hint: &'static str) -> JobsError {
        JobsError::Unsuited { broker: NAME, place: self.place(), problem, hint }
    }

    fn renew(&mut self, wish: Wish) -> Result<(), JobsError> {
        let (source, race) = (self.source.clone(), self.race.clone());
        self.together("write down what is sampled", false, |file| {
            let room = i64::try_from(wish.room).unwrap_or(i64::MAX);
            let values = params![source, race, wish.every, room, millis(LEASE), wish.mode];
            execute(file, sql::RENEW, values)?;
            for queue in [&source, &race] {
                execute(file, sql::FORGET, params![queue, millis(KEPT), BATCH])?;
            }
            Ok(())
        })
    }
}

const NAME: &str = "SQLite";

impl Broker for Sqlite {
    async fn prepare(&mut self) -> Result<(), JobsError> {
        let path = self.place();
        let connection = self.connect(true)?;
        // Readers and a writer side by side; remembered by the file.
        let wal = connection.pragma_update(None, "journal_mode", "WAL");
        wal.map_err(|cause| JobsError::Ask {
            broker: NAME,
            place: path,
            doing: "keep a log of its writes",
            cause: cause.into(),
        })?;
        let columns: i64 = self.together("make the table of jobs", true, |file| {
            file.execute_batch(sql::JOBS)?;
            let columns = file.query_row(sql::COLUMNS, [], |row| row.get(0))?;
            if columns == sql::N_COLUMNS {
                file.execute_batch(&sql::within(sql::SAMPLING))?;
            }
            Ok(columns)
        })?;
        if columns != sql::N_COLUMNS {
            return Err(self.unsuited(
                "has a table `jobs` that is no queue of ours",
                "name a file of its own in `url`; docs/jobs.md shows the table",
            ));
        }
        Ok(())
    }

    async fn step(&mut self, wish: Wish) -> Result<u64, JobsError> {
        self.renew(wish)?;
        Ok(0)
    }

    async fn hand_back(&mut self, what: HandBack) -> Result<HandedBack, JobsError> {
        let (source, race) = (self.source.clone(), self.race.clone());
        self.together("move jobs back", false, |file| {
            let age = millis(what.older_than);
            let mut failed =
                execute(file, sql::FAILED, params![source, race, what.attempts, BATCH])?;
            failed += execute(file, sql::DEAD, params![source, race, BATCH])?;
            let back = HandedBack {
                failed,
                orphaned: execute(file, sql::ORPHANED, params![source, race, BATCH])?,
                waited: execute(file, sql::WAITED, params![source, race, age, BATCH])?,
            };
            if back.total() > 0 {
                let counts = [back.waited, back.failed, back.orphaned].map(signed);
                execute(file, sql::COUNT, params![source, counts[0], counts[1], counts[2]])?;
            }
            Ok(back)
        })
    }

    async fn look(&mut self, _whole: bool) -> Result<Look, JobsError> {
        let (source, race) = (self.source.clone(), self.race.clone());
        let path = self.place();
        let file = self.connect(false)?;
        let looked = look(file, &source, &race);
        looked.map_err(|cause| {
            self.connection = None;
            JobsError::Ask {
                broker: NAME,
                place: path,
                doing: "tell how it stands",
                cause: cause.into(),
            }
        })
    }

    async fn in_flight(&mut self, when: When) -> Result<Vec<InFlight>, JobsError> {
        let race = self.race.clone();
        self.together("tell what is under way", false, |file| {
            let mut select = file.prepare_cached(sql::IN_FLIGHT)?;
            let slack = millis(when.slack);
            let values =
                params![race, when.at.saturating_add(slack), when.at.saturating_sub(slack)];
            let rows = select.query_map(values, |row| {
                let id: i64 = row.get(0)?;
                Ok(InFlight { id: id.to_string(), kind: Some(row.get(1)?), worker: row.get(2)? })
            })?;
            rows.collect()
        })
    }

    async fn pace(&mut self) -> Result<Option<Pace>, JobsError> {
        let queues = [self.source.clone(), self.race.clone()];
        self.together("tell how long jobs take", false, |file| {
            let mut means = Vec::new();
            for queue in queues {
                let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
                let (mean, many): (Option<f64>, i64) =
                    file.prepare_cached(sql::PACE)?.query_row([queue], row)?;
                let Some(mean) = mean.filter(|_| many >= Pace::ENOUGH) else { return Ok(None) };
                means.push(Duration::from_secs_f64(mean.max(0.0) / 1000.0));
            }
            Ok(Some(Pace { main: means[0], race: means[1] }))
        })
    }

    async fn leave(&mut self, mode: &'static str) -> Result<(), JobsError> {
        self.renew(Wish { every: 0, room: 0, mode })
    }

    async fn undo(&mut self) -> Result<Undone, JobsError> {
        let (source, race) = (self.source.clone(), self.race.clone());
        self.together("undo the sampling", false, |file| {
            if !has(file, "photofinish_jobs")? {
                return Ok(Undone::default());
            }
            let jobs = count(file, sql::WAITING, &race)?;
            execute(file, sql::HAND_ALL, params![source, race])?;
            execute(file, sql::FORGET_SOURCE, params![source])?;
            if file.query_row(sql::SOURCES, [], |row| row.get::<_, i64>(0))? == 0 {
                file.execute_batch(sql::DROP)?;
            }
            Ok(Undone { jobs, running: count(file, sql::RUNNING, &race)? })
        })
    }
}

fn look(file: &Connection, source: &str, race: &str) -> rusqlite::Result<Look> {
    if !has(file, "jobs")? {
        return Ok(Look::default());
    }
    let mut look = Look {
        main: count(file, sql::WAITING, source)?,
        race: count(file, sql::WAITING, race)?,
        ..Look::default()
    };
    if !has(file, "photofinish_jobs")? {
        return Ok(look);
    }
    let notes = file
        .prepare_cached(&sql::within(sql::NOTES))?
        .query_row([source], |row| {
            let number = |column| row.get::<_, i64>(column).map(unsigned);
            look.mode = Some(row.get(0)?);
            look.beat = Some(Duration::from_millis(number(1)?));
            look.counts = Some(Counts {
                seen: number(2)?,
                race: number(3)?,
                no_room: number(4)?,
                put_off: 0,
            });
            look.taken = row.get(5)?;
            look.handed_back =
                HandedBack { waited: number(6)?, failed: number(7)?, orphaned: number(8)? };
            Ok(())
        })
        .optional();
    notes.map(|_| look)
}

fn has(file: &Connection, table: &str) -> rusqlite::Result<bool> {
    file.prepare_cached(sql::HAS)?.exists([table])
}

fn count(file: &Connection, statement: &str, queue: &str) -> rusqlite::Result<u64> {
    file.prepare_cached(statement)?.query_row([queue], |row| row.get::<_, i64>(0)).map(unsigned)
}

fn execute(file: &Connection, statement: &str, values: impl Params) -> rusqlite::Result<u64> {
    let changed = file.prepare_cached(&sql::within(statement))?.execute(values)?;
    Ok(changed as u64)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
