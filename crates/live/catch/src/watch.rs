//! The loop: wait at sites, hold the thread that arrives, watch what it is about to touch, let it go.
//!
//! A thread of the processor has four breakpoints: three wait at sites, one watches data. All
//! events of the traced process pass through here, so whatever is waited for, signals are passed on at
//! once. Leaving, by any way, lets everything go: the kernel does, when the thread that traces ends.
//!
//! Not here: what happens while a thread is held (`hold`). Start at [`watch`].

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use photofinish_goprocess::{Origin, Process};
use photofinish_model::Fingerprint;
use photofinish_sys::trace::{
    Breakpoint, Event, Hit, Registers, StopProgram, Stopped, TraceError, Tracer, Watching, hurry,
};
use photofinish_sys::{Mapping, mappings};

use crate::budget::Budget;
use crate::evidence::{Held, Judge};
use crate::maps::{self, FlagWord};
use crate::queue::{Place, Queue};
use crate::race::{is_told, race_of};
use crate::sites::{Site, Sites};
use crate::{CatchError, Caught, Outcome, Plan};

/// Where sites are waited at, one breakpoint each.
const PLACES: [Place; 3] = [Place::Quick, Place::Patient, Place::Patient];
/// A signal that was sent has come by then.
const SIGNAL: Duration = Duration::from_millis(5);
/// SIGURG of linux/signal.h, on all architectures but four old ones.
const SIGURG: i32 = 23;

pub(crate) struct Watch<'a> {
    pub(crate) process: &'a Process,
    pub(crate) judge: Judge<'a>,
    pub(crate) tracer: Tracer,
    program: StopProgram,
    pub(crate) threads: BTreeMap<u32, Breakpoints>,
    /// What is waited at, and until when.
    pub(crate) waiting: [Option<(Site, Instant)>; PLACES.len()],
    /// The breakpoints at sites are silent, since then.
    silent_since: Option<Instant>,
    pub(crate) queue: Queue,
    pub(crate) budget: Budget,
    pub(crate) flag_word: FlagWord,
    pub(crate) mappings: Vec<Mapping>,
    /// Any address of its code: where breakpoints sleep.
    somewhere: u64,
    pub(crate) samples: u64,
    pub(crate) over: bool,
    pub(crate) random: fastrand::Rng,
}

/// Of one thread.
pub(crate) struct Breakpoints {
    sites: Vec<Breakpoint>,
    pub(crate) data: Breakpoint,
}

/// Looks for races, in the thread that traces. See [`crate::catch`].
pub(crate) fn watch(
    process: &Process,
    plan: &Plan,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(&Caught, Held),
) -> Result<Outcome, CatchError> {
    let mut watch = Watch::begin(process, plan)?;
    hurry();
    let mut outcome = Outcome::default();
    let mut known: BTreeMap<Fingerprint, usize> = BTreeMap::new();
    while !watch.over && !stop.load(Ordering::Relaxed) && watch.budget.elapsed() < plan.duration {
        let rest = plan.duration.saturating_sub(watch.budget.elapsed());
        let Some((held, hits)) = watch.step(Instant::now() + rest) else { continue };
        let told = hits.iter().find_map(|hit| {
            let other = watch.judge.verdict(&held, hit)?;
            Some(race_of(process, &held, &other)).filter(is_told)
        });
        let Some(race) = told else { continue };
        watch.queue.has_caught(&held.site);
        match known.get(&Fingerprint::of(&race)).and_then(|at| outcome.caught.get_mut(*at)) {
            Some(caught) => caught.sightings += 1,
            None => {
                known.insert(Fingerprint::of(&race), outcome.caught.len());
                let caught = Caught { race, sightings: 1, after: watch.budget.elapsed() };
                tell(&caught, held);
                outcome.caught.push(caught);
                if plan.until_first {
                    break;
                }
            }
        }
    }
    outcome.ended = watch.over;
    let effort = &mut outcome.effort;
    (effort.elapsed, effort.held) = (watch.budget.elapsed(), watch.budget.held());
    (effort.processor, effort.processors) = (watch.budget.processor(), processors());
    (effort.samples, effort.sites) = (watch.samples, watch.queue.n_sites());
    (effort.visited, effort.reached) = watch.queue.covered();
    Ok(outcome)
}

impl<'a> Watch<'a> {
    fn begin(process: &'a Process, plan: &Plan) -> Result<Watch<'a>, CatchError> {
        let Origin::Live(pid) = *process.origin() else { return Err(CatchError::NotRunning) };
        if cfg!(not(target_arch = "x86_64")) {
            let architecture = std::env::consts::ARCH;
            return Err(TraceError::Architecture { architecture }.into());
        }
        let queue = Queue::new(Sites::find(process, plan), plan.only_maps);
        if queue.is_empty() {
            let path = process.path().display().to_string();
            return Err(CatchError::NoSites { path, focus: plan.focus.clone() });
        }
        let program = StopProgram::load()?;
        let mappings = mappings(pid)?;
        let code = mappings.iter().find(|mapping| mapping.executable && mapping.inode != 0);
        let somewhere = code.map_or(0x40_0000, |mapping| mapping.start);
        let build = process.build();
        let flag_word = maps::flag_word(build.minor(), &build.go_version);
        let tracer = Tracer::attach(pid)?;
        let mut watch = Watch {
            process,
            judge: Judge { process },
            tracer,
            program,
            threads: BTreeMap::new(),
            waiting: [const { None }; PLACES.len()],
            silent_since: None,
            queue,
            budget: Budget::new(plan.budget, processors(), plan.duration),
            flag_word,
            mappings,
            somewhere,
            samples: 0,
            over: false,
            random: fastrand::Rng::new(),
        };
        let threads: Vec<u32> = watch.tracer.threads().collect();
        for tid in threads {
            match watch.open(tid) {
                Ok(breakpoints) => {
                    watch.threads.insert(tid, breakpoints);
                }
                Err(error) if error.is_gone() => watch.over |= tid == pid,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(watch)
    }

    /// Waits at sites for a little; a thread that arrived, as it was held, and who touched what it would
    /// have.
    fn step(&mut self, end: Instant) -> Option<(Held, Vec<Hit>)> {
        if let Some(pause) = self.budget.pause() {
            self.silence();
            self.pass_events((Instant::now() + pause).min(end));
            return None;
        }
        self.fill_places();
        self.program.arm();
        let next = self.waiting.iter().flatten().map(|(_, until)| *until).min();
        let until = next.unwrap_or_else(|| Instant::now() + SIGNAL).min(end);
        loop {
            let event = self.tracer.wait(until);
            match event {
                None if self.program.disarm() => {
                    // One was sent a signal just now.
                    return self.late();
                }
                None => return None,
                Some(Event::Signal(stopped, SIGURG)) => {
                    if let Some((site, registers)) = self.arrived(&stopped) {
                        return self.hold(stopped, site, registers);
                    }
                    // Go's own, or ours that came late: on with it, and once more.
                    drop(stopped);
                    if self.program.has_fired() {
                        self.program.arm();
                    }
                }
                Some(other) => self.pass(other),
            }
            if self.over {
                return None;
            }
        }
    }

    /// The thread whose signal is under way.
    fn late(&mut self) -> Option<(Held, Vec<Hit>)> {
        let until = Instant::now() + SIGNAL;
        while let Some(event) = self.tracer.wait(until) {
            match event {
                Event::Signal(stopped, SIGURG) => {
                    if let Some((site, registers)) = self.arrived(&stopped) {
                        return self.hold(stopped, site, registers);
                    }
                }
                other => self.pass(other),
            }
            if self.over {
                break;
            }
        }
        None
    }

    /// The site that a stopped thread stands on.
    fn arrived(&self, stopped: &Stopped) -> Option<(Site, Registers)> {
        let registers = stopped.registers().ok()?;
        let bias = self.process.bias();
        let stands_on = |site: &&Site| site.address.loaded(bias).0 == registers.ip;
        let site = self.waiting.iter().flatten().map(|(site, _)| site).find(stands_on)?;
        Some((site.clone(), registers))
    }

    /// Replaces sites whose time is up, and wakes the others.
    fn fill_places(&mut self) {
        let now = Instant::now();
        let silence = self.silent_since.take().map(|since| now - since);
        for (place_idx, place) in PLACES.into_iter().enumerate() {
            if let Some((site, until)) = &mut self.waiting[place_idx] {
                *until += silence.unwrap_or_default();
                if now < *until {
                    if silence.is_some() {
                        self.wake(place_idx);
                    }
                    continue;
                }
                self.queue.was_missed(site);
            }
            let next = self.queue.next(self.process, place);
            self.waiting[place_idx] = next.map(|(site, patience)| (site, now + patience));
            self.wake(place_idx);
        }
    }

    /// Sets the breakpoints of all threads for a place.
    fn wake(&mut self, place_idx: usize) {
        let bias = self.process.bias();
        let address = self.waiting[place_idx].as_ref().map(|(site, _)| site.address.loaded(bias).0);
        for breakpoints in self.threads.values_mut() {
            if let Some(breakpoint) = breakpoints.sites.get_mut(place_idx) {
                // A thread that ended needs none.
                let _ = match address {
                    Some(address) => breakpoint.watch(Watching::Execution { address }),
                    None => breakpoint.rest(),
                };
            }
        }
    }

    /// The breakpoints at sites are silent until [`Self::fill_places`]; that time is not counted as waiting.
    pub(crate) fn silence(&mut self) {
        self.program.disarm();
        if self.silent_since.is_none() {
            self.silent_since = Some(Instant::now());
            let sites = self.threads.values_mut().flat_map(|breakpoints| &mut breakpoints.sites);
            for breakpoint in sites {
                // A thread that ended needs none.
                let _ = breakpoint.rest();
            }
        }
    }

    /// Passes on whatever comes, until `until`.
    fn pass_events(&mut self, until: Instant) {
        while let Some(event) = self.tracer.wait(until) {
            self.pass(event);
            if self.over {
                return;
            }
        }
    }

    pub(crate) fn pass(&mut self, event: Event) {
        match event {
            Event::Signal(stopped, _) => drop(stopped),
            Event::Began(stopped) => self.begin_thread(stopped.tid()),
            Event::Ended(tid) => {
                self.threads.remove(&tid);
            }
            Event::Over => self.over = true,
        }
    }

    pub(crate) fn begin_thread(&mut self, tid: u32) {
        match self.open(tid) {
            Ok(breakpoints) => {
                self.threads.insert(tid, breakpoints);
                if self.silent_since.is_none() {
                    (0..PLACES.len()).for_each(|place_idx| self.wake_one(tid, place_idx));
                }
            }
            Err(error) => tracing::debug!("thread {tid} is not watched: {error}"),
        }
    }

    fn wake_one(&mut self, tid: u32, place_idx: usize) {
        let bias = self.process.bias();
        let Some((site, _)) = &self.waiting[place_idx] else { return };
        let watching = Watching::Execution { address: site.address.loaded(bias).0 };
        let breakpoints = self.threads.get_mut(&tid);
        if let Some(breakpoint) = breakpoints.and_then(|all| all.sites.get_mut(place_idx)) {
            let _ = breakpoint.watch(watching);
        }
    }

    fn open(&self, tid: u32) -> Result<Breakpoints, TraceError> {
        let site = |_| Breakpoint::stopping(tid, self.somewhere, &self.program);
        let sites = (0..PLACES.len()).map(site).collect::<Result<_, _>>()?;
        Ok(Breakpoints { sites, data: Breakpoint::sampling(tid, self.somewhere)? })
    }
}

/// How many processors there are to take a share of.
fn processors() -> u32 {
    std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(1))
}
