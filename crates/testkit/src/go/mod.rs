//! A Go toolchain that can build with `-race`, wherever it comes from.
//!
//! The `go` on PATH if it is 1.22 or newer and really links a race build, since that is what the
//! machine's owner uses; otherwise a pinned one (`pinned`), fetched once into `target/toolchains`
//! (`fetch`). Tests over several Go versions name them.

mod fetch;
mod on_path;
pub(crate) mod pinned;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::cc;
use crate::error::Error;

/// A Go installation known to build with `-race`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// `$GOROOT/bin/go`, or whatever `go` on PATH is.
    pub go: PathBuf,
    /// As it calls itself, without the `go`: `1.26.6`.
    pub version: String,
}

impl Toolchain {
    /// This toolchain's `go`, to be run in `folder`: with itself first on PATH, and free of settings
    /// that would have it turn into another version.
    pub fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.go);
        command
            .current_dir(folder)
            .env("PATH", self.path())
            .env("GOTOOLCHAIN", "local")
            .env_remove("GOROOT");
        command
    }

    /// PATH with this toolchain in front: for children that look for `go` there.
    pub fn path(&self) -> OsString {
        let mut path = self.go.parent().map(Path::as_os_str).unwrap_or_default().to_owned();
        if let Some(rest) = std::env::var_os("PATH") {
            path.push(":");
            path.push(rest);
        }
        path
    }
}

/// A toolchain of at least Go 1.22, found or fetched.
///
/// # Panics
/// When there is none to be had; the message says why and what to do.
#[track_caller]
pub fn go_toolchain() -> &'static Toolchain {
    match try_go_toolchain() {
        Ok(toolchain) => toolchain,
        Err(error) => panic!("{}", error.story()),
    }
}

/// The newest pinned toolchain of a Go version: `go_toolchain_version("1.24")`.
///
/// # Panics
/// When there is none to be had; the message says why and what to do.
#[track_caller]
pub fn go_toolchain_version(version: &str) -> Toolchain {
    match try_go_toolchain_version(version) {
        Ok(toolchain) => toolchain,
        Err(error) => panic!("{}", error.story()),
    }
}

/// Like [`go_toolchain`].
///
/// # Errors
/// No C compiler; or neither a fitting `go` on PATH nor a way to fetch one.
pub fn try_go_toolchain() -> Result<&'static Toolchain, Error> {
    static FOUND: OnceLock<Toolchain> = OnceLock::new();
    static FINDING: Mutex<()> = Mutex::new(());
    let _finding = FINDING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(toolchain) = FOUND.get() {
        return Ok(toolchain);
    }
    cc::c_compiler()?;
    let toolchain = match on_path::find()? {
        Some(toolchain) => toolchain,
        None => fetch::toolchain(&pinned::DEFAULT)?,
    };
    Ok(FOUND.get_or_init(|| toolchain))
}

/// Like [`go_toolchain_version`].
///
/// # Errors
/// No C compiler, a version that is not pinned, or no way to fetch it.
pub fn try_go_toolchain_version(version: &str) -> Result<Toolchain, Error> {
    let pinned = pinned::find(version)?;
    cc::c_compiler()?;
    fetch::toolchain(pinned)
}
