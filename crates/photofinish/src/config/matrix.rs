//! `[matrix]`: trials over Go versions and builds.

use super::word::{OneOrMany, Word, Worded};
use super::{Percent, Span};
use photofinish_matrix::{Column, Way};
use serde::Deserialize;
use std::path::PathBuf;

/// What is tried how often.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MatrixConfig {
    /// Go versions, `local`, or paths of go commands.
    pub(crate) toolchains: Vec<String>,
    /// What is done with each of them.
    pub(crate) columns: Option<OneOrMany<Worded<ColumnWord>>>,
    /// Trials a cell.
    pub(crate) trials: Option<u32>,
    /// Requests of one trial.
    pub(crate) requests: Option<u64>,
    /// Or how long the load of a trial is driven.
    #[serde(rename = "for")]
    pub(crate) duration: Option<Span>,
    /// After that it is ended, done or not.
    pub(crate) limit: Option<Span>,
    /// Of the order of the trials.
    pub(crate) seed: Option<u64>,
    /// Told to every process of the service.
    pub(crate) gomaxprocs: Option<usize>,
    /// Answers that say they are JSON and are not are a symptom.
    pub(crate) broken_json: Option<bool>,
    /// A command that looks for wrong answers.
    pub(crate) check: Vec<String>,
    /// The repaired program.
    pub(crate) repaired: Option<RepairedConfig>,
    /// What `go test -race` gets.
    pub(crate) test: TestConfig,
    /// What catch may spend of the processors' time.
    pub(crate) catch: Option<Percent>,
    /// Where the journal, the binaries and the logs are.
    pub(crate) state: Option<PathBuf>,
}

/// How the repaired program differs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RepairedConfig {
    /// Build tags besides those of `[build]`.
    pub(crate) tags: Vec<String>,
    /// The folder of its module, if another.
    pub(crate) dir: Option<PathBuf>,
}

/// What `go test -race` gets.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TestConfig {
    /// Packages; `./...` unless said.
    pub(crate) packages: Vec<String>,
    /// Build tags besides those of the program.
    pub(crate) tags: Vec<String>,
    /// Further flags.
    pub(crate) args: Vec<String>,
}

/// A column, by its word.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ColumnWord(pub(crate) Column);

impl Word for ColumnWord {
    const WHAT: &'static str = "a column, like race or repaired-race";

    fn read(word: &str) -> Result<Self, String> {
        Column::of(word).map(ColumnWord).ok_or_else(|| {
            let ways = Way::ALL.map(Way::word).join(", ");
            format!("`{word}` is no column; one of {ways}, or one of them behind `repaired-`")
        })
    }
}
