//! How far each file of a folder has been delivered, kept by atomic rename.
//!
//! Losing it costs nothing but time: everything is read again, and the keys say it is known.

use super::SpoolError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

/// The content of `state.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    /// By the name each file had when it was first seen.
    pub(crate) files: BTreeMap<String, FileState>,
    /// Findings that the restart gate waits for.
    pub(crate) gate: Vec<String>,
    /// The process of each start of the program.
    pub(crate) pids: BTreeMap<u32, u32>,
}

/// How far one file has been delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct FileState {
    /// Which file it is, whatever it is called by now.
    pub(crate) inode: u64,
    /// How often it was cut to nothing and begun again.
    pub(crate) generation: u32,
    /// Every report that begins before this byte has been delivered.
    pub(crate) offset: u64,
}

impl State {
    pub(crate) fn load(folder: &Path) -> State {
        let text = fs::read(folder.join("state.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Writes it; with `sync` so that it survives the machine as well.
    pub(crate) fn save(&self, folder: &Path, sync: bool) -> Result<(), SpoolError> {
        let path = folder.join("state.json");
        write_whole(&path, &serde_json::to_vec(self).unwrap_or_default(), sync)
    }
}

/// Replaces a file as a whole, so that no reader ever sees half of it.
pub(crate) fn write_whole(path: &Path, bytes: &[u8], sync: bool) -> Result<(), SpoolError> {
    let next = path.with_extension("next");
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&next)?;
        file.write_all(bytes)?;
        if sync {
            file.sync_data()?;
        }
        fs::rename(&next, path)
    };
    write().map_err(SpoolError::write(path))
}
