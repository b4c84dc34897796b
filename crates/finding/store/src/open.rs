//! Opening the file, or the Postgres, that findings are kept in.
//!
//! Of a file: any number of processes may have it open and write at once: the journal is a write-ahead log,
//! and a writer waits its turn for up to [`PATIENCE`]. Every commit is synced to the disk before
//! it counts, since whoever delivered a report then forgets it.
//!
//! Start at [`Store::open`].

use crate::database::{Database, DatabaseError, Postgres};
use crate::error::StoreError;
use crate::owners::OwnerRules;
use crate::place::{PostgresUrl, StorePlace};
use crate::schema;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a writer waits for others.
const PATIENCE: Duration = Duration::from_secs(20);

/// Findings, kept in one SQLite file or in a Postgres.
#[derive(Debug)]
pub struct Store {
    pub(crate) database: Database,
    pub(crate) place: StorePlace,
    pub(crate) owner_rules: Option<OwnerRules>,
}

/// Where findings are kept unless somebody says otherwise:
/// `$XDG_STATE_HOME/photofinish/findings.db`, else `~/.local/state/photofinish/findings.db`.
///
/// # Errors
/// Neither `XDG_STATE_HOME` nor `HOME` is set to an absolute path.
pub fn default_path() -> Result<PathBuf, StoreError> {
    let absolute =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .ok_or(StoreError::NoPlace)?;
    Ok(state.join("photofinish/findings.db"))
}

impl Store {
    /// Opens the findings at `place` to read and write, making the file and its folder, or the tables, if
    /// missing and migrating what an older photofinish made.
    ///
    /// # Errors
    /// It cannot be made, opened, reached or written, holds something else, is damaged, or is of a
    /// newer photofinish.
    pub fn open(place: impl Into<StorePlace>) -> Result<Store, StoreError> {
        let path = match place.into() {
            StorePlace::File(path) => path,
            StorePlace::Postgres(url) => return Store::open_postgres(url),
        };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|cause| StoreError::Folder { path: folder.to_owned(), cause })?;
        }
        Store::open_writable(&path)
    }

    /// Opens the findings at `place` without making a file that is missing. One that may not be
    /// written is opened to be read.
    ///
    /// # Errors
    /// As [`Store::open`], and [`StoreError::Missing`].
    pub fn open_existing(place: impl Into<StorePlace>) -> Result<Store, StoreError> {
        let path = match place.into() {
            StorePlace::File(path) => path,
            StorePlace::Postgres(url) => return Store::open_postgres(url),
        };
        match path.try_exists() {
            Ok(true) => {}
            _ => return Err(StoreError::Missing { path }),
        }
        match Store::open_writable(&path) {
            Err(error @ (StoreError::ReadOnly { .. } | StoreError::Database { .. })) => {
                Store::open_read_only(&path).map_err(|_| error)
            }
            opened => opened,
        }
    }

    /// Where the findings are kept.
    pub fn place(&self) -> &StorePlace {
        &self.place
    }

    /// Works out the owner of each finding by `rules` from now on, until a person assigns one.
    pub fn set_owner_rules(&mut self, rules: Option<OwnerRules>) {
        self.owner_rules = rules;
    }

    /// Lets the file grow to `pages` of 4 KiB at most, for this handle: beyond, writing fails as on
    /// a full disk. A Postgres has limits of its own.
    ///
    /// # Errors
    /// SQLite refused.
    pub fn limit_pages(&mut self, pages: u32) -> Result<(), StoreError> {
        let Database::Sqlite(connection) = &self.database else { return Ok(()) };
        connection
            .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
            .map_err(|cause| self.error("limit")(cause.into()))
    }

    fn open_postgres(url: PostgresUrl) -> Result<Store, StoreError> {
        let place = StorePlace::Postgres(url.clone());
        let postgres =
            Postgres::open(url.whole()).map_err(|cause| StoreError::of("open", &place, cause))?;
        let database = Database::Postgres(postgres);
        schema::migrate_postgres(&database, &place)?;
        Ok(Store { database, place, owner_rules: None })
    }

    fn open_writable(path: &Path) -> Result<Store, StoreError> {
        let place = StorePlace::File(path.to_owned());
        let sqlite = |cause: rusqlite::Error| StoreError::of("open", &place, cause.into());
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).map_err(sqlite)?;
        connection.busy_timeout(PATIENCE).map_err(sqlite)?;
        schema::check(&connection, &place)?;
        write_ahead(&connection).map_err(sqlite)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(sqlite)?;
        connection.pragma_update(None, "foreign_keys", true).map_err(sqlite)?;
        schema::migrate(&mut connection, &place)?;
        Ok(Store::around(connection, place))
    }

    /// For a file on a read-only disk: SQLite cannot make the shared memory of its log there, so
    /// the file is declared immutable, which it is.
    fn open_read_only(path: &Path) -> Result<Store, StoreError> {
        let place = StorePlace::File(path.to_owned());
        let sqlite = |cause: rusqlite::Error| StoreError::of("open", &place, cause.into());
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(sqlite)?;
        let connection = match schema::check(&connection, &place) {
            Ok(_) => connection,
            Err(_) => {
                let uri = format!("file:{}?immutable=1", escape_uri(path));
                Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)
                    .map_err(sqlite)?
            }
        };
        connection.busy_timeout(PATIENCE).map_err(sqlite)?;
        match schema::check(&connection, &place)? {
            schema::VERSION => Ok(Store::around(connection, place)),
            _ => Err(sqlite(rusqlite::Error::QueryReturnedNoRows)),
        }
    }

    fn around(connection: Connection, place: StorePlace) -> Store {
        connection.set_prepared_statement_cache_capacity(64);
        Store { database: Database::Sqlite(connection), place, owner_rules: None }
    }

    pub(crate) fn error(
        &self,
        doing: &'static str,
    ) -> impl Fn(DatabaseError) -> StoreError + use<> {
        let place = self.place.clone();
        move |cause| StoreError::of(doing, &place, cause)
    }
}

/// Switches to the write-ahead log. SQLite does not wait its turn for this one statement (two
/// processes that both find a new file would deadlock), so the waiting is done here.
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < deadline =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            outcome => return outcome,
        }
    }
}

fn escape_uri(path: &Path) -> String {
    path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}
