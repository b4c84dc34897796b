//! Goroutines that wait for what will not happen, put together by where they come from.

use std::collections::{BTreeMap, HashMap, HashSet};

use photofinish_goprocess::{Goroutine, Mark, NoHeap, Process, RuntimeAddr, Status};
use photofinish_model::Frame;

use crate::Look;
use crate::holders::Evidence;

/// Goroutines that wait alike and were created at one place.
#[derive(Clone, Debug, PartialEq)]
pub struct Leak {
    /// How many there are.
    pub count: usize,
    /// The lowest numbers among them.
    pub goroutines: Vec<u64>,
    /// Why they wait.
    pub wait_reason: String,
    /// The channel or lock, if it is the same for all.
    pub waiting_for: Option<RuntimeAddr>,
    /// The user's innermost function.
    pub function: String,
    /// The `go` statement.
    pub created_at: Option<Frame>,
    /// How sure it is.
    pub evidence: Evidence,
}

/// Numbers of goroutines that are told of each leak.
const TOLD: usize = 5;

/// What it says about leaks that cannot be told otherwise.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stuck {
    /// Found unreachable each time.
    pub(crate) unreachable: HashSet<u64>,
    /// Why that was not looked at.
    pub(crate) not_looked: Option<NoHeap>,
}

/// The goroutines that nobody can reach, in both looks.
pub(crate) fn stuck(process: &Process, first: &Look, second: &Look) -> Stuck {
    let before = match process.unreachable(&first.goroutines) {
        Ok(found) if found.is_empty() => return Stuck::default(),
        Ok(found) => found,
        Err(why) => return Stuck { not_looked: Some(why), ..Stuck::default() },
    };
    match process.unreachable(&second.goroutines) {
        Ok(after) => {
            let found = before.intersection(&after).copied().collect();
            Stuck { unreachable: still(process, found, first, second), not_looked: None }
        }
        Err(why) => Stuck { not_looked: Some(why), ..Stuck::default() },
    }
}

/// Those of `found` that did not move from the first look until now. The heap is followed while the process changes it,
/// so of one that goes on nothing is believed.
fn still(process: &Process, found: HashSet<u64>, first: &Look, second: &Look) -> HashSet<u64> {
    if found.is_empty() {
        return found;
    }
    let Ok(now) = process.snapshot() else { return HashSet::new() };
    let marks = |goroutines: &[Goroutine]| -> HashMap<u64, Mark> {
        let wanted = goroutines.iter().filter(|one| one.settled && found.contains(&one.id));
        wanted.map(|one| (one.id, one.mark)).collect()
    };
    let (first, second) = (marks(&first.goroutines), marks(&second.goroutines));
    let now = marks(&now.goroutines);
    let stood = |id: &u64| match (first.get(id), second.get(id), now.get(id)) {
        (Some(first), Some(second), Some(now)) => first == second && second == now,
        _ => false,
    };
    found.iter().filter(|id| stood(id)).copied().collect()
}

/// What goroutines of one leak have in common: state, function, place of creation.
type Alike = (String, String, Option<(String, Option<u32>)>);

/// The leaks in `look`, the largest first.
pub(crate) fn leaks(look: &Look, stuck: &Stuck) -> Vec<Leak> {
    let mut groups: BTreeMap<Alike, Vec<&Goroutine>> = BTreeMap::new();
    let mut surest: BTreeMap<u64, Evidence> = BTreeMap::new();
    for goroutine in look.goroutines.iter().filter(|goroutine| !look.is_system(goroutine)) {
        let Some(evidence) = evidence(goroutine, stuck) else { continue };
        surest.insert(goroutine.id, evidence);
        let function = look.user_frame(goroutine).map(|frame| frame.function.clone());
        let creator = look
            .creator(goroutine)
            .map(|creator| (creator.frame.function.clone(), creator.frame.line));
        let key = (look.state(goroutine).to_owned(), function.unwrap_or_default(), creator);
        groups.entry(key).or_default().push(goroutine);
    }
    let mut leaks: Vec<Leak> = groups
        .into_iter()
        .filter_map(|((wait_reason, function, _), members)| {
            let first = *members.first()?;
            let only = |goroutine: &Goroutine| match goroutine.waits[..] {
                [wait] => Some(wait.address),
                _ => None,
            };
            let shared = only(first).filter(|at| members.iter().all(|one| only(one) == Some(*at)));
            let of = |one: &&Goroutine| surest.get(&one.id).copied();
            Some(Leak {
                count: members.len(),
                goroutines: members.iter().take(TOLD).map(|one| one.id).collect(),
                wait_reason,
                waiting_for: shared,
                function,
                created_at: look.creator(first).map(|creator| creator.frame.clone()),
                evidence: members.iter().filter_map(of).min()?,
            })
        })
        .collect();
    leaks.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.function.cmp(&b.function)));
    leaks
}

/// How sure it is that a goroutine will wait for ever; `None` if nothing says so. Nothing ends a wait on a
/// nil channel; `select {}` is often meant.
fn evidence(goroutine: &Goroutine, stuck: &Stuck) -> Option<Evidence> {
    if goroutine.status == Status::Leaked {
        return Some(Evidence::Proved);
    }
    match goroutine.wait_reason.as_deref() {
        Some("chan receive (nil chan)" | "chan send (nil chan)") => Some(Evidence::Proved),
        // The main goroutine of a server often ends so.
        Some("select (no cases)") if goroutine.id != 1 => Some(Evidence::Proved),
        _ => stuck.unreachable.contains(&goroutine.id).then_some(Evidence::Likely),
    }
}
