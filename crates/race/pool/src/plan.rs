//! What is asked for: one worker's command, how many of it there may be, when one is replaced.

use photofinish_supervise::history;
use photofinish_supervise::run::{self, Restart};
use photofinish_supervise::spool::Spool;
use std::ffi::OsString;
use std::time::Duration;

/// How many times longer a job takes in a race build, where nobody has measured it: between the 3 and the 5
/// that the design reckons with; Go's own documentation says 2 to 20.
pub const SLOWDOWN: f64 = 4.0;

/// A pool.
#[derive(Debug)]
pub struct Plan {
    /// How each worker is run; its memory, and when it is started again, are the pool's affair.
    pub worker: run::Plan,
    /// GORACE options over the ones chosen.
    pub gorace: Option<String>,
    /// The command of a process that ends workers which go on after we were killed: it ends in
    /// [`run::guard`]. Where it is empty there is none.
    pub guard: Vec<OsString>,
    /// So many run always.
    pub least: u32,
    /// So many at most.
    pub most: u32,
    /// So many jobs may wait for each worker before there is another one.
    pub lag: u64,
    /// How long a worker too many has to be one before it is ended.
    pub idle: Duration,
    /// A worker that uses more is replaced, in bytes. None: its share of the memory there is.
    pub memory: Option<u64>,
}

impl Plan {
    /// A pool of one to four, with the defaults of `photofinish jobs`.
    pub fn new(command: Vec<OsString>, spool: Spool) -> Plan {
        let worker = run::Plan {
            source: "jobs".to_owned(),
            // One that ends by itself (after so many jobs) is meant to be started again.
            restart: Restart::Always,
            max_restarts: u32::MAX,
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(30),
            stop_timeout: Duration::from_secs(30),
            ..run::Plan::new(command, spool)
        };
        Plan {
            worker,
            gorace: None,
            guard: Vec::new(),
            least: 1,
            most: most_needed(None, 1, SLOWDOWN),
            lag: 10,
            idle: Duration::from_secs(60),
            memory: None,
        }
    }

    /// What a worker may use before it is replaced: as asked, else four fifths of its share of the
    /// memory that is free now.
    pub fn memory_limit(&self) -> u64 {
        self.memory.unwrap_or_else(|| self.memory_share() / 5 * 4)
    }

    fn memory_share(&self) -> u64 {
        history::available(None).bytes / u64::from(self.most.max(1))
    }

    /// The supervision of one worker.
    pub(crate) fn one(&self) -> run::Plan {
        let mut worker = self.worker.clone();
        // The detector sleeps for a second at the end of a process; a worker that handles one job and
        // ends would spend most of its life asleep. What it found is in its file before. The last of two
        // options wins.
        let inherited = std::env::var("GORACE").unwrap_or_default();
        let asked = self.gorace.as_deref().unwrap_or_default();
        let gorace = format!("atexit_sleep_ms=0 {asked} {inherited}");
        worker.environment.push(("GORACE".into(), gorace.trim_end().into()));
        worker.memory = Some(self.memory_share().min(self.memory_limit()));
        worker
    }
}

/// How many race workers can keep up with one of `every` jobs of `normal` workers, when each job takes
/// `slowdown` times as long; of `every` normal workers where their number is not known.
pub fn most_needed(normal: Option<u32>, every: u32, slowdown: f64) -> u32 {
    let every = f64::from(every.max(1));
    let normal = normal.map_or(every, f64::from);
    // A float becomes the nearest number that there is.
    (normal / every * slowdown.max(1.0)).ceil().max(1.0) as u32
}

#[cfg(test)]
mod tests {
    use super::most_needed;

    #[test]
    fn a_tenth_of_forty_workers_jobs_at_four_times_their_length_takes_sixteen() {
        assert_eq!(most_needed(Some(40), 10, 4.0), 16);
        assert_eq!(most_needed(Some(3), 10, 4.0), 2);
        assert_eq!(most_needed(Some(1), 100, 4.0), 1);
    }

    #[test]
    fn where_nobody_says_how_many_there_are_every_normal_worker_counts_for_a_share() {
        assert_eq!(most_needed(None, 10, 4.0), 4);
        assert_eq!(most_needed(None, 10, 2.2), 3);
        assert_eq!(most_needed(None, 10, f64::NAN), 1);
    }
}
