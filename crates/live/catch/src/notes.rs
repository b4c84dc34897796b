//! What arrivals tell: of those that were noted and went on, and of those at probes in cold code.
//!
//! Start at [`Watch::take_notes`].

use std::collections::HashMap;
use std::time::{Duration, Instant};

use photofinish_goprocess::{LinkAddr, Pc, PcKind, RuntimeAddr};
use photofinish_sys::trace::thread_cpu_time;

use crate::cold::ColdSite;
use crate::landing::{Landing, landings};
use crate::learnt::SiteIdx;
use crate::running;
use crate::sites::code;
use crate::watch::{NOTES, Watch};

/// Planting some dozens of probes is cheap, and what they tell is dear to find out otherwise: this may be spent on it
/// before it is earned.
const PLANTING: Duration = Duration::from_millis(8);

/// Where probes may go.
#[derive(Debug, Default)]
struct Fit {
    sites: Vec<ColdSite>,
    /// Sites that have no place for one.
    unfit: Vec<SiteIdx>,
    /// Those that have a place which has to be waited at first, lest it be hot.
    checks: Vec<(SiteIdx, Vec<LinkAddr>)>,
}

impl Watch<'_> {
    /// What the turn of a place told.
    pub(crate) fn end_turn(&mut self, place: usize) {
        let Some((waiting, arrivals)) = self.places.take(place) else { return };
        let traps = self.trap * u32::try_from(arrivals).unwrap_or(u32::MAX);
        self.budget.spend_traps(traps);
        tracing::trace!(
            "{arrivals} came to {:#x}, to be held: {}",
            waiting.address,
            waiting.to_hold
        );
        let site = self.queue.known.site(waiting.site_idx).address;
        let is_site = waiting.address == site.loaded(self.process.bias()).0;
        if !waiting.to_hold {
            self.queue.had_turn(waiting.site_idx, arrivals, is_site);
        }
        let known = &mut self.queue.known;
        if arrivals == 0 {
            known.mark(waiting.site_idx).in_vain += 1;
            known.has_counted(waiting.site_idx, 0, waiting.since.elapsed());
            return;
        }
        known.mark(waiting.site_idx).in_vain = 0;
        if !waiting.to_hold {
            self.budget.was_reconnaissance(traps);
            if arrivals < NOTES && is_site {
                known.has_counted(waiting.site_idx, arrivals, waiting.since.elapsed());
            }
        }
    }

    /// Reads what was noted of arrivals that went on.
    pub(crate) fn take_notes(&mut self) {
        let before = thread_cpu_time();
        let mut n_of: HashMap<SiteIdx, u64> = HashMap::new();
        for note in self.places.program.notes() {
            let address = RuntimeAddr(note.registers.ip).linked(self.process.bias());
            let Some(all) = self.queue.known.by_address.get(&address).cloned() else { continue };
            for site_idx in &all {
                let site = self.queue.known.site(*site_idx).clone();
                match self.aim(&site, &note.registers) {
                    Some((target, owner)) => {
                        self.queue.known.has_noted(*site_idx, target.address, owner.id);
                    }
                    None => self.queue.known.mark(*site_idx).rejected += 1,
                }
            }
            let Some(site_idx) = all.first().copied() else { continue };
            let n_notes = n_of.entry(site_idx).or_default();
            *n_notes += 1;
            let mut waiting = self.places.waiting().into_iter().flatten();
            if *n_notes == NOTES
                && let Some(waiting) = waiting.find(|waiting| waiting.address == note.registers.ip)
            {
                let took = Duration::from_nanos(note.time.saturating_sub(waiting.since_ns));
                // What the notes themselves took is not the program's doing.
                let took = took.saturating_sub(self.trap * NOTES as u32 / 2);
                let took = took.max(Duration::from_micros(2));
                for site_idx in all {
                    self.queue.known.has_counted(site_idx, NOTES, took);
                }
            }
        }
        self.budget.was_reconnaissance(thread_cpu_time().saturating_sub(before));
    }

    /// Counts who came to cold code, and plants probes in what turned out to be cold.
    pub(crate) fn look_at_cold(&mut self) {
        if Instant::now() < self.cold.due() && !self.places.program.is_alarmed() {
            return;
        }
        if !self.cold.has_waiting() {
            self.queue.ask_sleepers();
        }
        let cold: Vec<SiteIdx> = std::mem::take(&mut self.queue.cold);
        let fit = self.cold_sites(&cold);
        for site_idx in fit.unfit {
            self.queue.is_not_cold(site_idx);
        }
        for (site_idx, places) in fit.checks {
            self.queue.check(site_idx, &places);
        }
        self.cold.plant(fit.sites);
        let may_plant = self.budget.debt() < PLANTING;
        let queue = &mut self.queue;
        let told = self
            .cold
            .look(&self.places.program, may_plant, |site_idx| queue.is_worth_a_hold(site_idx));
        for site_idx in told.given_up {
            self.queue.is_not_cold(site_idx);
        }
        for (site_idx, arrivals, waited) in told.counted {
            self.queue.known.has_counted(site_idx, arrivals, waited);
            if arrivals > 0 {
                self.queue.has_woken(site_idx, false);
            }
            let traps = self.trap * u32::try_from(arrivals).unwrap_or(u32::MAX);
            self.budget.spend_traps(traps);
        }
        self.budget.spend_traps(self.trap * u32::try_from(told.late).unwrap_or(u32::MAX));
        self.budget.has_planted(self.cold.spent());
    }

    /// Where the probes of these sites go.
    fn cold_sites(&self, all: &[SiteIdx]) -> Fit {
        let Fit { mut sites, mut unfit, mut checks } = Fit::default();
        let symbols = self.process.symbols();
        let mut rest = all;
        while let Some(first) = rest.first() {
            let function = symbols.function_at(self.queue.known.site(*first).address);
            let address = |site_idx: &SiteIdx| self.queue.known.site(*site_idx).address.0;
            let end = function.as_ref().map_or(0, |function| function.end.0);
            let entry = function.as_ref().map_or(u64::MAX, |function| function.entry.0);
            let within = |site_idx: &SiteIdx| (entry..end).contains(&address(site_idx));
            let n_within = rest.iter().take_while(|site_idx| within(site_idx)).count().max(1);
            let (here, others) = rest.split_at(n_within);
            rest = others;
            let addresses: Vec<u64> = here.iter().map(address).collect();
            let code = function.and_then(|found| code(self.process, found.entry, found.end));
            let places = landings(&code.unwrap_or_default(), entry, &addresses);
            for ((site_idx, landings), at) in here.iter().zip(places).zip(addresses) {
                let address = LinkAddr(at).loaded(self.process.bias()).0;
                let mark = &self.queue.known.marks[*site_idx];
                let is_doubtful = |landing: &&Landing| {
                    landing.is_in_loop || landing.is_branch && !mark.runs_seldom
                };
                let doubtful = landings.iter().filter(is_doubtful);
                let doubtful: Vec<LinkAddr> = doubtful.map(|it| LinkAddr(it.address)).collect();
                if mark.is_alive && !mark.is_landing_cold && !doubtful.is_empty() {
                    checks.push((*site_idx, doubtful));
                    continue;
                }
                // A function's first instruction is reached from where it is called.
                let calls = self.queue.known.sites.calls.get(&LinkAddr(at)).filter(|_| at == entry);
                let places: Vec<LinkAddr> = match mark.is_alive {
                    // Of a function that nobody was seen in yet it is enough to know whether it runs.
                    false => vec![LinkAddr(entry)],
                    true if landings.is_empty() => calls.cloned().unwrap_or_default(),
                    true => landings.iter().map(|landing| LinkAddr(landing.address)).collect(),
                };
                // Nor are all of its callers known: it keeps its turns.
                if places.is_empty() || at == entry && mark.is_alive {
                    unfit.push(*site_idx);
                }
                for offset in places.iter().filter_map(|at| self.process.file_offset(*at)) {
                    let (site_idx, is_alive) = (*site_idx, mark.is_alive);
                    sites.push(ColdSite { site_idx, address, offset, is_alive });
                }
            }
        }
        Fit { sites, unfit, checks }
    }

    /// What a clock sees running has its turns first.
    pub(crate) fn look_at_running(&mut self) {
        if Instant::now() < self.running.due() {
            return;
        }
        let mut ran: Vec<LinkAddr> = Vec::new();
        let is_dear = self.has_dear_switches();
        for hit in self.running.seen(is_dear) {
            self.budget.spend_traps(running::COST);
            let pc = Pc { address: RuntimeAddr(hit.registers.ip), kind: PcKind::Exact };
            let sp = RuntimeAddr(hit.registers.sp());
            let exact = self.process.callers(pc, sp, &hit.stack).into_iter().map(|pc| pc.address.0);
            for address in exact.chain(hit.callers) {
                let address = RuntimeAddr(address.saturating_sub(1)).linked(self.process.bias());
                let function = self.process.symbols().function_at(address);
                ran.extend(function.map(|function| function.entry));
            }
        }
        ran.sort_unstable();
        ran.dedup();
        for entry in ran {
            self.queue.has_run(self.process, entry);
        }
    }
}
