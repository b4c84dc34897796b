//! The breakpoints of all threads: three places to wait at sites, and one that watches data.
//!
//! All threads wait at the same sites. Moving a breakpoint of a thread that runs on another processor costs an
//! interrupt there, which is most of the price of waiting elsewhere; so places are left where they
//! are until something else is wanted. Start at [`Places::wait`].

use std::collections::BTreeMap;
use std::time::Instant;

use photofinish_sys::tid_inside;
use photofinish_sys::trace::{Breakpoint, Hit, PLACES, StopProgram, TraceError, Tracer, Watching};

use crate::learnt::SiteIdx;

/// All breakpoints of a process.
#[derive(Debug)]
pub(crate) struct Places {
    pid: u32,
    threads: BTreeMap<u32, Breakpoints>,
    pub(crate) program: StopProgram,
    waiting: [Option<Waiting>; PLACES],
    /// What all threads watch, while one is held.
    watched: Option<Watching>,
    /// Where breakpoints sleep.
    somewhere: u64,
    /// No thread has breakpoints.
    is_asleep: bool,
}

/// What a place waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    pub(crate) site_idx: SiteIdx,
    /// Where that is in the process.
    pub(crate) address: u64,
    pub(crate) since: Instant,
    /// The same by the clock of notes.
    pub(crate) since_ns: u64,
    pub(crate) until: Instant,
    /// Arrivals are held, not only noted.
    pub(crate) to_hold: bool,
}

#[derive(Debug)]
struct Breakpoints {
    sites: Vec<Breakpoint>,
    data: Breakpoint,
}

impl Places {
    /// None yet, until [`Self::wake`].
    ///
    /// # Errors
    /// The kernel has no programs for breakpoints, or does not let us.
    pub(crate) fn new(pid: u32, somewhere: u64) -> Result<Places, TraceError> {
        Ok(Places {
            pid,
            threads: BTreeMap::new(),
            program: StopProgram::load(pid)?,
            waiting: [None; PLACES],
            watched: None,
            somewhere,
            is_asleep: true,
        })
    }

    fn open_all(&mut self, tracer: &Tracer) -> Result<(), TraceError> {
        for tid in tracer.threads() {
            match self.breakpoints(tid) {
                Ok(breakpoints) => {
                    self.threads.insert(tid, breakpoints);
                }
                Err(error) if error.is_gone() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes the breakpoints from all threads until [`Self::wake`], once every turn has been ended.
    pub(crate) fn sleep(&mut self) {
        self.is_asleep = true;
        self.threads.clear();
    }

    /// Opens those of all threads, silent.
    ///
    /// # Errors
    /// A thread has no place left, or we have not the right.
    pub(crate) fn wake(&mut self, tracer: &Tracer) -> Result<(), TraceError> {
        if std::mem::take(&mut self.is_asleep) {
            self.open_all(tracer)?;
        }
        Ok(())
    }

    pub(crate) fn is_asleep(&self) -> bool {
        self.is_asleep
    }

    fn breakpoints(&self, tid: u32) -> Result<Breakpoints, TraceError> {
        let numbers = (tid, tid_inside(self.pid, tid));
        let site = |place| Breakpoint::stopping(numbers, self.somewhere, &self.program, place);
        let sites = (0..PLACES).map(site).collect::<Result<_, _>>()?;
        Ok(Breakpoints { sites, data: Breakpoint::sampling(tid, self.somewhere)? })
    }

    /// A thread began.
    pub(crate) fn begin_thread(&mut self, tid: u32) {
        if self.is_asleep {
            return;
        }
        match self.breakpoints(tid) {
            Ok(mut breakpoints) => {
                for (breakpoint, waiting) in breakpoints.sites.iter_mut().zip(&self.waiting) {
                    if let Some(waiting) = waiting {
                        let _ = breakpoint.wait_at(waiting.address, &self.program);
                    }
                }
                if let Some(watched) = self.watched {
                    let _ = breakpoints.data.watch(watched);
                }
                self.threads.insert(tid, breakpoints);
            }
            Err(error) => tracing::debug!("thread {tid} is not watched: {error}"),
        }
    }

    /// A thread ended.
    pub(crate) fn end_thread(&mut self, tid: u32) {
        self.threads.remove(&tid);
    }

    /// What is waited for.
    pub(crate) fn waiting(&self) -> [Option<Waiting>; PLACES] {
        self.waiting
    }

    /// A place waits: so many arrivals are noted, if they are not to be held.
    pub(crate) fn wait(&mut self, place: usize, waiting: Waiting, notes: u64) {
        self.program.prepare(place, if waiting.to_hold { 0 } else { notes }, waiting.to_hold);
        self.waiting[place] = Some(waiting);
        for breakpoints in self.threads.values_mut() {
            if let Some(breakpoint) = breakpoints.sites.get_mut(place) {
                // A thread that ended needs none.
                let _ = breakpoint.wait_at(waiting.address, &self.program);
            }
        }
    }

    /// A place waits on for a while.
    pub(crate) fn wait_until(&mut self, place: usize, until: Instant) {
        if let Some(waiting) = &mut self.waiting[place] {
            waiting.until = until;
        }
    }

    /// Ends the turn of a place: what was waited for, and how many arrived. Its breakpoints fall silent at
    /// the next arrival.
    pub(crate) fn take(&mut self, place: usize) -> Option<(Waiting, u64)> {
        let waiting = self.waiting[place].take()?;
        let arrivals = self.program.arrivals(place);
        self.program.prepare(place, 0, false);
        Some((waiting, arrivals))
    }

    /// All threads watch this data.
    pub(crate) fn watch(&mut self, watched: Watching) {
        self.watched = Some(watched);
        for breakpoints in self.threads.values_mut() {
            breakpoints.data.hits();
            // A thread that ended cannot touch anything.
            let _ = breakpoints.data.watch(watched);
        }
    }

    /// They do no more.
    pub(crate) fn unwatch(&mut self) {
        self.watched = None;
        for breakpoints in self.threads.values_mut() {
            let _ = breakpoints.data.rest();
        }
    }

    /// Who touched the data since the last call, but for thread `held`.
    pub(crate) fn hits(&mut self, held: u32) -> Vec<Hit> {
        let others = self.threads.iter_mut().filter(|(tid, _)| **tid != held);
        others.flat_map(|(_, breakpoints)| breakpoints.data.hits()).collect()
    }
}
