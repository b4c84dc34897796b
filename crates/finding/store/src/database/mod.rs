//! The two databases behind one small face: statements with values in, rows out.
//!
//! All statements are written once, in what SQLite and Postgres both understand (values are `?1`, counts
//! are integers, flags are 0 or 1); what cannot be said in both is a [`Dialect`]'s. A transaction that writes
//! is alone with the database in both, so what is read in it stays true until it ends: SQLite has one writer
//! at a time by nature, Postgres is asked for a lock on a row first.
//!
//! Not here: what the statements are (`record`, `read`, …). Start at [`Database`].

mod error;
mod many;
mod postgres;
mod session;
mod value;

pub use error::DatabaseError;
pub(crate) use error::Trouble;
pub(crate) use many::{MOST, among, in_rows};
pub(crate) use postgres::Postgres;
pub(crate) use value::{Row, Value, values};

use rusqlite::{Connection, params_from_iter};
use std::borrow::Cow;

/// An open database.
#[derive(Debug)]
pub(crate) enum Database {
    Sqlite(Connection),
    Postgres(Postgres),
}

/// What the two databases say differently.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dialect {
    /// All elements of the JSON array in the column `owners`, each in a column `atom`.
    pub(crate) owners: &'static str,
}

const SQLITE: Dialect = Dialect { owners: "json_each(owners)" };
const POSTGRES: Dialect =
    Dialect { owners: "json_array_elements_text(owners::json) AS element (atom)" };

impl Database {
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Database::Sqlite(_) => SQLITE,
            Database::Postgres(_) => POSTGRES,
        }
    }

    /// What is read again of a text that is written.
    pub(crate) fn kept<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self {
            Database::Sqlite(_) => Cow::Borrowed(text),
            Database::Postgres(_) => value::in_postgres(text),
        }
    }

    /// All rows, each as `read` makes of it.
    pub(crate) fn rows<T>(
        &self,
        sql: &str,
        values: &[Value],
        mut read: impl FnMut(&Row) -> Result<T, DatabaseError>,
    ) -> Result<Vec<T>, DatabaseError> {
        match self {
            Database::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(sql)?;
                let mut rows = statement.query(params_from_iter(values))?;
                let mut all = Vec::new();
                while let Some(row) = rows.next()? {
                    all.push(read(&Row::of_sqlite(row)?)?);
                }
                Ok(all)
            }
            Database::Postgres(postgres) => postgres.rows(sql, values)?.iter().map(read).collect(),
        }
    }

    /// The first row, if there is one.
    pub(crate) fn row<T>(
        &self,
        sql: &str,
        values: &[Value],
        read: impl FnMut(&Row) -> Result<T, DatabaseError>,
    ) -> Result<Option<T>, DatabaseError> {
        Ok(self.rows(sql, values, read)?.into_iter().next())
    }

    /// The only row.
    pub(crate) fn one<T>(
        &self,
        sql: &str,
        values: &[Value],
        read: impl FnMut(&Row) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        self.row(sql, values, read)?.ok_or(DatabaseError::NoRow)
    }

    /// Writes something inside of a [`Transaction`]. That it failed may come out later, at the commit
    /// at the latest: a Postgres is not waited for after each statement.
    pub(crate) fn write(&self, sql: &str, values: &[Value]) -> Result<(), DatabaseError> {
        match self {
            Database::Sqlite(connection) => {
                connection.prepare_cached(sql)?.execute(params_from_iter(values))?;
                Ok(())
            }
            Database::Postgres(postgres) => postgres.write(sql, values),
        }
    }

    /// Begins to write; nobody else does until it is over.
    pub(crate) fn begin(&self) -> Result<Transaction<'_>, DatabaseError> {
        match self {
            Database::Sqlite(connection) => connection.execute_batch("BEGIN IMMEDIATE")?,
            Database::Postgres(postgres) => postgres.begin()?,
        }
        Ok(Transaction { database: self, is_over: false })
    }
}

/// All of what is written, or nothing if it is dropped before [`Transaction::commit`].
#[derive(Debug)]
pub(crate) struct Transaction<'a> {
    database: &'a Database,
    is_over: bool,
}

impl Transaction<'_> {
    /// Returns once it is on the disk.
    pub(crate) fn commit(mut self) -> Result<(), DatabaseError> {
        match self.database {
            Database::Sqlite(connection) => connection.execute_batch("COMMIT")?,
            Database::Postgres(postgres) => postgres.commit()?,
        }
        self.is_over = true;
        Ok(())
    }
}

impl std::ops::Deref for Transaction<'_> {
    type Target = Database;

    fn deref(&self) -> &Database {
        self.database
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            match self.database {
                // A failure that ends the transaction by itself (a full disk) leaves nothing to take back.
                Database::Sqlite(connection) => drop(connection.execute_batch("ROLLBACK")),
                Database::Postgres(postgres) => postgres.roll_back(),
            }
        }
    }
}
