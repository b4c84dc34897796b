//! Writes the files of a tree, and overwrites nothing that a person changed.
//!
//! The folder has a list of what was written, with a hash of each text. A file that is not on it, or reads otherwise
//! than when it was written, is somebody's; then nothing is written at all unless that is forced. What is on the list
//! and no longer needed goes.

use crate::tree::File;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The list, in the folder.
pub const LIST: &str = ".photofinish-deploy";

/// What was done to a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Files with a new text.
    pub written: Vec<String>,
    /// Files that were as they should be.
    pub unchanged: Vec<String>,
    /// Files that are no longer needed and were removed.
    pub removed: Vec<String>,
}

/// Why nothing, or not all, was written.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Files that somebody wrote or changed.
    #[error("{} holds what somebody else wrote or changed: {}", folder.display(), files.join(", "))]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// Below it.
        files: Vec<String>,
    },
    /// A file that cannot be read, written or removed.
    #[error("cannot {doing} {}", path.display())]
    File {
        /// Read, write, …
        doing: &'static str,
        /// Which.
        path: PathBuf,
        #[source]
        /// Why.
        cause: std::io::Error,
    },
}

impl FolderError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        matches!(self, FolderError::Foreign { .. }).then(|| {
            "write into another folder and keep changes of yours in an overlay of your own, or overwrite these with --force".to_owned()
        })
    }
}

/// Writes `files` below `folder`; over what a person changed only if `forced`.
///
/// # Errors
/// [`FolderError::Foreign`], in which case nothing was touched, or what a file system refuses.
pub fn write(folder: &Path, files: &[File], forced: bool) -> Result<Written, FolderError> {
    let list = read_list(folder)?;
    let mut found: BTreeMap<String, Option<String>> = BTreeMap::new();
    for path in files.iter().map(|file| &file.path).chain(list.keys()) {
        found.insert(path.clone(), read(&folder.join(path))?);
    }
    let is_ours = |path: &str, text: &str| list.get(path).is_some_and(|known| *known == hash(text));
    let wanted = |path: &str| files.iter().find(|file| file.path == path);
    let is_foreign = |path: &str, text: &str| {
        !is_ours(path, text) && wanted(path).is_none_or(|file| file.text != text)
    };
    let foreign: Vec<String> = found
        .iter()
        .filter(|(path, text)| text.as_ref().is_some_and(|text| is_foreign(path, text)))
        .map(|(path, _)| path.clone())
        .collect();
    if !foreign.is_empty() && !forced {
        return Err(FolderError::Foreign { folder: folder.to_owned(), files: foreign });
    }
    let mut written = Written::default();
    for file in files {
        if found.get(&file.path).is_some_and(|text| text.as_ref() == Some(&file.text)) {
            written.unchanged.push(file.path.clone());
            continue;
        }
        put(&folder.join(&file.path), &file.text)?;
        written.written.push(file.path.clone());
    }
    for (path, text) in found.iter().filter(|(path, _)| wanted(path).is_none()) {
        // What somebody changed and we no longer need stays theirs, forced or not.
        if text.as_ref().is_some_and(|text| is_ours(path, text)) {
            let path_of = folder.join(path);
            std::fs::remove_file(&path_of).map_err(|cause| FolderError::File {
                doing: "remove",
                path: path_of,
                cause,
            })?;
            written.removed.push(path.clone());
        }
    }
    let lines: String =
        files.iter().map(|file| format!("{} {}\n", hash(&file.text), file.path)).collect();
    let head = "# What `photofinish deploy` wrote here, to know what a person changed since. Keep it with the files.\n";
    put(&folder.join(LIST), &format!("{head}{lines}"))?;
    Ok(written)
}

/// The hashes of what was written the last time.
fn read_list(folder: &Path) -> Result<BTreeMap<String, String>, FolderError> {
    let text = read(&folder.join(LIST))?.unwrap_or_default();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once(' '));
    // A list that somebody edited leads nowhere outside of the folder.
    let is_below = |path: &str| {
        Path::new(path).components().all(|part| matches!(part, std::path::Component::Normal(_)))
    };
    Ok(pairs
        .filter(|(_, path)| is_below(path))
        .map(|(hash, path)| (path.to_owned(), hash.to_owned()))
        .collect())
}

fn read(path: &Path) -> Result<Option<String>, FolderError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(FolderError::File { doing: "read", path: path.to_owned(), cause }),
    }
}

/// All of it or nothing of it: a name of its own first.
fn put(path: &Path, text: &str) -> Result<(), FolderError> {
    let failed = |doing, cause| FolderError::File { doing, path: path.to_owned(), cause };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|cause| failed("make the folder of", cause))?;
    }
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    std::fs::write(&fresh, text).map_err(|cause| failed("write", cause))?;
    std::fs::rename(&fresh, path).map_err(|cause| failed("write", cause))
}

fn hash(text: &str) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(text) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn what_a_person_changed_is_not_overwritten_unless_forced() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let first = [file("base/a.yaml", "a\n"), file("b.yaml", "b\n")];
        assert_eq!(write(folder.path(), &first, false).unwrap().written.len(), 2);
        // Ours and untouched: replaced, and what is no longer needed goes.
        let second = [file("base/a.yaml", "a2\n")];
        let written = write(folder.path(), &second, false).unwrap();
        assert_eq!(
            (written.written, written.removed),
            (vec!["base/a.yaml".to_owned()], vec!["b.yaml".to_owned()])
        );
        // Somebody's hand was in it: nothing at all is written.
        std::fs::write(at("base/a.yaml"), "mine\n").unwrap();
        let third = [file("base/a.yaml", "a3\n"), file("c.yaml", "c\n")];
        let error = write(folder.path(), &third, false).unwrap_err();
        assert!(error.to_string().contains("base/a.yaml") && error.hint().is_some(), "{error}");
        assert_eq!(std::fs::read_to_string(at("base/a.yaml")).unwrap(), "mine\n");
        assert!(!at("c.yaml").exists());
        write(folder.path(), &third, true).unwrap();
        assert_eq!(std::fs::read_to_string(at("base/a.yaml")).unwrap(), "a3\n");
    }

    #[test]
    fn a_file_that_was_there_before_us_is_somebodys() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Dockerfile"), "FROM scratch\n").unwrap();
        assert!(write(folder.path(), &[file("Dockerfile", "FROM b\n")], false).is_err());
        // Other files of theirs are none of our business.
        assert!(write(folder.path(), &[file("a.yaml", "a\n")], false).is_ok());
    }
}
