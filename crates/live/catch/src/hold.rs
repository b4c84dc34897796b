//! Holding a thread just before an access, and watching who touches the same memory meanwhile.
//!
//! What the thread is about to touch is known from its registers. Nothing of ours runs in the process: the
//! watch is a breakpoint on all other threads. All signals to them are passed on meanwhile.
//! Start at [`Watch::hold`].

use std::time::{Duration, Instant};

use photofinish_goprocess::Range;
use photofinish_sys::trace::{Event, Registers, Stopped, Tracer, Watching};

use crate::evidence::{Held, Judge, Other, Owner};
use crate::learnt::SiteIdx;
use crate::places::Waiting;
use crate::sites::Site;
use crate::target::Target;
use crate::watch::Watch;

/// A thread is left alone for so long after it was held.
const PEACE: Duration = Duration::from_millis(5);
/// Hits from so many instructions that are no race end a hold.
const MOST_HITS: usize = 6;

impl Watch<'_> {
    /// Holds `stopped`, which is about to do what was waited for, and watches who touches the same meanwhile.
    pub(crate) fn hold(
        &mut self,
        tracer: &mut Tracer,
        stopped: Stopped,
        waiting: Waiting,
        registers: Registers,
    ) -> Option<(SiteIdx, Held, Other)> {
        let began = Instant::now();
        let site_idx = waiting.site_idx;
        let site = self.queue.known.site(site_idx).clone();
        let tid = stopped.tid();
        let was_held = self.last_held.get(&tid).is_some_and(|last| last.elapsed() < PEACE);
        if was_held && self.budget.rate() < PEACE * 20 {
            return None;
        }
        self.queue.known.has_counted(site_idx, 1, waiting.since.elapsed());
        for (place, other) in self.places.waiting().into_iter().enumerate() {
            if other.is_some_and(|other| other.site_idx == site_idx)
                && let Some((_, arrivals)) = self.places.take(place)
            {
                self.budget.spend_traps(self.trap * u32::try_from(arrivals).unwrap_or(u32::MAX));
            }
        }
        let Some((target, owner)) = self.aim(&site, &registers) else {
            self.queue.known.mark(site_idx).rejected += 1;
            drop(stopped);
            self.budget.spend(began.elapsed());
            return None;
        };
        self.samples += 1;
        let length = self.queue.hold(site_idx);
        let held = Held {
            tid,
            address: target.address,
            size: target.size,
            op: target.op,
            watched: target.watched,
            registers,
            goroutine: Some(owner),
            callers: Vec::new(),
            site,
        };
        let found = self.observe(tracer, held, began + length);
        self.queue.known.has_noted(site_idx, target.address, owner.id);
        drop(stopped);
        self.last_held.insert(tid, Instant::now());
        self.budget.spend(began.elapsed());
        tracing::trace!(
            "held at {:#x} for {:?}, hit: {}",
            waiting.address,
            began.elapsed(),
            found.is_some()
        );
        match found {
            Some((held, other)) => Some((site_idx, held, other)),
            None => {
                self.queue.known.has_held(site_idx, length);
                None
            }
        }
    }

    /// What a thread with these registers is about to touch, and whose it is; `None` if that is nothing that
    /// can race.
    pub(crate) fn aim(&mut self, site: &Site, registers: &Registers) -> Option<(Target, Owner)> {
        let owner = self.judge.owner(registers)?;
        let target = self.judge.target(site, registers, self.flag_word, &mut self.random)?;
        let (at, _) = target.watched;
        (!owner.is_on_stack(at) && self.is_writable(at)).then_some((target, owner))
    }

    /// Who races until `until`. Watches are silent afterwards.
    fn observe(
        &mut self,
        tracer: &mut Tracer,
        mut held: Held,
        until: Instant,
    ) -> Option<(Held, Other)> {
        let (address, len) = held.watched;
        let watched = match held.op.is_write() {
            true => Watching::Accesses { address, len },
            false => Watching::Writes { address, len },
        };
        let mut seen: Vec<u64> = Vec::new();
        let mut found = None;
        let before = value(&self.judge, address, len);
        self.places.watch(watched);
        while found.is_none() && seen.len() < MOST_HITS && !self.over && Instant::now() < until {
            match tracer.wait(until) {
                Some(Event::Began(stopped)) => {
                    self.places.begin_thread(stopped.tid());
                }
                Some(Event::Sampled) => found = self.judge_hits(&held, &mut seen),
                Some(event) => self.pass(event),
                None => break,
            }
        }
        self.places.unwatch();
        if found.is_none() {
            found = self.judge_hits(&held, &mut seen);
        }
        if seen.is_empty() && value(&self.judge, address, len) != before {
            self.changed += 1;
        }
        if let (Some(_), Some(owner)) = (&found, held.goroutine) {
            held.callers = self.judge.held_callers(&held.registers, owner);
        }
        found.map(|other| (held, other))
    }

    /// The first of the new hits that is a race: the garbage collector's, and what keeps order by its own
    /// means, are passed over.
    fn judge_hits(&mut self, held: &Held, seen: &mut Vec<u64>) -> Option<Other> {
        let hits = self.places.hits(held.tid);
        self.budget.spend_traps(self.trap * hits.len() as u32);
        for hit in hits {
            if seen.contains(&hit.registers.ip) {
                continue;
            }
            seen.push(hit.registers.ip);
            if let Some(other) = self.judge.verdict(held, &hit) {
                return Some(other);
            }
        }
        None
    }

    /// What is mapped to be read only is never written. What was mapped later is not known here.
    fn is_writable(&self, address: u64) -> bool {
        let at = self.mappings.partition_point(|mapping| mapping.end <= address);
        self.mappings.get(at).is_none_or(|mapping| address < mapping.start || mapping.writable)
    }
}

fn value(judge: &Judge<'_>, at: u64, len: u8) -> Option<Vec<u8>> {
    let mut bytes = vec![0; usize::from(len)];
    let range = Range { address: at, len: bytes.len() };
    let was_read = judge.process.memory().read_many(&[range], &mut bytes).ok()?;
    (was_read == [true]).then_some(bytes)
}
