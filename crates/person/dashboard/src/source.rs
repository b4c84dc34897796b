//! The lines of source around a frame, from the build's own revision where the checkout has it.
//!
//! `git show` is asked for the file as it was in the commit that the build names; without one the file
//! on the disk is shown, and said to be that. A report names files and builds as it likes, so only
//! source files are read, below the checkout or (on the loopback) where the report says, and only
//! what looks like a revision is handed to git.

use photofinish_model::{Frame, user_frame};
use photofinish_store::{Finding, Repository, Sources};
use std::collections::HashMap;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

/// Lines before and after the one that is meant.
const AROUND: u32 = 4;
/// Files of revisions remembered.
const REMEMBERED: usize = 64;
/// Bytes of a file at most.
const LARGEST: usize = 4 << 20;

/// A revision, and a path below the root.
type FileAt = (String, String);

/// Where source is looked for.
#[derive(Debug)]
pub(crate) struct Checkout {
    repository: Option<Repository>,
    anywhere: bool,
    files: Mutex<HashMap<FileAt, Option<Arc<Vec<String>>>>>,
}

/// Some lines of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Excerpt {
    /// The number of the first line.
    pub(crate) first: u32,
    /// The lines, without what all are indented by.
    pub(crate) lines: Vec<String>,
    /// The number of the one that is meant.
    pub(crate) marked: u32,
    /// The revision, or nothing for the file as it lies there.
    pub(crate) revision: Option<String>,
}

impl Checkout {
    /// Source in `repository`, and where reports say if `anywhere`.
    pub(crate) fn new(repository: Option<Repository>, anywhere: bool) -> Checkout {
        Checkout { repository, anywhere, files: Mutex::default() }
    }

    /// The source at the frame to look at of each access; may wait for git.
    pub(crate) fn excerpts(&self, finding: &Finding) -> Vec<Option<Excerpt>> {
        let revision = finding
            .builds
            .iter()
            .max_by_key(|seen| seen.last_seen)
            .and_then(|seen| revision_of(&seen.name));
        let mut sources = Sources::new(self.repository.clone());
        let frame_of = |stack: &photofinish_model::Stack| {
            user_frame(stack).and_then(|index| stack.frames.get(index).cloned())
        };
        finding
            .race
            .accesses
            .iter()
            .map(|access| {
                let frame = frame_of(&access.stack)?;
                let revision = revision.as_deref();
                revision
                    .and_then(|revision| self.at_revision(&frame, revision))
                    .or_else(|| self.on_disk(&frame, &mut sources))
            })
            .collect()
    }

    fn at_revision(&self, frame: &Frame, revision: &str) -> Option<Excerpt> {
        let repository = self.repository.as_ref()?;
        let path = repository.relative(frame)?;
        let key = (revision.to_owned(), path);
        let known = self.files.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let lines = match known {
            Some(lines) => lines,
            None => {
                let lines = git_show(repository, &key.0, &key.1).map(Arc::new);
                let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
                if files.len() >= REMEMBERED {
                    files.clear();
                }
                files.insert(key, lines.clone());
                lines
            }
        }?;
        let revision = Some(revision.to_owned());
        let line = |n: u32| lines.get(usize::try_from(n).ok()?.checked_sub(1)?).cloned();
        Excerpt::around(frame.line?, revision, line)
    }

    fn on_disk(&self, frame: &Frame, sources: &mut Sources) -> Option<Excerpt> {
        let path = sources.file_of(frame)?;
        let is_ours = self.repository.as_ref().is_some_and(|repository| {
            let real = (path.canonicalize(), repository.root.canonicalize());
            matches!(real, (Ok(path), Ok(root)) if path.starts_with(&root))
        });
        if !is_ours && !self.anywhere {
            return None;
        }
        Excerpt::around(frame.line?, None, |number| sources.line(frame, number))
    }
}

impl Excerpt {
    fn around(
        marked: u32,
        revision: Option<String>,
        mut line: impl FnMut(u32) -> Option<String>,
    ) -> Option<Excerpt> {
        line(marked)?;
        let first = marked.saturating_sub(AROUND).max(1);
        let lines: Vec<String> = (first..=marked.saturating_add(AROUND))
            .map_while(&mut line)
            .map(|line| line.replace('\t', "    ").trim_end().to_owned())
            .collect();
        let indents = lines.iter().filter(|line| !line.is_empty());
        let indent =
            indents.map(|line| line.len() - line.trim_start().len()).min().unwrap_or_default();
        let lines =
            lines.iter().map(|line| line.get(indent..).unwrap_or_default().to_owned()).collect();
        Some(Excerpt { first, lines, marked, revision })
    }
}

/// What git may be asked for: the commit in a version like `v0.0.0-20261121101112-0123456789ab`, a
/// commit, or a tag. Nothing for a build from changed files.
fn revision_of(build: &str) -> Option<String> {
    let build = build.strip_suffix("+incompatible").unwrap_or(build);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if !build.starts_with(|c: char| c.is_ascii_alphanumeric()) || !build.chars().all(is_plain) {
        return None;
    }
    let is_hex = |text: &str| text.len() >= 7 && text.bytes().all(|b| b.is_ascii_hexdigit());
    match build.rsplit('-').next() {
        Some(end) if end != build && end.len() == 12 && is_hex(end) => Some(end.to_owned()),
        _ if build.ends_with("-dirty") || build.contains("..") => None,
        _ if is_hex(build) || build.starts_with('v') => Some(build.to_owned()),
        _ => None,
    }
}

fn git_show(repository: &Repository, revision: &str, path: &str) -> Option<Vec<String>> {
    let known = ["go", "s", "c", "h", "cc", "cpp"];
    let extension = path.rsplit_once('.').map(|(_, extension)| extension);
    if !extension.is_some_and(|extension| known.contains(&extension)) || path.contains("..") {
        return None;
    }
    let output = Command::new("git")
        .arg("-C")
        .arg(&repository.root)
        .args(["show", "--no-textconv", &format!("{revision}:{path}")])
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    if !output.status.success() || output.stdout.len() > LARGEST {
        return None;
    }
    Some(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_a_revision_is_handed_to_git() {
        let of = |build| revision_of(build);
        assert_eq!(of("v1.4.2").as_deref(), Some("v1.4.2"));
        assert_eq!(of("0123abc").as_deref(), Some("0123abc"));
        assert_eq!(of("v0.0.0-20261121101112-0123456789ab").as_deref(), Some("0123456789ab"));
        for strange in
            ["", "--output=x", "v1..v2", "main", "0123abc-dirty", "a b", "v1:x", "v1^{/x}", "@"]
        {
            assert_eq!(of(strange), None, "{strange}");
        }
    }

    #[test]
    fn lines_around_lose_what_all_are_indented_by() {
        let text = ["func f() {", "\tn++", "", "\treturn", "}"];
        let line = |n: u32| text.get(n as usize - 1).map(|line| (*line).to_owned());
        let excerpt = Excerpt::around(2, None, line).unwrap_or_else(|| unreachable!());
        assert_eq!((excerpt.first, excerpt.lines.len()), (1, 5));
        assert_eq!(excerpt.lines[1], "    n++");
        assert_eq!(Excerpt::around(9, None, line), None);
    }
}
