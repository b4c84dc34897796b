//! One look at all targets at once: a thread for each, and one place where what they see comes together.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use photofinish_catch::{CatchError, Caught, Effort, Heard, Learnt, Outcome, Plan, processor_time};
use photofinish_goprocess::Process;

use super::CatchArgs;
use super::keep::{Keep, Origin};
use crate::output::catch::Told;
use crate::output::error::hinted;

/// What a target's thread says.
enum Message {
    Caught(Origin, Box<Caught>),
    Progress(u32, Box<Effort>),
    Ended(u32, anyhow::Result<Outcome>),
}

/// Looks at `targets`, going on from what was learnt of them, as `args` say, until the time is up, all ended or `stop` is set.
///
/// # Errors
/// None of them could be looked at. Where some could, the others are told.
pub(super) fn round(
    args: &CatchArgs,
    targets: &mut BTreeMap<u32, Learnt>,
    stop: &AtomicBool,
    keep: &mut Keep,
    told: &mut Told,
) -> anyhow::Result<()> {
    let (tell, heard) = channel();
    let n_targets = targets.len();
    std::thread::scope(|scope| {
        for (pid, learnt) in targets {
            let (tell, plan) = (tell.clone(), plan(args));
            scope.spawn(move || {
                let outcome = look(*pid, &plan, learnt, stop, &tell);
                // Nobody listens any more only when the command itself failed.
                let _ = tell.send(Message::Ended(*pid, outcome));
            });
        }
        drop(tell);
        let told = listen(args, n_targets, &heard, stop, keep, told);
        // Whatever happened to the listener, the others are to end.
        if told.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        told
    })
}

fn plan(args: &CatchArgs) -> Plan {
    Plan {
        duration: args.duration.0,
        budget: args.budget.0,
        only_maps: args.only_maps,
        focus: args.focus.clone(),
        until_first: args.until_first,
        spent: Duration::ZERO,
    }
}

fn look(
    pid: u32,
    plan: &Plan,
    learnt: &mut Learnt,
    stop: &AtomicBool,
    tell: &Sender<Message>,
) -> anyhow::Result<Outcome> {
    let before = processor_time();
    let process = Process::open(pid).map_err(|error| {
        let hint = error.hint();
        hinted(error, hint)
    })?;
    let origin = Origin::of(&process);
    let tell = tell.clone();
    let mut on_heard = move |heard: Heard<'_>| {
        let _ = tell.send(match heard {
            Heard::Caught(caught) => Message::Caught(origin.clone(), Box::new(caught.clone())),
            Heard::Progress(effort) => Message::Progress(pid, Box::new(*effort)),
        });
    };
    let spent = processor_time().saturating_sub(before);
    let plan = Plan { spent, ..plan.clone() };
    let outcome = photofinish_catch::catch_on(&process, &plan, learnt, stop, &mut on_heard);
    outcome.map_err(|error: CatchError| {
        let hint = error.hint();
        hinted(error, hint)
    })
}

/// Until all targets' threads have ended.
fn listen(
    args: &CatchArgs,
    n_targets: usize,
    heard: &Receiver<Message>,
    stop: &AtomicBool,
    keep: &mut Keep,
    told: &mut Told,
) -> anyhow::Result<()> {
    let mut failures = Vec::new();
    for message in heard {
        match message {
            Message::Caught(origin, caught) => {
                if args.until_first {
                    stop.store(true, Ordering::Relaxed);
                }
                let delivered = keep.keep(&origin, &caught);
                // Whoever reads our output may have had enough of it.
                let _ = told.caught(&origin.program, origin.pid, &caught, delivered);
            }
            Message::Progress(pid, effort) => told.progress(pid, &effort),
            Message::Ended(pid, Ok(outcome)) => {
                told.outcome(pid, &outcome, args.every.is_some());
                keep.deliver();
            }
            Message::Ended(pid, Err(error)) => failures.push((pid, error)),
        }
    }
    if failures.len() == n_targets && !told.has_looked() {
        let (_, error) = failures.swap_remove(0);
        return Err(error);
    }
    for (pid, error) in failures {
        told.failure(pid, &error);
    }
    Ok(())
}
