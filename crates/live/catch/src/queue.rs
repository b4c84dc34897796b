//! Which site is next: reconnaissance of all, in turn; holds chiefly at suspects, and some anywhere.
//!
//! A turn of reconnaissance costs a tenth of a hold, and a large program has ten thousand sites. So those of functions that
//! a clock saw running get turns; at those of other functions in use (`alive`) probes wait; of all the rest one probe waits in each
//! function, and when somebody comes there, the function is in use, too. A site that nobody reached in its turn is
//! cold, and a probe waits there; one that a probe turns out to be too often reached at has turns. Functions of dependencies and of the standard library are decoded when
//! their turn comes.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use photofinish_goprocess::{LinkAddr, Process};

use crate::alive::Alive;
use crate::learnt::{Knowledge, SiteIdx};

/// How long a site is reconnoitred, the first time.
const TURN: Duration = Duration::from_millis(2);
/// How often that doubles at most, while nobody comes.
const MOST_DOUBLINGS: u32 = 5;
/// A site that nobody came to in so many turns, and that no probe could wait at, keeps its turns.
const TURNS: u32 = 3;
/// How long a thread is waited for, to be held.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(4), Duration::from_millis(500));
/// How long a thread is held, where the rates say nothing else.
const HOLD: Duration = Duration::from_millis(1);
const SHORTEST_HOLD: Duration = Duration::from_micros(400);
/// One turn in so many is of a site of others.
const OTHERS: u64 = 3;
/// So many holds at a call on a map come before any reconnaissance.
const MAP_HOLDS: u32 = 2;
/// One hold in so many is at any site.
const ANYWHERE: u8 = 4;
/// Functions of others that are decoded at the beginning.
const MOST_AT_ONCE: usize = 500;
/// Sites of others that are known at a time.
const MOST_OTHERS: usize = 20_000;

/// What a place is to do next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    pub(crate) site_idx: SiteIdx,
    /// How long to wait there.
    pub(crate) patience: Duration,
    /// Who arrives is held.
    pub(crate) to_hold: bool,
}

#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) known: Knowledge,
    only_maps: bool,
    random: fastrand::Rng,
    /// Whose turn of reconnaissance is next: sites of the user's module, and others.
    turns: [VecDeque<SiteIdx>; 2],
    /// Sites that probes are to wait at.
    pub(crate) cold: Vec<SiteIdx>,
    /// There are probes.
    pub(crate) has_probes: bool,
    /// Of functions not decoded yet.
    functions: VecDeque<usize>,
    turn: u64,
    alive: Alive,
    /// What a second earns: long holds of rare arrivals cost no more than short ones of frequent ones.
    pub(crate) earned: Duration,
    /// The longest hold.
    pub(crate) longest: Duration,
}

impl Queue {
    pub(crate) fn new(known: Knowledge, only_maps: bool) -> Queue {
        let random = fastrand::Rng::new();
        let functions: VecDeque<usize> = (0..known.sites.others.len()).collect();
        Queue {
            known,
            only_maps,
            random,
            turns: Default::default(),
            cold: Vec::new(),
            has_probes: false,
            functions,
            turn: 0,
            alive: Alive::default(),
            earned: HOLD,
            longest: HOLD,
        }
    }

    /// Begins with what is in use. Called once, when it is known whether there are probes.
    pub(crate) fn begin(&mut self, process: &Process, alive: Alive) {
        let (mut used, mut asleep) = (Vec::new(), Vec::new());
        // What was learnt before is begun with, and no probe of then is there any more.
        let mut was_alive = HashSet::new();
        for (site_idx, mark) in self.known.marks.iter_mut().enumerate() {
            mark.is_probed = false;
            if std::mem::take(&mut mark.is_alive) {
                was_alive.insert(site_idx);
            }
        }
        for function in 0..self.known.functions.len() {
            let Some(sites) = self.known.functions.get(function).filter(|sites| !sites.is_empty())
            else {
                continue;
            };
            let address = self.known.site(sites[0]).address;
            let entry = process.symbols().function_at(address).map(|function| function.entry);
            let is_in = |functions: &HashSet<LinkAddr>| {
                entry.is_some_and(|entry| functions.contains(&entry))
            };
            let sites = sites.clone();
            let is_used =
                is_in(&alive.all) || sites.iter().any(|site_idx| was_alive.contains(site_idx));
            if is_used {
                let maps = sites.iter().copied().filter(|at| self.known.site(*at).is_map());
                let maps: Vec<SiteIdx> = maps.collect();
                self.wake(&maps, true);
            }
            if is_in(&alive.hot) {
                self.wake(&sites, true);
            } else if self.has_probes {
                // How often a function runs says where it is to be waited for.
                let rest: Vec<SiteIdx> = sites
                    .iter()
                    .copied()
                    .filter(|site_idx| !self.known.marks[*site_idx].is_alive)
                    .collect();
                let chosen = self.random.choice(&rest).copied();
                if is_used { used.extend(chosen) } else { asleep.extend(chosen) }
            } else {
                self.turns[0].extend(self.random.choice(&sites));
            }
        }
        let turns = self.turns[0].make_contiguous();
        self.random.shuffle(turns);
        turns.sort_by_key(|site_idx| !self.known.sites.all[*site_idx].is_map());
        // Those in use are waited for first.
        self.random.shuffle(&mut asleep);
        // How often a function runs is asked of a breakpoint first: it is silenced at once, a probe is not.
        self.random.shuffle(&mut used);
        self.turns[0].extend(used);
        self.wait_by_probe(&asleep);
        let others = &self.known.sites.others;
        let is_used = |function: &usize| alive.all.contains(&others[*function].0);
        let (used, rest): (Vec<usize>, Vec<usize>) = self.functions.drain(..).partition(is_used);
        let n_used = used.len().min(MOST_AT_ONCE);
        self.functions = used.into_iter().chain(rest).collect();
        self.alive = alive;
        (0..n_used).for_each(|_| self.decode_another(process));
    }

    /// These sites are in use: often, or now and then.
    fn wake(&mut self, sites: &[SiteIdx], is_hot: bool) {
        for site_idx in sites {
            let mark = self.known.mark(*site_idx);
            if mark.is_alive {
                continue;
            }
            mark.is_alive = true;
            if is_hot || !self.has_probes {
                let of_others = usize::from(*site_idx >= self.known.sites.n_own);
                self.turns[of_others].push_front(*site_idx);
            } else {
                self.wait_by_probe(&[*site_idx]);
            }
        }
    }

    fn wait_by_probe(&mut self, sites: &[SiteIdx]) {
        for site_idx in sites {
            let mark = self.known.mark(*site_idx);
            if !mark.is_probed {
                mark.is_probed = true;
                self.cold.push(*site_idx);
            }
        }
    }

    /// Somebody came to a probe: the function is in use.
    pub(crate) fn has_woken(&mut self, site_idx: SiteIdx, is_hot: bool) {
        let mark = self.known.mark(site_idx);
        if !mark.is_alive {
            // The probe was at the function's beginning.
            mark.is_probed = false;
            let sites = self.known.neighbours(site_idx).to_vec();
            self.wake(&sites, is_hot);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.known.sites.all.is_empty() && self.known.sites.others.is_empty()
    }

    /// A map that several goroutines use is likely enough to be worth a hold at once.
    fn turn_of(&self, site_idx: SiteIdx, patience: Duration) -> Turn {
        let is_own_map = site_idx < self.known.sites.n_own && self.known.site(site_idx).is_map();
        let to_hold = is_own_map && self.known.marks[site_idx].held < MAP_HOLDS;
        Turn { site_idx, patience: if to_hold { patience * 4 } else { patience }, to_hold }
    }

    /// The next site to reconnoitre.
    pub(crate) fn next_turn(&mut self, process: &Process) -> Option<Turn> {
        self.turn += 1;
        let of_others = self.turns[0].is_empty() || self.turn.is_multiple_of(OTHERS);
        if of_others && (self.turn.is_multiple_of(2) || self.turns[1].len() < 8) {
            self.decode_another(process);
        }
        let turns = &mut self.turns[usize::from(of_others)];
        for _ in 0..turns.len().min(64) {
            let site_idx = turns.pop_front()?;
            if self.known.is_worthless(site_idx) {
                continue;
            }
            let mark = self.known.mark(site_idx);
            if mark.is_probed {
                continue;
            }
            turns.push_back(site_idx);
            // Where nobody comes, every second round is left out, then all but every fourth, and so on.
            let skip = mark.in_vain.min(MOST_DOUBLINGS);
            if skip > 1 && self.random.u32(..1 << (skip - 1)) != 0 {
                continue;
            }
            let patience = TURN * (1 << skip);
            mark.turns = mark.turns.saturating_add(1);
            return Some(self.turn_of(site_idx, patience));
        }
        None
    }

    /// A turn of a site is over.
    pub(crate) fn had_turn(&mut self, site_idx: SiteIdx, arrivals: u64) {
        if arrivals > 0 {
            let sites = self.known.neighbours(site_idx).to_vec();
            self.wake(&sites, true);
        } else if self.has_probes && self.known.mark(site_idx).turns <= TURNS {
            self.wait_by_probe(&[site_idx]);
        }
    }

    /// A probe waits there no longer: it has its turns again.
    pub(crate) fn is_not_cold(&mut self, site_idx: SiteIdx) {
        if !self.known.mark(site_idx).is_alive {
            return self.has_woken(site_idx, true);
        }
        let mark = self.known.mark(site_idx);
        mark.is_probed = false;
        // It was said to be cold, and is not.
        mark.turns = mark.turns.max(TURNS + 1);
        let of_others = usize::from(site_idx >= self.known.sites.n_own);
        self.turns[of_others].push_front(site_idx);
    }

    /// Whether a thread is to be held when it arrives at a probe.
    pub(crate) fn is_worth_a_hold(&mut self, site_idx: SiteIdx) -> bool {
        let mark = &self.known.marks[site_idx];
        if self.known.is_worthless(site_idx) || !mark.is_alive {
            return false;
        }
        let is_new = mark.held + mark.rejected < 3;
        is_new
            || self.random.f64()
                < if mark.is_suspect { 16.0 } else { 1.0 } / f64::from(mark.held + 1)
    }

    /// The next site to hold a thread at; `None` while nobody is known to come anywhere. Patience costs nothing: where the budget `is_scarce`, there is more of it.
    pub(crate) fn next_hold(&mut self, is_scarce: bool) -> Option<Turn> {
        let is_anywhere = self.random.u8(..ANYWHERE) == 0;
        let chosen = if is_anywhere { self.anywhere() } else { self.suspect() };
        let site_idx = chosen?;
        let rate = self.known.rate(site_idx).unwrap_or(100.0);
        let patience = Duration::from_secs_f64((3.0 / rate).min(1.0));
        let longest = if is_scarce { PATIENCE.1 } else { PATIENCE.0 * 8 };
        Some(Turn { site_idx, patience: patience.clamp(PATIENCE.0, longest), to_hold: true })
    }

    pub(crate) fn n_suspects(&self) -> usize {
        self.known.suspects.len()
    }

    /// How long to hold a thread there: until the others should have come three times, but no longer than
    /// the budget bears if every arrival is held.
    pub(crate) fn hold(&self, site_idx: SiteIdx) -> Duration {
        let others = self.known.rate_of_others(site_idx);
        let enough =
            if others > 0.0 { Duration::from_secs_f64((3.0 / others).min(1.0)) } else { HOLD };
        let arrivals = self.known.rate(site_idx).unwrap_or(1000.0).max(0.1);
        let affordable = self.earned.div_f64(arrivals).clamp(HOLD, self.longest);
        enough.clamp(SHORTEST_HOLD, affordable)
    }

    /// One of the suspects, the likelier the more it promises.
    fn suspect(&mut self) -> Option<SiteIdx> {
        let known = &self.known;
        let promises: Vec<(SiteIdx, f64)> = known
            .suspects
            .iter()
            .filter(|site_idx| known.may_be_held(**site_idx))
            .map(|site_idx| (*site_idx, known.promise(*site_idx, self.hold(*site_idx))))
            .collect();
        let mut chosen =
            self.random.f64() * promises.iter().map(|(_, promise)| promise).sum::<f64>();
        for (site_idx, promise) in &promises {
            chosen -= promise;
            if chosen <= 0.0 {
                return Some(*site_idx);
            }
        }
        promises.last().map(|(site_idx, _)| *site_idx)
    }

    /// Any site that somebody reached.
    fn anywhere(&mut self) -> Option<SiteIdx> {
        for _ in 0..16 {
            let site_idx = *self.random.choice(&self.known.reached)?;
            if self.known.may_be_held(site_idx) && self.known.marks[site_idx].caught == 0 {
                return Some(site_idx);
            }
        }
        None
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
            self.wake(&sites, true);
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

    fn decode_another(&mut self, process: &Process) {
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
            self.wake(&sites, self.alive.hot.contains(&entry));
        } else if let Some(site_idx) = self.random.choice(&sites).copied() {
            self.turns[1].push_front(site_idx);
        }
    }
}
