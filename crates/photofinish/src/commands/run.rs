//! `photofinish run [--gate] -- CMD…`: supervise a race build.
//!
//! Flags in, a [`Plan`], one call of `supervise`. Its talk goes to stderr, each line behind
//! `photofinish: `, between the program's own lines; stdout is the program's alone. The exit
//! status is the program's, 128 + n if signal n ended it.

use super::keep::KeepArgs;
use crate::config::jobs::JobsFlags;
use crate::config::{Bytes, Config, parse_span};
use crate::exit::ExitStatus;
use crate::job_sink::JobSink;
use crate::output;
use crate::sink::StoreSink;
use photofinish_store::Source;
use photofinish_supervise::Sink;
use photofinish_supervise::run::{self, Event, Gate, Health, Outcome, Plan, Restart, Voice};
use photofinish_supervise::spool::Spool;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// The race build and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    command: Vec<OsString>,
    /// The configuration [default: photofinish.toml, if there is one]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// After a crash, start again only once its findings are acknowledged
    #[arg(long)]
    gate: bool,
    /// How long the gate stays closed at most
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = parse_span)]
    gate_timeout: Duration,
    /// When to start again: no, on-crash (a fatal error, a panic, a foreign signal), on-failure
    /// (any status but 0), always
    #[arg(long, value_name = "WHEN", default_value_t = Restart::OnCrash)]
    restart: Restart,
    /// Bad ends in a row after which it is left to whoever runs us
    #[arg(long, value_name = "N", default_value_t = 5)]
    max_restarts: u32,
    /// The pause before the first restart; it doubles with each crash in a row
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = parse_span)]
    restart_pause: Duration,
    /// From SIGTERM to SIGKILL
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_span)]
    stop_timeout: Duration,
    /// How long storing may hold up an end or a restart; what is not stored stays in the spool
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_span)]
    store_timeout: Duration,
    /// Memory the program may use, from which history_size is chosen
    #[arg(long, value_name = "SIZE", env = "PHOTOFINISH_MEMORY")]
    memory: Option<Bytes>,
    /// How much the detector remembers, instead of choosing
    #[arg(long, value_name = "N")]
    history_size: Option<u64>,
    #[command(flatten)]
    keep: KeepArgs,
    /// The role of the program: canary, mirror, jobs, load, test, run
    #[arg(long, default_value_t = Source::Run, env = "PHOTOFINISH_SOURCE")]
    source: Source,
    /// The service [default: named after the binary]
    #[arg(long, value_name = "NAME", env = "PHOTOFINISH_SERVICE")]
    service: Option<String>,
    /// The version [default: read from the binary]
    #[arg(long, value_name = "VERSION", env = "PHOTOFINISH_BUILD")]
    build: Option<String>,
    /// It is a light race build
    #[arg(long)]
    light: bool,
    /// Answer GET /healthz and /status here
    #[arg(long, value_name = "ADDR", env = "PHOTOFINISH_HEALTH_LISTEN")]
    health_listen: Option<SocketAddr>,
    /// Healthy whatever happens for so long after each start: race builds start slowly
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_span)]
    start_grace: Duration,
    /// Keep what was delivered in the spool
    #[arg(long, hide = true)]
    keep_spool: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ChildArgs {
    parent: u32,
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct GuardArgs {
    patience_ms: u64,
}

/// Waits for the death of whoever started us.
pub(crate) fn guard(args: &GuardArgs) {
    run::guard(std::io::stdin().lock(), Duration::from_millis(args.patience_ms));
}

/// Supervises until the program has ended for good.
pub(crate) fn run(args: RunArgs) -> anyhow::Result<ExitStatus> {
    let config = Config::load(args.config.as_deref())?;
    let kept = args.keep.kept(&config)?;
    let sink = sink(&args, &config, kept.spooled_sink())?;
    let plan = plan(args, &config, kept.spool())?;
    let stderr = File::from(std::io::stderr().as_fd().try_clone_to_owned()?);
    let voice = Voice::new(Some(stderr))?;
    let outcome = supervise(plan, sink, &voice);
    match outcome {
        Ok(outcome) => Ok(ExitStatus::Child(outcome.end.map_or(0, |end| end.status()))),
        Err(error) => {
            voice.flush(Duration::from_secs(1));
            let status = ExitStatus::Child(error.status());
            let hint = error.hint();
            output::error::print(&output::error::hinted(error, hint));
            Ok(status)
        }
    }
}

/// Becomes the program; returns only if that failed, with the status a shell would give.
pub(crate) fn child(args: ChildArgs) -> anyhow::Result<ExitStatus> {
    let cause = run::become_program(args.parent, &args.command);
    let name = args.command.first().cloned().unwrap_or_default();
    let _ = writeln!(std::io::stderr(), "photofinish: cannot run {}: {cause}", name.display());
    let missing = cause.kind() == std::io::ErrorKind::NotFound;
    Ok(ExitStatus::Child(if missing { 127 } else { 126 }))
}

/// Where reports go; those of a worker of the queue under `[jobs]` are linked to its jobs.
fn sink(args: &RunArgs, config: &Config, store: StoreSink) -> anyhow::Result<Box<dyn Sink>> {
    if args.source != Source::Jobs || config.jobs.broker.is_none() {
        return Ok(Box::new(store));
    }
    let url = std::env::var("PHOTOFINISH_JOBS_URL").ok();
    let queue = config.jobs_plan(&JobsFlags { url, ..JobsFlags::default() }).map_err(|error| {
        let hint = error.hint();
        output::error::hinted(error, hint)
    })?;
    Ok(Box::new(JobSink::new(store, queue)))
}

/// One runtime on the main thread: the program's life hangs on the thread that starts it.
fn supervise(plan: Plan, sink: Box<dyn Sink>, voice: &Voice) -> Result<Outcome, run::RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|cause| run::RunError::Setup { what: "the runtime", cause })?;
    let (_keep, stop) = tokio::sync::watch::channel(false);
    let tell = |event: Event| {
        if let Some(line) = event.line() {
            voice.say(line);
        }
    };
    runtime.block_on(run::run(plan, sink, voice.clone(), tell, stop))
}

fn plan(args: RunArgs, config: &Config, spool: Spool) -> anyhow::Result<Plan> {
    let mut plan = Plan::new(args.command, spool);
    if let Some(options) = &config.run.gorace {
        // The runtime takes the last of two: the environment wins over the file.
        let own = std::env::var("GORACE").unwrap_or_default();
        plan.environment.push(("GORACE".into(), format!("{options} {own}").into()));
    }
    plan.source = args.source.word().to_owned();
    plan.service = args.service.or_else(|| config.service.name.clone());
    plan.build = args.build;
    plan.light = args.light;
    plan.keep_spool = args.keep_spool;
    plan.launcher = crate::launcher()?;
    plan.init = true;
    plan.gate = args.gate.then_some(Gate { bound: args.gate_timeout });
    plan.restart = args.restart;
    plan.max_restarts = args.max_restarts;
    plan.first_pause = args.restart_pause;
    plan.stop_timeout = args.stop_timeout;
    plan.store_patience = args.store_timeout;
    plan.memory = args.memory.or(config.run.memory).map(|bytes| bytes.0);
    plan.history_size = args.history_size;
    plan.health = args.health_listen.map(|listen| Health { listen, grace: args.start_grace });
    Ok(plan)
}
