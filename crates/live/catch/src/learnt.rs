//! What was learnt of a process: how often each site is reached, who shares what it touches, what holding
//! there found. It survives from one look to the next.
//!
//! A note (an arrival that went on) tells the goroutine and the address. An address that two goroutines
//! touch makes its sites partners, and each of them a suspect if one of the two writes.
//! How likely a hold hits is the partners' rate times its length; how often it should have
//! hit and did not says that the accesses are ordered after all, and the suspicion fades.

use std::collections::HashMap;
use std::time::Duration;

use photofinish_goprocess::LinkAddr;

use crate::calls::Calls;
use crate::sites::{Site, SiteKind, Sites};

/// What [`catch_on`](crate::catch_on) learnt of a process, to be given to it when it looks again: it need not
/// begin from nothing then. Of another process, or before the first look, it is empty.
#[derive(Debug, Default)]
pub struct Learnt {
    pub(crate) known: Option<(Subject, Knowledge)>,
}

/// What was learnt is of this process, looked at in this way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) pid: u32,
    pub(crate) code: std::path::PathBuf,
    pub(crate) only_maps: bool,
    pub(crate) focus: Option<String>,
}

/// The number of a site.
pub(crate) type SiteIdx = usize;

#[derive(Debug)]
pub(crate) struct Knowledge {
    pub(crate) sites: Sites,
    pub(crate) marks: Vec<Mark>,
    pub(crate) by_address: HashMap<LinkAddr, Vec<SiteIdx>>,
    /// The sites of each function, and of each site the function.
    pub(crate) functions: Vec<Vec<SiteIdx>>,
    /// Functions by where they begin, and where each does.
    by_entry: HashMap<LinkAddr, usize>,
    entries: Vec<LinkAddr>,
    /// Who calls whom in the user's module.
    pub(crate) calls: Calls,
    function_of: Vec<usize>,
    /// By eight bytes, or by map.
    places: HashMap<u64, Shared>,
    pub(crate) suspects: Vec<SiteIdx>,
    /// Sites where somebody arrived.
    pub(crate) reached: Vec<SiteIdx>,
    n_visited: usize,
}

/// What is known of a site.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mark {
    /// How often it was reconnoitred, and how often a turn saw nobody.
    pub(crate) turns: u32,
    pub(crate) in_vain: u32,
    arrivals: f64,
    waited: f64,
    is_visited: bool,
    /// A probe waits there, or is to.
    pub(crate) is_probed: bool,
    /// Places to be waited at before its probes go there; and none is left.
    pub(crate) checks_left: usize,
    pub(crate) is_landing_cold: bool,
    /// How many places it touched.
    n_places: u32,
    partners: Vec<SiteIdx>,
    pub(crate) is_suspect: bool,
    /// Its function runs, as far as is known.
    pub(crate) is_alive: bool,
    /// As far as a probe at its function's beginning told.
    pub(crate) runs_seldom: bool,
    pub(crate) held: u32,
    pub(crate) caught: u32,
    /// What it touched was nobody else's.
    pub(crate) rejected: u32,
    /// Hits that holding here would have had by now, had nothing kept the others away.
    expected: f64,
}

#[derive(Clone, Debug, Default)]
struct Shared {
    goroutines: Vec<u64>,
    sites: Vec<SiteIdx>,
}

/// Places remembered.
const MOST_PLACES: usize = 1 << 14;
/// Goroutines and sites remembered of one.
const MOST_GOROUTINES: usize = 3;
const MOST_SITES: usize = 8;
/// A site whose threads touched only what is their own so often is given up.
const ENOUGH_REJECTED: u32 = 6;
/// A site that touched so many places, each of them another goroutine's, is not known to share any.
const NOTED: u32 = 3;
/// The least that a suspicion is worth.
const LEAST: f64 = 0.02;
const LEAST_OF_MAPS: f64 = 0.2;

impl Knowledge {
    pub(crate) fn new(sites: Sites) -> Knowledge {
        let marks = vec![Mark::default(); sites.all.len()];
        let mut by_address: HashMap<LinkAddr, Vec<SiteIdx>> = HashMap::new();
        for (site_idx, site) in sites.all.iter().enumerate() {
            by_address.entry(site.address).or_default().push(site_idx);
        }
        let (mut functions, mut function_of, mut first) = (Vec::new(), Vec::new(), 0);
        let (mut by_entry, mut entries) = (HashMap::new(), Vec::new());
        for (entry, size) in &sites.sizes {
            by_entry.insert(*entry, functions.len());
            entries.push(*entry);
            function_of.resize(first + size, functions.len());
            functions.push((first..first + size).collect());
            first += size;
        }
        let mut known = Knowledge {
            calls: Calls::new(&entries, &sites.calls),
            sites,
            marks,
            by_address,
            functions,
            by_entry,
            entries,
            function_of,
            places: HashMap::new(),
            suspects: Vec::new(),
            reached: Vec::new(),
            n_visited: 0,
        };
        known.suspect_globals();
        known.suspect_maps();
        known
    }

    /// Maps of the user's module are suspects from the beginning: they are few, and racing on them ends the
    /// process.
    fn suspect_maps(&mut self) {
        for site_idx in 0..self.sites.n_own {
            if self.sites.all[site_idx].is_map() && !self.marks[site_idx].is_suspect {
                self.marks[site_idx].is_suspect = true;
                self.suspects.push(site_idx);
            }
        }
    }

    /// Variables that the code names itself: who writes one and who else touches it are partners from the
    /// beginning.
    fn suspect_globals(&mut self) {
        let mut by_global: HashMap<u64, Vec<SiteIdx>> = HashMap::new();
        for (site_idx, site) in self.sites.all.iter().enumerate() {
            if let Some(global) = site.global() {
                by_global.entry(global).or_default().push(site_idx);
            }
        }
        for sites in by_global.into_values().filter(|sites| sites.len() > 1) {
            for one in &sites {
                for other in sites.iter().filter(|other| *other != one) {
                    self.make_partners(*one, *other);
                }
            }
        }
    }

    /// Sites found later, of one function; its number.
    pub(crate) fn add(&mut self, entry: LinkAddr, found: Vec<Site>) -> usize {
        self.by_entry.insert(entry, self.functions.len());
        self.entries.push(entry);
        let mut numbers = Vec::new();
        for site in found {
            let known = self.by_address.entry(site.address).or_default();
            let is_known = known.iter().any(|site_idx| self.sites.all[*site_idx] == site);
            if !is_known {
                known.push(self.sites.all.len());
                numbers.push(self.sites.all.len());
                self.sites.all.push(site);
                self.marks.push(Mark::default());
                self.function_of.push(self.functions.len());
            }
        }
        self.functions.push(numbers);
        self.functions.len() - 1
    }

    /// The number of the function that begins at `entry`, once it is decoded.
    pub(crate) fn function_at(&self, entry: LinkAddr) -> Option<usize> {
        self.by_entry.get(&entry).copied()
    }

    /// The number of the function that has this site.
    pub(crate) fn function_of(&self, site_idx: SiteIdx) -> usize {
        self.function_of[site_idx]
    }

    /// The sites of the function that has this site.
    pub(crate) fn neighbours(&self, site_idx: SiteIdx) -> &[SiteIdx] {
        let function = self.function_of.get(site_idx).and_then(|at| self.functions.get(*at));
        function.map_or(&[], Vec::as_slice)
    }

    /// Where a function begins.
    pub(crate) fn entry(&self, function: usize) -> LinkAddr {
        self.entries[function]
    }

    /// Where a turn of the site waits: of a function that nobody was seen in yet, where it begins.
    pub(crate) fn asked_at(&self, site_idx: SiteIdx) -> LinkAddr {
        if self.marks[site_idx].is_alive {
            return self.site(site_idx).address;
        }
        self.entries[self.function_of[site_idx]]
    }

    pub(crate) fn site(&self, site_idx: SiteIdx) -> &Site {
        &self.sites.all[site_idx]
    }

    pub(crate) fn mark(&mut self, site_idx: SiteIdx) -> &mut Mark {
        &mut self.marks[site_idx]
    }

    /// Whether waiting there is a waste of time.
    pub(crate) fn is_worthless(&self, site_idx: SiteIdx) -> bool {
        let mark = &self.marks[site_idx];
        mark.rejected >= ENOUGH_REJECTED && mark.n_places == 0
    }

    /// In `waited` so many threads arrived.
    pub(crate) fn has_counted(&mut self, site_idx: SiteIdx, arrivals: u64, waited: Duration) {
        let mark = &mut self.marks[site_idx];
        if mark.arrivals == 0.0 && arrivals > 0 {
            self.reached.push(site_idx);
        }
        mark.arrivals += arrivals as f64;
        mark.waited += waited.as_secs_f64();
    }

    /// Whether the places are to wait there for somebody to hold: it was reached, and no probe waits there.
    pub(crate) fn may_be_held(&self, site_idx: SiteIdx) -> bool {
        let mark = &self.marks[site_idx];
        mark.arrivals > 0.0 && !mark.is_probed && !self.is_worthless(site_idx)
    }

    /// Arrivals per second, as far as known.
    pub(crate) fn rate(&self, site_idx: SiteIdx) -> Option<f64> {
        let mark = &self.marks[site_idx];
        (mark.waited > 0.0 && (mark.arrivals > 0.0 || mark.waited > 0.05))
            .then(|| mark.arrivals.max(0.3) / mark.waited)
    }

    /// Goroutine `goroutine` was about to touch `address` at a site.
    pub(crate) fn has_noted(&mut self, site_idx: SiteIdx, address: u64, goroutine: u64) {
        let is_map = matches!(self.sites.all[site_idx].kind, SiteKind::Map { .. });
        let key = if is_map { address | 1 << 63 } else { address >> 3 };
        if self.places.len() >= MOST_PLACES && !self.places.contains_key(&key) {
            self.places.retain(|_, shared| shared.goroutines.len() > 1);
            if self.places.len() >= MOST_PLACES / 2 {
                self.places.clear();
            }
        }
        let shared = self.places.entry(key).or_default();
        if !shared.goroutines.contains(&goroutine) && shared.goroutines.len() < MOST_GOROUTINES {
            shared.goroutines.push(goroutine);
        }
        if !shared.sites.contains(&site_idx) {
            self.marks[site_idx].n_places = self.marks[site_idx].n_places.saturating_add(1);
            if shared.sites.len() < MOST_SITES {
                shared.sites.push(site_idx);
            }
        }
        if shared.goroutines.len() > 1 {
            let sites = shared.sites.clone();
            for one in &sites {
                for other in &sites {
                    self.make_partners(*one, *other);
                }
            }
        }
    }

    /// Both may touch one place, from two goroutines.
    pub(crate) fn make_partners(&mut self, one: SiteIdx, other: SiteIdx) {
        if !self.conflict(one, other) {
            return;
        }
        let mark = &mut self.marks[one];
        if !mark.partners.contains(&other) && mark.partners.len() < MOST_SITES {
            mark.partners.push(other);
        }
        if !mark.is_suspect {
            mark.is_suspect = true;
            self.suspects.push(one);
        }
    }

    fn conflict(&self, one: SiteIdx, other: SiteIdx) -> bool {
        self.site(one).writes() || self.site(other).writes()
    }

    /// How often per second another goroutine does what conflicts with the site, by what was seen.
    pub(crate) fn rate_of_others(&self, site_idx: SiteIdx) -> f64 {
        let of = |partner: &SiteIdx| {
            let share = f64::from(self.marks[*partner].n_places.max(1));
            let rate = self.rate(*partner).unwrap_or(20.0) / share;
            if *partner == site_idx { rate / 2.0 } else { rate }
        };
        self.marks[site_idx].partners.iter().map(of).sum()
    }

    /// A thread was held there for `length`, and nobody else came.
    pub(crate) fn has_held(&mut self, site_idx: SiteIdx, length: Duration) {
        let expected = self.rate_of_others(site_idx) * length.as_secs_f64();
        let mark = &mut self.marks[site_idx];
        mark.held = mark.held.saturating_add(1);
        mark.expected += expected.clamp(2.0 * LEAST, 2.0);
    }

    /// What a hold of `length` there promises.
    pub(crate) fn promise(&self, site_idx: SiteIdx, length: Duration) -> f64 {
        let mark = &self.marks[site_idx];
        let hit = 1.0 - (-self.rate_of_others(site_idx) * length.as_secs_f64()).exp();
        // A site that is never reached cannot be held at: it is waited for by other means.
        if mark.is_probed {
            return 0.0;
        }
        let reach = self.rate(site_idx).map_or(0.5, |rate| (rate / 20.0).min(1.0));
        let caught = 1.0 + 8.0 * f64::from(mark.caught);
        // A map that each goroutine makes for itself is no likelier to be shared than anything else.
        let is_own = mark.n_places >= NOTED && mark.partners.is_empty();
        let least = if self.site(site_idx).is_map() && !is_own { LEAST_OF_MAPS } else { LEAST };
        (hit + least) * (reach + LEAST) / ((1.0 + mark.expected) * caught)
    }

    /// Sites waited at, and reached.
    pub(crate) fn covered(&self) -> (usize, usize) {
        (self.n_visited, self.reached.len())
    }

    /// A site is waited at.
    pub(crate) fn has_visited(&mut self, site_idx: SiteIdx) {
        let mark = &mut self.marks[site_idx];
        self.n_visited += usize::from(!std::mem::replace(&mut mark.is_visited, true));
    }
}
