//! Who runs: what is begun with, who is asked, and what follows when somebody was seen.
//!
//! Start at [`Queue::begin`].

use std::collections::{HashSet, VecDeque};

use photofinish_goprocess::{LinkAddr, Process};

use super::Queue;
use crate::alive::Alive;
use crate::learnt::SiteIdx;

/// Functions that sleep are asked so many at a time.
const SLEEPERS: usize = 48;
/// Functions of others that are decoded at the beginning.
const MOST_AT_ONCE: usize = 500;
/// Sites of others that are known at a time.
const MOST_OTHERS: usize = 20_000;

impl Queue {
    /// Begins with what is in use. Called once, when it is known whether there are probes. Of a busy process only the
    /// functions of others that were seen running are decoded before the first turn.
    pub(crate) fn begin(&mut self, process: &Process, alive: Alive, is_busy: bool) {
        let n_functions = self.known.functions.len();
        let mut used = vec![false; n_functions];
        let (mut running, mut on_stacks) = (Vec::new(), Vec::new());
        for (function, is_used) in used.iter_mut().enumerate() {
            let entry = self.known.entry(function);
            // What was learnt before is begun with, and no probe of then is there any more.
            let sites = self.known.functions[function].clone();
            let was_alive = sites.iter().any(|site_idx| {
                let mark = self.known.mark(*site_idx);
                (mark.is_probed, mark.is_landing_cold, mark.checks_left) = (false, false, 0);
                std::mem::take(&mut mark.is_alive)
            });
            *is_used = was_alive || alive.all.contains(&entry);
            if alive.hot.contains(&entry) {
                running.extend(sites);
            } else if alive.on_stacks.contains(&entry) {
                // Who sleeps there may go on in its midst, and it may run often all the same.
                on_stacks.extend(sites);
            } else if *is_used {
                running.extend(sites.into_iter().filter(|at| self.known.site(*at).is_map()));
            }
        }
        self.random.shuffle(&mut running);
        self.random.shuffle(&mut on_stacks);
        running.sort_by_key(|site_idx| self.known.site(*site_idx).is_map());
        self.wake(&on_stacks, true);
        self.wake(&running, true);
        self.asked = vec![false; n_functions];
        let mut roots = self.known.calls.roots(&used);
        let mut used: Vec<usize> = (0..n_functions).filter(|function| used[*function]).collect();
        self.random.shuffle(&mut used);
        self.random.shuffle(&mut roots);
        self.ask(used.into(), true);
        self.ask(roots.into(), false);
        let mut sleepers: Vec<usize> = (0..n_functions).collect();
        self.random.shuffle(&mut sleepers);
        self.sleepers = sleepers.into();
        let others = &self.known.sites.others;
        let in_use =
            |function: &usize, entries: &HashSet<LinkAddr>| entries.contains(&others[*function].0);
        let n_in_use = |entries| self.functions.iter().filter(|at| in_use(at, entries)).count();
        let at_once = n_in_use(if is_busy { &alive.hot } else { &alive.all }).min(MOST_AT_ONCE);
        let rank = |at: &usize| (!in_use(at, &alive.hot), !in_use(at, &alive.all));
        self.functions.make_contiguous().sort_by_key(rank);
        self.alive = alive;
        (0..at_once).for_each(|_| self.decode_another(process));
    }

    /// Functions are asked once whether they run: those that may run often in turns, others by a probe where they
    /// begin. Of one that touches nothing, those it calls are asked.
    fn ask(&mut self, mut functions: VecDeque<usize>, may_be_often: bool) {
        while let Some(function) = functions.pop_front() {
            let Some(asked) = self.asked.get_mut(function) else { continue };
            if std::mem::replace(asked, true) {
                continue;
            }
            let sites = &self.known.functions[function];
            let is_alive = |site_idx: &SiteIdx| self.known.marks[*site_idx].is_alive;
            match self.random.choice(sites).copied() {
                None => functions.extend(self.known.calls.callees(function)),
                Some(_) if sites.iter().any(is_alive) => {}
                Some(site_idx) if may_be_often || !self.has_probes => {
                    self.turns[0].push_back(site_idx);
                }
                Some(site_idx) => self.wait_by_probe(&[site_idx]),
            }
        }
    }

    /// Asks some more, if any are left.
    pub(crate) fn ask_sleepers(&mut self) {
        let mut n_asked = 0;
        while self.has_probes && n_asked < SLEEPERS {
            let Some(function) = self.sleepers.pop_front() else { return };
            n_asked += usize::from(!self.asked[function]);
            self.ask([function].into(), false);
        }
    }

    /// These sites are in use, and some of them may be often: each of those has its turn soon.
    fn wake(&mut self, sites: &[SiteIdx], may_be_often: bool) {
        for site_idx in sites {
            let mark = self.known.mark(*site_idx);
            if std::mem::replace(&mut mark.is_alive, true) {
                continue;
            }
            if may_be_often || !self.has_probes {
                let of_others = usize::from(*site_idx >= self.known.sites.n_own);
                self.turns[of_others].push_front(*site_idx);
            } else {
                mark.runs_seldom = true;
                self.wait_by_probe(&[*site_idx]);
            }
        }
    }

    /// The function of the site runs.
    pub(super) fn wake_function(&mut self, site_idx: SiteIdx, may_be_often: bool) {
        let sites = self.known.neighbours(site_idx).to_vec();
        self.wake(&sites, may_be_often);
        let callees = self.known.calls.callees(self.known.function_of(site_idx));
        self.ask(callees.iter().copied().collect(), true);
    }

    /// Somebody came to a probe: the function is in use.
    pub(crate) fn has_woken(&mut self, site_idx: SiteIdx, may_be_often: bool) {
        let mark = self.known.mark(site_idx);
        if !mark.is_alive {
            // The probe was at the function's beginning.
            mark.is_probed = false;
            self.wake_function(site_idx, may_be_often);
        }
    }

    /// A clock saw the function at `entry` running.
    pub(crate) fn has_run(&mut self, process: &Process, entry: LinkAddr) {
        if !self.alive.hot.insert(entry) {
            return;
        }
        self.alive.all.insert(entry);
        if let Some(function) = self.known.function_at(entry) {
            let sites = self.known.functions[function].clone();
            for site_idx in &sites {
                let mark = self.known.mark(*site_idx);
                // At its beginning a probe waits for the first who comes.
                mark.is_probed = mark.is_probed && mark.is_alive;
            }
            if let Some(site_idx) = sites.first() {
                self.wake_function(*site_idx, true);
            }
            return;
        }
        let others = &self.known.sites.others;
        if let Some(at) = others.iter().position(|(other, _)| *other == entry)
            && let Some(queued) = self.functions.iter().position(|function| *function == at)
        {
            self.functions.swap(0, queued);
            self.decode_another(process);
        }
    }

    pub(super) fn decode_another(&mut self, process: &Process) {
        if self.known.marks.len() > MOST_OTHERS {
            return;
        }
        let Some(function) = self.functions.pop_front() else { return };
        let Some(function) = self.known.sites.others.get(function).copied() else { return };
        let (entry, _) = function;
        if self.known.function_at(entry).is_some() {
            return;
        }
        let (found, _) = self.known.sites.decode(process, function, self.only_maps);
        let function = self.known.add(entry, found);
        let sites = self.known.functions[function].clone();
        if self.alive.all.contains(&entry) {
            self.wake(&sites, true);
        } else if let Some(site_idx) = self.random.choice(&sites).copied() {
            self.turns[1].push_front(site_idx);
        }
    }
}
