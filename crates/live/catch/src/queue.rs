//! Which site is next: quick on the suspects, fair to cold code.
//!
//! A site in the quick place is given up after a few milliseconds: it is one of the calls on maps, or one that
//! was reached before. The patient places walk through everything in random order, and wait the longer
//! the more often a site was waited at in vain. A site that caught a race has said what it knows and is drawn
//! less.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use photofinish_goprocess::{LinkAddr, Process};

use crate::sites::{Site, Sites};

/// How long a site in the quick place is waited at.
const QUICK: Duration = Duration::from_millis(6);
/// How long in a patient place, the first time.
const PATIENT: Duration = Duration::from_millis(16);
/// How often that doubles at most.
const MOST_DOUBLINGS: u32 = 4;
/// How long a thread is held at a site.
const HOLD: Duration = Duration::from_millis(1);
/// It is held longer where that found nothing.
const MOST_HOLD_DOUBLINGS: u32 = 2;

/// A site whose threads touched only their own stacks so often is given up.
const ENOUGH_REJECTED: u32 = 3;

/// Where a site waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Quick,
    Patient,
}

#[derive(Debug)]
pub(crate) struct Queue {
    sites: Sites,
    only_maps: bool,
    random: fastrand::Rng,
    /// The user's accesses and calls on maps, shuffled: indices, maps behind.
    order: Vec<usize>,
    next: usize,
    /// The same for functions of others.
    other_order: Vec<usize>,
    next_other: usize,
    turn: u64,
    known: HashMap<LinkAddr, Known>,
    reached: Vec<Site>,
    unusable: HashSet<LinkAddr>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    missed: u32,
    held: u32,
    caught: u32,
    rejected: u32,
}

impl Queue {
    pub(crate) fn new(sites: Sites, only_maps: bool) -> Queue {
        let mut random = fastrand::Rng::new();
        let mut order: Vec<usize> = (0..sites.own.len() + sites.maps.len()).collect();
        random.shuffle(&mut order);
        let mut other_order: Vec<usize> = (0..sites.others.len()).collect();
        random.shuffle(&mut other_order);
        Queue {
            sites,
            only_maps,
            random,
            order,
            next: 0,
            other_order,
            next_other: 0,
            turn: 0,
            known: HashMap::new(),
            reached: Vec::new(),
            unusable: HashSet::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty() && self.other_order.is_empty()
    }

    /// Sites of the user's module.
    pub(crate) fn n_sites(&self) -> usize {
        self.order.len()
    }

    /// Sites that were waited at, and that were reached.
    pub(crate) fn covered(&self) -> (usize, usize) {
        let reached = self.known.values().filter(|known| known.held > 0).count();
        (self.known.len(), reached)
    }

    /// The next site for `place`, and how long to wait at it.
    pub(crate) fn next(&mut self, process: &Process, place: Place) -> Option<(Site, Duration)> {
        for _ in 0..64 {
            self.turn += 1;
            let site = match place {
                Place::Quick => self.suspect(),
                Place::Patient => self.any(process),
            };
            let Some(site) = site.filter(|site| !self.unusable.contains(&site.address)) else {
                continue;
            };
            let known = *self.known.entry(site.address).or_default();
            if known.caught > 0 && self.random.u32(..1 + 4 * known.caught) != 0 {
                continue;
            }
            let patience = match place {
                Place::Quick => QUICK,
                Place::Patient => PATIENT * (1 << known.missed.min(MOST_DOUBLINGS)),
            };
            return Some((site, patience));
        }
        None
    }

    /// How long to hold a thread there.
    pub(crate) fn hold(&self, site: &Site) -> Duration {
        let held = self.known.get(&site.address).map_or(0, |known| known.held);
        HOLD * (1 << (held / 8).min(MOST_HOLD_DOUBLINGS))
    }

    pub(crate) fn was_missed(&mut self, site: &Site) {
        let known = self.known.entry(site.address).or_default();
        known.missed = known.missed.saturating_add(1);
    }

    pub(crate) fn was_reached(&mut self, site: &Site) {
        let known = self.known.entry(site.address).or_default();
        known.held = known.held.saturating_add(1);
        known.missed = 0;
        if known.held == 1 {
            self.reached.push(site.clone());
        }
    }

    pub(crate) fn has_caught(&mut self, site: &Site) {
        let known = self.known.entry(site.address).or_default();
        known.caught = known.caught.saturating_add(1);
    }

    /// What a thread was about to touch there cannot race: where that is always so, it is not drawn any more.
    pub(crate) fn was_rejected(&mut self, site: &Site) {
        let known = self.known.entry(site.address).or_default();
        known.rejected = known.rejected.saturating_add(1);
        if known.held == 0 && known.rejected >= ENOUGH_REJECTED {
            self.unusable.insert(site.address);
        }
    }

    /// A call on a map, a site that was reached, or any.
    fn suspect(&mut self) -> Option<Site> {
        let n_maps = self.sites.maps.len();
        match self.turn % 3 {
            0 if n_maps > 0 => Some(self.sites.maps[self.random.usize(..n_maps)].clone()),
            1 if !self.reached.is_empty() => {
                Some(self.reached[self.random.usize(..self.reached.len())].clone())
            }
            _ => self.own(),
        }
    }

    fn any(&mut self, process: &Process) -> Option<Site> {
        if self.order.is_empty() || (self.turn.is_multiple_of(4) && !self.other_order.is_empty()) {
            let function = *self.other_order.get(self.next_other)?;
            self.next_other = (self.next_other + 1) % self.other_order.len();
            let function = *self.sites.others.get(function)?;
            return self.sites.draw(process, function, self.only_maps, &mut self.random);
        }
        self.own()
    }

    fn own(&mut self) -> Option<Site> {
        let site_idx = *self.order.get(self.next)?;
        self.next = (self.next + 1) % self.order.len();
        let n_own = self.sites.own.len();
        match site_idx.checked_sub(n_own) {
            Some(map_idx) => self.sites.maps.get(map_idx).cloned(),
            None => self.sites.own.get(site_idx).cloned(),
        }
    }
}
