//! Whose reports a folder of the spool holds: what a stranger needs to deliver them later.

use crate::gorace::Copy;
use crate::program::Program;
use serde::{Deserialize, Serialize};
use std::hash::{BuildHasher, Hasher};
use std::time::{SystemTime, UNIX_EPOCH};

/// What is written beside the reports of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// Names the run; unlike any other, on any machine.
    pub run: String,
    /// The command, for people.
    pub command: Vec<String>,
    /// Where its reports go: only somebody who delivers there takes the folder over.
    pub destination: String,
    /// The role of the program: `canary`, `mirror`, `jobs`, …
    pub source: String,
    /// The service it is a build of.
    pub service: String,
    /// Its version.
    pub build: String,
    /// The machine.
    pub host: String,
    /// A light race build, whose findings want confirming.
    pub light: bool,
    /// Where else the user's own `GORACE` wants the reports.
    pub copy: Copy,
    /// Log files are never removed nor reclaimed.
    pub keep: bool,
}

impl Manifest {
    /// A manifest for a new run of `program`.
    pub fn of(program: &Program, command: &[std::ffi::OsString], source: &str) -> Manifest {
        Manifest {
            run: new_run(),
            command: command.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
            destination: String::new(),
            source: source.to_owned(),
            service: program.service_name(),
            build: program.build_name(),
            host: host(),
            light: program.light,
            copy: Copy::None,
            keep: false,
        }
    }
}

/// The name of this machine.
pub(crate) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Milliseconds since 1970, then 64 random bits: sorts by age, never the same twice.
fn new_run() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    let random = random ^ u64::from(std::process::id()).rotate_left(40);
    format!("{:012x}-{random:016x}", now.as_millis())
}

/// Whether a folder is one of ours: a spool may be a folder with other things in it.
pub(super) fn names_a_run(name: &std::ffi::OsStr) -> bool {
    let hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    let name = name.to_str().and_then(|name| name.split_once('-'));
    name.is_some_and(|(time, random)| {
        time.len() == 12 && random.len() == 16 && hex(time) && hex(random)
    })
}

#[cfg(test)]
mod tests {
    use super::{names_a_run, new_run};
    use std::ffi::OsStr;

    #[test]
    fn only_folders_named_by_us_are_taken_for_runs() {
        assert!(names_a_run(OsStr::new(&new_run())));
        for other in ["home", "lost+found", ".git", "a-b"] {
            assert!(!names_a_run(OsStr::new(other)), "{other}");
        }
    }
}
