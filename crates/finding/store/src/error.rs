//! What can go wrong with the findings, and what to do about it.

use crate::lifecycle::Refused;
use photofinish_model::{Fingerprint, UnknownWord};
use rusqlite::ErrorCode;
use std::path::{Path, PathBuf};

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
    /// The file holds something else.
    #[error("{} does not hold findings: {what}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it holds.
        what: String,
    },
    /// The file was written by a later photofinish.
    #[error(
        "the findings at {} are of a newer photofinish (schema {found}, this one knows {known})",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The schema this program writes.
        known: i64,
    },
    /// The file is damaged.
    #[error("the findings at {} are damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: rusqlite::Error,
    },
    /// No room left.
    #[error("no room to write the findings at {}", path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: rusqlite::Error,
    },
    /// Another process kept the file locked for too long.
    #[error("the findings at {} are locked by another process", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: rusqlite::Error,
    },
    /// The file, or its folder, must not be written.
    #[error("the findings at {} cannot be written", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: rusqlite::Error,
    },
    /// Anything else.
    #[error("cannot {doing} the findings at {}", path.display())]
    Sqlite {
        /// `open`, `read`, `record`, …
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: rusqlite::Error,
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
            StoreError::Folder { .. } | StoreError::ReadOnly { .. } => {
                "choose a file you may write with --store PATH or PHOTOFINISH_STORE".to_owned()
            }
            StoreError::Foreign { .. } => {
                "nothing was changed in it; choose another file with --store PATH".to_owned()
            }
            StoreError::Newer { .. } => {
                "update photofinish; nothing was changed in the file".to_owned()
            }
            StoreError::Damaged { path, .. } => format!(
                "keep a copy, then save what can be read: sqlite3 {} .recover | sqlite3 findings-recovered.db",
                path.display()
            ),
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
            StoreError::Sqlite { cause, .. } => match cause.sqlite_error_code() {
                Some(ErrorCode::CannotOpen) => {
                    "check that it is a file, and that you may write it and its folder".to_owned()
                }
                _ => return None,
            },
        })
    }

    /// The error for what SQLite said while `doing` something with the file at `path`.
    pub(crate) fn from_sqlite(doing: &'static str, path: &Path, cause: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match cause.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => {
                StoreError::Foreign { path, what: "it is not a SQLite database".to_owned() }
            }
            Some(ErrorCode::DatabaseCorrupt) => StoreError::Damaged { path, cause },
            Some(ErrorCode::DiskFull) => StoreError::Full { path, cause },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                StoreError::Busy { path, cause }
            }
            Some(ErrorCode::ReadOnly) => StoreError::ReadOnly { path, cause },
            _ => StoreError::Sqlite { doing, path, cause },
        }
    }
}
