//! Which state of the source a binary was built from.
//!
//! `go build` stamps it into the binary unless told not to (`-buildvcs=false`) or unable to (a
//! container without git's permission); then git is asked, and then nobody.

use super::go::Go;
use std::path::Path;
use std::process::{Command, Stdio};

/// A state of the source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revision {
    /// The commit, in full, if known.
    pub commit: Option<String>,
    /// Whether there were changes on top of the commit.
    pub dirty: bool,
    /// The version of the module (`v1.4.2`), if it has one.
    pub module_version: Option<String>,
}

impl Revision {
    /// A label for findings: `v1.4.2`, `3f2a9c1d07e4`, `3f2a9c1d07e4-dirty`, or nothing.
    pub fn label(&self) -> Option<String> {
        const SHORT: usize = 12;
        let short = |commit: &String| commit.chars().take(SHORT).collect::<String>();
        let tagged = self.module_version.clone().filter(|version| !is_pseudo(version));
        let name = tagged.or_else(|| self.commit.as_ref().map(short))?;
        Some(if self.dirty && !name.ends_with("+dirty") { format!("{name}-dirty") } else { name })
    }

    /// Reads it from a binary, or else asks git about the folder of the package.
    pub(super) fn of(go: &Go, binary: &Path, dir: &Path) -> Revision {
        let args = ["version".to_owned(), "-m".into(), binary.display().to_string()];
        let stamped = go.read(&args).map(|text| parse(&String::from_utf8_lossy(&text)));
        match stamped {
            Ok(revision) if revision.commit.is_some() => revision,
            Ok(revision) => Revision { module_version: revision.module_version, ..of_git(dir) },
            Err(_) => of_git(dir),
        }
    }
}

/// Reads what `go version -m` prints: tab-separated `mod PATH VERSION SUM` and `build KEY=VALUE`.
fn parse(text: &str) -> Revision {
    let mut revision = Revision::default();
    for line in text.lines() {
        let fields: Vec<&str> = line.trim().split('\t').collect();
        match fields.as_slice() {
            ["mod", _, version, ..] if version.starts_with('v') => {
                revision.module_version = Some((*version).to_owned());
            }
            ["build", setting] => match setting.split_once('=') {
                Some(("vcs.revision", commit)) => revision.commit = Some(commit.to_owned()),
                Some(("vcs.modified", modified)) => revision.dirty = modified == "true",
                _ => {}
            },
            _ => {}
        }
    }
    revision
}

/// `v0.0.0-20260102150405-3f2a9c1d07e4`: a version made up from a commit, which says it better.
fn is_pseudo(version: &str) -> bool {
    let version = version.split('+').next().unwrap_or(version);
    version.rsplit_once('-').is_some_and(|(head, commit)| {
        let stamp = head.rsplit(['-', '.']).next().unwrap_or_default();
        commit.len() == 12 && stamp.len() == 14 && stamp.bytes().all(|b| b.is_ascii_digit())
    })
}

fn of_git(dir: &Path) -> Revision {
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command.args(args).current_dir(dir).stdin(Stdio::null()).stderr(Stdio::null());
        let output = command.output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "HEAD"]) else { return Revision::default() };
    let dirty =
        git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|s| !s.is_empty());
    Revision { commit: Some(commit), dirty, module_version: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamped_binary_tells_its_commit_and_that_it_was_changed() {
        let revision = parse(
            "api: go1.26.8\n\tpath\texample.com/api\n\tmod\texample.com/api\tv0.0.0-20260102150405-3f2a9c1d07e4+dirty\t\n\
             \tbuild\tvcs=git\n\tbuild\tvcs.revision=3f2a9c1d07e4aa\n\tbuild\tvcs.modified=true\n",
        );
        assert_eq!(revision.label().as_deref(), Some("3f2a9c1d07e4-dirty"));
    }

    #[test]
    fn a_released_version_is_a_better_label_than_its_commit() {
        let revision = parse(
            "api: go1.26.8\n\tmod\texample.com/api\tv1.4.2\th1:x=\n\tbuild\tvcs.revision=3f2a\n",
        );
        assert_eq!(revision.label().as_deref(), Some("v1.4.2"));
    }

    #[test]
    fn a_source_nobody_keeps_has_no_label() {
        assert_eq!(parse("api: go1.26.8\n\tmod\texample.com/api\t(devel)\t\n").label(), None);
    }
}
