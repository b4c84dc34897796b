//! `photofinish`: flags in, one library call, text on the terminal.
//!
//! Each subcommand is one file in `commands/`: its flags, one library call, one rendering. Data
//! goes to stdout, talk to stderr. The error chain of a failed command is printed here, once.

#![forbid(unsafe_code)]

mod commands;
mod config;
mod exit;
mod job_sink;
mod outbox;
mod output;
mod proxy_findings;
mod signal;
mod sink;

use clap::Parser;

fn main() -> std::process::ExitCode {
    let cli = commands::Cli::parse();
    output::log::start(&cli.global);
    match commands::dispatch(cli) {
        Ok(status) => status.into(),
        Err(error) => {
            output::error::print(&error);
            exit::ExitStatus::CouldNot.into()
        }
    }
}

/// What ends programs of ours that go on after we were killed: ourselves, who wait for our own death.
fn guard(patience: std::time::Duration) -> std::io::Result<Vec<std::ffi::OsString>> {
    let own = std::env::current_exe()?;
    Ok(vec![own.into(), "__guard".into(), patience.as_millis().to_string().into()])
}

/// What is put in front of a supervised program's command: ourselves, to tie its life to ours.
fn launcher() -> std::io::Result<Vec<std::ffi::OsString>> {
    let own = std::env::current_exe()?;
    Ok(vec![own.into(), "__child".into(), std::process::id().to_string().into(), "--".into()])
}
