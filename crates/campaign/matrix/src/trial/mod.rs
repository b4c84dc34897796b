//! One trial: a fresh process, the load, what was seen.
//!
//! `service` runs a build of the service, `catching` looks at it from outside, `check` asks it for right answers, `go_test` is the
//! one way that drives no load. Start at [`Trial`].

mod catching;
mod check;
pub(crate) mod go_test;
mod running;
mod service;
mod usage;

pub(crate) use service::{Setting, run};

use crate::{Column, Subject};
use serde::{Deserialize, Serialize};

/// What one trial came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Trial {
    /// The Go release.
    pub toolchain: String,
    /// The word of the column.
    pub column: String,
    /// Which trial of the cell, from 0.
    pub number: u32,
    /// When it began, in seconds since 1970.
    pub at: u64,
    /// How long all of it took, in seconds.
    pub took_s: f64,
    /// Why it could not be run; then nothing else counts.
    pub failure: Option<String>,
    /// How the process ended, if it ended by itself.
    pub crash: Option<String>,
    /// What the user's check said of a wrong answer.
    pub wrong_answer: Option<String>,
    /// Answers that said they are JSON and are not.
    pub broken_json: u64,
    /// The races that were reported or caught.
    pub races: Vec<Seen>,
    /// Tests failed, whatever the detector said.
    pub tests_failed: bool,
    /// The load, if there was one.
    pub load: Option<Load>,
    /// The most memory the process was seen to use, in bytes.
    pub memory: Option<u64>,
}

/// A race that was reported or caught.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Seen {
    /// The finding it belongs to.
    pub fingerprint: String,
    /// How long load had been driven by then, in milliseconds.
    pub first_ms: f64,
}

/// The load of one trial.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Load {
    /// Requests that were sent.
    pub sent: u64,
    /// Requests without a right answer.
    pub errors: u64,
    /// All requests got their turn: neither the process nor the limit ended it.
    pub whole: bool,
    /// How long it was driven, in seconds.
    pub seconds: f64,
    /// Half of the answers took no longer, in milliseconds.
    pub p50_ms: f64,
    /// 99 % of the answers took no longer, in milliseconds.
    pub p99_ms: f64,
    /// Processor time of the service meanwhile, in seconds.
    pub cpu_s: f64,
}

impl Load {
    /// Errors as a share of the requests.
    pub fn error_rate(&self) -> f64 {
        if self.sent == 0 { 0.0 } else { self.errors as f64 / self.sent as f64 }
    }
}

impl Trial {
    /// What a person would have noticed, if anything; `error_rate`: a larger share of errors is noticed.
    pub fn symptom(&self, error_rate: f64) -> Option<String> {
        let errors = || {
            let rate = self.load.as_ref()?.error_rate();
            (rate > error_rate).then(|| format!("{:.1} % of the requests failed", rate * 100.0))
        };
        let broken = || {
            (self.broken_json > 0).then(|| format!("{} answers were broken JSON", self.broken_json))
        };
        let wrong = || self.wrong_answer.as_ref().map(|what| format!("a wrong answer: {what}"));
        self.crash.clone().or_else(wrong).or_else(broken).or_else(errors)
    }

    /// The program that was tried: `1.24.11 racy`.
    pub(crate) fn what(&self) -> String {
        let subject = match Column::of(&self.column).map(|column| column.subject) {
            Some(Subject::Repaired) => "repaired",
            _ => "racy",
        };
        format!("{} {subject}", self.toolchain)
    }
}
