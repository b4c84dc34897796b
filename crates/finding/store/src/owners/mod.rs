//! Who owns a race: CODEOWNERS, applied to the frames of the user's own module.
//!
//! A race has two ends, so both count: the first frame of the user's own code in each access, and
//! where an access has none, in the stack that created its goroutine. Two teams may own one race.
//!
//! [`CodeOwners`] is the file as a pure function from a path to owners; [`OwnerRules`] adds what
//! it takes to make a path of the repository from one that a compiler wrote on another machine.
//! Start at [`OwnerRules::load`].

mod codeowners;
mod glob;

pub use codeowners::CodeOwners;

use photofinish_model::{CodeOrigin, Frame, Race, Stack, package_of};
use std::path::{Path, PathBuf};

/// The places a CODEOWNERS file is looked for, the first one found counts.
const PLACES: [&str; 4] =
    [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"];

/// CODEOWNERS, and what is known of the repository it is for.
#[derive(Clone, Debug)]
pub struct OwnerRules {
    owners: CodeOwners,
    repository: Repository,
}

/// A checkout of the repository that the program was built from.
#[derive(Clone, Debug, Default)]
pub struct Repository {
    /// Its root.
    pub root: PathBuf,
    /// The module path of the go.mod, if one was found.
    pub module: Option<String>,
    /// The folder of that go.mod below the root, `""` for the root itself.
    pub module_dir: String,
}

impl OwnerRules {
    /// The rules for `owners` in `repository`.
    pub fn new(owners: CodeOwners, repository: Repository) -> Self {
        OwnerRules { owners, repository }
    }

    /// Finds CODEOWNERS of the repository that `dir` is in; `None` where there is none to read.
    pub fn load(dir: &Path) -> Option<OwnerRules> {
        let repository = Repository::around(dir)?;
        let text = PLACES
            .iter()
            .find_map(|place| std::fs::read_to_string(repository.root.join(place)).ok())?;
        Some(OwnerRules::new(CodeOwners::parse(&text), repository))
    }

    /// The repository they are for.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The owners of both ends of `race`, each once, those of the first access in front.
    pub fn owners_of(&self, race: &Race) -> Vec<String> {
        let mut owners = Vec::new();
        for access in &race.accesses {
            let frame = own_frame(&access.stack).or_else(|| own_frame(&access.created_at));
            let path = frame.and_then(|frame| self.repository.relative(frame));
            for owner in path.map(|path| self.owners.of(&path)).unwrap_or_default() {
                if !owners.contains(&owner) {
                    owners.push(owner);
                }
            }
        }
        owners
    }
}

impl Repository {
    /// The repository that `dir` is in: the nearest folder with a `.git` or a CODEOWNERS, and the
    /// go.mod nearest to `dir`.
    pub fn around(dir: &Path) -> Option<Repository> {
        let dir = dir.canonicalize().ok()?;
        let root = dir.ancestors().find(|folder| {
            folder.join(".git").exists() || PLACES.iter().any(|place| folder.join(place).is_file())
        })?;
        let with_mod = dir
            .ancestors()
            .take_while(|folder| folder.starts_with(root))
            .find(|folder| folder.join("go.mod").is_file());
        let module = with_mod
            .and_then(|folder| std::fs::read_to_string(folder.join("go.mod")).ok())
            .and_then(|text| module_path(&text));
        let module_dir = with_mod
            .and_then(|folder| folder.strip_prefix(root).ok())
            .map(|below| below.to_string_lossy().into_owned())
            .unwrap_or_default();
        Some(Repository { root: root.to_owned(), module, module_dir })
    }

    /// The path of a frame's file below the root, with `/`. In turn: the path lies below the
    /// root; it begins with the module path (`-trimpath`); the function's package does; the
    /// longest end of the path that exists in the checkout.
    pub fn relative(&self, frame: &Frame) -> Option<String> {
        let file = frame.file.as_deref()?.replace('\\', "/");
        let root = self.root.to_string_lossy();
        if let Some(below) = file.strip_prefix(root.as_ref()).and_then(|f| f.strip_prefix('/'))
            && !root.is_empty()
        {
            return Some(below.to_owned());
        }
        if let Some(module) = &self.module {
            if let Some(below) = below_module(&file, module) {
                return Some(self.in_module(below));
            }
            let name = file.rsplit('/').next().unwrap_or(&file);
            match below_module(&package_of(&frame.function), module) {
                Some("") => return Some(self.in_module(name)),
                Some(package) => return Some(self.in_module(&format!("{package}/{name}"))),
                None => {}
            }
        }
        let file = file.trim_start_matches("./");
        let ends =
            std::iter::once(file).chain(file.match_indices('/').map(|(i, _)| &file[i + 1..]));
        ends.filter(|end| !end.is_empty() && !end.starts_with('/') && !end.contains(".."))
            .find(|end| self.root.join(end).is_file())
            .map(str::to_owned)
    }

    /// The file of a frame in this checkout, if it is there to be read.
    pub fn file_of(&self, frame: &Frame) -> Option<PathBuf> {
        let path = self.root.join(self.relative(frame)?);
        path.is_file().then_some(path)
    }

    fn in_module(&self, below: &str) -> String {
        match self.module_dir.as_str() {
            "" => below.to_owned(),
            dir => format!("{dir}/{below}"),
        }
    }
}

fn own_frame(stack: &Stack) -> Option<&Frame> {
    stack.frames.iter().find(|frame| CodeOrigin::of(frame) == CodeOrigin::Own)
}

/// `path` below `module`: `""` for the module itself, `None` if it lies elsewhere.
fn below_module<'a>(path: &'a str, module: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(module)?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
}

/// The module path in the text of a go.mod.
fn module_path(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let path = line.trim().strip_prefix("module")?;
        let path = path.split("//").next()?.trim_matches([' ', '\t', '"', '`', '(', ')']);
        (!path.is_empty() && line.trim() != path).then(|| path.to_owned())
    })
}

#[cfg(test)]
mod tests;
