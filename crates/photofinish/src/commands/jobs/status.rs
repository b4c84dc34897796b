//! `photofinish jobs status`: asked of the broker itself, so it needs no sampler that runs.

use super::{Flags, wait};
use crate::commands::{Format, text_or_json};
use crate::exit::ExitStatus;
use crate::output::jobs as text;
use anyhow::Context;
use std::io::Write;

#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    flags: Flags,
    /// How it is printed
    #[arg(long, value_parser = text_or_json, default_value = "text")]
    format: Format,
}

pub(super) fn status(args: &StatusArgs) -> anyhow::Result<ExitStatus> {
    let plan = args.flags.plan(None)?;
    let look = wait(photofinish_jobs::status(&plan))?;
    let said = match args.format {
        Format::Json => serde_json::to_string_pretty(&text::json(&plan, &look))? + "\n",
        _ => text::status(&plan, &look),
    };
    anstream::stdout().lock().write_all(said.as_bytes()).context("cannot write to stdout")?;
    Ok(ExitStatus::Success)
}
