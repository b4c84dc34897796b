//! The loop: reconnoitre sites, wait at suspects, hold the thread that arrives, watch what it is about to touch, let
//! it go.
//!
//! All events of the traced process pass through here, so whatever is waited for, signals are passed on at
//! once.
//!
//! Not here: when the process is traced and when left alone (`spells`), what arrivals tell (`notes`), what happens
//! while a thread is held (`hold`). Start at [`watch`].

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use photofinish_goprocess::{Origin, Process};
use photofinish_sys::trace::{
    Event, Registers, Stopped, TraceError, Tracer, thread_cpu_time, trap_cost,
};
use photofinish_sys::{Image, Mapping, mappings, monotonic_now};

use crate::alive::alive;
use crate::budget::Budget;
use crate::catches::Catches;
use crate::cold::Cold;
use crate::evidence::{Held, Judge, Other};
use crate::learnt::{Knowledge, Learnt, SiteIdx, Subject};
use crate::load::Load;
use crate::maps::{self, FlagWord};
use crate::places::{Places, Waiting};
use crate::queue::{Queue, Turn};
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
pub(crate) const PROGRESS: Duration = Duration::from_millis(200);
/// Turns that end so close to one another end together: to wake up is dear.
const TOGETHER: Duration = Duration::from_micros(700);

pub(crate) struct Watch<'a> {
    pub(crate) process: &'a Process,
    pub(crate) pid: u32,
    pub(crate) image: Image,
    pub(crate) judge: Judge<'a>,
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
    pub(crate) was_traced: bool,
    /// It could not be traced, and until then it is not tried again.
    pub(crate) barred: Option<Instant>,
    told: Instant,
}

/// What the thread that traces has to tell.
pub(crate) enum News {
    /// A race was seen first; where it is, is not looked up yet.
    Caught(Box<(Caught, Held)>),
    /// So far.
    Progress(Effort),
}

/// Looks for races, in the calling thread and in those that trace. See [`crate::catch_on`].
pub(crate) fn watch(
    process: &Process,
    plan: &Plan,
    learnt: &mut Learnt,
    stop: &AtomicBool,
    tell: &mut (dyn FnMut(News) + Send),
) -> Result<Outcome, CatchError> {
    let mut watch = Watch::begin(process, plan, learnt)?;
    let mut catches = Catches::new(plan, stop, tell);
    while catches.go_on(&watch) {
        if watch.may_trace() {
            watch.spell(&mut catches)?;
        } else {
            catches.tell_progress(&mut watch);
            watch.leave_alone(catches.end_of_step(&watch));
        }
    }
    let mut outcome = catches.outcome;
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
        let image = Image::of(pid, somewhere)?;
        let places = Places::new(pid, somewhere)?;
        let cold = Cold::new(pid, &places.program);
        queue.has_probes = cold.is_possible();
        let alive = alive(process);
        load.look();
        queue.begin(process, alive, load.is_busy);
        let trap = trap_cost();
        let prepared = plan.spent + thread_cpu_time().saturating_sub(before);
        let mut watch = Watch {
            process,
            pid,
            image,
            judge: Judge { process },
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
            was_traced: false,
            barred: None,
            told: Instant::now(),
        };
        watch.heed_load();
        Ok(watch)
    }

    pub(crate) fn effort(&self) -> Effort {
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
    pub(crate) fn has_progressed(&mut self) -> bool {
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
    pub(crate) fn step(
        &mut self,
        tracer: &mut Tracer,
        end: Instant,
    ) -> Option<(SiteIdx, Held, Other)> {
        self.look_at_running();
        self.look_at_cold();
        self.pay_for_switches();
        let pause = self.budget.pause();
        let mut until = match pause {
            Some(pause) => {
                if self.has_dear_switches() {
                    self.sleep();
                    return None;
                }
                if self.budget.debt() >= CREDIT {
                    self.rest();
                }
                Instant::now() + pause
            }
            None => {
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
        match holds {
            true if pause.is_some() => self.places.program.arm(),
            true => {}
            false => {
                self.places.program.disarm();
            }
        }
        loop {
            match tracer.wait(until) {
                // One was sent a signal just now.
                None if holds && self.has_fired() => return self.late(tracer),
                None => return None,
                Some(Event::Signal(stopped, SIGURG)) if holds && self.has_fired() => {
                    if let Some((waiting, registers)) = self.arrived(&stopped) {
                        return self.hold(tracer, stopped, waiting, registers);
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
    fn late(&mut self, tracer: &mut Tracer) -> Option<(SiteIdx, Held, Other)> {
        let until = Instant::now() + SIGNAL;
        while let Some(event) = tracer.wait(until) {
            match event {
                Event::Signal(stopped, SIGURG) => {
                    if let Some((waiting, registers)) = self.arrived(&stopped) {
                        return self.hold(tracer, stopped, waiting, registers);
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

    /// Takes the probes back.
    fn close(&mut self) {
        self.cold.close();
        while !self.over && !self.cold.is_closed() {
            std::thread::sleep(Duration::from_millis(1));
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
