//! `photofinish findings export`.

use super::list::{FilterArgs, json};
use super::print;
use crate::commands::place::{StoreArgs, repository};
use crate::exit::ExitStatus;
use crate::output;
use clap::{Args, ValueEnum};
use photofinish_store::json::FindingJson;

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// What to write
    #[arg(long, value_enum)]
    format: ExportFormat,
    #[command(flatten)]
    filter: FilterArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ExportFormat {
    /// An array
    Json,
    /// One object a line
    Ndjson,
    /// Sections to paste into a ticket
    Markdown,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations of GitHub Actions, beside the lines
    Github,
    /// A JUnit report: what waits for a decision has failed
    Junit,
}

pub(super) fn export(args: ExportArgs, store: &StoreArgs) -> anyhow::Result<ExitStatus> {
    let findings = args.filter.read(store)?;
    print(&match args.format {
        ExportFormat::Json => json(&findings)?,
        ExportFormat::Ndjson => {
            let mut text = String::new();
            for finding in &findings {
                text.push_str(&serde_json::to_string(&FindingJson::from(finding))?);
                text.push('\n');
            }
            text
        }
        ExportFormat::Markdown => output::markdown(&findings),
        ExportFormat::Github => output::github(&findings, repository().as_ref()),
        ExportFormat::Junit => output::junit(&findings),
        ExportFormat::Sarif => {
            let log = output::sarif_of_findings(&findings, repository().as_ref());
            serde_json::to_string_pretty(&log)? + "\n"
        }
    })
}
