//! Data races caught in the act, in an ordinary Go process that nobody rebuilt.
//!
//! A thread is held still just before it touches memory, for a millisecond; if another thread touches the
//! same memory meanwhile, nothing ordered the two: a lock would have kept the other out. So a hit is a proof,
//! and no knowledge of locks is needed. Threads are stopped by breakpoints of the processor: no byte of the
//! process is written, and if we die it carries on.
//!
//! In: a process. Out: [`Caught`], each a `Race` as a race build reports it. Not here: breakpoints and
//! stopping (`sys`), symbols and stacks (`goprocess`), keeping what was found (`store`).
//! Start at [`catch`].
#![forbid(unsafe_code)]

mod alive;
mod budget;
mod bulk;
mod calls;
mod catches;
mod closures;
mod cold;
mod decode;
mod error;
mod evidence;
mod hold;
mod landing;
mod learnt;
mod load;
mod location;
mod maps;
mod notes;
mod places;
mod planter;
mod queue;
mod race;
mod rules;
mod running;
mod sites;
mod spells;
mod switches;
mod target;
mod watch;
mod whose;

use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::time::Duration;

use photofinish_goprocess::Process;
use photofinish_model::Race;
use watch::News;

pub use error::CatchError;
pub use learnt::Learnt;
/// What the calling thread used of the processors until now.
pub use photofinish_sys::trace::thread_cpu_time as processor_time;

/// How to look.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How long.
    pub duration: Duration,
    /// The part of the process's processors that may be spent: time that threads are held, and ours.
    /// 0.01 is one percent.
    pub budget: f64,
    /// Only maps.
    pub only_maps: bool,
    /// Only functions whose name holds this.
    pub focus: Option<String>,
    /// Stop at the first race.
    pub until_first: bool,
    /// Processor time that was spent on the process before, as by opening it: see [`processor_time`].
    pub spent: Duration,
}

/// A race, and when it was seen.
#[derive(Clone, Debug)]
pub struct Caught {
    /// The race, as it was seen first.
    pub race: Race,
    /// How often it was seen.
    pub sightings: u64,
    /// How long after attaching it was seen first.
    pub after: Duration,
}

/// What was looked at, what it cost, what was found.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The races, in the order they were caught.
    pub caught: Vec<Caught>,
    /// The cost and the coverage.
    pub effort: Effort,
    /// The process ended, or became another program, before the time was up.
    pub ended: bool,
}

/// What looking took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Effort {
    /// From attaching to letting go.
    pub elapsed: Duration,
    /// How long threads were held, all together.
    pub held: Duration,
    /// Our own processor time, with that of reading the program at the beginning.
    pub processor: Duration,
    /// What arrivals at breakpoints cost the process beside that: their number times what one costs here; of a busy
    /// one, what switches between threads that have breakpoints cost, too.
    pub trapped: Duration,
    /// The processors of the process, of which the budget is a part.
    pub processors: u32,
    /// How often a thread was held.
    pub samples: u64,
    /// Memory that a hold saw changed without seeing who did it: the kernel, or a miss.
    pub changed: u64,
    /// Instructions in the sampled functions of the user's module that touch memory, and calls on maps.
    pub sites: usize,
    /// Of all sites, those waited at.
    pub visited: usize,
    /// And those that a thread arrived at.
    pub reached: usize,
    /// Sites that share what they touch with another goroutine, one of the two writing.
    pub suspects: usize,
    /// Sites of cold code where probes wait now; none where the kernel has no such probes.
    pub probes: usize,
}

impl Effort {
    /// What was spent of the processors' time: 0.01 is one percent.
    pub fn share(&self) -> f64 {
        let whole = self.elapsed.as_secs_f64() * f64::from(self.processors.max(1));
        if whole > 0.0 {
            (self.held + self.processor + self.trapped).as_secs_f64() / whole
        } else {
            0.0
        }
    }
}

/// Makes the calling thread, and those it starts later, leave to [`catch`] the signal by which the kernel tells of
/// stopped threads. Called first in a program, it lets `catch` sleep instead of looking every millisecond.
pub fn prepare() {
    photofinish_sys::trace::block_child_signals();
}

/// What [`catch_on`] tells while it looks.
#[derive(Clone, Copy, Debug)]
pub enum Heard<'a> {
    /// A race, when it is seen first.
    Caught(&'a Caught),
    /// What looking took until now, a few times a second.
    Progress(&'a Effort),
}

/// Looks for races in `process` as `plan` says, until the time is up, the process ends or `stop` is set.
/// `on_caught` hears of each race once, when it is seen first.
///
/// # Errors
/// The process is traced already, or we have not the right, or the processor's breakpoints are not to be had.
pub fn catch(
    process: &Process,
    plan: &Plan,
    stop: &AtomicBool,
    on_caught: &mut (dyn FnMut(&Caught) + Send),
) -> Result<Outcome, CatchError> {
    catch_on(process, plan, &mut Learnt::default(), stop, &mut |heard| {
        if let Heard::Caught(caught) = heard {
            on_caught(caught);
        }
    })
}

/// As [`catch`], going on from what was `learnt` when the process was looked at before.
///
/// Watches in threads of its own, since the kernel knows a tracer by its thread: that ending lets everything go.
///
/// # Errors
/// As [`catch`].
pub fn catch_on(
    process: &Process,
    plan: &Plan,
    learnt: &mut Learnt,
    stop: &AtomicBool,
    on_heard: &mut (dyn FnMut(Heard<'_>) + Send),
) -> Result<Outcome, CatchError> {
    std::thread::scope(|scope| {
        let (sender, news) = mpsc::channel();
        let watching = move || {
            // Nobody listens any more where `on_heard` panicked.
            watch::watch(process, plan, learnt, stop, &mut move |news| drop(sender.send(news)))
        };
        let watching = std::thread::Builder::new()
            .name("catch".to_owned())
            .spawn_scoped(scope, watching)
            .map_err(|cause| CatchError::Thread { cause })?;
        // What takes its time is done in this thread: one that traces must pass signals on.
        let mut locations = Vec::new();
        for news in news {
            match news {
                News::Progress(effort) => on_heard(Heard::Progress(&effort)),
                News::Caught(news) => {
                    let (mut caught, held) = *news;
                    caught.race.location = location::of(process, &held);
                    locations.push(caught.race.location.clone());
                    on_heard(Heard::Caught(&caught));
                }
            }
        }
        let mut outcome = match watching.join() {
            Ok(outcome) => outcome?,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        for (caught, location) in outcome.caught.iter_mut().zip(locations) {
            caught.race.location = location;
        }
        Ok(outcome)
    })
}
