//! `photofinish jobs status`: asked of the broker itself, so it needs no sampler that runs.

use super::{Flags, wait};
use crate::commands::place::StoreArgs;
use crate::commands::{Format, text_or_json};
use crate::config::Config;
use crate::exit::ExitStatus;
use crate::output::jobs as text;
use anyhow::Context;
use photofinish_store::{Filter, Source, Store};
use std::io::Write;

#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    flags: Flags,
    #[command(flatten)]
    store: StoreArgs,
    /// How it is printed
    #[arg(long, value_parser = text_or_json, default_value = "text")]
    format: Format,
}

pub(super) fn status(args: &StatusArgs) -> anyhow::Result<ExitStatus> {
    let (config, plan) = args.flags.read(None, None)?;
    let look = wait(photofinish_jobs::status(&plan))?;
    // Of use, and not needed.
    let pace = wait(photofinish_jobs::pace(&plan)).unwrap_or_default();
    let scaling = config.scaling(&plan, pace);
    let findings = findings(args, &config)?;
    let said = match args.format {
        Format::Json => {
            let mut json = text::json(&plan, &look);
            json["scaling"] = text::scaling_json(&scaling);
            json["findings"] = findings.into();
            serde_json::to_string_pretty(&json)? + "\n"
        }
        _ => text::status(&plan, &look, &scaling, findings),
    };
    anstream::stdout().lock().write_all(said.as_bytes()).context("cannot write to stdout")?;
    Ok(ExitStatus::Success)
}

/// How many findings race workers have seen, as far as they are kept here; nobody may have recorded any.
fn findings(args: &StatusArgs, config: &Config) -> anyhow::Result<Option<usize>> {
    let place = args.store.place(config)?;
    let Ok(store) = Store::open_existing(&place.store) else { return Ok(None) };
    let seen = Filter { sources: vec![Source::Jobs], ..Filter::default() };
    Ok(Some(store.findings(&seen)?.len()))
}
