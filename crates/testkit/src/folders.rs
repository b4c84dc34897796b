//! Where things are: the workspace, its `target`, and folders that vanish after use.

use std::path::{Path, PathBuf};

/// The root of the workspace this crate was built in.
pub fn workspace_root() -> &'static Path {
    // crates/testkit is two levels below it.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().and_then(Path::parent).unwrap_or(here)
}

/// Cargo's target folder: toolchains and built Go programs live below it, so `cargo clean` clears them.
pub fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => workspace_root().join(folder),
        None => workspace_root().join("target"),
    }
}

/// A fresh folder that is removed when the value is dropped.
///
/// # Panics
/// When there is no place for one.
pub fn temp_dir() -> tempfile::TempDir {
    match tempfile::Builder::new().prefix("photofinish-").tempdir() {
        Ok(folder) => folder,
        Err(cause) => {
            panic!("cannot create a folder in {}: {cause}", std::env::temp_dir().display())
        }
    }
}
