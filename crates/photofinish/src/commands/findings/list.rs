//! `photofinish findings list`.

use super::watch::watch;
use super::{print, time};
use crate::commands::place::{StoreArgs, store_error};
use crate::exit::ExitStatus;
use crate::output;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use photofinish_model::Pattern;
use photofinish_store::json::FindingJson;
use photofinish_store::{Filter, Finding, Source, State};

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// Show them again whenever something changes
    #[arg(long)]
    watch: bool,
    /// How to print them
    #[arg(long, value_enum, default_value_t = ListFormat::Text)]
    format: ListFormat,
}

/// Which findings.
#[derive(Debug, Args)]
pub(super) struct FilterArgs {
    /// Only in this state: regressed, new, acknowledged, suppressed, fixed (may be repeated)
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    state: Vec<State>,
    /// Only seen by: canary, mirror, jobs, catch, inspect, load, test, run (may be repeated)
    #[arg(long, value_name = "SOURCE", value_delimiter = ',')]
    source: Vec<Source>,
    /// Only of this pattern, as the table shows it (may be repeated)
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pattern: Vec<Pattern>,
    /// Only seen in this service (may be repeated)
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    service: Vec<String>,
    /// Only owned by this team or person, as CODEOWNERS writes it (may be repeated)
    #[arg(long, value_name = "OWNER", value_delimiter = ',')]
    owner: Vec<String>,
    /// Only seen since: 2h, 3d, 2026-11-21
    #[arg(long, value_name = "TIME", value_parser = time::before_now)]
    since: Option<Timestamp>,
    /// Only with all of these words in id, functions, files or owners
    #[arg(value_name = "WORD")]
    words: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ListFormat {
    /// A table for people
    Text,
    /// An array for programs
    Json,
}

pub(super) fn list(args: ListArgs, store: &StoreArgs) -> anyhow::Result<ExitStatus> {
    let text = |findings: &[Finding]| match args.format {
        ListFormat::Text => Ok(output::findings_table(findings)),
        ListFormat::Json => json(findings),
    };
    if !args.watch {
        return print(&text(&args.filter.read(store)?)?);
    }
    let filter = args.filter.filter();
    watch(store, |store| {
        let findings = store.map_or(Ok(Vec::new()), |store| store.findings(&filter));
        text(&findings.map_err(store_error)?)
    })
}

/// An array of findings.
pub(super) fn json(findings: &[Finding]) -> anyhow::Result<String> {
    let findings: Vec<FindingJson> = findings.iter().map(FindingJson::from).collect();
    Ok(serde_json::to_string_pretty(&findings)? + "\n")
}

impl FilterArgs {
    /// The findings that the flags let through; none if nothing was ever recorded.
    pub(super) fn read(self, store: &StoreArgs) -> anyhow::Result<Vec<Finding>> {
        match store.open()? {
            Some(store) => store.findings(&self.filter()).map_err(store_error),
            None => Ok(Vec::new()),
        }
    }

    fn filter(self) -> Filter {
        Filter {
            states: self.state,
            sources: self.source,
            patterns: self.pattern,
            services: self.service,
            owners: self.owner,
            since: self.since,
            words: self.words,
        }
    }
}
