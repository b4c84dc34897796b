//! The source behind a frame, wherever it lies on this machine.
//!
//! Programs name their files as the compiler was given them: where they were built, or, with `-trimpath`, by module
//! (`example.com/shop/cart.go`, `github.com/x/y@v1.2.3/y.go`) and package (`net/http/server.go`). Looked for at that place, below
//! the folders given, in the module that we stand in, in Go's module cache and in its own source.
//!
//! Start at [`SourceFiles::line`].

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Larger files are no source.
const LARGEST: u64 = 8 << 20;

/// Where source is looked for, and what was found.
#[derive(Debug, Default)]
pub(crate) struct SourceFiles {
    /// Folders that the user named.
    roots: Vec<PathBuf>,
    /// The main module of the program, and the folder that it is in here.
    module: Option<(String, PathBuf)>,
    /// Go's module cache, and its own source.
    go: Vec<PathBuf>,
    known: HashMap<String, Option<Vec<String>>>,
}

impl SourceFiles {
    /// Source of a program of `module`, below `roots` first.
    pub(crate) fn new(roots: &[PathBuf], module: Option<&str>) -> SourceFiles {
        let here = std::env::current_dir().unwrap_or_default();
        let module = module.and_then(|module| Some((module.to_owned(), root_of(module, &here)?)));
        SourceFiles { roots: roots.to_vec(), module, go: go_folders(), known: HashMap::new() }
    }

    /// Line `line` (from 1) of `file`, without its end.
    pub(crate) fn line(&mut self, file: &str, line: u32) -> Option<&str> {
        if !self.known.contains_key(file) {
            let lines = self.find(file).and_then(|path| read(&path));
            self.known.insert(file.to_owned(), lines);
        }
        let line_idx = usize::try_from(line).ok()?.checked_sub(1)?;
        self.known.get(file)?.as_ref()?.get(line_idx).map(String::as_str)
    }

    fn find(&self, file: &str) -> Option<PathBuf> {
        let path = Path::new(file);
        let below_roots = || self.roots.iter().find_map(|root| below(root, path));
        if path.is_absolute() {
            return below_roots().or_else(|| is_source(path).then(|| path.to_owned()));
        }
        let in_module = || {
            let (module, root) = self.module.as_ref()?;
            let rest = file.strip_prefix(module)?.strip_prefix('/')?;
            Some(root.join(rest)).filter(|path| is_source(path))
        };
        let in_go = || {
            let escaped = escaped(file);
            self.go.iter().map(|folder| folder.join(&escaped)).find(|path| is_source(path))
        };
        below_roots().or_else(in_module).or_else(in_go)
    }
}

/// `path` below `root`: whole, or without its first folders.
fn below(root: &Path, path: &Path) -> Option<PathBuf> {
    let names: Vec<_> =
        path.components().filter(|name| matches!(name, std::path::Component::Normal(_))).collect();
    (0..names.len()).find_map(|n_left_out| {
        let found = root.join(names.get(n_left_out..)?.iter().collect::<PathBuf>());
        is_source(&found).then_some(found)
    })
}

/// The folder of `module`, which `here` is in.
fn root_of(module: &str, here: &Path) -> Option<PathBuf> {
    let is_root = |folder: &&Path| {
        let text = std::fs::read_to_string(folder.join("go.mod")).unwrap_or_default();
        text.lines().any(|line| {
            let name = line.trim().strip_prefix("module").map(str::trim);
            name.is_some_and(|name| name.trim_matches('"') == module)
        })
    };
    here.ancestors().find(is_root).map(Path::to_owned)
}

/// The module cache and Go's own source, as far as the environment tells or they are where they are by default.
fn go_folders() -> Vec<PathBuf> {
    let variable =
        |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = variable("HOME").map(|home| home.join("go"));
    let path = variable("GOPATH").or(home).map(|path| path.join("pkg/mod"));
    let cache = variable("GOMODCACHE").or(path);
    let root = variable("GOROOT").unwrap_or_else(|| PathBuf::from("/usr/local/go"));
    cache.into_iter().chain([root.join("src")]).collect()
}

/// As the module cache writes it: capitals by a mark, since not every file system tells them apart.
fn escaped(path: &str) -> String {
    path.chars().fold(String::new(), |mut out, letter| {
        if letter.is_ascii_uppercase() && path.contains('@') {
            out.push('!');
            out.push(letter.to_ascii_lowercase());
        } else {
            out.push(letter);
        }
        out
    })
}

fn is_source(path: &Path) -> bool {
    let is_go = path.extension().is_some_and(|extension| {
        ["go", "s", "c", "h", "cc", "cpp"].iter().any(|known| extension == *known)
    });
    is_go && std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() <= LARGEST)
}

fn read(path: &Path) -> Option<Vec<String>> {
    let bytes = std::fs::read(path).ok()?;
    Some(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

    use super::*;

    #[test]
    fn source_is_found_where_it_was_built_below_a_root_and_in_the_module() {
        let folder = photofinish_testkit::temp_dir();
        std::fs::create_dir_all(folder.path().join("shop/cart")).unwrap();
        std::fs::write(folder.path().join("shop/go.mod"), "module example.com/shop\n").unwrap();
        let file = folder.path().join("shop/cart/cart.go");
        std::fs::write(&file, "package cart\n\nvar n int\n").unwrap();

        let mut none = SourceFiles::default();
        assert_eq!(none.line(&file.to_string_lossy(), 3), Some("var n int"));
        assert_eq!(none.line(&file.to_string_lossy(), 4), None);
        assert_eq!(none.line("/build/77/shop/cart/cart.go", 3), None);

        let root = folder.path().join("shop");
        let mut roots = SourceFiles { roots: vec![root.clone()], ..SourceFiles::default() };
        assert_eq!(roots.line("/build/77/shop/cart/cart.go", 3), Some("var n int"));
        assert_eq!(roots.line("example.com/shop/cart/cart.go", 1), Some("package cart"));

        let module = root_of("example.com/shop", &root.join("cart"));
        let module = module.map(|root| ("example.com/shop".to_owned(), root));
        let mut trimmed = SourceFiles { module, ..SourceFiles::default() };
        assert_eq!(trimmed.line("example.com/shop/cart/cart.go", 3), Some("var n int"));
        assert_eq!(trimmed.line("example.com/other/cart/cart.go", 3), None);
    }

    #[test]
    fn the_module_cache_marks_capitals() {
        assert_eq!(escaped("github.com/Azure/x@v1/A.go"), "github.com/!azure/x@v1/!a.go");
        assert_eq!(escaped("net/http/A.go"), "net/http/A.go");
    }
}
