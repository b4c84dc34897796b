//! Goroutines that wait for each other in a ring.
//!
//! An edge leads from a goroutine to each that may hold the lock it waits for. A ring of edges is a deadlock if
//! the holders are right; it is as sure as its weakest edge. The shortest ring is told of each tangle.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use photofinish_goprocess::{Process, RuntimeAddr};

use crate::Look;
use crate::holders::{Evidence, Holders, waited_lock};

/// One goroutine of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// It waits.
    pub goroutine: u64,
    /// For this lock.
    pub waits_for: RuntimeAddr,
    /// Which this one holds: the next of the ring.
    pub held_by: u64,
    /// As far as can be told.
    pub evidence: Evidence,
}

/// The rings in `look`, each beginning with its lowest number.
pub(crate) fn cycles(process: &Process, look: &Look) -> Vec<Vec<Link>> {
    let holders = Holders::find(process, look);
    let mut edges: BTreeMap<u64, Vec<Link>> = BTreeMap::new();
    for goroutine in &look.goroutines {
        let Some(lock) = waited_lock(goroutine) else { continue };
        let link = |(holder, evidence): &(u64, Evidence)| Link {
            goroutine: goroutine.id,
            waits_for: lock,
            held_by: *holder,
            evidence: *evidence,
        };
        edges.insert(goroutine.id, holders.of(lock).iter().map(link).collect());
    }
    rings(&edges)
}

/// The shortest ring through each goroutine, in order of numbers; goroutines of a ring that was told begin
/// no other. The likelier of two as short.
fn rings(edges: &BTreeMap<u64, Vec<Link>>) -> Vec<Vec<Link>> {
    let mut told: BTreeSet<u64> = BTreeSet::new();
    let mut rings = Vec::new();
    for least in [Evidence::Proved, Evidence::Likely, Evidence::Possible] {
        for start in edges.keys() {
            if told.contains(start) {
                continue;
            }
            if let Some(ring) = ring_from(*start, edges, least) {
                // One that leads into a ring told already adds nothing.
                if ring.iter().all(|link| !told.contains(&link.goroutine)) {
                    told.extend(ring.iter().map(|link| link.goroutine));
                    rings.push(ring);
                }
            }
        }
    }
    rings
}

/// The shortest way from `start` back to it, breadth first.
fn ring_from(start: u64, edges: &BTreeMap<u64, Vec<Link>>, least: Evidence) -> Option<Vec<Link>> {
    let mut came_by: BTreeMap<u64, Link> = BTreeMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(at) = open.pop_front() {
        for link in edges.get(&at).into_iter().flatten().filter(|link| link.evidence >= least) {
            if link.held_by == start {
                let mut ring = vec![*link];
                let mut back = at;
                while let Some(link) = came_by.get(&back) {
                    ring.push(*link);
                    back = link.goroutine;
                }
                ring.reverse();
                return Some(ring);
            }
            if !came_by.contains_key(&link.held_by) && edges.contains_key(&link.held_by) {
                came_by.insert(link.held_by, *link);
                open.push_back(link.held_by);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(links: &[(u64, u64, Evidence)]) -> BTreeMap<u64, Vec<Link>> {
        let mut edges: BTreeMap<u64, Vec<Link>> = BTreeMap::new();
        for (goroutine, held_by, evidence) in links.iter().copied() {
            let waits_for = RuntimeAddr(held_by);
            edges.entry(goroutine).or_default().push(Link {
                goroutine,
                waits_for,
                held_by,
                evidence,
            });
        }
        edges
    }

    fn members(links: &[(u64, u64, Evidence)]) -> Vec<Vec<u64>> {
        let ring = |ring: Vec<Link>| ring.iter().map(|link| link.goroutine).collect();
        rings(&edges(links)).into_iter().map(ring).collect()
    }

    #[test]
    fn a_ring_is_told_once_and_those_behind_it_are_not_in_it() {
        use Evidence::Likely;
        let links =
            [(5, 7, Likely), (7, 9, Likely), (9, 5, Likely), (3, 5, Likely), (4, 99, Likely)];
        assert_eq!(members(&links), [[5, 7, 9]]);
        assert!(members(&[(3, 5, Likely), (5, 6, Likely)]).is_empty());
    }

    #[test]
    fn the_likelier_ring_is_told_and_the_shorter_of_two_as_likely() {
        use Evidence::{Likely, Possible};
        let links = [
            (1, 2, Possible),
            (2, 1, Possible),
            (2, 3, Likely),
            (3, 2, Likely),
            (3, 4, Likely),
            (4, 2, Likely),
        ];
        assert_eq!(members(&links), [[2, 3]]);
    }
}
