//! `photofinish findings`: list, show, acknowledge, close, reopen, export what is in the store.

mod change;
mod export;
mod list;
mod show;
mod time;
mod watch;

use super::place::StoreArgs;
use crate::exit::ExitStatus;
use clap::{Args, Subcommand};
use std::io::Write;

#[derive(Debug, Args)]
pub(crate) struct FindingsArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(subcommand)]
    command: FindingsCommand,
}

#[derive(Debug, Subcommand)]
enum FindingsCommand {
    /// List findings, what waits for a decision first
    List(list::ListArgs),
    /// Show all that is known of a finding, and what to do next
    Show(show::ShowArgs),
    /// Acknowledge findings: somebody knows of them
    Ack(change::AckArgs),
    /// Close findings: they are fixed, or will not be
    Close(change::CloseArgs),
    /// Take back what was decided
    Reopen(change::ReopenArgs),
    /// Write findings for other tools: JSON, NDJSON, Markdown, SARIF, GitHub, JUnit
    Export(export::ExportArgs),
}

pub(crate) fn findings(args: FindingsArgs) -> anyhow::Result<ExitStatus> {
    let store = &args.store;
    match args.command {
        FindingsCommand::List(args) => list::list(args, store),
        FindingsCommand::Show(args) => show::show(args, store),
        FindingsCommand::Ack(args) => change::acknowledge(args, store),
        FindingsCommand::Close(args) => change::close(args, store),
        FindingsCommand::Reopen(args) => change::reopen(args, store),
        FindingsCommand::Export(args) => export::export(args, store),
    }
}

/// Writes `text` to stdout. A reader that went away (`| head`) is no error.
fn print(text: &str) -> anyhow::Result<ExitStatus> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("cannot write to stdout"))
        }
        _ => Ok(ExitStatus::Success),
    }
}
