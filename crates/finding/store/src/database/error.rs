//! What a database said, and what sort of trouble it is.

use rusqlite::ErrorCode;
use std::error::Error;
use std::time::Duration;
use tokio_postgres::error::SqlState;

/// What a database said.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// SQLite did.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// Postgres did, or nobody was there to say anything.
    #[error("{}", told(.0))]
    Postgres(#[from] tokio_postgres::Error),
    /// The address makes no sense.
    #[error("the address cannot be read: {}", chain(.0.as_ref()))]
    Url(Box<dyn Error + Send + Sync>),
    /// Postgres said nothing for so long.
    #[error("no answer within {0:?}")]
    Late(Duration),
    /// The connection broke.
    #[error("the connection broke")]
    Closed,
    /// A thread cannot be started.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// A value is of another kind than it should be.
    #[error("column {column} of an answer holds something else")]
    Column {
        /// Which, from 0.
        column: usize,
    },
    /// There should have been a row.
    #[error("an answer without rows")]
    NoRow,
    /// A value cannot be written down.
    #[error("a value cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// Sorts of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    Foreign,
    Damaged,
    Full,
    Busy,
    ReadOnly,
    /// Nobody can be reached there, for now.
    Away,
    Refused,
    Other,
}

impl DatabaseError {
    pub(crate) fn trouble(&self) -> Trouble {
        match self {
            DatabaseError::Sqlite(error) => of_sqlite(error),
            DatabaseError::Postgres(error) => of_postgres(error),
            DatabaseError::Late(_) | DatabaseError::Closed => Trouble::Away,
            DatabaseError::Url(_) => Trouble::Refused,
            _ => Trouble::Other,
        }
    }
}

fn of_sqlite(error: &rusqlite::Error) -> Trouble {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => Trouble::Foreign,
        Some(ErrorCode::DatabaseCorrupt) => Trouble::Damaged,
        Some(ErrorCode::DiskFull) => Trouble::Full,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Trouble::Busy,
        Some(ErrorCode::ReadOnly) => Trouble::ReadOnly,
        _ => Trouble::Other,
    }
}

/// By PostgreSQL 18, appendix A; classes are the first two letters.
fn of_postgres(error: &tokio_postgres::Error) -> Trouble {
    let Some(state) = error.code() else { return of_no_answer(error) };
    match state {
        &SqlState::DISK_FULL => Trouble::Full,
        &SqlState::READ_ONLY_SQL_TRANSACTION | &SqlState::INSUFFICIENT_PRIVILEGE => {
            Trouble::ReadOnly
        }
        &SqlState::LOCK_NOT_AVAILABLE
        | &SqlState::T_R_DEADLOCK_DETECTED
        | &SqlState::T_R_SERIALIZATION_FAILURE => Trouble::Busy,
        &SqlState::DATA_CORRUPTED | &SqlState::INDEX_CORRUPTED => Trouble::Damaged,
        _ => match state.code().get(..2) {
            // Connection exceptions, no room for another connection, operator intervention (it shuts down).
            Some("08" | "53" | "57") => Trouble::Away,
            // Wrong password, unknown user or database.
            Some("28" | "3D") => Trouble::Refused,
            _ => Trouble::Other,
        },
    }
}

/// Of what the server did not say itself.
fn of_no_answer(error: &tokio_postgres::Error) -> Trouble {
    let is_io = error.source().is_some_and(|cause| cause.is::<std::io::Error>());
    let text = error.to_string();
    match () {
        () if chain(error).contains("certificate") => Trouble::Refused,
        () if error.is_closed() || is_io || text.contains("connecting") => Trouble::Away,
        () if text.contains("authentication") || text.contains("configuration") => Trouble::Refused,
        () => Trouble::Other,
    }
}

/// In one line: what the server said, or why it said nothing.
fn told(error: &tokio_postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        return said.to_string();
    }
    chain(error)
}

/// What went wrong, and why.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(why) = cause {
        let why_told = why.to_string();
        if !told.contains(&why_told) {
            told.push_str(&format!(": {why_told}"));
        }
        cause = why.source();
    }
    told
}
