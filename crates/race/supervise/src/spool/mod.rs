//! The spool: a folder per run in which reports wait until somebody has stored them.
//!
//! ```text
//! SPOOL/ballast                   given up when the disk is full, so that the detector can write on
//! SPOOL/RUN/lock                  flock'ed while the `run` that owns the folder lives
//! SPOOL/RUN/manifest.json         whose reports these are
//! SPOOL/RUN/race.ATTEMPT.PID      written by the race runtime itself
//! SPOOL/RUN/stderr.ATTEMPT.log    the program's stderr, flock'ed by whoever still may write to it
//! SPOOL/RUN/state.json            how far each file has been delivered
//! ```
//!
//! The program writes into files and never into us, so a SIGKILL of ours loses nothing; whoever
//! comes next takes the lock and goes on where `state.json` ends. A crash between a delivery and
//! `state.json` delivers again, with the same key.
//!
//! Start at [`Spool::create`] and [`recover`].

mod ballast;
mod folder;
mod manifest;
mod recover;
mod state;

pub use manifest::Manifest;
pub use recover::{Recovered, recover};

pub(crate) use ballast::{Ballast, Change};
pub(crate) use folder::Folder;
pub(crate) use state::{FileState, State};

use std::io;
use std::path::{Path, PathBuf};

/// A spool folder, with the folders of runs in it.
#[derive(Clone, Debug)]
pub struct Spool {
    root: PathBuf,
    destination: String,
}

/// Why the spool cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// Something in it cannot be made or written.
    #[error("cannot write {} in the spool", path.display())]
    Write {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Something in it cannot be read.
    #[error("cannot read {} in the spool", path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
}

impl SpoolError {
    pub(crate) fn write(path: &Path) -> impl FnOnce(io::Error) -> SpoolError {
        let path = path.to_owned();
        move |cause| SpoolError::Write { path, cause }
    }

    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> SpoolError {
        let path = path.to_owned();
        move |cause| SpoolError::Read { path, cause }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            SpoolError::Write { cause, .. } if cause.kind() == io::ErrorKind::StorageFull => {
                Some("free some space, or name another folder with --spool".to_owned())
            }
            SpoolError::Write { .. } => {
                Some("name a folder that can be written with --spool".to_owned())
            }
            SpoolError::Read { .. } => None,
        }
    }
}

impl Spool {
    /// The spool in the folder `root`, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Spool {
        let root = root.into();
        // The race runtime opens its file by this path, wherever the program has gone meanwhile.
        Spool { root: std::path::absolute(&root).unwrap_or(root), destination: String::new() }
    }

    /// The same, for reports that go to `destination` (the path of a store): what was meant for
    /// another one is left to whoever delivers there.
    #[must_use]
    pub fn delivering_to(mut self, destination: impl Into<String>) -> Spool {
        self.destination = destination.into();
        self
    }

    /// Where a spool is when nobody says: `$XDG_STATE_HOME/photofinish/spool`,
    /// `~/.local/state/photofinish/spool`, else below the folder for temporary files.
    pub fn default_root() -> PathBuf {
        let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        folder("XDG_STATE_HOME")
            .map(PathBuf::from)
            .or_else(|| folder("HOME").map(|home| PathBuf::from(home).join(".local/state")))
            .unwrap_or_else(std::env::temp_dir)
            .join("photofinish/spool")
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Makes the folder of a new run, owned by the caller.
    pub(crate) fn create(&self, manifest: Manifest) -> Result<Folder, SpoolError> {
        let manifest = Manifest { destination: self.destination.clone(), ..manifest };
        std::fs::create_dir_all(&self.root).map_err(SpoolError::write(&self.root))?;
        let made = Folder::create(&self.root, manifest.clone());
        match made {
            // What the ballast is for: a full disk must not keep the program from starting.
            Err(SpoolError::Write { cause, .. })
                if cause.kind() == io::ErrorKind::StorageFull && Ballast::give_up(&self.root) =>
            {
                Folder::create(&self.root, manifest)
            }
            made => made,
        }
    }

    /// The folders of runs whose owner is dead, each now owned by the caller.
    pub(crate) fn left_over(&self) -> Result<Vec<Folder>, SpoolError> {
        let entries = match std::fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => return Err(SpoolError::Read { path: self.root.clone(), cause }),
        };
        let mut paths: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.is_dir() && path.file_name().is_some_and(manifest::names_a_run))
            .collect();
        paths.sort();
        let mut folders = Vec::new();
        for path in paths {
            let folder = Folder::adopt(path)?;
            folders.extend(folder.filter(|folder| {
                let theirs = &folder.manifest.destination;
                theirs.is_empty() || *theirs == self.destination
            }));
        }
        Ok(folders)
    }
}
