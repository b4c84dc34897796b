//! Which site is next: reconnaissance of all, in turn; holds chiefly at suspects, and some anywhere.
//!
//! A turn of reconnaissance costs a tenth of a hold. Sites that nobody ever reached come back after ever
//! longer times; calls on maps come first. Functions of dependencies and of the standard library are
//! decoded when their turn comes.

use std::collections::VecDeque;
use std::time::Duration;

use photofinish_goprocess::Process;

use crate::learnt::{Knowledge, SiteIdx};

/// How long a site is reconnoitred, the first time.
const TURN: Duration = Duration::from_millis(2);
/// How often that doubles at most, while nobody comes.
const MOST_DOUBLINGS: u32 = 5;
/// How long a thread is waited for, to be held.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(4), Duration::from_millis(100));
/// How long a thread is held, where the rates say nothing else.
const HOLD: Duration = Duration::from_millis(1);
const SHORTEST_HOLD: Duration = Duration::from_micros(400);
/// One turn in so many is of a site of others.
const OTHERS: u64 = 5;
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
    /// Of functions not decoded yet.
    functions: VecDeque<usize>,
    turn: u64,
    /// What a second earns: long holds of rare arrivals cost no more than short ones of frequent ones.
    pub(crate) earned: Duration,
    /// The longest hold.
    pub(crate) longest: Duration,
}

impl Queue {
    pub(crate) fn new(known: Knowledge, only_maps: bool) -> Queue {
        let mut random = fastrand::Rng::new();
        let mut maps: Vec<SiteIdx> = Vec::new();
        let mut rest: Vec<SiteIdx> = Vec::new();
        for (site_idx, site) in known.sites.all.iter().enumerate() {
            if site.is_map() { maps.push(site_idx) } else { rest.push(site_idx) }
        }
        random.shuffle(&mut maps);
        random.shuffle(&mut rest);
        let mut functions: Vec<usize> = (0..known.sites.others.len()).collect();
        random.shuffle(&mut functions);
        Queue {
            known,
            only_maps,
            random,
            turns: [maps.into_iter().chain(rest).collect(), VecDeque::new()],
            functions: functions.into(),
            turn: 0,
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
        if of_others && self.turn.is_multiple_of(2 * OTHERS) || self.turns[1].len() < 64 {
            self.decode_another(process);
        }
        let turns = &mut self.turns[usize::from(of_others)];
        for _ in 0..turns.len().min(64) {
            let site_idx = turns.pop_front()?;
            if self.known.is_worthless(site_idx) {
                continue;
            }
            turns.push_back(site_idx);
            let mark = self.known.mark(site_idx);
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

    /// The next site to hold a thread at, and how long to wait for one.
    pub(crate) fn next_hold(&mut self) -> Option<(SiteIdx, Duration)> {
        let is_anywhere = self.random.u8(..ANYWHERE) == 0;
        let site_idx = if is_anywhere { self.anywhere() } else { self.suspect() }?;
        let patience = match self.known.rate(site_idx) {
            Some(rate) => Duration::from_secs_f64((3.0 / rate).min(1.0)),
            None => PATIENCE.0 * 4,
        };
        Some((site_idx, patience.clamp(PATIENCE.0, PATIENCE.1)))
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
        let promises: Vec<f64> = known
            .suspects
            .iter()
            .map(|site_idx| known.promise(*site_idx, self.hold(*site_idx)))
            .collect();
        let mut chosen = self.random.f64() * promises.iter().sum::<f64>();
        for (site_idx, promise) in known.suspects.iter().zip(&promises) {
            chosen -= promise;
            if chosen <= 0.0 {
                return Some(*site_idx);
            }
        }
        known.suspects.last().copied()
    }

    /// Any site that somebody reached, or that nobody looked at yet.
    fn anywhere(&mut self) -> Option<SiteIdx> {
        for _ in 0..16 {
            let site_idx = self.random.usize(..self.known.marks.len().max(1));
            let mark = self.known.marks.get(site_idx)?;
            if mark.in_vain == 0 && mark.caught == 0 && !self.known.is_worthless(site_idx) {
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
        let Some(function) = self.known.sites.others.get(function).copied() else { return };
        let found = self.known.sites.decode(process, function, self.only_maps);
        let mut found = self.known.add(found);
        self.random.shuffle(&mut found);
        for site_idx in found {
            self.turns[1].push_front(site_idx);
        }
    }
}
