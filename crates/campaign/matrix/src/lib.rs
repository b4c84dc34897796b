//! How often a race shows itself, and who sees it: trials over Go versions and builds.
//!
//! In: a [`Plan`]. Out: an [`Outcome`], a table of rates with intervals and the sentences that they support. Every trial is a
//! fresh process on an otherwise idle machine, one at a time; trials of all cells take turns in rounds, so that drift of
//! the machine hits all alike. Everything is built before the first trial. Each trial is written down when it is over
//! (`journal`), so a matrix that takes hours may be ended and goes on where it was.
//!
//! Not here: how tables look in a terminal (the binary); the page is (`page`), since it is the matrix's own. Start at [`matrix`], then
//! `trial/service`, `stats`, `verdict`.

#![forbid(unsafe_code)]

mod builds;
mod error;
mod journal;
mod measure;
mod order;
pub mod page;
mod plan;
pub mod stats;
mod table;
mod toolchain;
mod trial;
mod verdict;

pub use error::MatrixError;
pub use measure::matrix;
pub use plan::{Column, Plan, Subject, Symptoms, Test, Way};
pub use table::Cell;
pub use toolchain::Toolchain;
pub use trial::{Load, Seen, Trial};
pub use verdict::Comparison;

use photofinish_load::Snapshot;
use photofinish_supervise::build;
use std::time::Duration;

/// What happens meanwhile, for whoever waits.
#[derive(Debug)]
pub enum Progress<'a> {
    /// A toolchain is looked for or fetched.
    Toolchain(String),
    /// Something is built with this Go release.
    Building(&'a str, &'static str),
    /// The build goes on.
    Build(build::Progress),
    /// So many of so many trials were measured before.
    Resumed(usize, usize),
    /// A trial begins.
    Trying {
        /// The Go release.
        toolchain: &'a str,
        /// What is tried.
        column: Column,
        /// Trials that are over.
        done: usize,
        /// All trials.
        total: usize,
        /// About how long the rest will take, once that can be known.
        left: Option<Duration>,
    },
    /// The load of the trial goes on.
    Load(&'a Snapshot<'a>),
    /// A trial is over.
    Tried(&'a Trial),
}

/// What a matrix came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The service.
    pub service: String,
    /// The Go releases, in the order asked for.
    pub toolchains: Vec<String>,
    /// The columns.
    pub columns: Vec<Column>,
    /// Trials a cell that were asked for.
    pub trials: u32,
    /// What all trials had in common.
    pub conditions: Conditions,
    /// By toolchain, in the order of the columns.
    pub cells: Vec<Cell>,
    /// Every pair of releases in each column.
    pub comparisons: Vec<Comparison>,
    /// What that supports, in words.
    pub words: Vec<String>,
    /// Trials are missing: it was ended early.
    pub is_partial: bool,
    /// How long the trials took, in seconds.
    pub took_s: f64,
}

/// What all trials had in common.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// What every process of the service was told.
    pub gomaxprocs: usize,
    /// Processors of the machine.
    pub processors: usize,
    /// The processor's name.
    pub processor: String,
    /// The kernel's release.
    pub kernel: String,
    /// The load of a trial, in words.
    pub load: String,
    /// What counts as a symptom, in words.
    pub symptoms: String,
    /// The seed of the order.
    pub seed: u64,
}

impl Outcome {
    /// The cell of a release and a column.
    pub fn cell(&self, toolchain: &str, column: Column) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.toolchain == toolchain && cell.column == column)
    }

    /// Something showed in a program that is said to be repaired.
    pub fn is_broken_promise(&self) -> bool {
        self.cells.iter().any(Cell::is_broken_promise)
    }
}
