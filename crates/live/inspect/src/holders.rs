//! Who holds a lock. Go does not record it, so it is inferred, and the evidence is said.
//!
//! A goroutine may hold a mutex if one of its frames is in a function that locks mutexes, and the mutex, or
//! the object that it is a part of, is among the words of that frame (or the function's code names it, if it is a global).
//! If the frame has passed a `Lock` by its line, and no `Unlock` since, that is likely; else it is
//! possible. Deferred calls of `Unlock` do not count as passed; but where such a call waits to be made, and it is of this very
//! lock, which is locked, the frame holds it: that is proof. An `RWMutex` may have several holders, its readers.
//!
//! Start at [`Holders::find`].

use std::collections::{BTreeSet, HashMap};

use photofinish_goprocess::{
    Goroutine, LinkAddr, Pc, PcKind, Process, RuntimeAddr, Thing, Wait, WaitOn,
};

use crate::Look;
use crate::deferred::PutOff;

/// How sure it is that a goroutine holds a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evidence {
    /// A frame that may have locked something has the lock at hand.
    Possible,
    /// It has passed a `Lock`, no `Unlock`, and has the lock at hand.
    Likely,
    /// It cannot be otherwise.
    Proved,
}

impl Evidence {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Evidence::Possible => "possible",
            Evidence::Likely => "likely",
            Evidence::Proved => "proved",
        }
    }
}

const LOCKS: &[&str] = &[
    "sync.(*Mutex).Lock",
    "sync.(*Mutex).lockSlow",
    "internal/sync.(*Mutex).Lock",
    "internal/sync.(*Mutex).lockSlow",
    "sync.(*RWMutex).Lock",
    "sync.(*RWMutex).RLock",
    "sync.runtime_SemacquireRWMutexR",
];
const UNLOCKS: &[&str] = &[
    "sync.(*Mutex).Unlock",
    "sync.(*Mutex).unlockSlow",
    "internal/sync.(*Mutex).Unlock",
    "internal/sync.(*Mutex).unlockSlow",
    "sync.(*RWMutex).Unlock",
    "sync.(*RWMutex).RUnlock",
    "sync.(*RWMutex).rUnlockSlow",
];

/// The call that a reader puts off.
const READER_UNLOCK: &str = "sync.(*RWMutex).RUnlock";

/// What a function does with mutexes.
#[derive(Debug, Default)]
struct Locking {
    /// Lines of calls, as its own code has them.
    locks: BTreeSet<u32>,
    unlocks: BTreeSet<u32>,
    /// Variables that its code names.
    globals: Vec<RuntimeAddr>,
}

/// Somebody who may hold a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The goroutine.
    pub goroutine: u64,
    /// How sure that is.
    pub evidence: Evidence,
}

/// Who may hold the locks that `goroutine` waits for, by lock, the likeliest first.
pub(crate) fn holders_for(
    process: &Process,
    look: &Look,
    goroutine: &Goroutine,
) -> Vec<(RuntimeAddr, Vec<Holder>)> {
    let locks: BTreeSet<RuntimeAddr> = waited_lock(goroutine).into_iter().collect();
    let holders = Holders::find_of(process, look, &locks);
    let holder = |(goroutine, evidence): &(u64, Evidence)| Holder {
        goroutine: *goroutine,
        evidence: *evidence,
    };
    locks.iter().map(|lock| (*lock, holders.of(*lock).iter().map(holder).collect())).collect()
}

/// The holders of locks, by lock.
#[derive(Debug, Default)]
pub(crate) struct Holders {
    functions: HashMap<LinkAddr, Locking>,
    found: HashMap<RuntimeAddr, Vec<(u64, Evidence)>>,
    /// Those who have put off a reader's unlock.
    readers: BTreeSet<u64>,
}

impl Holders {
    /// Looks for the holders of all locks that somebody waits for.
    pub(crate) fn find(process: &Process, look: &Look) -> Holders {
        let locks: BTreeSet<RuntimeAddr> = look.goroutines.iter().filter_map(waited_lock).collect();
        Holders::find_of(process, look, &locks)
    }

    /// Looks for the holders of `locks`.
    fn find_of(process: &Process, look: &Look, locks: &BTreeSet<RuntimeAddr>) -> Holders {
        let mut holders = Holders::default();
        if !locks.is_empty() {
            let locks = Locks::new(process, locks);
            for goroutine in &look.goroutines {
                holders.look_at(process, look, goroutine, &locks);
            }
        }
        for found in holders.found.values_mut() {
            settle(found, &holders.readers);
        }
        holders
    }

    /// Who may hold the lock at `lock`, the likeliest first.
    pub(crate) fn of(&self, lock: RuntimeAddr) -> &[(u64, Evidence)] {
        self.found.get(&lock).map_or(&[], Vec::as_slice)
    }

    fn look_at(&mut self, process: &Process, look: &Look, goroutine: &Goroutine, locks: &Locks) {
        let own = waited_lock(goroutine);
        let locks_something: Vec<usize> = (0..goroutine.stack.len())
            .filter(|frame_idx| {
                goroutine.stack.get(*frame_idx).is_some_and(|pc| self.locks_at(process, *pc))
            })
            .collect();
        if locks_something.is_empty() {
            return;
        }
        let Some(frames) = process.frame_words(goroutine) else { return };
        let mut best: HashMap<RuntimeAddr, Evidence> = HashMap::new();
        let put_off = all_put_off(process, goroutine);
        for frame_idx in locks_something {
            let (Some(pc), Some(words)) = (goroutine.stack.get(frame_idx), frames.get(frame_idx))
            else {
                continue;
            };
            let Some(function) = process.symbols().function_at(pc.address.linked(process.bias()))
            else {
                continue;
            };
            let Some(locking) = self.functions.get(&function.entry) else { continue };
            let line = look.line_in_function(*pc);
            let evidence =
                if locking.has_passed(line) { Evidence::Likely } else { Evidence::Possible };
            for (lock, object) in locks.all.iter().filter(|(lock, _)| Some(*lock) != own) {
                let unlocks = |it: &&PutOff| {
                    evidence == Evidence::Likely && it.unlocks(process, frame_idx, *lock)
                };
                let at_hand = has_at_hand(words, *lock, *object) || locking.globals.contains(lock);
                let evidence = match put_off.iter().find(unlocks) {
                    Some(put_off) if is_locked(process, *lock) => {
                        if put_off.function == READER_UNLOCK {
                            self.readers.insert(goroutine.id);
                        }
                        Evidence::Proved
                    }
                    _ if at_hand => evidence,
                    _ => continue,
                };
                let known = best.entry(*lock).or_insert(evidence);
                *known = evidence.max(*known);
            }
        }
        for (lock, evidence) in best {
            self.found.entry(lock).or_default().push((goroutine.id, evidence));
        }
    }

    /// Whether the function at `pc` locks mutexes; remembers how.
    fn locks_at(&mut self, process: &Process, pc: Pc) -> bool {
        let linked = pc.address.linked(process.bias());
        let Some(function) = process.symbols().function_at(linked) else { return false };
        let locking = self.functions.entry(function.entry).or_insert_with(|| {
            // The locks' own code passes on what it is given.
            let is_library = ["sync.", "internal/sync.", "runtime."]
                .iter()
                .any(|library| function.name().starts_with(library));
            if is_library { Locking::default() } else { Locking::of(process, function) }
        });
        !locking.locks.is_empty()
    }
}

impl Locking {
    fn of(process: &Process, function: photofinish_goprocess::Function<'_>) -> Locking {
        let mut locking = Locking::default();
        let (globals, calls) = process.code_of(&function);
        for (site, target) in calls {
            let Some(target) = process.symbols().function_at(target) else { continue };
            let (locks, unlocks) =
                (LOCKS.contains(&target.name()), UNLOCKS.contains(&target.name()));
            if !locks && !unlocks {
                continue;
            }
            let pc = Pc { address: site.loaded(process.bias()), kind: PcKind::Exact };
            let frames = process.frames(pc);
            let is_deferred = frames.iter().any(|frame| frame.function.contains(".deferwrap"));
            let line = frames.last().map_or(0, |frame| frame.line);
            if locks {
                locking.locks.insert(line);
            } else if !is_deferred {
                locking.unlocks.insert(line);
            }
        }
        if !locking.locks.is_empty() || !locking.unlocks.is_empty() {
            locking.globals =
                globals.into_iter().map(|address| address.loaded(process.bias())).collect();
        }
        locking
    }

    /// Whether a `Lock` lies before `line`, and no `Unlock` between.
    fn has_passed(&self, line: u32) -> bool {
        let Some(lock) = self.locks.range(..line).next_back() else { return false };
        self.unlocks.range(*lock..line).next().is_none()
    }
}

/// What a goroutine has put off; nothing of one that moved.
fn all_put_off(process: &Process, goroutine: &Goroutine) -> Vec<PutOff> {
    if !process.may_have_deferred(goroutine) {
        return Vec::new();
    }
    let deferred = process.deferred(goroutine).unwrap_or_default();
    deferred.iter().map(|deferred| PutOff::of(process, deferred)).collect()
}

/// Whether anybody has the lock at all, now.
fn is_locked(process: &Process, lock: RuntimeAddr) -> bool {
    let thing = |on| process.thing(Wait { on, address: lock });
    let is_mutex = |thing| matches!(thing, Thing::Mutex { is_locked: true, .. });
    // An `RWMutex` begins with a mutex, which a writer has.
    let is_rw = |thing| matches!(thing, Thing::RwMutex { n_leaving: 1.., .. });
    thing(WaitOn::Mutex).is_some_and(is_mutex) || thing(WaitOn::RwMutex).is_some_and(is_rw)
}

impl PutOff {
    /// Whether this is the call that will unlock `lock`, put off by the frame at that place.
    fn unlocks(&self, process: &Process, frame_idx: usize, lock: RuntimeAddr) -> bool {
        if self.frame_idx != Some(frame_idx) {
            return false;
        }
        match self.is_closure {
            true => self.closure_unlocks(process, lock),
            false => self.on == Some(lock) && UNLOCKS.contains(&self.function.as_str()),
        }
    }

    /// A function of the user's that unlocks once, and has captured just this lock or names it.
    fn closure_unlocks(&self, process: &Process, lock: RuntimeAddr) -> bool {
        let linked = self.deferred.function.linked(process.bias());
        let Some(function) = process.symbols().function_at(linked) else { return false };
        let locking = Locking::of(process, function);
        let is_it = self.deferred.captured.contains(&lock.0) || locking.globals.contains(&lock);
        locking.unlocks.len() == 1 && locking.locks.is_empty() && is_it
    }
}

/// The lock that a goroutine waits for.
pub(crate) fn waited_lock(goroutine: &Goroutine) -> Option<RuntimeAddr> {
    let is_lock = |on| matches!(on, WaitOn::Mutex | WaitOn::RwMutex);
    goroutine.waits.iter().find(|wait| is_lock(wait.on)).map(|wait| wait.address)
}

/// Locks, and where the objects begin that they are parts of: a lock that is not on the heap is its own.
struct Locks {
    all: Vec<(RuntimeAddr, RuntimeAddr)>,
}

impl Locks {
    fn new(process: &Process, locks: &BTreeSet<RuntimeAddr>) -> Locks {
        let objects = process.objects();
        let start = |lock: &RuntimeAddr| objects.as_ref().and_then(|it| it.start_of(*lock));
        Locks { all: locks.iter().map(|lock| (*lock, start(lock).unwrap_or(*lock))).collect() }
    }
}

/// Whether a word is the lock's address, or that of the object it is in, or of a part of that before it.
fn has_at_hand(words: &[u64], lock: RuntimeAddr, object: RuntimeAddr) -> bool {
    words.iter().any(|word| word.is_multiple_of(8) && (object.0..=lock.0).contains(word))
}

/// Brings what was found of one lock into order, the likeliest first. Where one holds a lock for certain nobody else does, but
/// for other readers; two who both do for certain cannot be.
fn settle(found: &mut Vec<(u64, Evidence)>, readers: &BTreeSet<u64>) {
    let is_proved = |(_, evidence): &(u64, Evidence)| *evidence == Evidence::Proved;
    let is_alone = |it: &(u64, Evidence)| is_proved(it) && !readers.contains(&it.0);
    match found.iter().filter(|it| is_alone(it)).count() {
        0 => {}
        1 if found.iter().filter(|it| is_proved(it)).count() == 1 => found.retain(is_proved),
        _ => {
            for (_, evidence) in found.iter_mut() {
                *evidence = (*evidence).min(Evidence::Likely);
            }
        }
    }
    found.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
}
