//! What is tried: toolchains, ways of building and looking, how often, under which load.

use photofinish_hunt::Service;
use photofinish_supervise::build;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A whole matrix.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The program under test. Each trial is a process of its own.
    pub service: Service,
    /// How it is built; `go`, `out` and `variants` are set for each toolchain.
    pub build: build::Plan,
    /// The same of the repaired one, in which nothing may be found.
    pub repaired: Option<build::Plan>,
    /// What `go test -race` gets.
    pub test: Test,
    /// Go versions (`1.24`, `1.24.11`), `local`, or paths of go commands.
    pub toolchains: Vec<String>,
    /// What is done with each of them.
    pub columns: Vec<Column>,
    /// Trials a cell.
    pub trials: u32,
    /// Decides the order of the trials and what the intervals of medians draw.
    pub seed: u64,
    /// What every process of the service is told.
    pub gomaxprocs: usize,
    /// The requests of one trial, written for [`Service::place`].
    pub load: photofinish_load::Plan,
    /// The load of one trial is ended after so long, done or not.
    pub limit: Duration,
    /// What a symptom is, besides a crash.
    pub symptoms: Symptoms,
    /// GORACE options over the ones chosen.
    pub gorace: Option<String>,
    /// What a race build may use, in bytes; decides `history_size`.
    pub memory: Option<u64>,
    /// Put in front of the service's command; see `supervise::run::Plan::launcher`.
    pub launcher: Vec<OsString>,
    /// A command as `photofinish catch --format jsonl`; the number of the process is put behind it.
    pub catch: Vec<OsString>,
    /// The folder the service runs in.
    pub folder: PathBuf,
    /// Where the journal, the binaries and the logs are kept.
    pub state: PathBuf,
    /// Where toolchains that Go does not bring itself are kept.
    pub toolchain_cache: PathBuf,
    /// Begins anew, whatever the journal holds.
    pub fresh: bool,
}

/// What `go test -race` gets.
#[derive(Clone, Debug, Default)]
pub struct Test {
    /// Packages. Empty: `./...`.
    pub packages: Vec<String>,
    /// Build tags besides those of the program.
    pub tags: Vec<String>,
    /// Further flags: `-run=Crowd`, `-short`.
    pub args: Vec<String>,
}

/// What a symptom is, besides a crash.
#[derive(Clone, Debug, Default)]
pub struct Symptoms {
    /// More errors than this share of the requests.
    pub error_rate: f64,
    /// A command that runs beside the load and ends with a status other than 0 when it was given a wrong answer; `{url}` stands
    /// for where the service is. Empty: none.
    pub check: Vec<String>,
}

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// As it is.
    Racy,
    /// As it should be.
    Repaired,
}

/// How it is built and looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Way {
    /// The normal build under load: does a symptom show?
    Normal,
    /// The race build under load: does it report?
    Race,
    /// `go test -race`: does it report?
    Test,
    /// `catch` on the normal build under load: does it catch?
    Catch,
}

/// A column of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Column {
    /// Which program.
    pub subject: Subject,
    /// How it is looked at.
    pub way: Way,
}

impl Way {
    /// All, in the order of the table.
    pub const ALL: [Way; 4] = [Way::Normal, Way::Race, Way::Test, Way::Catch];

    /// The word for it in flags and output.
    pub fn word(self) -> &'static str {
        match self {
            Way::Normal => "normal",
            Way::Race => "race",
            Way::Test => "test",
            Way::Catch => "catch",
        }
    }

    /// What a person calls it.
    pub fn title(self) -> &'static str {
        match self {
            Way::Normal => "normal build",
            Way::Race => "-race build",
            Way::Test => "go test -race",
            Way::Catch => "catch on the normal build",
        }
    }
}

impl Column {
    /// The word for it in flags and output: `race`, `repaired-race`.
    pub fn word(self) -> String {
        match self.subject {
            Subject::Racy => self.way.word().to_owned(),
            Subject::Repaired => format!("repaired-{}", self.way.word()),
        }
    }

    /// The column of a word.
    pub fn of(word: &str) -> Option<Column> {
        let (subject, way) = match word.strip_prefix("repaired-") {
            Some(way) => (Subject::Repaired, way),
            None => (Subject::Racy, word),
        };
        let way = Way::ALL.into_iter().find(|known| known.word() == way)?;
        Some(Column { subject, way })
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.subject {
            Subject::Racy => f.write_str(self.way.title()),
            Subject::Repaired => write!(f, "repaired, {}", self.way.title()),
        }
    }
}

impl Plan {
    /// How `subject` is built.
    pub(crate) fn build_of(&self, subject: Subject) -> &build::Plan {
        match subject {
            Subject::Racy => &self.build,
            Subject::Repaired => self.repaired.as_ref().unwrap_or(&self.build),
        }
    }
}
