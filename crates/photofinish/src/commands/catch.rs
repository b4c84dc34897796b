//! `photofinish catch`: data races caught in the act, in a process that nobody rebuilt.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use jiff::Timestamp;
use photofinish_catch::{CatchError, Caught, Plan};
use photofinish_goprocess::Process;
use photofinish_store::{NewSighting, Source, Store};

use super::place::{StoreArgs, store_error};
use super::{Format, text_or_json};
use crate::config::{Config, Percent, Span};
use crate::exit::ExitStatus;
use crate::output::catch as output;
use crate::output::error::hinted;

/// Catch data races in the act, in a running Go program built as usual
///
/// Threads are held for a millisecond just before they touch memory; whoever else touches it meanwhile, races.
/// No byte of the process is written. It needs CAP_SYS_PTRACE, CAP_BPF and CAP_PERFMON, or root.
///
/// Exit status: 0 no race caught, 1 races caught, 2 could not look.
#[derive(Debug, clap::Args)]
pub(crate) struct CatchArgs {
    /// The process
    #[arg(value_name = "PID")]
    pid: u32,
    /// How long to look
    #[arg(long = "for", value_name = "TIME", default_value = "30s")]
    duration: Span,
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
    /// The name of the service in findings
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    #[command(flatten)]
    store: StoreArgs,
    /// How to print what was caught
    #[arg(long, value_parser = text_or_json, default_value = "text")]
    format: Format,
}

pub(crate) fn catch(args: CatchArgs) -> anyhow::Result<ExitStatus> {
    // Before any other thread begins.
    photofinish_catch::prepare();
    let stop = Arc::new(AtomicBool::new(false));
    crate::signal::flag_on_first_interrupt(Arc::clone(&stop))?;
    let process = Process::open(args.pid).map_err(|error| {
        let hint = error.hint();
        hinted(error, hint)
    })?;
    let plan = Plan {
        duration: args.duration.0,
        budget: args.budget.0,
        only_maps: args.only_maps,
        focus: args.focus.clone(),
        until_first: args.until_first,
    };
    let mut when = Vec::new();
    let outcome = photofinish_catch::catch(&process, &plan, &stop, &mut |caught: &Caught| {
        when.push(SystemTime::now());
        if args.format == Format::Text {
            // Whoever reads our output may have had enough of it.
            let _ = output::caught(caught);
        }
    })
    .map_err(|error: CatchError| {
        let hint = error.hint();
        hinted(error, hint)
    })?;
    let printed = match args.format {
        Format::Json => output::json(&outcome).context("cannot write to stdout"),
        _ => Ok(()),
    };
    output::summary(&outcome, args.pid);
    let stored = store(&args, &outcome.caught, &when);
    printed.and(stored)?;
    Ok(if outcome.caught.is_empty() { ExitStatus::Success } else { ExitStatus::Found })
}

/// Each race becomes a finding, or a sighting of one.
fn store(args: &CatchArgs, caught: &[Caught], when: &[SystemTime]) -> anyhow::Result<()> {
    if caught.is_empty() {
        return Ok(());
    }
    let place = args.store.place(&Config::load(None)?)?;
    let mut store = Store::open(&place.store).map_err(store_error)?;
    let unique = SystemTime::now().duration_since(UNIX_EPOCH).map_or(Duration::ZERO, |now| now);
    let keys: Vec<String> = (0..caught.len())
        .map(|race_idx| format!("catch:{}:{}:{race_idx}", args.pid, unique.as_nanos()))
        .collect();
    for ((caught, key), at) in caught.iter().zip(&keys).zip(when) {
        let sighting = NewSighting {
            key,
            race: &caught.race,
            source: Source::Catch,
            service: args.service.as_deref(),
            build: None,
            host: None,
            pid: Some(args.pid),
            at: Timestamp::try_from(*at)?,
        };
        store.record_all(&[sighting]).map_err(store_error)?;
    }
    Ok(())
}
