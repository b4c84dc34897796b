//! Which requests of a recording may begin: those of one connection do not overtake each other.
//!
//! In the recording a request began when certain others of its connection had been answered; in
//! the replay it begins no sooner. Answered ones are counted in the order in which they ended in
//! the recording, so two numbers say all (`ended_as` and `after` of an [`Entry`]), for HTTP/1 as for HTTP/2 with its
//! streams side by side. A connection belongs to one thread, so nothing here is shared.

use super::core::Job;
use photofinish_recording::{Entry, Index};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

pub(crate) struct Order {
    index: Arc<Index>,
    connections: HashMap<usize, Connection>,
    n_held: usize,
}

/// One connection, over all passes.
#[derive(Default)]
struct Connection {
    /// So many requests, the first to end in the recording, have been answered.
    answered: u64,
    /// Others that have been, by their place in that order.
    early: BTreeSet<u64>,
    /// Requests that are due and wait, in the order of their arrival.
    held: VecDeque<Job>,
}

impl Order {
    pub(crate) fn new(index: Arc<Index>) -> Self {
        Self { index, connections: HashMap::new(), n_held: 0 }
    }

    /// Requests that wait.
    pub(crate) fn n_held(&self) -> usize {
        self.n_held
    }

    /// Gives `job` back if it may begin now, and keeps it otherwise.
    pub(crate) fn admit(&mut self, job: Job) -> Option<Job> {
        let Some((entry, passed)) = self.entry(job) else { return Some(job) };
        let connection = self.connections.entry(entry.connection).or_default();
        if connection.held.is_empty() && passed + u64::from(entry.after) <= connection.answered {
            return Some(job);
        }
        connection.held.push_back(job);
        self.n_held += 1;
        None
    }

    /// Takes note that `job` is done, and adds those that waited for it to `ready`.
    pub(crate) fn done(&mut self, job: Job, ready: &mut VecDeque<Job>) {
        let Some((entry, passed)) = self.entry(job) else { return };
        let Some(connection) = self.connections.get_mut(&entry.connection) else { return };
        connection.early.insert(passed + u64::from(entry.ended_as));
        while connection.early.remove(&connection.answered) {
            connection.answered += 1;
        }
        let answered = connection.answered;
        loop {
            let first = self.connections.get(&entry.connection).and_then(|c| c.held.front());
            let may_begin = first
                .and_then(|job| self.entry(*job))
                .is_some_and(|(entry, passed)| passed + u64::from(entry.after) <= answered);
            let connection = self.connections.get_mut(&entry.connection).filter(|_| may_begin);
            let Some(job) = connection.and_then(|c| c.held.pop_front()) else { return };
            self.n_held -= 1;
            ready.push_back(Job { released: Some(Instant::now()), ..job });
        }
    }

    /// The recorded request of `job`, and how many of its connection earlier passes had.
    fn entry(&self, job: Job) -> Option<(Entry, u64)> {
        let entries = self.index.entries();
        let n_entries = (entries.len() as u64).max(1);
        let entry = entries.get((job.number % n_entries) as usize)?;
        let n_requests = u64::from(self.index.connection_len(entry.connection));
        Some((*entry, job.number / n_entries * n_requests))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Requests as (arrived, took, connection, version).
    fn order(requests: &[(u64, u64, u64, &str)]) -> Order {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut text =
            "{\"photofinish_recording\":1,\"started_at\":\"2026-01-31T22:15:00Z\"}\n".to_owned();
        for (at, took, connection, version) in requests {
            text += &format!(
                "{{\"at_us\":{at},\"took_us\":{took},\"connection\":{connection},\
                 \"version\":\"{version}\",\"method\":\"GET\",\"target\":\"/\"}}\n"
            );
        }
        std::fs::write(file.path(), text).unwrap();
        Order::new(Arc::new(Index::read(file.path()).unwrap()))
    }

    fn admit(order: &mut Order, number: u64) -> bool {
        let job = Job { number, due: None, measured: true, released: None };
        order.admit(job).is_some()
    }

    fn done(order: &mut Order, number: u64) -> Vec<u64> {
        let mut ready = VecDeque::new();
        let job = Job { number, due: None, measured: true, released: None };
        order.done(job, &mut ready);
        ready.iter().map(|job| job.number).collect()
    }

    #[test]
    fn requests_of_one_connection_begin_one_after_another_and_others_do_not_wait() {
        let mut order =
            order(&[(0, 5, 1, "1.1"), (10, 5, 1, "1.1"), (20, 5, 2, "1.1"), (30, 5, 1, "1.1")]);
        assert!(admit(&mut order, 0));
        assert!(!admit(&mut order, 1));
        assert!(admit(&mut order, 2));
        assert!(!admit(&mut order, 3));
        assert!(done(&mut order, 2).is_empty());
        assert_eq!(done(&mut order, 0), [1]);
        // The next pass, on the same connection.
        assert!(!admit(&mut order, 4));
        assert_eq!(done(&mut order, 1), [3]);
        assert_eq!(done(&mut order, 3), [4]);
        assert_eq!(order.n_held(), 0);
    }

    #[test]
    fn streams_that_overlapped_may_overlap_and_end_in_another_order() {
        let mut order =
            order(&[(0, 100, 1, "2"), (1, 10, 1, "2"), (2, 30, 1, "2"), (50, 5, 1, "2")]);
        assert!((0..3).all(|number| admit(&mut order, number)));
        assert!(!admit(&mut order, 3));
        assert!(done(&mut order, 0).is_empty());
        assert!(done(&mut order, 2).is_empty());
        assert_eq!(done(&mut order, 1), [3]);
    }

    proptest! {
        #[test]
        fn nothing_begins_too_early_and_nothing_waits_for_ever(
            mut requests in prop::collection::vec((0..30_u64, 0..20_u64, 0..3_u64, 0..2_usize), 1..30),
            passes in 1..4_u64,
            order_of_answers in prop::collection::vec(any::<prop::sample::Index>(), 120),
        ) {
            requests.sort_unstable_by_key(|(at, ..)| *at);
            // A connection speaks one version.
            let version = |connection: u64| ["1.1", "2", "2"][connection as usize];
            let recorded: Vec<_> =
                requests.iter().map(|(at, took, c, _)| (*at, *took, *c, version(*c))).collect();
            let mut order = order(&recorded);
            let n_requests = requests.len() as u64;
            let (mut running, mut finished) = (Vec::new(), BTreeSet::new());
            let mut answers = order_of_answers.into_iter();
            let begin = |number: u64, finished: &BTreeSet<u64>, running: &mut Vec<u64>| {
                let (at, _, connection, version) = recorded[(number % n_requests) as usize];
                for before in 0..number {
                    let (other_at, took, other, _) = recorded[(before % n_requests) as usize];
                    let same_pass = before / n_requests == number / n_requests;
                    let had_ended = !same_pass || version == "1.1" || other_at + took <= at;
                    let must_wait = other == connection && had_ended;
                    assert!(!must_wait || finished.contains(&before), "{before} before {number}");
                }
                running.push(number);
            };
            for number in 0..n_requests * passes {
                if admit(&mut order, number) {
                    begin(number, &finished, &mut running);
                }
                // Some are answered while others arrive, the rest afterwards.
                let is_last = number + 1 == n_requests * passes;
                while !running.is_empty() && (is_last || running.len() > 5) {
                    let pick = answers.next().map_or(0, |pick| pick.index(running.len()));
                    let answered = running.swap_remove(pick);
                    finished.insert(answered);
                    for next in done(&mut order, answered) {
                        begin(next, &finished, &mut running);
                    }
                }
            }
            prop_assert_eq!(finished.len() as u64, n_requests * passes);
            prop_assert_eq!(order.n_held(), 0);
        }
    }
}
