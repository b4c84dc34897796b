//! What it costs the process that its threads have breakpoints at all: each switch to such a thread loads them into the
//! processor.
//!
//! Where processors are idle nobody notices. A server that needs all of them and switches fifty thousand times a second
//! loses a tenth of one, though nobody is held. So there it is paid from the budget, like all the rest, and whoever has
//! nothing to spend closes the breakpoints (`Places::sleep`) until there is something again. Start at [`Switches::look`].

use std::collections::HashMap;
use std::time::{Duration, Instant};

use photofinish_sys::times_scheduled;

/// What a switch to a thread takes longer with its breakpoints set, about; a fourth of it if they are there and silent.
const COST: Duration = Duration::from_micros(3);
/// Threads whose switches are counted; of more, so many are taken for all.
const MOST_THREADS: usize = 64;

/// Counts switches, and what they cost.
#[derive(Debug)]
pub(crate) struct Switches {
    pid: u32,
    counted: Instant,
    by_thread: HashMap<u32, u64>,
    /// Switches a second.
    rate: f64,
    /// Until when they are paid for.
    paid: Instant,
}

impl Switches {
    /// Counts from now on.
    pub(crate) fn new(pid: u32, threads: Vec<u32>) -> Switches {
        let now = Instant::now();
        let by_thread = HashMap::new();
        let mut switches = Switches { pid, counted: now, by_thread, rate: 0.0, paid: now };
        switches.look(threads);
        switches
    }

    /// Counts the switches since the last look.
    pub(crate) fn look(&mut self, all: Vec<u32>) {
        let seen = all.iter().take(MOST_THREADS);
        let now: HashMap<u32, u64> =
            seen.filter_map(|tid| Some((*tid, times_scheduled(self.pid, *tid)?))).collect();
        let since = |(tid, times): (&u32, &u64)| {
            self.by_thread.get(tid).map_or(0, |then| times.saturating_sub(*then))
        };
        let n_switches: u64 = now.iter().map(since).sum();
        let of_all = all.len().max(1) as f64 / now.len().max(1) as f64;
        let elapsed = self.counted.elapsed().as_secs_f64().max(1e-3);
        self.rate = n_switches as f64 * of_all / elapsed;
        (self.counted, self.by_thread) = (Instant::now(), now);
    }

    /// What breakpoints cost in a second.
    pub(crate) fn rate(&self) -> Duration {
        COST.mul_f64(self.rate)
    }

    /// What they cost since the last call, if they were there.
    pub(crate) fn since(&mut self) -> Duration {
        let elapsed = std::mem::replace(&mut self.paid, Instant::now()).elapsed();
        self.rate().mul_f64(elapsed.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

    use photofinish_sys::threads;

    use super::*;

    #[test]
    fn a_thread_that_sleeps_and_wakes_is_switched_to_each_time() {
        let pid = std::process::id();
        let (tell, told) = std::sync::mpsc::channel::<()>();
        let name = "catch-naps";
        let napping = move || {
            while told.try_recv() != Err(std::sync::mpsc::TryRecvError::Disconnected) {
                std::thread::sleep(Duration::from_micros(200));
            }
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(napping).unwrap();
        let tid = loop {
            let all = threads(pid).unwrap();
            if let Some(found) = all.iter().find(|thread| thread.name == name) {
                break found.tid;
            }
        };
        let mut switches = Switches::new(pid, vec![tid]);
        assert_eq!(switches.rate(), Duration::ZERO, "nothing to compare with");
        let before = times_scheduled(pid, tid).unwrap();
        while times_scheduled(pid, tid).unwrap() < before + 100 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let elapsed = switches.counted.elapsed();
        switches.look(vec![tid]);
        let least = COST * 100 / u32::try_from(elapsed.as_micros()).unwrap() * 1_000_000;
        assert!(switches.rate() * 2 > least, "{:?}, at least {least:?}", switches.rate());
        assert!(switches.since() > Duration::ZERO);
        drop(tell);
        thread.join().unwrap();
    }
}
