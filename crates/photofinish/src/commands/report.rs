//! `photofinish report parse`: race reports out of any log.

use super::Format;
use crate::exit::ExitStatus;
use crate::output;
use anyhow::Context;
use photofinish_model::Race;
use photofinish_report::{Reader, Report};
use photofinish_store::json::RaceJson;
use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;

/// Read what race detectors and the Go runtime print
#[derive(Debug, clap::Args)]
pub(crate) struct ReportArgs {
    #[command(subcommand)]
    command: ReportCommand,
}

#[derive(Debug, clap::Subcommand)]
enum ReportCommand {
    /// Find the reports in logs: plain, prefixed by log shippers, JSON, `go test -json`, torn or mixed
    ///
    /// Exit status: 0 no report, 1 reports, 2 a file could not be read.
    Parse(ParseArgs),
}

#[derive(Debug, clap::Args)]
struct ParseArgs {
    /// The logs; `-` or none: standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to print them
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn report(args: ReportArgs) -> anyhow::Result<ExitStatus> {
    let ReportCommand::Parse(args) = args.command;
    let mut races = Vec::new();
    if args.files.is_empty() {
        parse(std::io::stdin().lock(), &mut races).context("cannot read standard input")?;
    }
    for path in &args.files {
        let cannot_read = || format!("cannot read {}", path.display());
        if path.as_os_str() == "-" {
            parse(std::io::stdin().lock(), &mut races).with_context(cannot_read)?;
        } else {
            let file = File::open(path).with_context(cannot_read)?;
            parse(file, &mut races).with_context(cannot_read)?;
        }
    }
    print(&races, args.format).context("cannot write to stdout")?;
    Ok(if races.is_empty() { ExitStatus::Success } else { ExitStatus::Found })
}

/// Reads one log, in memory that does not grow with it, and adds its races in the order they begin.
fn parse(mut log: impl Read, races: &mut Vec<Race>) -> std::io::Result<()> {
    const CHUNK: usize = 1 << 20;
    let mut reports: Vec<Report> = Vec::new();
    let mut reader = Reader::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match log.read(&mut chunk) {
            Ok(0) => break,
            Ok(n) => reader.feed(&chunk[..n], &mut |report| reports.push(report)),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    reader.finish(&mut |report| reports.push(report));
    reports.sort_by_key(|report| report.range.start);
    races.extend(reports.into_iter().map(|report| report.race));
    Ok(())
}

fn print(races: &[Race], format: Format) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    match format {
        Format::Json => {
            let json: Vec<RaceJson> = races.iter().map(RaceJson::from).collect();
            serde_json::to_writer_pretty(&mut out, &json)?;
            writeln!(out)?;
        }
        Format::Sarif => {
            serde_json::to_writer_pretty(&mut out, &output::sarif_of_races(races, None))?;
            writeln!(out)?;
        }
        Format::Text => {
            for race in races {
                writeln!(out, "{}", output::race_text(race))?;
            }
            let plural = if races.len() == 1 { "" } else { "s" };
            writeln!(out, "{} report{plural}", races.len())?;
        }
    }
    Ok(())
}
