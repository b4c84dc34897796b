//! One test process at a time: a lock file, held as long as the value lives.
//!
//! The kernel drops the lock with the process, so a killed test leaves nothing to clean up.

use std::fs::File;
use std::path::Path;

use crate::error::{Error, file};

/// A lock held on a file.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits until nobody else holds the lock on `path`, whose folder is made if need be.
    pub(crate) fn wait_for(path: &Path) -> Result<Lock, Error> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(file("create", folder))?;
        }
        let lock = File::create(path).map_err(file("create", path))?;
        lock.lock().map_err(file("lock", path))?;
        Ok(Lock { _file: lock })
    }
}
