//! The file beside a race binary that says how it was built.
//!
//! `run` reads it to label findings with the build, and to mark those of a light one. It carries the
//! size of its binary: one that does not fit belongs to another build, and is not believed.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// How a race binary was built. Fields may be added; these stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sidecar {
    /// Whether instrumentation was left out, so that findings want confirming in a full build.
    pub light: bool,
    /// The Go release, as `1.26.8`.
    pub go_version: String,
    /// `linux/amd64`.
    pub platform: String,
    /// The module of the command.
    pub module: String,
    /// The import path of the command.
    pub package: String,
    /// The label of the source's state: a version, or a commit, `-dirty` if it was changed.
    pub version: Option<String>,
    /// The commit in full.
    pub revision: Option<String>,
    /// Whether the source was changed on top of the commit.
    pub dirty: bool,
    /// The build tags, ours included.
    pub tags: Vec<String>,
    /// The user's `-ldflags`.
    pub ldflags: Vec<String>,
    /// The user's `-gcflags`.
    pub gcflags: Vec<String>,
    /// The size of the race binary in bytes.
    pub size: u64,
    /// The packages that a light build does not instrument.
    pub left_out: Vec<LeftOut>,
}

/// A package that a light build does not instrument.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LeftOut {
    /// Its import path.
    pub package: String,
    /// It has atomic operations, which are compiled as calls so that the detector sees them.
    pub atomics: bool,
}

impl Sidecar {
    /// The name of the file for `binary`: `bin/api-race.photofinish.json`.
    pub fn path(binary: &Path) -> PathBuf {
        let mut name = binary.as_os_str().to_owned();
        name.push(".photofinish.json");
        PathBuf::from(name)
    }

    /// Reads the file beside `binary`; `None` if there is none or it belongs to another build.
    pub fn beside(binary: &Path) -> Option<Sidecar> {
        let json = std::fs::read(Sidecar::path(binary)).ok()?;
        let sidecar: Sidecar = serde_json::from_slice(&json).ok()?;
        let size = binary.metadata().ok()?.len();
        (sidecar.size == size).then_some(sidecar)
    }
}
