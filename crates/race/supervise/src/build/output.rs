//! Where the binaries go, and how they get there whole.
//!
//! They are built into a temporary folder inside the output folder, hence on the same file system,
//! and renamed at the end, all together: whoever is interrupted before that keeps the old ones.

use super::go::Go;
use super::packages::Main;
use super::{BuildError, Plan, Variant};
use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// A binary that was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// Where it is.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// How long its variant took to build (all packages of a build together).
    pub took: Duration,
}

/// The output folder, and the temporary one inside it.
#[derive(Debug)]
pub(super) struct Place {
    dir: PathBuf,
    temp: TempDir,
    exe: String,
    /// The normal binary's name where `-o` gave one.
    only: Option<OsString>,
}

impl Place {
    /// Makes the folders, and checks that no two binaries would have one name.
    pub(super) fn prepare(
        plan: &Plan,
        go: &Go,
        mains: &[Main],
        exe: &str,
    ) -> Result<Place, BuildError> {
        let out = if plan.out.as_os_str().is_empty() { Path::new("bin/") } else { &plan.out };
        let is_folder = mains.len() > 1
            || out.as_os_str().as_bytes().ends_with(b"/")
            || go.dir.join(out).is_dir();
        let full = go.dir.join(out);
        let (dir, only) = match (is_folder, full.file_name(), full.parent()) {
            (false, Some(name), Some(parent)) => (parent.to_owned(), Some(name.to_owned())),
            _ => (full, None),
        };
        let write = |cause| BuildError::Write { path: dir.clone(), cause };
        std::fs::create_dir_all(&dir).map_err(write)?;
        let temp = tempfile::Builder::new().prefix(".photofinish-build-").tempdir_in(&dir);
        let temp = temp.map_err(write)?;
        let place = Place { dir, temp, exe: exe.to_owned(), only };
        place.check_names(mains)?;
        for variant in [Variant::Normal, Variant::Race] {
            let path = place.folder(variant);
            std::fs::create_dir(&path).map_err(|cause| BuildError::Write { path, cause })?;
        }
        Ok(place)
    }

    /// The folder that `go build -o` gets for a variant.
    pub(super) fn folder(&self, variant: Variant) -> PathBuf {
        self.temp.path().join(variant.word())
    }

    /// Where `go build` puts a binary in [`Place::folder`].
    pub(super) fn built(&self, main: &Main, variant: Variant) -> PathBuf {
        self.folder(variant).join(format!("{}{}", main.name, self.exe))
    }

    /// Where a binary ends up: `bin/api`, `bin/api-race`.
    pub(super) fn path(&self, main: &Main, variant: Variant) -> PathBuf {
        let given = self.only.as_ref().map(PathBuf::from);
        let name = given.unwrap_or_else(|| format!("{}{}", main.name, self.exe).into());
        if variant == Variant::Normal {
            return self.dir.join(name);
        }
        let whole = name.as_os_str().to_string_lossy().into_owned();
        match whole.strip_suffix(&self.exe).filter(|_| !self.exe.is_empty()) {
            Some(stem) => self.dir.join(format!("{stem}-race{}", self.exe)),
            None => self.dir.join(format!("{whole}-race")),
        }
    }

    /// Renames a finished file to its place, over what was there.
    pub(super) fn publish(&self, from: &Path, to: &Path) -> Result<(), BuildError> {
        std::fs::rename(from, to).map_err(|cause| BuildError::Write { path: to.to_owned(), cause })
    }

    fn check_names(&self, mains: &[Main]) -> Result<(), BuildError> {
        let mut taken: HashMap<PathBuf, &Main> = HashMap::new();
        for main in mains {
            for variant in [Variant::Normal, Variant::Race] {
                let binary = self.path(main, variant);
                if let Some(first) = taken.insert(binary.clone(), main) {
                    let first = first.import_path.clone();
                    return Err(BuildError::SameName {
                        first,
                        second: main.import_path.clone(),
                        binary,
                    });
                }
            }
        }
        Ok(())
    }
}
