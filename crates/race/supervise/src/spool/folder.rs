//! One folder of the spool: made by the `run` that owns it, or adopted from a dead one.
//!
//! Ownership is a `flock`, which the kernel drops with its owner, so it cannot outlive a SIGKILL
//! and needs no process id that might be used again.

use super::state::write_whole;
use super::{Manifest, SpoolError, State};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

/// A folder that this process owns.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    pub(crate) manifest: Manifest,
    pub(crate) state: State,
    _lock: File,
}

impl Folder {
    pub(super) fn create(root: &Path, manifest: Manifest) -> Result<Folder, SpoolError> {
        // Made under another name, so that nobody adopts it before it is locked.
        let unborn = root.join(format!(".{}", manifest.run));
        let path = root.join(&manifest.run);
        fs::create_dir(&unborn).map_err(SpoolError::write(&unborn))?;
        let made = (|| {
            let Some(lock) = lock(&unborn)? else {
                let cause = std::io::Error::other("somebody else has locked it");
                return Err(SpoolError::Write { path: unborn.join("lock"), cause });
            };
            let text = serde_json::to_vec_pretty(&manifest).unwrap_or_default();
            write_whole(&unborn.join("manifest.json"), &text, true)?;
            fs::rename(&unborn, &path).map_err(SpoolError::write(&path))?;
            Ok(lock)
        })();
        match made {
            Ok(lock) => Ok(Folder { path, manifest, state: State::default(), _lock: lock }),
            Err(error) => {
                let _ = fs::remove_dir_all(&unborn);
                Err(error)
            }
        }
    }

    /// Takes over a folder, unless its owner lives.
    pub(super) fn adopt(path: PathBuf) -> Result<Option<Folder>, SpoolError> {
        let lock = match lock(&path) {
            Ok(Some(lock)) => lock,
            Ok(None) => return Ok(None),
            // Somebody removed it while we looked.
            Err(_) if !path.exists() => return Ok(None),
            Err(error) => return Err(error),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let manifest = match fs::read(path.join("manifest.json")) {
            Ok(text) => serde_json::from_slice(&text).unwrap_or_default(),
            // The race runtime makes folders as it needs them: an orphan that reports after its
            // folder was removed makes it anew, without a manifest.
            Err(_) => Manifest::default(),
        };
        let manifest = Manifest {
            run: name,
            host: if manifest.host.is_empty() { super::manifest::host() } else { manifest.host },
            ..manifest
        };
        let state = State::load(&path);
        Ok(Some(Folder { path, manifest, state, _lock: lock }))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What the race runtime is told as `log_path` for one start of the program.
    pub(crate) fn log_path_in(folder: &Path, attempt: u32) -> PathBuf {
        folder.join(format!("race.{attempt}"))
    }

    /// Makes the file that becomes the program's stderr, and marks it: the mark (a shared `flock`
    /// on what the program inherits) stays until the last process that inherited it is gone.
    pub(crate) fn stderr_in(folder: &Path, attempt: u32) -> Result<(PathBuf, File), SpoolError> {
        let path = folder.join(format!("stderr.{attempt}.log"));
        let file = fs::OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(SpoolError::write(&path))?;
        file.try_lock_shared().map_err(|cause| SpoolError::Write {
            path: path.clone(),
            cause: std::io::Error::other(cause.to_string()),
        })?;
        Ok((path, file))
    }

    pub(crate) fn save(&self, sync: bool) -> Result<(), SpoolError> {
        self.state.save(&self.path, sync)
    }

    /// Removes the folder, its reports being stored and its writers dead.
    pub(crate) fn remove(self) {
        if self.manifest.keep {
            return;
        }
        if let Err(cause) = fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %cause, "cannot remove a spool folder");
        }
    }
}

fn lock(folder: &Path) -> Result<Option<File>, SpoolError> {
    let path = folder.join("lock");
    let file = fs::OpenOptions::new().create(true).append(true).open(&path);
    let file = file.map_err(SpoolError::write(&path))?;
    match file.try_lock() {
        // The folder may have been removed between open and lock; then the lock is on nothing.
        Ok(()) => Ok(path.exists().then_some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(cause)) => Err(SpoolError::Write { path, cause }),
    }
}
