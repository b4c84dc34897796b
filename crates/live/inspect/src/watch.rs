//! One look after another: what is new, what is gone, what does something else now, and how long it waits.
//!
//! The runtime notes since when a goroutine waits only when a garbage collection meets it. We were there: one that
//! stands as it did in an earlier look has waited at least since then.
//!
//! Start at [`Watch::next`].

use std::collections::HashMap;
use std::time::Instant;

use photofinish_goprocess::Goroutine;

use crate::{GroupBy, Look, group};

/// What was known after the last look.
#[derive(Debug)]
pub struct Watch {
    by: GroupBy,
    known: HashMap<u64, Known>,
    counts: HashMap<String, usize>,
    is_first: bool,
}

/// A goroutine, as it was when it was first seen so.
#[derive(Debug)]
struct Known {
    seen: Goroutine,
    since: Instant,
    key: String,
}

/// What changed between two looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Goroutines that were not there before.
    pub new: Vec<u64>,
    /// Goroutines that are not there any more.
    pub gone: Vec<u64>,
    /// Goroutines that are in another group now.
    pub moved: Vec<u64>,
    /// The groups that grew or shrank, the one that changed most first.
    pub groups: Vec<GroupChange>,
}

/// How a group changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupChange {
    /// What its goroutines have in common, in words.
    pub key: String,
    /// How many were in it.
    pub before: usize,
    /// How many are.
    pub now: usize,
}

impl GroupChange {
    fn size(&self) -> usize {
        self.now.abs_diff(self.before)
    }
}

impl Watch {
    /// Watches goroutines in groups of `by`.
    pub fn new(by: GroupBy) -> Watch {
        Watch { by, known: HashMap::new(), counts: HashMap::new(), is_first: true }
    }

    /// Compares `look`, taken at `now`, with the one before, and tells its goroutines how long they have waited. The
    /// first look changes nothing.
    pub fn next(&mut self, look: &mut Look, now: Instant) -> Changes {
        let all: Vec<&Goroutine> = look.goroutines.iter().collect();
        let groups = group(look, &all, &self.by);
        let counts: HashMap<String, usize> =
            groups.iter().map(|group| (group.key.clone(), group.members.len())).collect();
        let keys =
            groups.iter().flat_map(|group| group.members.iter().map(|one| (one.id, &group.key)));
        let keys: HashMap<u64, &String> = keys.collect();
        let mut changes = Changes::default();
        let mut known = HashMap::with_capacity(look.goroutines.len());
        let mut waited = HashMap::new();
        for goroutine in &look.goroutines {
            let key = keys.get(&goroutine.id).map(|key| (*key).clone()).unwrap_or_default();
            let before = self.known.remove(&goroutine.id);
            match &before {
                None => changes.new.push(goroutine.id),
                Some(before) if before.key != key => changes.moved.push(goroutine.id),
                Some(_) => {}
            }
            let stands = before.filter(|before| {
                goroutine.settled && before.seen.settled && goroutine.stands_as(&before.seen)
            });
            let since = stands.map_or(now, |before| before.since);
            waited.insert(goroutine.id, now.saturating_duration_since(since));
            known.insert(goroutine.id, Known { seen: goroutine.clone(), since, key });
        }
        changes.gone = self.known.keys().copied().collect();
        changes.gone.sort_unstable();
        let mut all_keys: Vec<&String> = counts.keys().chain(self.counts.keys()).collect();
        all_keys.sort_unstable();
        all_keys.dedup();
        let count =
            |counts: &HashMap<String, usize>, key: &String| counts.get(key).copied().unwrap_or(0);
        changes.groups = all_keys
            .into_iter()
            .map(|key| GroupChange {
                key: key.clone(),
                before: count(&self.counts, key),
                now: count(&counts, key),
            })
            .filter(|change| change.before != change.now)
            .collect();
        changes.groups.sort_by_key(|change| std::cmp::Reverse(change.size()));
        (self.known, self.counts) = (known, counts);
        for goroutine in look.goroutines.iter_mut().filter(|goroutine| goroutine.is_blocked()) {
            let seen = waited
                .get(&goroutine.id)
                .map_or(0, |waited| u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX));
            if seen > 0 {
                let noted = goroutine.waited_at_least.unwrap_or(0);
                goroutine.waited_at_least = Some(noted.max(seen));
            }
        }
        if std::mem::take(&mut self.is_first) { Changes::default() } else { changes }
    }
}

impl Changes {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.new.is_empty() && self.gone.is_empty() && self.moved.is_empty()
    }
}
