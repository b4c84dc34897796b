//! The subcommands and the flags that all of them share.

mod build;
mod catch;
mod completions;
mod deploy;
mod findings;
mod hunt;
mod inspect;
mod inspect_goroutine;
mod jobs;
mod keep;
mod load;
mod man;
mod matrix;
mod place;
mod proxy;
mod report;
mod run;
mod serve;
mod service;

pub(crate) use service::name_of;

use crate::exit::ExitStatus;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Finds data races in running Go services.
#[derive(Debug, Parser)]
#[command(name = "photofinish", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

/// Flags of every subcommand.
#[derive(Args, Clone, Debug)]
pub(crate) struct GlobalArgs {
    /// Say more about what is going on (twice: everything)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// How data is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs; stable and documented in docs/json.md.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
}

/// Reads a `--format` that has no SARIF.
pub(crate) fn text_or_json(word: &str) -> Result<Format, String> {
    match word {
        "text" => Ok(Format::Text),
        "json" => Ok(Format::Json),
        _ => Err("one of: text, json".to_owned()),
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    Hunt(Box<hunt::HuntArgs>),
    /// Build the normal and the -race binary of a command, side by side
    Build(Box<build::BuildArgs>),
    Load(Box<load::LoadArgs>),
    /// Supervise a race build: follow and store what it prints, start it again when it crashes
    Run(Box<run::RunArgs>),
    Catch(Box<catch::CatchArgs>),
    Proxy(Box<proxy::ProxyArgs>),
    Jobs(jobs::JobsArgs),
    Inspect(Box<inspect::InspectArgs>),
    Matrix(Box<matrix::MatrixArgs>),
    Deploy(Box<deploy::DeployArgs>),
    Report(report::ReportArgs),
    /// List, show, acknowledge, close, reopen and export findings
    Findings(findings::FindingsArgs),
    Serve(Box<serve::ServeArgs>),
    /// Print the completions of a shell
    Completions(completions::CompletionsArgs),
    /// Write the manual pages of all commands
    Man(man::ManArgs),
    /// Become a supervised program (used by `run` and `hunt`)
    #[command(name = "__child", hide = true)]
    Child(run::ChildArgs),
    /// End programs that outlive whoever watched over them (used by `jobs` and `hunt`)
    #[command(name = "__guard", hide = true)]
    Guard(run::GuardArgs),
}

/// Runs the chosen subcommand.
pub(crate) fn dispatch(cli: Cli) -> anyhow::Result<ExitStatus> {
    match cli.command {
        Command::Hunt(args) => hunt::hunt(*args),
        Command::Build(args) => build::build(*args),
        Command::Load(args) => load::load(*args),
        Command::Run(args) => run::run(*args),
        Command::Catch(args) => catch::catch(*args),
        Command::Proxy(args) => proxy::proxy(*args),
        Command::Jobs(args) => jobs::jobs(args),
        Command::Inspect(args) => inspect::inspect(*args),
        Command::Matrix(args) => matrix::matrix(*args),
        Command::Deploy(args) => deploy::deploy(*args),
        Command::Report(args) => report::report(args),
        Command::Findings(args) => findings::findings(args),
        Command::Serve(args) => serve::serve(*args),
        Command::Completions(args) => completions::completions(args),
        Command::Man(args) => man::man(args),
        Command::Child(args) => run::child(args),
        Command::Guard(args) => {
            run::guard(&args);
            Ok(ExitStatus::Success)
        }
    }
}
