//! `photofinish jobs`: a queue whose every N-th job goes to race-built workers.

mod admin;
mod figures;
mod pool;
mod run;
mod status;
mod undo;

use super::place::StoreArgs;
use crate::config::jobs::JobsFlags;
use crate::config::{Config, ConfigError};
use crate::exit::ExitStatus;
use crate::output::error::hinted;
use photofinish_jobs::{JobsError, Plan};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Give race-built workers one of each N jobs of a queue; nothing is lost, nothing is run twice by it
///
/// Which queue is said under [jobs] of the configuration, which race-built workers to start under
/// [jobs.workers]; without it they are somebody else's affair. SIGTERM ends it after the step under way;
/// whoever is killed at any moment loses nothing, and several may run at once. Exit status: 0 ended
/// in good order, 2 could not run.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct JobsArgs {
    #[command(subcommand)]
    command: Option<JobsCommand>,
    #[command(flatten)]
    flags: Flags,
    /// One of so many jobs [default: jobs.every of the configuration, else 10]
    #[arg(long, value_name = "N")]
    every: Option<u32>,
    /// Jobs with the same key go to the same side: header:NAME (asynq, nats, rabbitmq), type (asynq), subject
    /// (nats), field:NAME (redis-streams), kind, tag or metadata:NAME (river) [default: jobs.key of the
    /// configuration, else jobs are counted]
    #[arg(long, value_name = "FIELD")]
    key: Option<String>,
    /// At the end, give what waits for the race build's workers to the normal ones; always so where
    /// they end with us, being those of [jobs.workers]
    #[arg(long)]
    hand_back: bool,
    /// Serve /metrics and /status here [default: jobs.admin of the configuration, else nowhere]
    #[arg(long, value_name = "ADDR")]
    admin: Option<SocketAddr>,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Debug, clap::Subcommand)]
enum JobsCommand {
    /// Show how the queues stand, and what holds
    Status(status::StatusArgs),
    /// Put the broker back as it was: jobs go back to the source, what was made for sampling goes
    Undo(undo::UndoArgs),
}

/// Which queue.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Flags {
    /// The configuration [default: photofinish.toml, if there is one]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the broker is [default: jobs.url of the configuration]
    #[arg(long, env = "PHOTOFINISH_JOBS_URL", hide_env_values = true, value_name = "URL")]
    url: Option<String>,
}

impl Flags {
    fn plan(&self, every: Option<u32>) -> anyhow::Result<Plan> {
        self.read(every, None).map(|(_, plan)| plan)
    }

    fn read(&self, every: Option<u32>, key: Option<String>) -> anyhow::Result<(Config, Plan)> {
        let config = Config::load(self.config.as_deref())?;
        let flags = JobsFlags { url: self.url.clone(), every, key };
        let plan = config.jobs_plan(&flags).map_err(refused)?;
        Ok((config, plan))
    }
}

fn refused(error: ConfigError) -> anyhow::Error {
    let hint = error.hint();
    hinted(error, hint)
}

pub(crate) fn jobs(args: JobsArgs) -> anyhow::Result<ExitStatus> {
    match args.command {
        Some(JobsCommand::Status(args)) => status::status(&args),
        Some(JobsCommand::Undo(args)) => undo::undo(&args),
        None => run::run(args),
    }
}

/// Waits for what a broker is asked, on this thread.
fn wait<T>(asked: impl Future<Output = Result<T, JobsError>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(asked).map_err(|error| {
        let hint = error.hint();
        hinted(error, hint)
    })
}
