//! Holding a thread just before an access, and watching who touches the same memory meanwhile.
//!
//! What the thread is about to touch is known from its registers. Nothing of ours runs in the process: the
//! watch is a breakpoint on all other threads. All signals to them are passed on meanwhile.
//! Start at [`Watch::hold`].

use std::time::{Duration, Instant};

use photofinish_model::Op;
use photofinish_sys::trace::{Event, Hit, Registers, Stopped, Watching};

use crate::evidence::Held;
use crate::maps::{self, ITERATOR_MAP};
use crate::sites::{Site, SiteKind};
use crate::watch::Watch;

/// How often a held thread's watch is looked at.
const LOOK: Duration = Duration::from_micros(200);
impl Watch<'_> {
    /// Holds `stopped`, which is about to do what `site` does, and watches who touches the same meanwhile.
    pub(crate) fn hold(
        &mut self,
        stopped: Stopped,
        site: Site,
        registers: Registers,
    ) -> Option<(Held, Vec<Hit>)> {
        let began = Instant::now();
        self.silence();
        for waiting in &mut self.waiting {
            waiting.take_if(|(waiting, _)| *waiting == site);
        }
        let Some((held, watched)) = self.aim(&stopped, &site, &registers) else {
            self.queue.was_rejected(&site);
            drop(stopped);
            self.budget.spend(began.elapsed());
            return None;
        };
        self.queue.was_reached(&site);
        self.samples += 1;
        for (tid, breakpoints) in &mut self.threads {
            if *tid != held.tid {
                breakpoints.data.hits();
                // A thread that ended cannot touch anything.
                let _ = breakpoints.data.watch(watched);
            }
        }
        let hits = self.observe(&held, watched, began + self.queue.hold(&site));
        let mut held = held;
        if !hits.is_empty()
            && let Some(owner) = held.goroutine
        {
            held.callers = self.judge.held_callers(&registers, owner);
        }
        drop(stopped);
        self.budget.spend(began.elapsed());
        Some((held, hits)).filter(|(_, hits)| !hits.is_empty())
    }

    /// What `stopped` is about to touch, and what to watch; `None` if that is nothing that can race.
    fn aim(
        &mut self,
        stopped: &Stopped,
        site: &Site,
        registers: &Registers,
    ) -> Option<(Held, Watching)> {
        let goroutine = self.judge.owner(registers)?;
        let (address, size, op) = match &site.kind {
            SiteKind::Map { op, argument, .. } => {
                let mut map = maps::argument(registers, *argument);
                if *argument == maps::MapArgument::InIterator {
                    map = self.judge.word(map.wrapping_add(ITERATOR_MAP))?;
                }
                if map == 0 {
                    return None;
                }
                (map, 8, *op)
            }
            SiteKind::Access(access) => {
                let op = if access.writes { Op::Write } else { Op::Read };
                (access.address(registers, self.process.bias().0)?, access.size, op)
            }
        };
        let is_shared = |address| !goroutine.is_on_stack(address) && self.is_writable(address);
        if !is_shared(address) {
            return None;
        }
        let (at, len) = match &site.kind {
            SiteKind::Map { .. } => {
                (address.wrapping_add(self.flag_word.offset), self.flag_word.len)
            }
            SiteKind::Access(_) => part(address, size, &mut self.random),
        };
        let watched = if op.is_write() {
            Watching::Accesses { address: at, len }
        } else {
            Watching::Writes { address: at, len }
        };
        let held = Held {
            tid: stopped.tid(),
            site: site.clone(),
            address,
            size,
            op,
            goroutine: Some(goroutine),
            callers: Vec::new(),
        };
        Some((held, watched))
    }

    /// Who touches what is watched until `until`, or until somebody did. Watches are silent afterwards.
    fn observe(&mut self, held: &Held, watched: Watching, until: Instant) -> Vec<Hit> {
        let mut hits = Vec::new();
        while hits.is_empty() && !self.over && Instant::now() < until {
            let look = (Instant::now() + LOOK).min(until);
            match self.tracer.wait(look) {
                Some(Event::Began(stopped)) => {
                    self.begin_thread(stopped.tid());
                    if let Some(new) = self.threads.get_mut(&stopped.tid()) {
                        let _ = new.data.watch(watched);
                    }
                }
                Some(event) => self.pass(event),
                None => hits = self.hits(held.tid),
            }
        }
        for breakpoints in self.threads.values_mut() {
            let _ = breakpoints.data.rest();
        }
        hits.extend(self.hits(held.tid));
        hits
    }

    fn hits(&mut self, held: u32) -> Vec<Hit> {
        let others = self.threads.iter_mut().filter(|(tid, _)| **tid != held);
        others.flat_map(|(_, breakpoints)| breakpoints.data.hits()).collect()
    }

    /// What is mapped to be read only is never written. What was mapped later is not known here.
    fn is_writable(&self, address: u64) -> bool {
        let at = self.mappings.partition_point(|mapping| mapping.end <= address);
        self.mappings.get(at).is_none_or(|mapping| address < mapping.start || mapping.writable)
    }
}

/// An aligned part of at most 8 bytes of an access: a breakpoint watches no other.
fn part(address: u64, size: u32, random: &mut fastrand::Rng) -> (u64, u8) {
    let end = address.saturating_add(u64::from(size));
    let fits = |len: &u8| {
        let len = u64::from(*len);
        address.next_multiple_of(len) + len <= end
    };
    let len = [8_u8, 4, 2, 1].into_iter().find(fits).unwrap_or(1);
    let first = address.next_multiple_of(u64::from(len));
    let n_parts = (end - first) / u64::from(len);
    (first + u64::from(len) * random.u64(..n_parts.max(1)), len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_watched_is_aligned_and_within_the_access() {
        let mut random = fastrand::Rng::with_seed(1);
        for address in 0x1000..0x1010_u64 {
            for size in [1, 2, 4, 8, 16, 32] {
                let (at, len) = part(address, size, &mut random);
                assert_eq!(at % u64::from(len), 0);
                assert!(at >= address && at + u64::from(len) <= address + u64::from(size));
            }
        }
    }
}
