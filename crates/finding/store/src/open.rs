//! Opening the file that findings are kept in.
//!
//! Any number of processes may have it open and write at once: the journal is a write-ahead log,
//! and a writer waits its turn for up to [`PATIENCE`]. Every commit is synced to the disk before
//! it counts, since whoever delivered a report then forgets it.
//!
//! Start at [`Store::open`].

use crate::error::StoreError;
use crate::owners::OwnerRules;
use crate::schema;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a writer waits for others.
const PATIENCE: Duration = Duration::from_secs(20);

/// Findings, kept in one SQLite file.
#[derive(Debug)]
pub struct Store {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
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
    /// Opens the findings at `path` to read and write, making the file and its folder if missing
    /// and migrating a file of an older photofinish.
    ///
    /// # Errors
    /// The file cannot be made, opened or written, holds something else, is damaged, or is of a
    /// newer photofinish.
    pub fn open(path: impl AsRef<Path>) -> Result<Store, StoreError> {
        let path = path.as_ref();
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|cause| StoreError::Folder { path: folder.to_owned(), cause })?;
        }
        Store::open_writable(path)
    }

    /// Opens the findings at `path` without making a file that is missing. One that may not be
    /// written is opened to be read.
    ///
    /// # Errors
    /// As [`Store::open`], and [`StoreError::Missing`].
    pub fn open_existing(path: impl AsRef<Path>) -> Result<Store, StoreError> {
        let path = path.as_ref();
        match path.try_exists() {
            Ok(true) => {}
            _ => return Err(StoreError::Missing { path: path.to_owned() }),
        }
        match Store::open_writable(path) {
            Err(error @ (StoreError::ReadOnly { .. } | StoreError::Sqlite { .. })) => {
                Store::open_read_only(path).map_err(|_| error)
            }
            opened => opened,
        }
    }

    /// Where the findings are kept.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Works out the owner of each finding by `rules` from now on, until a person assigns one.
    pub fn set_owner_rules(&mut self, rules: Option<OwnerRules>) {
        self.owner_rules = rules;
    }

    /// Lets the file grow to `pages` of 4 KiB at most, for this handle: beyond, writing fails as on
    /// a full disk.
    ///
    /// # Errors
    /// SQLite refused.
    pub fn limit_pages(&mut self, pages: u32) -> Result<(), StoreError> {
        self.connection
            .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
            .map_err(self.error("limit"))
    }

    fn open_writable(path: &Path) -> Result<Store, StoreError> {
        let sqlite = |cause| StoreError::from_sqlite("open", path, cause);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).map_err(sqlite)?;
        connection.busy_timeout(PATIENCE).map_err(sqlite)?;
        schema::check(&connection, path)?;
        write_ahead(&connection).map_err(sqlite)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(sqlite)?;
        connection.pragma_update(None, "foreign_keys", true).map_err(sqlite)?;
        schema::migrate(&mut connection, path)?;
        Ok(Store::around(connection, path))
    }

    /// For a file on a read-only disk: SQLite cannot make the shared memory of its log there, so
    /// the file is declared immutable, which it is.
    fn open_read_only(path: &Path) -> Result<Store, StoreError> {
        let sqlite = |cause| StoreError::from_sqlite("open", path, cause);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(sqlite)?;
        let connection = match schema::check(&connection, path) {
            Ok(_) => connection,
            Err(_) => {
                let uri = format!("file:{}?immutable=1", escape_uri(path));
                Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)
                    .map_err(sqlite)?
            }
        };
        connection.busy_timeout(PATIENCE).map_err(sqlite)?;
        match schema::check(&connection, path)? {
            schema::VERSION => Ok(Store::around(connection, path)),
            _ => Err(sqlite(rusqlite::Error::QueryReturnedNoRows)),
        }
    }

    fn around(connection: Connection, path: &Path) -> Store {
        connection.set_prepared_statement_cache_capacity(64);
        Store { connection, path: path.to_owned(), owner_rules: None }
    }

    pub(crate) fn error(
        &self,
        doing: &'static str,
    ) -> impl Fn(rusqlite::Error) -> StoreError + use<> {
        let path = self.path.clone();
        move |cause| StoreError::from_sqlite(doing, &path, cause)
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
