//! `photofinish findings show`.

use super::print;
use super::watch::watch;
use crate::commands::place::{StoreArgs, repository, store_error};
use crate::exit::ExitStatus;
use crate::output::{self, View, style};
use clap::{Args, ValueEnum};
use photofinish_store::json::FindingJson;
use photofinish_store::{Sources, Store};

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The finding's id, or as much of its beginning as is unique
    id: String,
    /// Every frame, and every goroutine of a crash
    #[arg(long)]
    full: bool,
    /// The latest report as printed, and nothing else
    #[arg(long, conflicts_with_all = ["full", "format"])]
    raw: bool,
    /// Show it again whenever something changes
    #[arg(long)]
    watch: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t = ShowFormat::Text)]
    format: ShowFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ShowFormat {
    /// For people
    Text,
    /// One object for programs
    Json,
}

pub(super) fn show(args: ShowArgs, store: &StoreArgs) -> anyhow::Result<ExitStatus> {
    if !args.watch {
        return print(&text(&args, &store.open_existing()?)?);
    }
    watch(store, |open| match open {
        Some(open) => text(&args, open),
        None => text(&args, &store.open_existing()?),
    })
}

fn text(args: &ShowArgs, store: &Store) -> anyhow::Result<String> {
    let finding = store.resolve(&args.id).and_then(|id| store.finding(&id)).map_err(store_error)?;
    if args.raw {
        return Ok(style::clean_lines(&finding.latest_raw) + "\n");
    }
    Ok(match args.format {
        ShowFormat::Json => serde_json::to_string_pretty(&FindingJson::from(&finding))? + "\n",
        ShowFormat::Text => {
            let mut view = View {
                width: style::terminal_width(),
                every_frame: args.full,
                sources: Some(Sources::new(repository())),
            };
            output::finding_text(&finding, &mut view, jiff::Timestamp::now())
        }
    })
}
