//! Goroutines inside the runtime's map functions, by map: readers against writers.
//!
//! A map of Go that one goroutine writes while another is in it breaks, and such operations are short. So threads are
//! sampled for a while, and everybody seen inside a map is counted there. That two were in it *at the same time*
//! is said only where it is certain: the second was seen within the microsecond in which the first was being looked
//! at, or while the first stood still inside (parked there, or held).
//!
//! Not here: finding the map of a stack (`goprocess`). Start at [`Maps::watch`].

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use photofinish_goprocess::{
    Glimpse, Glimpses, Goroutine, MapCall, MapCalls, Pace, Pc, Process, ReadError, RuntimeAddr,
    Snapshot, glimpses_still,
};
use photofinish_model::Frame;

use crate::names::Names;

/// Samples are taken from the kernel so often, and threads made meanwhile looked for.
const TAKE: Duration = Duration::from_millis(1);
const NEW_THREADS: Duration = Duration::from_millis(100);
/// The kernel's interrupt, in which a thread cannot go on, takes longer than this.
const SAME_TIME: u64 = 1_000;
/// Between two moments at which a process is held still.
const BETWEEN_STOPS: Duration = Duration::from_millis(20);
const PACE: Pace = Pace { every: Duration::from_micros(250), copied: 2048 };

/// What was seen of maps.
#[derive(Clone, Debug, Default)]
pub struct Maps {
    /// The maps, those with a writer and somebody else first.
    pub maps: Vec<MapUse>,
    /// Looks at threads that ran.
    pub n_glimpses: u64,
    /// For how long the process was held still, each time.
    pub held: Vec<Duration>,
    /// The process ended meanwhile.
    pub has_ended: bool,
}

/// One map, and who was in it.
#[derive(Clone, Debug, PartialEq)]
pub struct MapUse {
    /// Its header; `None` where that could not be told: then those of one line of code are together.
    pub map: Option<RuntimeAddr>,
    /// Who was in it, most often seen first.
    pub users: Vec<MapUser>,
    /// Two that were in it at the same time for certain, a writer first.
    pub together: Option<(u64, u64)>,
}

/// A goroutine that was seen in a map.
#[derive(Clone, Debug, PartialEq)]
pub struct MapUser {
    /// The goroutine.
    pub goroutine: u64,
    /// It assigned, deleted or cleared.
    pub writes: bool,
    /// Where it did.
    pub frame: Frame,
    /// How often it was seen there.
    pub count: u64,
}

/// One sight of one goroutine.
#[derive(Clone, Copy, Debug)]
struct Sight {
    map: Option<RuntimeAddr>,
    goroutine: u64,
    writes: bool,
    at: Pc,
    /// When it was certainly there.
    from: u64,
    to: u64,
}

impl Maps {
    /// Watches for `time`. With `is_held`, the process is held still again and again for a moment.
    ///
    /// # Errors
    /// The process is gone or cannot be read, or we have not the right to sample, or to hold, its threads.
    pub fn watch(process: &Process, time: Duration, is_held: bool) -> Result<Maps, ReadError> {
        let mut watcher =
            Watcher { calls: MapCalls::new(process), sights: Vec::new(), maps: Maps::default() };
        let Some(pid) = process.pid() else {
            // A core stands still: everybody in it is where it is at the same time.
            let snapshot = process.snapshot()?;
            watcher.parked(&snapshot, &snapshot, (0, u64::MAX));
            return Ok(watcher.told(process));
        };
        let first = process.snapshot()?;
        let start = photofinish_goprocess::monotonic_now();
        let end = Instant::now() + time;
        let watched =
            if is_held { watcher.hold(process, end) } else { watcher.sample(process, pid, end) };
        let stop = photofinish_goprocess::monotonic_now();
        match watched.and_then(|()| process.snapshot()) {
            Ok(last) => watcher.parked(&first, &last, (start, stop)),
            // A race on a map ends the process: what was seen until then is wanted all the more.
            Err(error) if error.is_gone() && watcher.maps.n_glimpses > 0 => {
                watcher.maps.has_ended = true;
            }
            Err(error) => return Err(error),
        }
        Ok(watcher.told(process))
    }
}

impl MapUse {
    /// Those who read, or else those who wrote, by number.
    pub fn goroutines(&self, writes: bool) -> Vec<u64> {
        let mut ids: Vec<u64> = self
            .users
            .iter()
            .filter(|user| user.writes == writes)
            .map(|user| user.goroutine)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// One writes and another is there too: if nothing keeps them apart, that is a race.
    pub fn is_shared(&self) -> bool {
        let writers = self.goroutines(true);
        let is_other = |user: &MapUser| writers.iter().any(|writer| *writer != user.goroutine);
        self.users.iter().any(is_other)
    }

    fn count(&self) -> u64 {
        self.users.iter().map(|user| user.count).sum()
    }
}

struct Watcher<'a> {
    calls: MapCalls<'a>,
    sights: Vec<Sight>,
    maps: Maps,
}

impl Watcher<'_> {
    fn hold(&mut self, process: &Process, end: Instant) -> Result<(), ReadError> {
        while Instant::now() < end {
            let (glimpses, held) = glimpses_still(process)?;
            self.maps.held.push(held);
            glimpses.iter().for_each(|glimpse| self.glimpse(glimpse));
            std::thread::sleep(BETWEEN_STOPS.min(end.saturating_duration_since(Instant::now())));
        }
        Ok(())
    }

    fn sample(&mut self, process: &Process, pid: u32, end: Instant) -> Result<(), ReadError> {
        let threads = || -> Result<Vec<u32>, ReadError> {
            Ok(photofinish_goprocess::threads(pid)?.iter().map(|thread| thread.tid).collect())
        };
        let mut glimpses = Glimpses::open(process, &threads()?, PACE)?;
        let mut next_look = Instant::now() + NEW_THREADS;
        while Instant::now() < end {
            std::thread::sleep(TAKE);
            glimpses.take().iter().for_each(|glimpse| self.glimpse(glimpse));
            if Instant::now() >= next_look {
                glimpses.add(&threads()?)?;
                next_look = Instant::now() + NEW_THREADS;
            }
        }
        Ok(())
    }

    fn glimpse(&mut self, glimpse: &Glimpse) {
        self.maps.n_glimpses += 1;
        let Some(goroutine) = glimpse.goroutine else { return };
        if let Some(call) = self.calls.of_glimpse(glimpse) {
            let span = (glimpse.time, glimpse.time.saturating_add(SAME_TIME));
            self.sight(call, goroutine, &glimpse.stack, span);
        }
    }

    /// Goroutines that did not run from `first` to `last`, and were in a map all that time.
    fn parked(&mut self, first: &Snapshot, last: &Snapshot, span: (u64, u64)) {
        let mut stood: BTreeMap<u64, &Goroutine> =
            first.goroutines.iter().filter(|one| one.settled).map(|one| (one.id, one)).collect();
        for goroutine in last.goroutines.iter().filter(|goroutine| goroutine.settled) {
            let Some(before) = stood.remove(&goroutine.id) else { continue };
            if goroutine.stands_as(before)
                && let Some(call) = self.calls.of_goroutine(goroutine)
            {
                self.sight(call, goroutine.id, &goroutine.stack, span);
            }
        }
    }

    fn sight(&mut self, call: MapCall, goroutine: u64, stack: &[Pc], (from, to): (u64, u64)) {
        let Some(at) = stack.get(call.caller).copied() else { return };
        let (map, writes) = (call.map, call.writes);
        self.sights.push(Sight { map, goroutine, writes, at, from, to });
    }

    /// Everything, put together by map.
    fn told(mut self, process: &Process) -> Maps {
        let mut names = Names::default();
        names.learn(process, self.sights.iter().map(|sight| sight.at));
        let mut by_map: BTreeMap<(Option<RuntimeAddr>, String), Vec<Sight>> = BTreeMap::new();
        for sight in self.sights {
            // Of unknown maps, at least those of one line may be the same.
            let line = match sight.map {
                Some(_) => String::new(),
                None => place_words(&place(&names, sight.at)),
            };
            by_map.entry((sight.map, line)).or_default().push(sight);
        }
        self.maps.maps =
            by_map.into_iter().map(|((map, _), sights)| map_use(map, sights, &names)).collect();
        self.maps.maps.sort_by_key(|map| {
            let rank = (map.together.is_some(), map.is_shared() && map.map.is_some(), map.count());
            std::cmp::Reverse(rank)
        });
        self.maps
    }
}

fn map_use(map: Option<RuntimeAddr>, mut sights: Vec<Sight>, names: &Names) -> MapUse {
    let together = map.and_then(|_| together(&mut sights));
    let mut users: Vec<MapUser> = Vec::new();
    for sight in &sights {
        let frame = place(names, sight.at);
        let is_same = |user: &&mut MapUser| {
            user.goroutine == sight.goroutine && user.writes == sight.writes && user.frame == frame
        };
        match users.iter_mut().find(is_same) {
            Some(user) => user.count += 1,
            None => users.push(MapUser {
                goroutine: sight.goroutine,
                writes: sight.writes,
                frame,
                count: 1,
            }),
        }
    }
    users.sort_by_key(|user| std::cmp::Reverse((user.writes, user.count)));
    MapUse { map, users, together }
}

/// Two of different goroutines, one of them a writer, that were there at the same time.
fn together(sights: &mut [Sight]) -> Option<(u64, u64)> {
    sights.sort_by_key(|sight| sight.from);
    let mut there: Vec<Sight> = Vec::new();
    for sight in sights {
        there.retain(|earlier| earlier.to >= sight.from);
        for other in &there {
            if other.goroutine != sight.goroutine && (other.writes || sight.writes) {
                let (writer, other) =
                    if sight.writes { (*sight, *other) } else { (*other, *sight) };
                return Some((writer.goroutine, other.goroutine));
            }
        }
        there.push(*sight);
    }
    None
}

/// The line of the call: the innermost there, since what is inlined called the runtime.
fn place(names: &Names, at: Pc) -> Frame {
    let lines = names.at(at);
    let line = lines.iter().find(|line| line.is_shown).or(lines.first());
    line.map_or_else(|| Frame::new("?".to_owned()), |line| line.frame.clone())
}

fn place_words(frame: &Frame) -> String {
    let file = frame.file.as_deref().unwrap_or("?");
    format!("{}  {file}:{}", frame.function, frame.line.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use photofinish_goprocess::PcKind;

    use super::*;

    fn sight(goroutine: u64, writes: bool, from: u64) -> Sight {
        let at = Pc { address: RuntimeAddr(1), kind: PcKind::Return };
        Sight { map: Some(RuntimeAddr(8)), goroutine, writes, at, from, to: from + SAME_TIME }
    }

    #[test]
    fn two_are_together_if_one_writes_and_neither_could_have_gone_on() {
        let told = |mut sights: Vec<Sight>| together(&mut sights);
        assert_eq!(told(vec![sight(1, false, 0), sight(2, true, 900)]), Some((2, 1)));
        assert_eq!(told(vec![sight(1, true, 0), sight(2, true, 5_000)]), None);
        assert_eq!(told(vec![sight(1, false, 0), sight(2, false, 10)]), None);
        assert_eq!(told(vec![sight(1, true, 0), sight(1, false, 10)]), None);
        let parked = Sight { to: u64::MAX, ..sight(3, false, 0) };
        assert_eq!(told(vec![sight(2, true, 9_000_000), parked]), Some((2, 3)));
    }
}
