//! `photofinish matrix`: how often a service's races show themselves, and who sees them, over Go versions.

mod plan;

use super::service::{BuildArgs, ServiceArgs};
use crate::config::matrix::ColumnWord;
use crate::config::word::Word;
use crate::config::{Config, Span};
use crate::exit::ExitStatus;
use crate::output::error::hinted;
use crate::output::matrix_live::MatrixLive;
use crate::output::{matrix as text, matrix_json as json};
use anyhow::Context;
use photofinish_load::Stop;
use std::path::PathBuf;

/// Measure how often a service's races show themselves, and who sees them, over Go versions
///
/// Each trial is a fresh process of a build of the service, driven with the load, or a run of its tests; trials of all toolchains and
/// columns take turns. A matrix that is ended goes on where it was when the same is asked again. Everything can stand in photofinish.toml;
/// flags override it. Exit status: 0 measured, 1 the repaired program showed or was caught at something, 2 could not measure.
#[derive(Debug, clap::Args)]
pub(crate) struct MatrixArgs {
    /// The configuration [default: photofinish.toml, if there is one]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    trials: TrialArgs,
    #[command(flatten)]
    service: ServiceArgs,
    #[command(flatten)]
    build: BuildArgs,
    /// How to print what was measured
    #[arg(long, value_enum, default_value_t = MatrixFormat::Text)]
    format: MatrixFormat,
    /// Where to write the page [default: matrix.html beside the journal]
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// The trials.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The trials")]
struct TrialArgs {
    /// Go versions (1.24, 1.24.11), `local` for the go command on PATH, or paths of go commands [default: local]
    #[arg(long, value_name = "VERSIONS", value_delimiter = ',')]
    toolchains: Vec<String>,
    /// normal, race, test, catch, and each of them behind `repaired-` [default: all, the repaired ones if there is a repaired program]
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',', value_parser = ColumnWord::read)]
    columns: Vec<ColumnWord>,
    /// Trials of each toolchain and column [default: 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    trials: Option<u32>,
    /// Requests of one trial [default: 10000]
    #[arg(long, value_name = "N", conflicts_with = "duration", value_parser = clap::value_parser!(u64).range(1..))]
    requests: Option<u64>,
    /// Drive the load of a trial so long instead
    #[arg(long = "for", value_name = "TIME")]
    duration: Option<Span>,
    /// Requests under way at once [default: as in [load]]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    concurrency: Option<u32>,
    /// What every process of the service is told [default: the number of processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    gomaxprocs: Option<u32>,
    /// Decides the order of the trials [default: 1]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Build tags of the repaired program
    #[arg(long, value_name = "TAGS", value_delimiter = ',')]
    repaired_tags: Vec<String>,
    /// Where the journal, the binaries and the logs are [default: .photofinish/matrix]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Begin anew, whatever the journal holds
    #[arg(long)]
    fresh: bool,
}

/// How to print a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum MatrixFormat {
    /// For people
    Text,
    /// For programs; documented in docs/json.md
    Json,
    /// For a page in a repository
    Markdown,
}

/// Measures, and shows what was measured.
pub(crate) fn matrix(args: MatrixArgs) -> anyhow::Result<ExitStatus> {
    let config = Config::load(args.config.as_deref())?;
    let (format, page) = (args.format, args.html.clone());
    let plan = plan::plan(args, &config)?;
    let stop = stop_on_signal(&plan)?;
    let mut live = MatrixLive::new(plan.service.name.clone());
    let measured = photofinish_matrix::matrix(&plan, &stop, &mut |progress| live.show(&progress));
    live.clear();
    let outcome = measured.map_err(|error| {
        let hint = error.hint();
        hinted(error, hint)
    })?;
    let page = page.unwrap_or_else(|| plan.state.join("matrix.html"));
    std::fs::write(&page, photofinish_matrix::page::html(&outcome))
        .with_context(|| format!("cannot write {}", page.display()))?;
    match format {
        MatrixFormat::Text => text::print(&outcome, &page),
        MatrixFormat::Json => json::print(&outcome),
        MatrixFormat::Markdown => text::print_markdown(&outcome),
    }
    .context("cannot write to stdout")?;
    Ok(if outcome.is_broken_promise() { ExitStatus::Found } else { ExitStatus::Success })
}

/// Ends the matrix at the first SIGINT or SIGTERM: what was measured until then is shown.
fn stop_on_signal(plan: &photofinish_matrix::Plan) -> anyhow::Result<Stop> {
    let stop = Stop::new();
    let trials = stop.clone();
    let builds: Vec<_> = [Some(&plan.build), plan.repaired.as_ref()]
        .into_iter()
        .flatten()
        .map(|build| std::sync::Arc::clone(&build.stop))
        .collect();
    crate::signal::on_first_interrupt(move || {
        trials.stop();
        for build in builds {
            build.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    })?;
    Ok(stop)
}
