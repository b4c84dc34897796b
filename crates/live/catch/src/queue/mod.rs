//! Which site is next: reconnaissance of all, in turn; holds chiefly at suspects, and some anywhere.
//!
//! A turn of reconnaissance costs a tenth of a hold, and a large program has ten thousand sites. So those of functions
//! in use (`alive`) get turns first, and where nobody came in a turn, a probe waits. At those of all other functions a probe asks
//! whether they run at all, where they begin; what only such functions call is asked last. An arrival at
//! a probe is dear, and taking one back takes long: none goes where somebody may come often without a turn before, and one
//! that is too often reached all the same is taken back. Functions of dependencies and of the standard library are
//! decoded when their turn comes. Who runs is in `waking`.

mod waking;

use std::collections::VecDeque;
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

/// What a place is to do next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    pub(crate) site_idx: SiteIdx,
    /// Where to wait: at the site, or where it is asked whether anybody comes near it.
    pub(crate) at: LinkAddr,
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
    /// Sites whose probes would go elsewhere than where nobody came: those places are waited at first.
    pub(crate) checks: VecDeque<(SiteIdx, LinkAddr)>,
    /// Functions of the user's module that were asked whether they run.
    asked: Vec<bool>,
    /// Those to be asked when nothing else is to be: they are called by functions that sleep, or by wrappers and values
    /// that nobody sees.
    sleepers: VecDeque<usize>,
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
            checks: VecDeque::new(),
            asked: Vec::new(),
            sleepers: VecDeque::new(),
            has_probes: false,
            functions,
            turn: 0,
            alive: Alive::default(),
            earned: HOLD,
            longest: HOLD,
        }
    }

    /// These places are waited at before the site's probes go there.
    pub(crate) fn check(&mut self, site_idx: SiteIdx, places: &[LinkAddr]) {
        self.known.mark(site_idx).checks_left = places.len();
        self.checks.extend(places.iter().map(|at| (site_idx, *at)));
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

    pub(crate) fn is_empty(&self) -> bool {
        self.known.sites.all.is_empty() && self.known.sites.others.is_empty()
    }

    /// A map that several goroutines use is likely enough to be worth a hold at once.
    fn turn_of(&self, site_idx: SiteIdx, patience: Duration) -> Turn {
        let is_own_map = site_idx < self.known.sites.n_own && self.known.site(site_idx).is_map();
        let to_hold = is_own_map && self.known.marks[site_idx].held < MAP_HOLDS;
        let patience = if to_hold { patience * 4 } else { patience };
        let at =
            if to_hold { self.known.site(site_idx).address } else { self.known.asked_at(site_idx) };
        Turn { site_idx, at, patience, to_hold }
    }

    /// The next site to reconnoitre.
    pub(crate) fn next_turn(&mut self, process: &Process) -> Option<Turn> {
        self.turn += 1;
        while let Some((site_idx, at)) = self.checks.pop_front() {
            if self.known.marks[site_idx].checks_left > 0 {
                return Some(Turn { site_idx, at, patience: TURN, to_hold: false });
            }
        }
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

    /// A turn of a site is over, in which so many arrived where it was waited: at the site, or elsewhere.
    pub(crate) fn had_turn(&mut self, site_idx: SiteIdx, arrivals: u64, is_site: bool) {
        let mark = self.known.mark(site_idx);
        let was_checked = mark.checks_left > 0;
        match (was_checked, arrivals > 0) {
            // There was a turn of its own under way when it was decided to wait by a probe.
            (true, _) if is_site => {}
            (true, true) => self.is_not_cold(site_idx),
            (true, false) => {
                mark.checks_left = mark.checks_left.saturating_sub(1);
                if mark.checks_left == 0 {
                    mark.is_landing_cold = true;
                    self.cold.push(site_idx);
                }
            }
            (false, true) => self.wake_function(site_idx, true),
            (false, false) => {
                let turns = mark.turns;
                // Threads of a busy machine do not run all the time: of what runs often, one turn says little.
                let is_hot =
                    self.alive.hot.contains(&self.known.entry(self.known.function_of(site_idx)));
                if self.has_probes && (if is_hot { TURNS } else { 1 }..=TURNS).contains(&turns) {
                    self.wait_by_probe(&[site_idx]);
                }
            }
        }
    }

    /// A probe waits there no longer: it has its turns again.
    pub(crate) fn is_not_cold(&mut self, site_idx: SiteIdx) {
        if !self.known.mark(site_idx).is_alive {
            return self.has_woken(site_idx, true);
        }
        let mark = self.known.mark(site_idx);
        mark.is_probed = false;
        mark.checks_left = 0;
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
        let at = self.known.site(site_idx).address;
        Some(Turn { site_idx, at, patience: patience.clamp(PATIENCE.0, longest), to_hold: true })
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
}
