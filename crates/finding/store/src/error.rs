//! What can go wrong with the findings, and what to do about it.

use crate::database::{DatabaseError, Trouble};
use crate::lifecycle::Refused;
use crate::place::StorePlace;
use photofinish_model::{Fingerprint, UnknownWord};
use rusqlite::ErrorCode;
use std::path::PathBuf;

/// Why findings could not be read or written. Whatever was recorded before is still there: each
/// change is one transaction.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such file.
    #[error("no findings at {}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Neither `XDG_STATE_HOME` nor `HOME` is set.
    #[error("no place to keep the findings: neither XDG_STATE_HOME nor HOME is set")]
    NoPlace,
    /// The folder of the file cannot be made.
    #[error("cannot create the folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// There is something else.
    #[error("{place} does not hold findings: {what}")]
    Foreign {
        /// Where.
        place: StorePlace,
        /// What it holds.
        what: String,
    },
    /// It was written by a later photofinish.
    #[error(
        "the findings at {place} are of a newer photofinish (schema {found}, this one knows {known})"
    )]
    Newer {
        /// Where.
        place: StorePlace,
        /// Its schema.
        found: i64,
        /// The schema this program writes.
        known: i64,
    },
    /// It is damaged.
    #[error("the findings at {place} are damaged")]
    Damaged {
        /// Where.
        place: StorePlace,
        /// Why.
        #[source]
        cause: DatabaseError,
    },
    /// No room left.
    #[error("no room to write the findings at {place}")]
    Full {
        /// Where.
        place: StorePlace,
        /// Why.
        #[source]
        cause: DatabaseError,
    },
    /// Others wrote for too long.
    #[error("the findings at {place} are locked by others")]
    Busy {
        /// Where.
        place: StorePlace,
        /// Why.
        #[source]
        cause: DatabaseError,
    },
    /// It must not be written: the file or its folder, or the tables.
    #[error("the findings at {place} cannot be written")]
    ReadOnly {
        /// Where.
        place: StorePlace,
        /// Why.
        #[source]
        cause: DatabaseError,
    },
    /// Nobody can be reached there, or nobody answers any more.
    #[error("cannot reach the findings at {place}")]
    Away {
        /// Where.
        place: StorePlace,
        /// Why.
        #[source]
        cause: DatabaseError,
    },
    /// Nobody is let in with this address.
    #[error("cannot use the findings at {place}")]
    NotLetIn {
        /// Where.
        place: StorePlace,
        /// Why.
        #[source]
        cause: DatabaseError,
    },
    /// Anything else.
    #[error("cannot {doing} the findings at {place}")]
    Database {
        /// `open`, `read`, `record`, …
        doing: &'static str,
        /// Where.
        place: StorePlace,
        /// Why.
        #[source]
        cause: DatabaseError,
    },
    /// No finding has an id that begins so.
    #[error("no finding `{id}`")]
    Unknown {
        /// What was asked for.
        id: String,
    },
    /// Several findings have ids that begin so.
    #[error("`{prefix}` may be any of {} findings", candidates.len())]
    Ambiguous {
        /// What was asked for.
        prefix: String,
        /// What it may mean.
        candidates: Vec<(Fingerprint, String)>,
    },
    /// The change makes no sense for the finding as it is.
    #[error("cannot change finding {fingerprint}")]
    Refused {
        /// The finding.
        fingerprint: Fingerprint,
        /// Why.
        #[source]
        cause: Refused,
    },
    /// A value in the database is none this program knows.
    #[error("finding {fingerprint} cannot be read")]
    Word {
        /// The finding.
        fingerprint: Fingerprint,
        /// Why.
        #[source]
        cause: UnknownWord,
    },
    /// The JSON of a race in the database is not what this program writes.
    #[error("the race of finding {fingerprint} cannot be read")]
    Json {
        /// The finding.
        fingerprint: Fingerprint,
        /// Why.
        #[source]
        cause: serde_json::Error,
    },
}

impl StoreError {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            StoreError::Missing { .. } => {
                "give the file with --store, or hunt for races first: photofinish hunt".to_owned()
            }
            StoreError::NoPlace => "say where with --store PATH or PHOTOFINISH_STORE".to_owned(),
            StoreError::Folder { .. }
            | StoreError::ReadOnly { place: StorePlace::File(_), .. } => {
                "choose a file you may write with --store PATH or PHOTOFINISH_STORE".to_owned()
            }
            StoreError::Foreign { place: StorePlace::Postgres(_), .. } => {
                "nothing was changed in it; make a database of its own (CREATE DATABASE findings), or \
                 name a schema of its own: ?options=-csearch_path%3Dfindings".to_owned()
            }
            StoreError::Foreign { .. } => {
                "nothing was changed in it; choose another file with --store PATH".to_owned()
            }
            StoreError::Newer { .. } => {
                "update photofinish; nothing was changed in the file".to_owned()
            }
            StoreError::Damaged { place: StorePlace::Postgres(_), .. } => {
                "see what the server's log says, and restore it from a backup".to_owned()
            }
            StoreError::Damaged { place, .. } => format!(
                "keep a copy, then save what can be read: sqlite3 {place} .recover | sqlite3 findings-recovered.db"
            ),
            StoreError::ReadOnly { place: StorePlace::Postgres(_), .. } => {
                "give the user the right to make and write tables there, and name the server that \
                 takes writes".to_owned()
            }
            StoreError::Away { .. } => {
                "see that the server runs and can be reached from here; what was not recorded is sent \
                 again".to_owned()
            }
            StoreError::NotLetIn { .. } => {
                "the address reads postgres://USER@HOST:5432/DATABASE, the password is in PGPASSWORD, an authority of \
                 your own is named by sslrootcert=FILE"
                    .to_owned()
            }
            StoreError::Full { .. } => {
                "free some space and try again; what was recorded before is still there".to_owned()
            }
            StoreError::Busy { .. } => "try again; nothing was lost".to_owned(),
            StoreError::Unknown { .. } => "list the ids: photofinish findings list".to_owned(),
            StoreError::Ambiguous { candidates, .. } => {
                let mut hint = "give more of the id:".to_owned();
                for (fingerprint, title) in candidates.iter().take(10) {
                    hint.push_str(&format!("\n    {fingerprint}  {title}"));
                }
                if candidates.len() > 10 {
                    hint.push_str(&format!("\n    and {} more", candidates.len() - 10));
                }
                hint
            }
            StoreError::Refused { cause, .. } => return cause.hint(),
            StoreError::Word { .. } | StoreError::Json { .. } => {
                "it may be of a newer photofinish: update".to_owned()
            }
            StoreError::Database { cause: DatabaseError::Sqlite(cause), .. }
                if cause.sqlite_error_code() == Some(ErrorCode::CannotOpen) =>
            {
                "check that it is a file, and that you may write it and its folder".to_owned()
            }
            StoreError::Database { .. } => return None,
        })
    }

    /// The whole place is in trouble, rather than what was asked of it: to try again later.
    pub fn is_passing(&self) -> bool {
        matches!(self, StoreError::Away { .. } | StoreError::Busy { .. } | StoreError::Full { .. })
    }

    /// The error for what the database said while `doing` something with the findings at `place`.
    pub(crate) fn of(doing: &'static str, place: &StorePlace, cause: DatabaseError) -> Self {
        let place = place.clone();
        match cause.trouble() {
            Trouble::Foreign => {
                StoreError::Foreign { place, what: "it is not a SQLite database".to_owned() }
            }
            Trouble::Damaged => StoreError::Damaged { place, cause },
            Trouble::Full => StoreError::Full { place, cause },
            Trouble::Busy => StoreError::Busy { place, cause },
            Trouble::ReadOnly => StoreError::ReadOnly { place, cause },
            Trouble::Away => StoreError::Away { place, cause },
            Trouble::Refused => StoreError::NotLetIn { place, cause },
            Trouble::Other => StoreError::Database { doing, place, cause },
        }
    }
}
