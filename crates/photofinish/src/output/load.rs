//! A load summary for people: what was sent, what came back, what it took.

use super::proxy::units::{count, time};
use anstyle::{AnsiColor, Style};
use photofinish_load::{Crossed, Latencies, Load, Pace, Plan, Replay, Replayed, Summary};
use std::io::Write;
use std::time::Duration;

const BOLD: Style = Style::new().bold();
const BAD: Style = AnsiColor::Red.on_default();
const DIM: Style = Style::new().dimmed();

/// Prints what is worth knowing before the run to stderr.
pub(crate) fn notes(notes: &[String]) -> anyhow::Result<()> {
    let mut err = anstream::stderr().lock();
    for note in notes {
        writeln!(err, "note: {note}")?;
    }
    Ok(())
}

/// Prints `summary` to stdout, and thresholds that were crossed to stderr.
pub(crate) fn print(plan: &Plan, summary: &Summary, crossed: &[Crossed]) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    writeln!(out, "{BOLD}{}{BOLD:#}", headline(plan, summary))?;
    writeln!(out)?;
    let mut row = |name: &str, value: &str| writeln!(out, "  {name:<12}{value}");
    row("requests", &requests(summary))?;
    row("errors", &errors(summary))?;
    if !summary.statuses.is_empty() {
        let statuses =
            summary.statuses.iter().map(|(status, n)| format!("{status}: {}", count(*n)));
        row("status", &statuses.collect::<Vec<_>>().join("  "))?;
    }
    row("in flight", &format!("at most {}", count(summary.in_flight_max as u64)))?;
    if let Some(replay) = &summary.replay {
        row("concurrency", &concurrency(replay))?;
    }
    row("received", &bytes(summary.bytes_received))?;
    row("sent", &bytes(summary.bytes_sent))?;
    writeln!(out)?;
    table(&mut out, summary)?;
    for error in &summary.error_kinds {
        writeln!(out, "\n  {BAD}{}{BAD:#}  {} times", error.kind.as_str(), count(error.count))?;
        for sample in &error.samples {
            writeln!(out, "    {sample}")?;
        }
    }
    drop(out);
    warnings(summary, crossed)
}

fn headline(plan: &Plan, summary: &Summary) -> String {
    let target = match plan.requests.as_slice() {
        [only] if matches!(plan.load, Load::Replay(_)) => only.url.clone(),
        [only] => format!("{} {}", only.method, only.url),
        several => format!("{} targets", several.len()),
    };
    let load = match &plan.load {
        Load::Closed { workers, .. } => format!("closed loop, {} workers", workers.peak()),
        Load::Open { rate, .. } => format!("open loop, {} requests a second", rate.peak()),
        Load::Replay(replay) => replaying(replay),
    };
    format!("{target}  {load}, {:.1}s", summary.duration.as_secs_f64())
}

fn replaying(replay: &Replay) -> String {
    let pace = match replay.pace {
        Pace::Recorded { speed } => format!("at {speed}x"),
        Pace::Rate(rate) => format!("at {rate} requests a second"),
        Pace::Max { workers } => format!("by {workers} workers"),
    };
    let again = if replay.repeat { ", again and again" } else { "" };
    format!("replay of {} {pace}{again}", replay.index.path().display())
}

/// Whether the replay was what was recorded.
fn concurrency(replay: &Replayed) -> String {
    let Replayed { recorded, achieved, .. } = replay;
    let mut text = format!(
        "{:.1} on average, at most {} (recorded: {:.1}, {})",
        achieved.mean,
        count(achieved.peak as u64),
        recorded.mean,
        count(recorded.peak as u64)
    );
    if replay.held > 0 {
        text += &format!(", {} waited for another of their connection", count(replay.held));
    }
    text
}

fn requests(summary: &Summary) -> String {
    let mut text = format!(
        "{} planned, {} sent, {} answered ({:.1}/s)",
        count(summary.planned),
        count(summary.sent),
        count(summary.completed),
        summary.rps()
    );
    let others = [
        (summary.shed, "shed"),
        (summary.abandoned, "given up when stopped"),
        (summary.retried, "sent again, their idle connection was closed"),
    ];
    for (n, what) in others.iter().filter(|(n, _)| *n > 0) {
        text += &format!(", {} {what}", count(*n));
    }
    text
}

fn errors(summary: &Summary) -> String {
    let share = summary.error_rate() * 100.0;
    let style = if summary.errors > 0 { BAD } else { Style::new() };
    format!("{style}{}{style:#} ({share:.2} %)", count(summary.errors))
}

fn table(out: &mut impl Write, summary: &Summary) -> std::io::Result<()> {
    const QUANTILES: [(&str, f64); 6] = [
        ("p50", 0.5),
        ("p90", 0.9),
        ("p95", 0.95),
        ("p99", 0.99),
        ("p99.9", 0.999),
        ("p99.99", 0.9999),
    ];
    write!(out, "  {DIM}{:<12}", "")?;
    for name in QUANTILES.iter().map(|(name, _)| *name).chain(["max", "mean"]) {
        write!(out, "{name:>10}")?;
    }
    writeln!(out, "{DIM:#}")?;
    let mut row = |name: &str, times: &Latencies| -> std::io::Result<()> {
        write!(out, "  {name:<12}")?;
        for (_, quantile) in QUANTILES {
            write!(out, "{:>10}", time(times.quantile(quantile)))?;
        }
        writeln!(out, "{:>10}{:>10}", time(times.max()), time(times.mean()))
    };
    row("latency", &summary.latency)?;
    if summary.rate.is_some() {
        row("service", &summary.service_time)?;
        row("own lag", &summary.own_lag)?;
    }
    Ok(())
}

/// What makes the numbers worth less, or the run a failure.
fn warnings(summary: &Summary, crossed: &[Crossed]) -> anyhow::Result<()> {
    let mut err = anstream::stderr().lock();
    let lag = summary.own_lag.quantile(0.99);
    if lag > Duration::from_millis(5) {
        writeln!(
            err,
            "warning: we were up to {} late ourselves (p99): this machine is too busy for this rate",
            time(lag)
        )?;
    }
    if summary.unsent_share() > 0.01 {
        writeln!(
            err,
            "{BAD}failed:{BAD:#} {:.1} % of the planned requests were not sent",
            summary.unsent_share() * 100.0
        )?;
    }
    for crossed in crossed {
        writeln!(err, "{BAD}failed:{BAD:#} {} (it is {})", crossed.condition, crossed.measured)?;
    }
    Ok(())
}

fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["B", "kB", "MB", "GB"];
    let mut value = n as f64;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        if value < 1000.0 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    if unit == "B" { format!("{n} B") } else { format!("{value:.1} {unit}") }
}
