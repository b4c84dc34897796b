//! The lines of source that a report points at, where they can be read on this machine.
//!
//! A frame's file is looked for where the report says it is, then in the checkout of the repository.
//! Reports come from anywhere, so only regular files with the name of a source file are read,
//! and no huge ones.

use crate::owners::Repository;
use photofinish_model::Frame;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

const EXTENSIONS: &[&str] =
    &["go", "s", "c", "cc", "cpp", "cxx", "h", "hh", "hpp", "m", "mm", "rs", "swift"];
const MAX_BYTES: u64 = 8 << 20;

/// Source files, each read once.
#[derive(Debug, Default)]
pub struct Sources {
    repository: Option<Repository>,
    files: HashMap<PathBuf, Option<Vec<String>>>,
}

impl Sources {
    /// Source found at the paths that frames name, or else in `repository`.
    pub fn new(repository: Option<Repository>) -> Self {
        Sources { repository, files: HashMap::new() }
    }

    /// The file of `frame`, if it may be read.
    pub fn file_of(&self, frame: &Frame) -> Option<PathBuf> {
        let printed = PathBuf::from(frame.file.as_deref()?);
        if printed.is_absolute() && is_source(&printed) {
            return Some(printed);
        }
        self.repository.as_ref()?.file_of(frame).filter(|path| is_source(path))
    }

    /// Line `line` (from 1) of the file of `frame`, without its end.
    pub fn line(&mut self, frame: &Frame, line: u32) -> Option<String> {
        let path = self.file_of(frame)?;
        let lines = self.files.entry(path).or_insert_with_key(|path| read_lines(path));
        let index = usize::try_from(line).ok()?.checked_sub(1)?;
        lines.as_ref()?.get(index).cloned()
    }
}

fn is_source(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    EXTENSIONS.contains(&extension)
        && std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() <= MAX_BYTES)
}

fn read_lines(path: &Path) -> Option<Vec<String>> {
    let bytes = std::fs::read(path).ok()?;
    Some(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(file: &Path) -> Frame {
        Frame { file: Some(file.display().to_string()), ..Frame::new("main.main") }
    }

    #[test]
    fn lines_are_read_where_the_report_says_or_in_the_checkout() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("cart")).unwrap();
        let file = dir.path().join("cart/cart.go");
        std::fs::write(&file, "package cart\n\nvar x int\n").unwrap();
        let mut sources = Sources::new(None);
        assert_eq!(sources.line(&frame(&file), 3).as_deref(), Some("var x int"));
        assert_eq!(sources.line(&frame(&file), 0), None);
        assert_eq!(sources.line(&frame(&file), 4), None);
        assert_eq!(sources.line(&frame(Path::new("/ci/shop/cart/cart.go")), 1), None);
        let repository = Repository { root: dir.path().to_owned(), ..Repository::default() };
        let mut sources = Sources::new(Some(repository));
        let elsewhere = frame(Path::new("/ci/shop/cart/cart.go"));
        assert_eq!(sources.line(&elsewhere, 1).as_deref(), Some("package cart"));
    }

    #[test]
    fn only_source_files_are_read() {
        let mut sources = Sources::new(None);
        for file in ["/etc/passwd", "/dev/zero", "/", "", "relative.go"] {
            assert_eq!(sources.line(&frame(Path::new(file)), 1), None, "{file}");
        }
    }
}
