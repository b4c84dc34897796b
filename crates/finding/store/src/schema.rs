//! The versions of the database and the way from each to the next.
//!
//! `PRAGMA user_version` says which version a file has, `PRAGMA application_id` that it is ours.
//! A migration is one transaction that starts by asking again: of several processes that open an
//! old file at once, one migrates it and the others find it done.

use crate::error::StoreError;
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// `Pfin`, in the header of every file of ours.
const APPLICATION_ID: i64 = 0x5066_696e;

/// `MIGRATIONS[n]` leads from version n to n + 1. An entry is never edited once released.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/v1.sql"),
    include_str!("schema/v2.sql"),
    include_str!("schema/v3.sql"),
    include_str!("schema/v4.sql"),
    include_str!("schema/v5.sql"),
];

/// The version this program writes.
pub(crate) const VERSION: i64 = MIGRATIONS.len() as i64;

/// Brings the database behind `connection` to [`VERSION`].
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    if check(connection, path)? == VERSION {
        return Ok(());
    }
    let sqlite = |cause| StoreError::from_sqlite("migrate", path, cause);
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
    let version = check(&transaction, path)?;
    for migration in MIGRATIONS.iter().skip(usize::try_from(version).unwrap_or(0)) {
        transaction.execute_batch(migration).map_err(sqlite)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(sqlite)?;
    transaction.pragma_update(None, "user_version", VERSION).map_err(sqlite)?;
    transaction.commit().map_err(sqlite)
}

/// The version of the database: 0 for an empty one.
///
/// # Errors
/// It is another program's, or a newer photofinish's.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    let sqlite = |cause| StoreError::from_sqlite("open", path, cause);
    // All three of one moment: another process may be making the file, and half of its answer looks
    // like that of a stranger.
    let moment = connection.is_autocommit().then(|| connection.unchecked_transaction());
    let _moment = moment.transpose().map_err(sqlite)?;
    let read =
        |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0)).map_err(sqlite);
    let application = read("PRAGMA application_id")?;
    let version = read("PRAGMA user_version")?;
    let n_tables = read("SELECT count(*) FROM sqlite_schema")?;
    if application != APPLICATION_ID && (application != 0 || version != 0 || n_tables != 0) {
        let what = "it is a SQLite database of another program".to_owned();
        return Err(StoreError::Foreign { path: path.to_owned(), what });
    }
    if version > VERSION {
        return Err(StoreError::Newer { path: path.to_owned(), found: version, known: VERSION });
    }
    Ok(version)
}
