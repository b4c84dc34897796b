//! Supervises a program built with `-race`: starts it, stores what it prints, starts it again.
//!
//! [`run`] is the life of one supervision. It decides `GORACE`, makes a folder in the spool,
//! delivers what earlier runs left there, and then, for each start of the program: wait for its
//! end, store *all* of its reports, pass the gate, pause, start again or return its status.
//!
//! Must be awaited on the thread that lives as long as the program (a current-thread runtime on
//! the main thread): the kernel's promise to stop the program when we die hangs on that thread.
//!
//! Not here: reading reports (`follow`), the files (`spool`).
//! Start at [`run`]; [`Plan`] has every knob.

mod child;
mod error;
mod event;
mod gate;
mod guard;
mod health;
mod launch;
mod plan;
mod prepare;
mod process;
mod restart;
mod signals;
mod supervisor;
mod voice;

pub use child::End;
pub use error::RunError;
pub use event::Event;
pub use guard::{Guard, guard};
pub use launch::become_program;
pub use plan::{Gate, Health, Outcome, Plan};
pub use restart::{Restart, UnknownRestart};
pub use voice::Voice;

pub(crate) use voice::Passing;

use crate::sink::Sink;
use supervisor::Supervisor;
use tokio::sync::watch;

/// Runs the program of `plan` until it has ended for good, or `stop` becomes true.
///
/// Reports go to `sink`; what happens is told to `tell`; the program's stderr and nothing else
/// comes out of `voice`. When this returns, every report is stored or still in the spool
/// ([`Outcome::left_in_spool`]).
pub async fn run(
    plan: Plan,
    sink: Box<dyn Sink>,
    voice: Voice,
    tell: impl FnMut(Event),
    stop: watch::Receiver<bool>,
) -> Result<Outcome, RunError> {
    let mut supervisor = Supervisor::prepare(plan, sink, voice, tell, stop).await?;
    let outcome = supervisor.live().await;
    supervisor.close(outcome).await
}
