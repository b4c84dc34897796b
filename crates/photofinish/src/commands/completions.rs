//! `photofinish completions`: what a shell needs to complete our flags.

use super::Cli;
use crate::exit::ExitStatus;
use clap::CommandFactory;

#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// The shell to print for
    shell: clap_complete::Shell,
}

pub(crate) fn completions(args: CompletionsArgs) -> anyhow::Result<ExitStatus> {
    let mut command = Cli::command();
    clap_complete::generate(args.shell, &mut command, "photofinish", &mut std::io::stdout());
    Ok(ExitStatus::Success)
}
