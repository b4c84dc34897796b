//! Goroutines that will not go on: rings of locks, and leaks.
//!
//! Start at [`Deadlocks::find`].

use photofinish_goprocess::{NoHeap, Process, ReadError};

pub use crate::cycles::Link;
use crate::cycles::cycles;
use crate::leaks::{Leak, leaks, stuck};
use crate::{Approach, Look};

/// What will not go on.
#[derive(Clone, Debug, Default)]
pub struct Deadlocks {
    /// Rings of goroutines that wait for each other's locks.
    pub cycles: Vec<Vec<Link>>,
    /// Goroutines that wait for what will not happen, the most alike first.
    pub leaks: Vec<Leak>,
    /// Why it was not looked at who can reach what; then only the leaks are told that need no such look.
    pub not_looked: Option<NoHeap>,
}

impl Deadlocks {
    /// Looks twice: what moved between the two looks was no deadlock. Gives the second look too.
    ///
    /// # Errors
    /// The process is gone, or what it says makes no sense.
    pub fn find(process: &Process) -> Result<(Look, Deadlocks), ReadError> {
        let first = Look::take_by(process, Approach::Unseen)?;
        let suspected = cycles(process, &first);
        let second = Look::take_by(process, Approach::Unseen)?;
        let stands = |link: &Link| {
            let before = first.goroutine(link.goroutine);
            let after = second.goroutine(link.goroutine);
            before.zip(after).is_some_and(|(before, after)| after.stands_as(before))
        };
        let cycles = suspected.into_iter().filter(|ring| ring.iter().all(stands)).collect();
        let stuck = stuck(process, &first, &second);
        let leaks = leaks(&second, &stuck);
        Ok((second, Deadlocks { cycles, leaks, not_looked: stuck.not_looked }))
    }

    /// Whether there is anything.
    pub fn is_empty(&self) -> bool {
        self.cycles.is_empty() && self.leaks.is_empty()
    }
}
