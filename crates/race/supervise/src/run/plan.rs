//! Every knob of a supervision, and what comes out of one.

use super::{End, Restart};
use crate::spool::Spool;
use std::ffi::OsString;
use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What to run, and how.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// Set for the program on top of our own environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Its working folder, if not ours.
    pub folder: Option<PathBuf>,
    /// Its stdout, if not ours (then its stdin is empty, too).
    pub stdout: Option<Arc<File>>,
    /// Where reports wait until they are stored.
    pub spool: Spool,
    /// The role its findings are filed under: `canary`, `mirror`, `jobs`, `load`, `test`.
    pub source: String,
    /// The service, if not named after the binary.
    pub service: Option<String>,
    /// The version, if not read from the binary.
    pub build: Option<String>,
    /// Known to be a light race build.
    pub light: bool,
    /// Log files stay in the spool, delivered or not (for tests).
    pub keep_spool: bool,
    /// Put in front of the command: ourselves, under the name that ends in [`super::become_program`].
    pub launcher: Vec<OsString>,
    /// We own our process: forward its signals, adopt and reap orphans. False inside a larger
    /// program, which has children and signals of its own.
    pub init: bool,
    /// Wait with a restart until findings are acknowledged.
    pub gate: Option<Gate>,
    /// When a program that ended is started again.
    pub restart: Restart,
    /// Bad ends in a row after which there is no restart any more.
    pub max_restarts: u32,
    /// The pause before the first restart; the next ones double.
    pub first_pause: Duration,
    /// The longest that pauses grow to.
    pub longest_pause: Duration,
    /// Time between SIGTERM and SIGKILL.
    pub stop_timeout: Duration,
    /// How long an ended program's reports may take to be stored before we go on without (they
    /// stay in the spool).
    pub store_patience: Duration,
    /// Memory that the program may use, in bytes, if less than what there is.
    pub memory: Option<u64>,
    /// `history_size`, if it shall not be chosen from the memory.
    pub history_size: Option<u64>,
    /// Answer health checks.
    pub health: Option<Health>,
}

/// The restart gate.
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    /// How long it stays closed at most.
    pub bound: Duration,
}

/// The health endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Health {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How long after each start of the program it is taken for healthy whatever it does: race
    /// builds start slowly.
    pub grace: Duration,
}

impl Plan {
    /// A plan with the defaults of `photofinish run`.
    pub fn new(command: Vec<OsString>, spool: Spool) -> Plan {
        Plan {
            command,
            environment: Vec::new(),
            folder: None,
            stdout: None,
            spool,
            source: "canary".to_owned(),
            service: None,
            build: None,
            light: false,
            keep_spool: false,
            launcher: Vec::new(),
            init: false,
            gate: None,
            restart: Restart::default(),
            max_restarts: 5,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(60),
            stop_timeout: Duration::from_secs(10),
            store_patience: Duration::from_secs(10),
            memory: None,
            history_size: None,
            health: None,
        }
    }
}

/// How a supervision ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How the last process of the program ended; `None` if it was never started, since we were
    /// told to stop while the gate was closed.
    pub end: Option<End>,
    /// How often it was started.
    pub starts: u32,
    /// Reports stored for the first time, those of earlier runs included.
    pub reports: u64,
    /// Findings nobody had seen before.
    pub new_findings: u64,
    /// Reports that wait in the spool for the next run.
    pub left_in_spool: usize,
    /// What the detector was told.
    pub history_size: u64,
    /// The most memory that a process of the program was seen to use, in bytes.
    pub peak_memory: u64,
}
