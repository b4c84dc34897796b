//! The loop: reconnoitre sites, wait at suspects, hold the thread that arrives, watch what it is about to touch, let
//! it go.
//!
//! All events of the traced process pass through here, so whatever is waited for, signals are passed on at
//! once. Leaving, by any way, lets everything go: the kernel does, when the thread that traces ends.
//!
//! Not here: what arrivals tell (`notes`), what happens while a thread is held (`hold`). Start at [`watch`].

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use photofinish_goprocess::{Origin, Process};
use photofinish_model::Fingerprint;
use photofinish_sys::trace::{
    Event, Registers, Stopped, TraceError, Tracer, hurry, thread_cpu_time, trap_cost,
};
use photofinish_sys::{Mapping, mappings, monotonic_now};

use crate::alive::alive;
use crate::budget::Budget;
use crate::cold::Cold;
use crate::evidence::{Held, Judge, Other};
use crate::learnt::{Knowledge, Learnt, SiteIdx, Subject};
use crate::load::Load;
use crate::maps::{self, FlagWord};
use crate::places::{Places, Waiting};
use crate::queue::{Queue, Turn};
use crate::race::{is_told, race_of};
use crate::running::Running;
use crate::sites::Sites;
use crate::{CatchError, Caught, Effort, Outcome, Plan};

/// A signal that was sent has come by then.
const SIGNAL: Duration = Duration::from_millis(5);
/// SIGURG of linux/signal.h, on all architectures but four old ones.
const SIGURG: i32 = 23;
/// So many arrivals of a turn of reconnaissance are noted.
pub(crate) const NOTES: u64 = 4;
/// The part of the budget that reconnaissance may have, and as long as nobody was seen anywhere.
const RECONNAISSANCE: (f64, f64) = (0.4, 0.9);
/// What may be spent before it is earned, where waiting for the next chance takes long.
const CREDIT: Duration = Duration::from_millis(10);
/// How often progress is told.
const PROGRESS: Duration = Duration::from_millis(200);
/// Turns that end so close to one another end together: to wake up is dear.
const TOGETHER: Duration = Duration::from_micros(700);

pub(crate) struct Watch<'a> {
    pub(crate) process: &'a Process,
    pub(crate) judge: Judge<'a>,
    pub(crate) tracer: Tracer,
    pub(crate) cold: Cold,
    pub(crate) running: Running,
    pub(crate) places: Places,
    pub(crate) queue: Queue,
    pub(crate) budget: Budget,
    pub(crate) flag_word: FlagWord,
    pub(crate) mappings: Vec<Mapping>,
    /// When each thread was held last.
    pub(crate) last_held: HashMap<u32, Instant>,
    /// What an arrival at a breakpoint costs the thread.
    pub(crate) trap: Duration,
    pub(crate) samples: u64,
    pub(crate) changed: u64,
    pub(crate) over: bool,
    pub(crate) random: fastrand::Rng,
    pub(crate) processors: u32,
    pub(crate) load: Load,
    told: Instant,
}

/// What the thread that traces has to tell.
pub(crate) enum News {
    /// A race was seen first; where it is, is not looked up yet.
    Caught(Box<(Caught, Held)>),
    /// So far.
    Progress(Effort),
}

/// Looks for races, in the thread that traces. See [`crate::catch_on`].
pub(crate) fn watch(
    process: &Process,
    plan: &Plan,
    learnt: &mut Learnt,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(News),
) -> Result<Outcome, CatchError> {
    let mut watch = Watch::begin(process, plan, learnt)?;
    hurry();
    let mut outcome = Outcome::default();
    let mut known: BTreeMap<Fingerprint, usize> = BTreeMap::new();
    while !watch.over && !stop.load(Ordering::Relaxed) && watch.budget.elapsed() < plan.duration {
        if watch.has_progressed() {
            tell(News::Progress(watch.effort()));
        }
        let rest = plan.duration.saturating_sub(watch.budget.elapsed()).min(PROGRESS);
        let Some((site_idx, held, other)) = watch.step(Instant::now() + rest) else { continue };
        let race = race_of(process, &held, &other);
        if !is_told(&race) {
            continue;
        }
        watch.queue.known.mark(site_idx).caught += 1;
        match known.get(&Fingerprint::of(&race)).and_then(|at| outcome.caught.get_mut(*at)) {
            Some(caught) => caught.sightings += 1,
            None => {
                known.insert(Fingerprint::of(&race), outcome.caught.len());
                let caught = Caught { race, sightings: 1, after: watch.budget.elapsed() };
                tell(News::Caught(Box::new((caught.clone(), held))));
                outcome.caught.push(caught);
                if plan.until_first {
                    break;
                }
            }
        }
    }
    outcome.ended = watch.over;
    outcome.effort = watch.effort();
    tracing::debug!("spent: {:?}", watch.budget);
    watch.close();
    if !watch.over {
        learnt.known = Some((Subject::of(process, plan), watch.queue.known));
    }
    Ok(outcome)
}

impl<'a> Watch<'a> {
    fn begin(
        process: &'a Process,
        plan: &Plan,
        learnt: &mut Learnt,
    ) -> Result<Watch<'a>, CatchError> {
        let Origin::Live(pid) = *process.origin() else { return Err(CatchError::NotRunning) };
        if cfg!(not(target_arch = "x86_64")) {
            let architecture = std::env::consts::ARCH;
            return Err(TraceError::Architecture { architecture }.into());
        }
        let before = thread_cpu_time();
        let processors = processors();
        let mut load = Load::new(pid, processors);
        let subject = Subject::of(process, plan);
        let known = match learnt.known.take() {
            Some((known_subject, known)) if known_subject == subject => known,
            _ => Knowledge::new(Sites::find(process, plan)),
        };
        let mut queue = Queue::new(known, plan.only_maps);
        if queue.is_empty() {
            let path = process.path().display().to_string();
            return Err(CatchError::NoSites { path, focus: plan.focus.clone() });
        }
        let mappings = mappings(pid)?;
        let code = mappings.iter().find(|mapping| mapping.executable && mapping.inode != 0);
        let somewhere = code.map_or(0x40_0000, |mapping| mapping.start);
        let build = process.build();
        let flag_word = maps::flag_word(build.minor(), &build.go_version);
        // It takes its time, and from attaching on signals to the process wait for us.
        let alive = alive(process);
        let tracer = Tracer::attach(pid)?;
        let places = Places::open(&tracer, somewhere)?;
        let cold = Cold::new(pid, &places.program);
        queue.has_probes = cold.is_possible();
        load.look(tracer.threads());
        queue.begin(process, alive, load.is_busy);
        let trap = trap_cost();
        let prepared = plan.spent + thread_cpu_time().saturating_sub(before);
        let mut watch = Watch {
            process,
            judge: Judge { process },
            tracer,
            cold,
            running: Running::new(pid),
            places,
            queue,
            budget: Budget::new(plan.budget, processors, plan.duration, prepared),
            flag_word,
            mappings,
            last_held: HashMap::new(),
            trap,
            samples: 0,
            changed: 0,
            over: false,
            random: fastrand::Rng::new(),
            processors,
            load,
            told: Instant::now(),
        };
        watch.begin_paying();
        Ok(watch)
    }

    fn effort(&self) -> Effort {
        let (visited, reached) = self.queue.known.covered();
        Effort {
            elapsed: self.budget.elapsed(),
            held: self.budget.held(),
            processor: self.budget.processor(),
            trapped: self.budget.trapped(),
            processors: self.processors,
            samples: self.samples,
            changed: self.changed,
            sites: self.queue.known.sites.n_own,
            visited,
            reached,
            suspects: self.queue.n_suspects(),
            probes: self.cold.n_planted(),
        }
    }

    /// Whether it is time to tell of progress.
    fn has_progressed(&mut self) -> bool {
        let is_time = self.told.elapsed() >= PROGRESS;
        if is_time {
            self.told = Instant::now();
            self.queue.earned = self.budget.rate();
        }
        self.look_at_load();
        is_time
    }

    /// Waits at sites for a little; a thread that arrived, as it was held, and who touched what it would
    /// have.
    fn step(&mut self, end: Instant) -> Option<(SiteIdx, Held, Other)> {
        self.look_at_running();
        self.look_at_cold();
        self.pay_for_switches();
        let pause = self.budget.pause();
        let mut until = match pause {
            Some(pause) => {
                if self.has_dear_switches() {
                    self.sleep();
                } else if self.budget.debt() >= CREDIT {
                    self.rest();
                }
                Instant::now() + pause
            }
            None => {
                self.wake();
                // Before anybody can arrive: who finds it unarmed is not waited for any more.
                self.places.program.arm();
                self.fill_places();
                let all = self.places.waiting().into_iter().flatten();
                all.map(|waiting| waiting.until).min().unwrap_or_else(|| Instant::now() + SIGNAL)
            }
        };
        until = until.min(end).min(self.cold.due()).min(self.running.due());
        let waits = self.places.waiting().iter().flatten().any(|waiting| waiting.to_hold);
        // Who arrives in cold code is held though it costs what is not earned yet.
        let holds = waits || self.cold.n_planted() > 0 && self.budget.debt() < CREDIT;
        let holds = holds && !self.places.is_asleep();
        match holds {
            true if pause.is_some() => self.places.program.arm(),
            true => {}
            false => {
                self.places.program.disarm();
            }
        }
        loop {
            match self.tracer.wait(until) {
                // One was sent a signal just now.
                None if holds && self.has_fired() => return self.late(),
                None => return None,
                Some(Event::Signal(stopped, SIGURG)) if holds && self.has_fired() => {
                    if let Some((waiting, registers)) = self.arrived(&stopped) {
                        return self.hold(stopped, waiting, registers);
                    }
                    drop(stopped);
                    // Go's own; ours is under way.
                    until = until.min(Instant::now() + SIGNAL);
                }
                Some(other) => self.pass(other),
            }
            if self.over || self.places.program.is_alarmed() {
                return None;
            }
        }
    }

    fn has_fired(&self) -> bool {
        self.places.program.has_fired()
    }

    /// The thread whose signal is under way.
    fn late(&mut self) -> Option<(SiteIdx, Held, Other)> {
        let until = Instant::now() + SIGNAL;
        while let Some(event) = self.tracer.wait(until) {
            match event {
                Event::Signal(stopped, SIGURG) => {
                    if let Some((waiting, registers)) = self.arrived(&stopped) {
                        return self.hold(stopped, waiting, registers);
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

    /// What was waited for where a stopped thread stands.
    fn arrived(&self, stopped: &Stopped) -> Option<(Waiting, Registers)> {
        let registers = stopped.registers().ok()?;
        let mut all = self.places.waiting().into_iter().flatten();
        let waiting = all.find(|waiting| waiting.to_hold && waiting.address == registers.ip);
        let waiting = waiting.or_else(|| {
            let site_idx = self.cold.site_at(registers.ip)?;
            let (since, since_ns, until) = (Instant::now(), 0, Instant::now());
            let address = registers.ip;
            Some(Waiting { site_idx, address, since, since_ns, until, to_hold: true })
        })?;
        Some((waiting, registers))
    }

    /// Replaces sites whose time is up.
    fn fill_places(&mut self) {
        self.take_notes();
        let is_new = self.queue.known.reached.is_empty();
        let part = if is_new { RECONNAISSANCE.1 } else { RECONNAISSANCE.0 };
        let now = Instant::now();
        for (place, waiting) in self.places.waiting().into_iter().enumerate() {
            if waiting.is_some_and(|waiting| now + TOGETHER < waiting.until) {
                continue;
            }
            let hold = if place > 0 { self.queue.next_hold(self.budget.is_scarce()) } else { None };
            let to_hold = hold.is_some();
            if !to_hold && !self.budget.may_reconnoitre(part) {
                // It costs nothing to wait on.
                self.places.wait_until(place, now + SIGNAL);
                continue;
            }
            let before = thread_cpu_time();
            self.end_turn(place);
            let next = hold.or_else(|| self.queue.next_turn(self.process));
            if let Some(Turn { site_idx, at, patience, to_hold }) = next {
                let address = at.loaded(self.process.bias()).0;
                let until = now + patience;
                let (since, since_ns) = (Instant::now(), monotonic_now());
                self.queue.known.has_visited(site_idx);
                let waiting = Waiting { site_idx, address, since, since_ns, until, to_hold };
                self.places.wait(place, waiting, NOTES);
            }
            if !to_hold {
                self.budget.was_reconnaissance(thread_cpu_time().saturating_sub(before));
            }
        }
    }

    /// No thread is held for now; notes are still taken.
    fn rest(&mut self) {
        self.places.program.disarm();
        for (place, waiting) in self.places.waiting().into_iter().enumerate() {
            if waiting.is_some_and(|waiting| waiting.to_hold) {
                self.end_turn(place);
            }
        }
    }

    /// Takes the probes back; until that is done, signals are passed on.
    fn close(&mut self) {
        self.places.program.disarm();
        self.cold.close();
        while !self.over && !self.cold.is_closed() {
            if let Some(event) = self.tracer.wait(Instant::now() + Duration::from_millis(2)) {
                self.pass(event);
            }
        }
    }

    pub(crate) fn pass(&mut self, event: Event) {
        match event {
            Event::Signal(stopped, _) => drop(stopped),
            Event::Began(stopped) => self.places.begin_thread(stopped.tid()),
            Event::Ended(tid) => {
                self.places.end_thread(tid);
                self.last_held.remove(&tid);
            }
            Event::Sampled => {}
            Event::Over => self.over = true,
        }
    }
}

impl Subject {
    fn of(process: &Process, plan: &Plan) -> Subject {
        Subject {
            pid: process.pid().unwrap_or(0),
            code: process.path().to_owned(),
            only_maps: plan.only_maps,
            focus: plan.focus.clone(),
        }
    }
}

/// How many processors there are to take a share of.
fn processors() -> u32 {
    std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(1))
}
