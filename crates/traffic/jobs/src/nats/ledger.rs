//! What samplers of a stream have written down: one message, in a stream of its own.
//!
//! It says what is to be copied next, by number and in order, *before* the first copy is made. As every
//! copy is fenced on the sequence that the stream then has, the sequences of the two streams say how much
//! of it is done, whoever did it, even when a worker has taken the copy meanwhile. And as the ledger is
//! fenced on its own sequence, two samplers never disagree about what comes next.

use serde::{Deserialize, Serialize};

/// The state of a sampled stream.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Ledger {
    /// Jobs of the source up to this sequence are in a plan, or were in one.
    pub(super) through: u64,
    pub(super) position: u64,
    pub(super) race: u64,
    pub(super) no_room: u64,
    pub(super) waited: u64,
    pub(super) failed: u64,
    pub(super) mode: String,
    pub(super) work: Work,
}

/// Copies that are to be made, in order.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Work {
    /// Jobs of the race queue that go back, rather than jobs of the source.
    pub(super) back: bool,
    /// The last sequences of the two streams before the first copy.
    pub(super) main_at: u64,
    pub(super) race_at: u64,
    pub(super) jobs: Vec<Job>,
}

/// A job that is to be copied.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Job {
    /// Its sequence in the stream it is in.
    pub(super) seq: u64,
    pub(super) race: bool,
    /// It failed, and did not only wait.
    #[serde(default)]
    pub(super) failed: bool,
}

impl Work {
    /// Nothing to do, where this was done.
    pub(super) fn done(&self) -> Work {
        let (main_at, race_at) = self.ends();
        Work { main_at, race_at, ..Work::default() }
    }

    /// The last sequences of the two streams once all copies are made.
    pub(super) fn ends(&self) -> (u64, u64) {
        let race = self.jobs.iter().filter(|job| job.race).count() as u64;
        (self.main_at + self.jobs.len() as u64 - race, self.race_at + race)
    }

    /// What is left to be done when the streams have these last sequences, and which sequence each copy
    /// comes after.
    pub(super) fn left(&self, main_last: u64, race_last: u64) -> Vec<(Job, u64)> {
        let (mut main, mut race) = (self.main_at, self.race_at);
        let mut left = Vec::new();
        for job in &self.jobs {
            let (at, last) = if job.race { (&mut race, race_last) } else { (&mut main, main_last) };
            if *at >= last {
                left.push((*job, *at));
            }
            *at += 1;
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_follows_from_the_last_sequences() {
        let job = |seq, race| Job { seq, race, failed: false };
        let jobs = vec![job(7, false), job(9, true), job(10, false), job(12, false)];
        let work = Work { jobs, main_at: 100, race_at: 5, ..Work::default() };
        assert_eq!(work.ends(), (103, 6));
        assert_eq!(work.left(100, 5).len(), 4);
        assert_eq!(
            work.left(101, 5),
            [(job(9, true), 5), (job(10, false), 101), (job(12, false), 102)]
        );
        assert_eq!(work.left(102, 6), [(job(12, false), 102)]);
        assert!(work.left(103, 6).is_empty());
    }
}
