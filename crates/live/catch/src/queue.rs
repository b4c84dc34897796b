//! Which site is next: reconnaissance of all, in turn; holds chiefly at suspects, and some anywhere.
//!
//! A turn of reconnaissance costs a tenth of a hold. Each function has a turn at one of its sites; where nobody came, the
//! function is cold, and probes wait there; where somebody did, all its sites get turns. Sites that nobody ever reached
//! come back after ever longer times. Functions of dependencies and of the standard library are decoded when
//! their turn comes.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use photofinish_goprocess::{LinkAddr, Process};

use crate::learnt::{Knowledge, SiteIdx};
use crate::sites::OwnFunction;

/// How long a site is reconnoitred, the first time.
const TURN: Duration = Duration::from_millis(2);
/// How often that doubles at most, while nobody comes.
const MOST_DOUBLINGS: u32 = 5;
/// How long a thread is waited for, to be held.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(4), Duration::from_millis(500));
/// How long a thread is held, where the rates say nothing else.
const HOLD: Duration = Duration::from_millis(1);
const SHORTEST_HOLD: Duration = Duration::from_micros(400);
/// One turn in so many is of a site of others.
const OTHERS: u64 = 3;
/// One hold in so many is at any site.
const ANYWHERE: u8 = 4;
/// Sites of others that are known at a time.
const MOST_OTHERS: usize = 20_000;

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
    /// Functions near one that runs.
    was_near: HashSet<usize>,
    /// What a second earns: long holds of rare arrivals cost no more than short ones of frequent ones.
    pub(crate) earned: Duration,
    /// The longest hold.
    pub(crate) longest: Duration,
}

impl Queue {
    pub(crate) fn new(known: Knowledge, only_maps: bool) -> Queue {
        let mut random = fastrand::Rng::new();
        let (mut maps, mut rest) = (VecDeque::new(), VecDeque::new());
        for function in &known.functions {
            let map = function.iter().find(|site_idx| known.site(**site_idx).is_map());
            match (map, random.choice(function)) {
                (Some(site_idx), _) => maps.push_back(*site_idx),
                (None, Some(site_idx)) => rest.push_back(*site_idx),
                (None, None) => {}
            }
        }
        random.shuffle(maps.make_contiguous());
        random.shuffle(rest.make_contiguous());
        maps.append(&mut rest);
        let functions: VecDeque<usize> = (0..known.sites.others.len()).collect();
        Queue {
            known,
            only_maps,
            random,
            turns: [maps, VecDeque::new()],
            cold: Vec::new(),
            has_probes: false,
            functions,
            turn: 0,
            was_near: HashSet::new(),
            earned: HOLD,
            longest: HOLD,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.known.sites.all.is_empty() && self.known.sites.others.is_empty()
    }

    /// The next site to reconnoitre, and for how long.
    pub(crate) fn next_turn(&mut self, process: &Process) -> Option<(SiteIdx, Duration)> {
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
            return Some((site_idx, patience));
        }
        None
    }

    /// A turn of a site is over: its first tells of the whole function.
    pub(crate) fn had_turn(&mut self, site_idx: SiteIdx, arrivals: u64) {
        if self.known.mark(site_idx).turns != 1 {
            return;
        }
        let is_cold = arrivals == 0 && self.has_probes;
        for neighbour in self.known.neighbours(site_idx).to_vec() {
            if is_cold {
                self.known.mark(neighbour).is_probed = true;
                self.cold.push(neighbour);
            } else if neighbour != site_idx && self.known.mark(neighbour).turns == 0 {
                // Later turns of these do not tell of the function again.
                self.known.mark(neighbour).turns = 1;
                let of_others = usize::from(neighbour >= self.known.sites.n_own);
                self.turns[of_others].push_front(neighbour);
            }
        }
    }

    /// A probe waits there no longer: it has its turns again.
    pub(crate) fn is_not_cold(&mut self, site_idx: SiteIdx) {
        let mark = self.known.mark(site_idx);
        mark.is_probed = false;
        mark.turns = mark.turns.max(1);
        let of_others = usize::from(site_idx >= self.known.sites.n_own);
        self.turns[of_others].push_front(site_idx);
    }

    /// Whether a thread is to be held when it arrives at a probe.
    pub(crate) fn is_worth_a_hold(&mut self, site_idx: SiteIdx) -> bool {
        let mark = &self.known.marks[site_idx];
        if self.known.is_worthless(site_idx) {
            return false;
        }
        let is_new = mark.held + mark.rejected < 3;
        is_new
            || self.random.f64()
                < if mark.is_suspect { 16.0 } else { 1.0 } / f64::from(mark.held + 1)
    }

    /// The next site to hold a thread at, and how long to wait for one; `None` while nobody is known to come
    /// anywhere. Patience costs nothing: where the budget `is_scarce`, there is more of it.
    pub(crate) fn next_hold(&mut self, is_scarce: bool) -> Option<(SiteIdx, Duration)> {
        let is_anywhere = self.random.u8(..ANYWHERE) == 0;
        let chosen = if is_anywhere { self.anywhere() } else { self.suspect() };
        let site_idx = chosen.or_else(|| self.anywhere())?;
        let rate = self.known.rate(site_idx).unwrap_or(100.0);
        let patience = Duration::from_secs_f64((3.0 / rate).min(1.0));
        let longest = if is_scarce { PATIENCE.1 } else { PATIENCE.0 * 8 };
        Some((site_idx, patience.clamp(PATIENCE.0, longest)))
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
        let suspects = known.suspects.iter().copied();
        let suspects: Vec<SiteIdx> =
            suspects.filter(|site_idx| known.may_be_held(*site_idx)).collect();
        let promises: Vec<f64> = suspects
            .iter()
            .map(|site_idx| known.promise(*site_idx, self.hold(*site_idx)))
            .collect();
        let mut chosen = self.random.f64() * promises.iter().sum::<f64>();
        for (site_idx, promise) in suspects.iter().zip(&promises) {
            chosen -= promise;
            if chosen <= 0.0 {
                return Some(*site_idx);
            }
        }
        suspects.last().copied()
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

    fn decode_another(&mut self, process: &Process) {
        if self.known.marks.len() > MOST_OTHERS {
            return;
        }
        let Some(function) = self.functions.pop_front() else { return };
        let Some((entry, _)) = self.known.sites.others.get(function).copied() else { return };
        if let Some(function) = self.decode(process, entry)
            && let Some(site_idx) = self.random.choice(&self.known.functions[function])
        {
            self.turns[1].push_front(*site_idx);
        }
    }

    /// Decodes the function at `entry`, which is not of the user's module; its number, if it was not yet.
    fn decode(&mut self, process: &Process, entry: LinkAddr) -> Option<usize> {
        if self.known.by_entry.contains_key(&entry) {
            return None;
        }
        let all = &self.known.sites.others;
        let function = all.iter().find(|(other, _)| *other == entry).copied()?;
        let (found, _) = self.known.sites.decode(process, function, self.only_maps);
        Some(self.known.add(entry, found))
    }

    /// The function at `entry` was seen running: those that it calls, and those of its file, have a turn soon.
    pub(crate) fn is_near(&mut self, entry: LinkAddr) {
        let own = &self.known.sites.own;
        let Some(function) = self.known.by_entry.get(&entry).and_then(|at| own.get(*at)) else {
            return;
        };
        let is_called = |other: &OwnFunction| function.calls.contains(&other.entry);
        let in_file = |other: &OwnFunction| other.file == function.file;
        let all = own.iter().enumerate();
        let mut near: Vec<(bool, usize)> = all
            .filter(|(_, other)| is_called(other) || in_file(other))
            .map(|(at, other)| (is_called(other), at))
            .collect();
        near.sort_unstable();
        for (_, at) in near {
            if !self.was_near.insert(at) {
                continue;
            }
            let sites = &self.known.functions[at];
            let is_new = sites.iter().all(|site_idx| self.known.marks[*site_idx].turns == 0);
            if let Some(site_idx) = self.random.choice(sites).filter(|_| is_new) {
                self.turns[0].push_front(*site_idx);
            }
        }
    }

    /// The function at `entry` was seen running: all its sites get their turns first.
    pub(crate) fn has_run(&mut self, process: &Process, entry: LinkAddr) {
        self.decode(process, entry);
        let Some(function) = self.known.by_entry.get(&entry) else { return };
        for site_idx in self.known.functions.get(*function).cloned().unwrap_or_default() {
            let mark = self.known.mark(site_idx);
            if mark.turns == 0 && !mark.is_probed {
                mark.turns = 1;
                self.turns[0].push_front(site_idx);
            }
        }
    }
}
