//! `photofinish catch`: data races caught in the act, in processes that nobody rebuilt.
//!
//! A round looks at every target at once, each in a thread of its own (`round`). Without `--every` there is one
//! round; with it they follow each other until somebody interrupts, and targets named by program are looked up
//! again in each (`targets`). What is caught goes to the terminal and the store at once (`keep`).

mod keep;
mod round;
mod targets;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use photofinish_catch::Learnt;

use self::keep::Keep;
use self::targets::Targets;
use super::keep::KeepArgs;
use crate::config::{Config, Percent, Span};
use crate::exit::ExitStatus;
use crate::output::catch::{CatchFormat, Told};
use crate::output::error::Hint;

/// How often the end of a pause is looked for.
const LOOK: Duration = Duration::from_millis(100);

/// Catch data races in the act, in running Go programs built as usual
///
/// Threads are held for a millisecond just before they touch memory; whoever else touches it meanwhile, races.
/// No byte of the process is written. It needs CAP_SYS_PTRACE, CAP_BPF and CAP_PERFMON, or root.
///
/// Exit status: 0 no race caught, 1 races caught, 2 could not look.
#[derive(Debug, clap::Args)]
pub(crate) struct CatchArgs {
    /// The processes
    #[arg(value_name = "PID", required_unless_present = "names")]
    pids: Vec<u32>,
    /// All processes of this program; waits for one to start (repeatable)
    #[arg(long = "name", value_name = "PROCESS")]
    names: Vec<String>,
    /// How long to look
    #[arg(long = "for", value_name = "TIME", default_value = "30s")]
    duration: Span,
    /// Look again and again, so often, until interrupted: for a sidecar that runs for weeks
    #[arg(long, value_name = "TIME")]
    every: Option<Span>,
    /// What may be spent of the processors' time: threads held, and our own
    #[arg(long, value_name = "PERCENT", default_value = "1%")]
    budget: Percent,
    /// Stop at the first race
    #[arg(long)]
    until_first: bool,
    /// Look at maps only
    #[arg(long)]
    only_maps: bool,
    /// Look only at functions whose name, as in a stack trace, holds this
    #[arg(long, value_name = "PATTERN")]
    focus: Option<String>,
    /// The name of the service in findings [default: the program's]
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    #[command(flatten)]
    keep: KeepArgs,
    /// How to print what was caught
    #[arg(long, value_enum, default_value_t = CatchFormat::Text)]
    format: CatchFormat,
}

pub(crate) fn catch(args: CatchArgs) -> anyhow::Result<ExitStatus> {
    // Before any other thread begins.
    photofinish_catch::prepare();
    let stop = Arc::new(AtomicBool::new(false));
    crate::signal::flag_on_first_interrupt(Arc::clone(&stop))?;
    if let Some(every) = args.every.filter(|every| every.0 < args.duration.0) {
        let (every, length) = (every.0, args.duration.0);
        return Err(anyhow::anyhow!("--every {every:?} is shorter than --for {length:?}"))
            .context(Hint("give --every the time from one look's beginning to the next's".into()));
    }
    let kept = args.keep.kept(&Config::load(None)?)?;
    let mut keep = Keep::new(kept.sink()?, args.service.clone());
    let mut told = Told::new(args.format);
    let targets = Targets { pids: args.pids.clone(), names: args.names.clone() };
    let mut learnt = BTreeMap::<u32, Learnt>::new();
    let mut next = Instant::now();
    loop {
        let found = targets.wait(&stop)?;
        if !found.is_empty() {
            learnt =
                found.iter().map(|pid| (*pid, learnt.remove(pid).unwrap_or_default())).collect();
            round::round(&args, &mut learnt, &stop, &mut keep, &mut told)?;
        }
        let is_enough = args.until_first && told.n_races() > 0;
        let Some(every) = args.every.filter(|_| !is_enough && !stop.load(Ordering::Relaxed)) else {
            break;
        };
        next += every.0;
        pause_until(next, &stop);
        if stop.load(Ordering::Relaxed) {
            break;
        }
        next = next.max(Instant::now());
    }
    let printed = told.end().context("cannot write to stdout");
    // Part of a hunt it is told there.
    if args.format != CatchFormat::Jsonl {
        keep.campaign(&args.names.join(", "));
    }
    let kept = keep.finish();
    printed.and(kept)?;
    Ok(if told.n_races() == 0 { ExitStatus::Success } else { ExitStatus::Found })
}

fn pause_until(until: Instant, stop: &AtomicBool) {
    while Instant::now() < until && !stop.load(Ordering::Relaxed) {
        std::thread::sleep(LOOK.min(until.saturating_duration_since(Instant::now())));
    }
}
