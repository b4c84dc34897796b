//! Spells: the stretches in which the process is traced. Between them it is left alone.
//!
//! A traced thread is stopped by each signal that it gets, until we have seen it, and Go sends itself a hundred a second
//! to interrupt its goroutines: a process that needs all its processors feels that, though nobody is held. So such a
//! process is traced only while there is something to spend. The kernel knows a tracer by its thread, and the end of that
//! thread, however it comes, is what lets all go without stopping anybody; so each spell has a thread of its own. Where
//! processors are idle there is one spell, as long as we look.
//!
//! Not here: what is done in a spell (`watch`). Start at [`Watch::spell`].

use std::time::{Duration, Instant};

use photofinish_sys::trace::{Tracer, hurry};

use crate::CatchError;
use crate::catches::Catches;
use crate::watch::Watch;

/// How often it is looked, between spells, whether a probe gave an alarm: to wake up disturbs those who use all processors.
const ALARM: Duration = Duration::from_millis(25);
/// When it is tried again to trace what could not be traced.
const AGAIN: Duration = Duration::from_millis(500);

impl Watch<'_> {
    /// Whether a spell may begin.
    pub(crate) fn may_trace(&mut self) -> bool {
        // That it cannot be traced at all is said at once.
        if !self.was_traced {
            return true;
        }
        let is_barred = self.barred.is_some_and(|until| Instant::now() < until);
        let is_costly = self.budget.pause().is_some() && self.has_dear_switches();
        !is_barred && !is_costly
    }

    /// Traces the process until there is nothing to spend, or no more to look for.
    ///
    /// # Errors
    /// It cannot be traced, and never was. Later that is a reason to wait: somebody may be debugging it.
    pub(crate) fn spell(&mut self, catches: &mut Catches<'_>) -> Result<(), CatchError> {
        let traced = self.in_thread(|watch| watch.traced(catches));
        self.sleep();
        match traced {
            Err(error) if !self.was_traced => return Err(error),
            Err(error) if !self.image.is_running() => {
                tracing::debug!("{error}");
                self.over = true;
            }
            Err(error) => {
                if self.barred.is_none() {
                    tracing::warn!("races are not looked for just now: {error}");
                }
                self.barred = Some(Instant::now() + AGAIN);
            }
            Ok(()) => self.barred = None,
        }
        Ok(())
    }

    fn traced(&mut self, catches: &mut Catches<'_>) -> Result<(), CatchError> {
        let mut tracer = Tracer::attach(self.pid)?;
        // From now on it cannot begin another program without our being told.
        if !self.image.is_running() {
            self.over = true;
            return Ok(());
        }
        self.places.wake(&tracer)?;
        self.was_traced = true;
        self.begin_paying();
        hurry();
        while !self.places.is_asleep() && catches.go_on(self) {
            catches.tell_progress(self);
            let end = catches.end_of_step(self);
            if let Some((site_idx, held, other)) = self.step(&mut tracer, end) {
                catches.add(self, site_idx, held, &other);
            }
        }
        self.sleep();
        Ok(())
    }

    fn in_thread<T: Send>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, CatchError> + Send,
    ) -> Result<T, CatchError> {
        self.budget.leave_thread();
        let result = std::thread::scope(|scope| {
            let counted = || {
                self.budget.enter_thread();
                let result = work(self);
                self.budget.leave_thread();
                result
            };
            let thread = std::thread::Builder::new().name("catch".to_owned());
            match thread.spawn_scoped(scope, counted).map(|thread| thread.join()) {
                Ok(Ok(result)) => result,
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                Err(cause) => Err(CatchError::Thread { cause }),
            }
        });
        self.budget.enter_thread();
        result
    }

    /// Nobody is traced for a while: until there is something to spend again, or probes have to be looked after.
    pub(crate) fn leave_alone(&mut self, end: Instant) {
        if !self.image.is_running() {
            self.over = true;
            return;
        }
        self.look_at_running();
        // No sooner, though a batch is new: who needs all processors is disturbed by everybody who wakes up.
        if self.places.program.is_alarmed() || self.cold.is_long_ago() {
            self.look_at_cold();
        }
        let now = Instant::now();
        let begin = match (self.budget.pause(), self.barred) {
            (Some(pause), _) => now + pause,
            (None, Some(until)) => until,
            (None, None) => now,
        };
        let mut until = begin.min(end).min(self.running.due());
        if self.cold.n_planted() > 0 {
            until = until.min(now + ALARM);
        }
        std::thread::sleep(until.saturating_duration_since(now));
    }
}
