//! Holding a thread just before an access, and watching who touches the same memory meanwhile.
//!
//! What the thread is about to touch is known from its registers. Nothing of ours runs in the process: the
//! watch is a breakpoint on all other threads. All signals to them are passed on meanwhile.
//! Start at [`Watch::hold`].

use std::time::{Duration, Instant};

use photofinish_sys::trace::{Event, Hit, Registers, Stopped, Watching};

use crate::evidence::Held;
use crate::sites::Site;
use crate::target::Target;
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
        let Target { address, size, op, watched: (at, len) } =
            self.judge.target(site, registers, self.flag_word, &mut self.random)?;
        if goroutine.is_on_stack(at) || !self.is_writable(at) {
            return None;
        }
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
            watched: (at, len),
            registers: *registers,
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
