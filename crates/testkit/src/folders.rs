//! Where things are: the workspace, its `target`, and folders that vanish after use.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The root of the workspace: the one that cargo runs us in, which may be a copy of the one that this
/// was compiled in.
pub fn workspace_root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let compiled_in = Path::new(env!("CARGO_MANIFEST_DIR"));
        let run_in = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let here = run_in.as_deref().unwrap_or(compiled_in);
        let root = here.ancestors().find(|folder| folder.join("Cargo.lock").is_file());
        root.unwrap_or(compiled_in).to_owned()
    })
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
