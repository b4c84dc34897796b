//! The versions of the database and the way from each to the next, for SQLite and for Postgres.
//!
//! `PRAGMA user_version` says which version a file has, `PRAGMA application_id` that it is ours; in a Postgres the
//! table `photofinish` says both. A migration is one transaction that starts by asking again: of several
//! processes that open an old database at once, one migrates it and the others find it done.

use crate::database::{Database, DatabaseError, Row};
use crate::error::StoreError;
use crate::place::StorePlace;
use rusqlite::{Connection, TransactionBehavior};

/// `Pfin`, in the header of every file of ours, and the lock under which tables are made.
const APPLICATION_ID: i64 = 0x5066_696e;

/// `MIGRATIONS[n]` leads from version n to n + 1. An entry is never edited once released.
const MIGRATIONS: &[&str] = &[
    include_str!("sqlite/v1.sql"),
    include_str!("sqlite/v2.sql"),
    include_str!("sqlite/v3.sql"),
    include_str!("sqlite/v4.sql"),
    include_str!("sqlite/v5.sql"),
    include_str!("sqlite/v6.sql"),
    include_str!("v7.sql"),
];

/// Each leads from the version before it in this list, at first from nothing, to the one it names.
const POSTGRES_MIGRATIONS: &[(i64, &str)] = &[
    (5, include_str!("postgres/v5.sql")),
    (6, include_str!("postgres/v6.sql")),
    (7, include_str!("v7.sql")),
];

/// The version this program writes.
pub(crate) const VERSION: i64 = MIGRATIONS.len() as i64;

/// Brings the file behind `connection` to [`VERSION`].
pub(crate) fn migrate(connection: &mut Connection, place: &StorePlace) -> Result<(), StoreError> {
    if check(connection, place)? == VERSION {
        return Ok(());
    }
    let sqlite = |cause: rusqlite::Error| StoreError::of("migrate", place, cause.into());
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
    let version = check(&transaction, place)?;
    for migration in MIGRATIONS.iter().skip(usize::try_from(version).unwrap_or(0)) {
        transaction.execute_batch(migration).map_err(sqlite)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(sqlite)?;
    transaction.pragma_update(None, "user_version", VERSION).map_err(sqlite)?;
    transaction.commit().map_err(sqlite)
}

/// The version of the file: 0 for an empty one.
///
/// # Errors
/// It is another program's, or a newer photofinish's.
pub(crate) fn check(connection: &Connection, place: &StorePlace) -> Result<i64, StoreError> {
    let sqlite = |cause: rusqlite::Error| StoreError::of("open", place, cause.into());
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
        return Err(StoreError::Foreign { place: place.clone(), what });
    }
    not_newer(version, place)
}

/// Brings a Postgres to [`VERSION`].
pub(crate) fn migrate_postgres(database: &Database, place: &StorePlace) -> Result<(), StoreError> {
    let Database::Postgres(postgres) = database else { return Ok(()) };
    if version_of_postgres(database, place)? == VERSION {
        return Ok(());
    }
    let wrong = |cause| StoreError::of("migrate", place, cause);
    postgres.begin_alone(APPLICATION_ID).map_err(wrong)?;
    let migrated = version_of_postgres(database, place).and_then(|version| {
        for (to, migration) in POSTGRES_MIGRATIONS.iter().filter(|(to, _)| *to > version) {
            postgres.batch(migration).map_err(wrong)?;
            postgres.batch(&format!("UPDATE photofinish SET version = {to}")).map_err(wrong)?;
        }
        postgres.commit().map_err(wrong)
    });
    if migrated.is_err() {
        postgres.roll_back();
    }
    migrated
}

fn version_of_postgres(database: &Database, place: &StorePlace) -> Result<i64, StoreError> {
    let wrong = |cause: DatabaseError| StoreError::of("open", place, cause);
    // Both of one moment: another process may be making the tables, and half of that looks like a stranger's.
    let tables = "SELECT count(*) FILTER (WHERE tablename = 'photofinish'), count(*) \
                  FROM pg_catalog.pg_tables WHERE schemaname = current_schema()";
    let both = |row: &Row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?));
    match database.one(tables, &[], both).map_err(wrong)? {
        (0, 0) => return Ok(0),
        // A database, or a schema, of its own is asked for.
        (0, _) => {
            let what = "it has tables of another program".to_owned();
            return Err(StoreError::Foreign { place: place.clone(), what });
        }
        _ => {}
    }
    let number = |row: &Row| row.get::<i64>(0);
    let version = database.one("SELECT version FROM photofinish", &[], number).map_err(wrong)?;
    not_newer(version, place)
}

fn not_newer(version: i64, place: &StorePlace) -> Result<i64, StoreError> {
    if version > VERSION {
        return Err(StoreError::Newer { place: place.clone(), found: version, known: VERSION });
    }
    Ok(version)
}
