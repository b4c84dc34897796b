//! `photofinish deploy`: manifests from the configuration, and what runs held against it.

mod check;
mod diff;
mod kubectl;
mod write;

use crate::config::word::Word;
use crate::config::{Config, ConfigError};
use crate::exit::ExitStatus;
use crate::output::error::hinted;
use photofinish_deploy::{Object, Part, Plan, Target, objects};
use std::path::PathBuf;

/// Write Kubernetes manifests for canary, mirror, jobs, catch and serve from the configuration
///
/// One file drives hunt, proxy, jobs and this: `[deploy]` has what only a cluster has to know. Without --out everything is
/// printed as one stream for `kubectl apply -f -`; with it a folder is written, with a base and overlays for
/// `kubectl apply -k`, Dockerfiles, and a role for CI. `check` and `diff` ask the cluster through kubectl. Exit status: 0 written, or
/// as configured; 1 something else runs; 2 could not.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct DeployArgs {
    #[command(subcommand)]
    command: Option<DeployCommand>,
    #[command(flatten)]
    flags: Flags,
    /// Write a folder with a Kustomize base and overlays
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Overwrite what somebody changed there
    #[arg(long, requires = "out")]
    force: bool,
    /// How objects are printed; json is one List
    #[arg(long, value_enum, default_value_t = ObjectFormat::Yaml, conflicts_with = "out")]
    format: ObjectFormat,
}

#[derive(Debug, clap::Subcommand)]
enum DeployCommand {
    /// Hold what runs in the cluster against the configuration
    Check(check::CheckArgs),
    /// Show what applying would change (kubectl diff)
    Diff(diff::DiffArgs),
}

/// What is deployed where.
#[derive(Clone, Debug, clap::Args)]
struct Flags {
    /// The configuration [default: photofinish.toml, if there is one]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What passes traffic on: gateway-api, istio or nginx-ingress [default: deploy.target, else gateway-api]
    #[arg(long, value_name = "TARGET", value_parser = Target::read)]
    target: Option<Target>,
    /// What to put together: canary, mirror, jobs, catch, serve, several with commas, base for none of them, or all (a folder has all)
    #[arg(long, value_name = "PARTS", default_value = "all")]
    overlay: String,
}

/// How objects are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ObjectFormat {
    /// For people, with comments
    Yaml,
    /// For programs
    Json,
}

/// Writes, checks or shows.
pub(crate) fn deploy(args: DeployArgs) -> anyhow::Result<ExitStatus> {
    match args.command {
        Some(DeployCommand::Check(check)) => check::check(&check),
        Some(DeployCommand::Diff(diff)) => diff::diff(&diff),
        None => write::write(&args),
    }
}

impl Flags {
    fn plan(&self) -> anyhow::Result<Plan> {
        let config = Config::load(self.config.as_deref())?;
        let (plan, notes) = config.deploy_plan(self.target).map_err(refused)?;
        for note in notes {
            tracing::warn!("{note}");
        }
        Ok(plan)
    }

    /// The objects of the overlay that was asked for.
    fn objects(&self, plan: &Plan) -> anyhow::Result<Vec<Object>> {
        Ok(objects(plan, &self.parts(plan)?)?)
    }

    fn parts(&self, plan: &Plan) -> anyhow::Result<Vec<Part>> {
        let there = plan.parts();
        let mut parts = Vec::new();
        for word in self.overlay.split(',') {
            match there.iter().find(|part| part.name() == word) {
                Some(part) => parts.push(*part),
                None if word == "all" => parts.extend(&there),
                None if word == "base" => {}
                None => {
                    let names: Vec<&str> = there.iter().map(|part| part.name()).collect();
                    let hint =
                        format!("this configuration comes to {}, base and all", names.join(", "));
                    return Err(hinted(
                        anyhow::anyhow!("there is no overlay `{word}`"),
                        Some(hint),
                    ));
                }
            }
        }
        parts.sort();
        parts.dedup();
        Ok(parts)
    }
}

fn refused(error: ConfigError) -> anyhow::Error {
    let hint = error.hint();
    hinted(error, hint)
}
