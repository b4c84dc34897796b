//! The subcommands and the flags that all of them share.

mod build;
mod completions;

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

#[derive(Debug, Subcommand)]
enum Command {
    /// Build the normal and the -race binary of a command, side by side
    Build(Box<build::BuildArgs>),
    /// Print the completions of a shell
    Completions(completions::CompletionsArgs),
}

/// Runs the chosen subcommand.
pub(crate) fn dispatch(cli: Cli) -> anyhow::Result<ExitStatus> {
    match cli.command {
        Command::Build(args) => build::build(*args),
        Command::Completions(args) => completions::completions(args),
    }
}
