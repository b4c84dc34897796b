//! Running a plan: it is checked, the servers are reached once, the threads do the rest.
//!
//! One single-threaded runtime for each core, on a thread of its own, and connections dealt out
//! once: no work moves between cores, so nothing is shared but a few counters.
//!
//! Start at [`run`]; then `team` (the threads), `closed`, `open` and `replay` (the loops), `lane` (one
//! request after another).

mod alarm;
mod closed;
mod core;
mod dispatch;
mod lane;
mod open;
mod order;
mod prepare;
mod recorded;
mod replay;
mod rotation;
mod stop;
mod team;

pub use stop::Stop;

use crate::LoadError;
use crate::measure::{Snapshot, Summary};
use crate::plan::{End, Load, Plan};
use crate::wire::connect::connect;
use core::Shared;
use prepare::Prepared;
use std::sync::Arc;
use std::time::{Duration, Instant};
use team::Team;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};

/// Time for the threads to get ready in.
const LEAD_IN: Duration = Duration::from_millis(10);

/// Runs `plan` to its end, or until `stop` is used, telling `on_tick` how it stands. Blocks.
///
/// # Errors
/// Only what keeps the run from starting: a plan that makes no sense, a server that cannot be
/// connected to. What fails later is counted.
pub fn run(
    plan: &Plan,
    stop: &Stop,
    mut on_tick: impl FnMut(&Snapshot<'_>),
) -> Result<Summary, LoadError> {
    check(plan)?;
    let prepared = Prepared::new(plan)?;
    reach(plan, &prepared)?;
    let start = Instant::now() + LEAD_IN;
    let shared = Arc::new(Shared {
        plan: plan.clone(),
        prepared,
        start,
        measured_from: start + plan.warm_up,
        next: 0.into(),
        taken: 0.into(),
        in_flight: 0.into(),
        in_flight_max: 0.into(),
    });
    let team = Team::start(&shared, stop)?;
    let threads = team.size();
    let (total, ended) = team.merge(&shared, &mut on_tick);
    let in_flight_max = shared.in_flight_max.load(std::sync::atomic::Ordering::Relaxed);
    let mut summary = Summary::new(plan, total, planned(plan));
    if !matches!(plan.load, Load::Closed { .. }) {
        summary.in_flight_max = in_flight_max;
    }
    summary.duration = ended.saturating_duration_since(shared.measured_from);
    summary.measure_replay();
    summary.threads = threads;
    summary.interrupted = stop.is_stopped() && plan.end != End::Stopped;
    Ok(summary)
}

/// How many requests the plan asks for, where it says.
fn planned(plan: &Plan) -> Option<u64> {
    match (&plan.load, plan.end) {
        (Load::Open { .. }, _) => {
            let schedule = open::schedule(plan)?;
            Some(schedule.total? - schedule.warm)
        }
        (Load::Replay(replay), end) => replay.total(end),
        (Load::Closed { .. }, End::Requests(requests)) => Some(requests),
        (Load::Closed { .. }, _) => None,
    }
}

fn check(plan: &Plan) -> Result<(), LoadError> {
    let wrong = |problem: &str| Err(LoadError::Plan { problem: problem.to_owned() });
    let peak = plan.ramp().map_or(0.0, crate::Ramp::peak);
    match &plan.load {
        Load::Closed { .. } if peak < 1.0 => return wrong("a closed loop needs a worker"),
        Load::Closed { .. } if peak > 1e6 => return wrong("more than a million workers"),
        Load::Open { .. } if !peak.is_finite() || peak <= 0.0 => {
            return wrong("an open loop needs a rate above nothing");
        }
        Load::Open { max_in_flight: Some(0), .. } => {
            return wrong("with no request in flight allowed, nothing can be sent");
        }
        Load::Replay(replay) => {
            replay.check()?;
            if replay.max_in_flight == Some(0) {
                return wrong("with no request in flight allowed, nothing can be sent");
            }
            if !plan.warm_up.is_zero() {
                return wrong("a replay has no warm-up");
            }
        }
        _ => {}
    }
    if plan.end == End::Requests(0) || plan.length() == Some(Duration::ZERO) {
        return wrong("it ends before its first request");
    }
    if plan.timeout.is_zero() {
        return wrong("no answer can come in a timeout of nothing");
    }
    Ok(())
}

/// Connects to every server once, so that "nothing listens" is said before anything is sent.
fn reach(plan: &Plan, prepared: &Prepared) -> Result<(), LoadError> {
    let runtime = runtime().map_err(|cause| LoadError::Thread { cause })?;
    for origin in &prepared.origins {
        let trial = connect(origin, &prepared.tls, plan.protocol);
        let limit = plan.timeout.min(Duration::from_secs(10));
        let outcome = runtime.block_on(async { tokio::time::timeout(limit, trial).await });
        let outcome = outcome.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
        outcome.map_err(|cause| LoadError::Connect {
            origin: origin.name(),
            addresses: origin
                .addresses
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", "),
            cause,
        })?;
    }
    Ok(())
}

fn runtime() -> std::io::Result<LocalRuntime> {
    Builder::new_current_thread().enable_all().build_local(LocalOptions::default())
}
